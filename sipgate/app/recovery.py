"""A gate's state after a start: as its ledger has it (design §10, After a crash)."""

from sipgate.clock import Clock
from sipgate.gate import Policy, Rebuild, rebuild_horizon
from sipgate.ledger import Entry

from .build import Parts
from .history import moment_of


class Recovery:
    """Feed it all entries of the last `seconds` before `now`, oldest first; then `finish`."""

    def __init__(self, parts: Parts, policy: Policy, clock: Clock, max_call: float) -> None:
        self._parts = parts
        self._clock = clock
        self.now = moment_of(clock)
        self.seconds = rebuild_horizon(policy, max_call)
        self._rebuild = Rebuild(
            parts.engine,
            parts.open_attempts,
            boot=clock.boot_id,
            now_us=self.now.boot_us,
            time_us=self.now.time_us,
        )

    def date_by(self, zeros_us: dict[str, int]) -> None:
        """Where the zero of each boot's clock lies on this boot's clock."""
        self._rebuild.date_by(zeros_us)

    def feed(self, entry: Entry) -> None:
        """Take one entry; from any thread, one at a time."""
        self._rebuild.feed(entry)

    def finish(self) -> int:
        """Put the calls back that can still be going on; gives how many."""
        return self._parts.restorer.restore(self._rebuild.calls.values(), self._clock.now())
