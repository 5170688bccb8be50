"""A ledger's disk on a virtual clock: commits take their time, stall, fail, and survive a kill.

The batches are those of `ledger.EntryWriter`: one at once when idle, at most one per 5 ms, 50 ms
for entries that nobody waits for; a failed one stays at the head and is tried again.
"""

from collections import deque
from collections.abc import Callable, Sequence
from random import Random

from sipgate.ledger import CAPACITY, LedgerFullError, Record

from .agenda import Agenda

COMMIT_SECONDS = 0.005
LAZY_SECONDS = 0.05
FIRST_RETRY_SECONDS = 0.05
LAST_RETRY_SECONDS = 1.0
MAX_BATCH = 128


class SimulatedDisk:
    """The records that are safe, and how the drive feels."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.stalls_until = 0.0  # clock seconds: a commit begun before then ends after it
        self.fails_until = 0.0
        self.on_written: Callable[[Sequence[Record]], None] | None = None

    def write(self, batch: Sequence[Record]) -> None:
        assert batch[0][0] == len(self.records) + 1, (batch[0][0], len(self.records))
        self.records += batch
        if self.on_written is not None:
            self.on_written(batch)


class SimulatedWriter:
    """A `ledger.Writer` for one life of a gate; `durable` is set to the ledger's by its maker."""

    def __init__(
        self, agenda: Agenda, disk: SimulatedDisk, random: Random, capacity: int = CAPACITY
    ) -> None:
        self.failing_since: float | None = None
        self.committing_since: float | None = None
        self.durable: Callable[[int], None] = lambda seq: None
        self._agenda = agenda
        self._disk = disk
        self._random = random
        self._capacity = capacity
        self._pending: deque[Record] = deque()
        self._in_flight = 0  # of the pending, those that are being written
        self._last_commit_at = float("-inf")
        self._due = float("inf")  # of the next commit
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._is_dead = False

    @property
    def waiting(self) -> int:
        return len(self._pending)

    def start(self) -> int:
        return len(self._disk.records)

    def put(self, record: Record, urgent: bool) -> None:
        if len(self._pending) >= self._capacity:
            raise LedgerFullError(f"{self._capacity} entries wait for the disk")
        self._pending.append(record)
        if not self._in_flight:
            now = self._agenda.clock.now()
            self._commit_at(
                max(now, self._last_commit_at + COMMIT_SECONDS) if urgent else now + LAZY_SECONDS
            )

    def close(self, timeout_seconds: float) -> int:
        return len(self._pending)

    def kill(self) -> None:
        """The process is gone. A commit under way may just have succeeded: nobody heard of it."""
        self._is_dead = True
        if self._in_flight and self._is_well() and self._random.random() < 0.5:
            self._disk.write([self._pending[index] for index in range(self._in_flight)])

    def _is_well(self) -> bool:
        now = self._agenda.clock.now()
        return now >= self._disk.fails_until and now >= self._disk.stalls_until

    def _commit_at(self, due: float) -> None:
        if due < self._due:
            self._due = due
            self._agenda.at(due, lambda: self._begin(due))

    def _begin(self, due: float) -> None:
        if self._is_dead or due != self._due or not self._pending:
            return
        self._due = float("inf")
        self._in_flight = min(len(self._pending), MAX_BATCH)
        now = self._agenda.clock.now()
        self.committing_since = self._last_commit_at = now
        seconds = self._random.uniform(0.0003, 0.004)
        self._agenda.at(max(now, self._disk.stalls_until) + seconds, self._end)

    def _end(self) -> None:
        if self._is_dead:
            return
        now = self._agenda.clock.now()
        self.committing_since = None
        if now < self._disk.fails_until:
            if self.failing_since is None:
                self.failing_since = now
            self._commit_at(now + self._retry_seconds)
            self._retry_seconds = min(2 * self._retry_seconds, LAST_RETRY_SECONDS)
            return
        batch = [self._pending.popleft() for _ in range(self._in_flight)]
        self._in_flight = 0
        self.failing_since = None
        self._retry_seconds = FIRST_RETRY_SECONDS
        self._disk.write(batch)
        if self._pending:
            self._commit_at(max(now, self._last_commit_at + COMMIT_SECONDS))
        self.durable(batch[-1][0])
