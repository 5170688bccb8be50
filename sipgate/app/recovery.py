"""A gate's state after a start: as its ledger has it (design §10, After a crash)."""

from sipgate.clock import Clock
from sipgate.counters import microseconds
from sipgate.gate import Policy, Rebuild, rebuild_horizon
from sipgate.ledger import Entry

from .build import Parts
from .history import moment_before


class Recovery:
    """Feed it all entries since the moment `since`, oldest first; then `finish`."""

    def __init__(self, parts: Parts, policy: Policy, clock: Clock, max_call: float) -> None:
        self._parts = parts
        self._clock = clock
        now, time = clock.now(), clock.time()
        self.since = moment_before(clock, rebuild_horizon(policy, max_call))
        self._rebuild = Rebuild(
            parts.engine,
            parts.open_attempts,
            boot=clock.boot_id,
            now_us=microseconds(now),
            time_us=microseconds(time),
        )

    def feed(self, entry: Entry) -> None:
        """Take one entry; from any thread, one at a time."""
        self._rebuild.feed(entry)

    def finish(self) -> int:
        """Put the calls back that can still be going on; gives how many."""
        return self._parts.restorer.restore(self._rebuild.calls.values(), self._clock.now())
