"""The ledger as the loop sees it: append now, hear later that it is on disk."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from sipgate.clock import Clock

from .entry import DecisionEntry, Entry, encode_entry
from .entry_file import EntryFile, Record, SqliteEntryFile
from .errors import LedgerError
from .search_indexer import SearchIndexer
from .wal_checkpoints import WalCheckpoints
from .writer import CAPACITY, EntryWriter

STALL_SECONDS = 1.0  # a commit that takes longer counts as a failure: a hanging disk says nothing


class Writer(Protocol):
    """What takes the records and makes them durable; `EntryWriter` says what each means."""

    failing_since: float | None
    committing_since: float | None

    @property
    def waiting(self) -> int: ...

    def start(self) -> int: ...

    def put(self, record: Record, urgent: bool) -> None: ...

    def close(self, timeout_seconds: float) -> int: ...


class Ledger:
    """The append-only log of one gate. All methods are for the loop's thread.

    `on_durable(seq)` is called on the loop once per committed batch: all up to `seq` is on disk.
    Another `writer` than the thread calls `durable` itself, and `begin` takes the place of `start`.
    """

    def __init__(
        self,
        open_file: Callable[[], EntryFile] | None,
        *,
        gate: str,
        clock: Clock,
        committed: Callable[[Sequence[Record]], None] | None = None,
        capacity: int = CAPACITY,
        writer: Writer | None = None,
    ) -> None:
        self.next_seq = 0  # what the next entry gets
        self.durable_seq = 0  # all up to this one is on disk
        self.found_seq = 0  # what was there when this gate began: a rebuild reads no further
        self.on_durable: Callable[[int], None] | None = None
        self._gate = gate
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        if writer is None:
            assert open_file is not None, "neither a file nor a writer"
            writer = EntryWriter(
                open_file,
                clock=clock,
                durable=self._report,
                committed=committed,
                capacity=capacity,
            )
        self._writer = writer
        self._checkpoints: WalCheckpoints | None = None
        self._indexer: SearchIndexer | None = None

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        gate: str,
        clock: Clock,
        committed: Callable[[Sequence[Record]], None] | None = None,
        capacity: int = CAPACITY,
        index: bool = True,
    ) -> "Ledger":
        """Open the ledger in a store that `store.migrate` has made; LedgerError if it can't.

        `committed` sees each batch on the writer's thread, in order, once it is on disk. `index`
        has the search index filled behind it.
        """
        ledger = cls(
            lambda: SqliteEntryFile(path),
            gate=gate,
            clock=clock,
            committed=committed,
            capacity=capacity,
        )
        await ledger.start()
        assert isinstance(ledger._writer, EntryWriter)
        ledger._checkpoints = WalCheckpoints(path, ledger._writer)
        ledger._checkpoints.start()
        if index:
            ledger._indexer = SearchIndexer(path)
            ledger._indexer.start()
        return ledger

    async def start(self) -> None:
        """Find the end of the ledger and begin to write; `open` does it."""
        self._loop = asyncio.get_running_loop()
        self.begin(await asyncio.to_thread(self._writer.start))

    def begin(self, last_seq: int) -> None:
        """Go on after what is on disk already."""
        self.durable_seq = self.found_seq = last_seq
        self.next_seq = last_seq + 1

    def append(self, entry: Entry, urgent: bool = True) -> int:
        """Number an entry (a decision gets its id too), encode it and queue it; never waits.

        Someone waits for an urgent one; others may take 50 ms. The entry must not be changed
        afterwards. Raises LedgerFullError, or ValueError for text that is no Unicode; then nothing
        has happened.
        """
        seq = self.next_seq
        entry.seq = seq
        if type(entry) is DecisionEntry:
            entry.id = f"{self._gate}-{seq}"
        self._writer.put((seq, encode_entry(entry)), urgent)
        self.next_seq = seq + 1
        return seq

    @property
    def failing_since(self) -> float | None:
        """Clock seconds since when entries can't be written; None: all is well.

        They keep their numbers and are written when the disk is back.
        """
        since = self._writer.failing_since
        if since is not None:
            return since
        since = self._writer.committing_since
        if since is not None and self._clock.now() - since >= STALL_SECONDS:
            return since
        return None

    @property
    def waiting(self) -> int:
        """How many entries are queued; at `capacity` append raises LedgerFullError."""
        return self._writer.waiting

    async def close(self, timeout_seconds: float = 5.0) -> None:
        """Write what is queued and end all threads; LedgerError when the disk doesn't let it."""
        unwritten = await asyncio.to_thread(self._writer.close, timeout_seconds)
        if self._indexer is not None:
            await asyncio.to_thread(self._indexer.stop)
        if self._checkpoints is not None:
            await asyncio.to_thread(self._checkpoints.stop)
        if unwritten:
            raise LedgerError(f"{unwritten} entries could not be written")

    def _report(self, seq: int) -> None:
        """Runs on the writer's thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self.durable, seq)

    def durable(self, seq: int) -> None:
        """All up to `seq` is on disk; on the loop's thread."""
        self.durable_seq = seq
        if self.on_durable is not None:
            self.on_durable(seq)
