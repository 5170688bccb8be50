"""The one thread that writes entries, in batches.

The loop's side is `put`, `start` and `close`; all else runs on the thread. A batch is committed
at once when the thread is idle, else at most one per COMMIT_SECONDS; entries that nobody waits for
may wait LAZY_SECONDS. A batch that fails stays at the head and is tried again, each time on a new
connection whose tail is compared with the batch, so nothing is lost and nothing written twice.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from sipgate.clock import Clock

from .entry_file import MAX_BATCH, EntryFile, Record
from .errors import LedgerError, LedgerFullError

COMMIT_SECONDS = 0.005
LAZY_SECONDS = 0.05
FIRST_RETRY_SECONDS = 0.05
LAST_RETRY_SECONDS = 1.0
CAPACITY = 50_000  # entries, about 1 kB each: what is kept while the disk is away

_AWAKE: Final = 0
_WAITS_FOR_URGENT: Final = 1
_WAITS_FOR_ANY: Final = 2

log = structlog.get_logger(__name__)


class EntryWriter:
    """Takes records from the loop, one after another, and makes them durable in that order.

    `durable(seq)` and then `committed(records)` are called on the thread after each batch: the
    first hands the news to the loop, the second is for what grows with the ledger (its tree).
    """

    def __init__(
        self,
        open_file: Callable[[], EntryFile],
        *,
        clock: Clock,
        durable: Callable[[int], None],
        committed: Callable[[Sequence[Record]], None] | None = None,
        capacity: int = CAPACITY,
    ) -> None:
        self.failing_since: float | None = None  # clock seconds; the batch at the head failed
        self.committing_since: float | None = None  # clock seconds; a commit is under way
        self.committed_bytes = 0
        self._open_file = open_file
        self._clock = clock
        self._durable = durable
        self._committed = committed
        self._capacity = capacity
        self._pending: deque[Record] = deque()
        self._urgent = False  # something in `pending` has someone waiting for it
        self._sleep = _AWAKE  # what the thread wants to be woken for
        self._bell = threading.Lock()  # locked: not rung. Only the loop's thread rings
        self._bell.acquire()
        self._close_at: float | None = None
        self._distrust: str | None = None
        self._must_checkpoint = False
        self._opened = threading.Event()
        self._open_error: LedgerError | None = None
        self._file: EntryFile | None = None
        self._last_seq = 0
        self._last_commit_at = 0.0
        self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)

    def start(self) -> int:
        """Open the file on the thread and give its last sequence number; blocks until done.

        Raises LedgerError, and then the thread has ended.
        """
        self._thread.start()
        self._opened.wait()
        if self._open_error is not None:
            raise self._open_error
        return self._last_seq

    def put(self, record: Record, urgent: bool) -> None:
        """Queue a record; the numbers must have no gaps. LedgerFullError when the queue is full."""
        if len(self._pending) >= self._capacity:
            raise LedgerFullError(f"{self._capacity} entries wait for the disk")
        self._pending.append(record)
        if urgent:
            self._urgent = True
        if self._sleep and (urgent or self._sleep == _WAITS_FOR_ANY):
            self._ring()

    @property
    def waiting(self) -> int:
        """How many records are queued, not counting the batch at the head."""
        return len(self._pending)

    def distrust_file(self, reason: str) -> None:
        """Let the next commit begin with opening the file anew; from any thread."""
        self._distrust = reason

    def checkpoint_soon(self) -> None:
        """Have a checkpoint made right after the next commit; from any thread."""
        self._must_checkpoint = True

    def close(self, timeout_seconds: float) -> int:
        """Write what is queued and end the thread; how many records could not be written.

        Blocks for as long as the disk needs, at most about the time given.
        """
        self._close_at = time.monotonic() + timeout_seconds
        self._ring()
        self._thread.join(timeout_seconds + LAST_RETRY_SECONDS)
        return len(self._pending)

    def _ring(self) -> None:
        self._sleep = _AWAKE
        if self._bell.locked():
            self._bell.release()

    # From here on everything runs on the thread.

    def _run(self) -> None:
        try:
            self._file = self._open_file()
            self._last_seq = self._file.last_seq()
        except LedgerError as failure:
            self._open_error = failure
            return
        finally:
            self._opened.set()
        try:
            while count := self._wait_for_batch():
                if not self._write(count):
                    break
        finally:
            if self._pending and self.failing_since is None:
                self.failing_since = self._clock.now()  # a bug ended this thread: say so
            if self._file is not None:
                self._file.close()

    def _wait_for_batch(self) -> int:
        """Sleep until a batch is due; its size, 0 when closing and all is written."""
        pending = self._pending
        self._sleep_until(self._last_commit_at + COMMIT_SECONDS)
        while not pending:
            if self._close_at is not None:
                return 0
            self._sleep = _WAITS_FOR_ANY
            if not pending and self._close_at is None:
                self._bell.acquire()
            self._sleep = _AWAKE
        if not self._urgent and len(pending) < MAX_BATCH and self._close_at is None:
            self._sleep = _WAITS_FOR_URGENT
            if not self._urgent and self._close_at is None:
                self._bell.acquire(timeout=LAZY_SECONDS)
            self._sleep = _AWAKE
        self._urgent = False  # before counting: whoever comes later sets it again
        count = len(pending)
        if count > MAX_BATCH:
            self._urgent = True  # perhaps; looking is dearer
            return MAX_BATCH
        return count

    def _sleep_until(self, at: float) -> None:
        if len(self._pending) < MAX_BATCH and self._close_at is None:
            seconds = at - time.monotonic()
            if seconds > 0:
                self._bell.acquire(timeout=seconds)

    def _write(self, count: int) -> bool:
        """Write the first records of the queue, however long it takes; False: closing, gave up.

        They leave the queue when they are on disk.
        """
        batch = [self._pending[i] for i in range(count)]
        assert batch[0][0] == self._last_seq + 1, (batch[0][0], self._last_seq)
        retry_seconds = FIRST_RETRY_SECONDS
        while True:
            self._last_commit_at = time.monotonic()
            self.committing_since = self._clock.now()
            try:
                self._commit(batch)
                break
            except LedgerError as failure:
                self._fail(batch, failure)
            finally:
                self.committing_since = None
            if self._close_at is not None and time.monotonic() + retry_seconds > self._close_at:
                return False
            self._bell.acquire(timeout=retry_seconds)
            retry_seconds = min(2 * retry_seconds, LAST_RETRY_SECONDS)
        for _ in range(count):
            self._pending.popleft()
        self._last_seq = batch[-1][0]
        self.committed_bytes += sum(len(body) for _, body in batch)
        if self.failing_since is not None:
            seconds = self._clock.now() - self.failing_since
            log.info("ledger_write_recovered", seq=self._last_seq, failed_seconds=round(seconds, 3))
            self.failing_since = None
        self._durable(self._last_seq)
        if self._committed is not None:
            self._committed(batch)
        return True

    def _commit(self, batch: list[Record]) -> None:
        if self._distrust is not None:
            reason, self._distrust = self._distrust, None
            raise LedgerError(reason)
        if self._file is None:
            self._file = self._open_file()
            self._file.settle()
            missing = self._missing(batch)
        else:
            missing = batch
        if missing:
            self._file.insert(missing)
        if self._must_checkpoint:
            self._must_checkpoint = False
            self._file.checkpoint()

    def _missing(self, batch: list[Record]) -> list[Record]:
        """Compare the reopened file with what we know; the part of the batch to be written."""
        assert self._file is not None
        last_seq = self._file.last_seq()
        if last_seq < self._last_seq:
            raise LedgerError(
                f"the store ends at entry {last_seq}, but {self._last_seq} had been written"
            )
        found = self._file.read_from(self._last_seq + 1)
        if found != batch[: len(found)]:
            raise LedgerError(f"entries after {self._last_seq} are not this gate's")
        return batch[len(found) :]

    def _fail(self, batch: list[Record], failure: LedgerError) -> None:
        if self.failing_since is None:
            self.failing_since = self._clock.now()
            log.error("ledger_write_failed", seq=batch[0][0], error=str(failure))
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except LedgerError as second:
                log.error("ledger_close_failed", error=str(second))
