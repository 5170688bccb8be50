"""The hot table `entry` through a connection of its own: all that the writer knows of SQLite.

One INSERT with as many rows as the batch has, in autocommit, is the whole transaction. sqlite3
gives up the interpreter lock at each step of a statement, and under a busy loop getting it back
takes up to one switch interval: with `executemany` that is once per row, here once per batch.
"""

import sqlite3
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from .errors import LedgerError

Record: TypeAlias = tuple[int, bytes]  # sequence number, canonical bytes

MAX_BATCH = 128  # rows per commit: each size is a statement of its own, prepared once
BUSY_SECONDS = 0.25  # how long another writer of the store may hold its lock


class EntryFile(Protocol):
    """Where the writer puts entries; every method raises LedgerError when the world fails."""

    def insert(self, records: Sequence[Record]) -> None:
        """All of 1 to MAX_BATCH records, or none, are on disk when it returns."""
        ...

    def last_seq(self) -> int:
        """The highest sequence number that is there; 0 for an empty ledger."""
        ...

    def read_from(self, seq: int) -> list[Record]:
        """What is there from `seq` on, in order; meant for a tail of a few batches."""
        ...

    def settle(self) -> None:
        """Make sure that whatever can be read is on disk, however the last sync ended."""
        ...

    def checkpoint(self) -> None:
        """Move what is committed from the log into the table, without waiting for anyone."""
        ...

    def close(self) -> None:
        """Let go of the file; the object is of no use afterwards."""
        ...


class SqliteEntryFile:
    """The table `entry` of an SQLite store. Belongs to the thread that makes it."""

    def __init__(self, path: Path) -> None:
        try:
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rw",  # never makes a new, empty store
                uri=True,
                timeout=BUSY_SECONDS,
                isolation_level=None,
                cached_statements=MAX_BATCH + 16,
            )
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: cannot open: {error}") from error
        self.path = path
        try:
            self._all("PRAGMA journal_mode=WAL")
            self._all("PRAGMA synchronous=FULL")
            self._all("PRAGMA wal_autocheckpoint=0")
            self.last_seq()
        except LedgerError:
            self.close()
            raise

    def insert(self, records: Sequence[Record]) -> None:
        """One statement, one transaction, one fsync."""
        rows = tuple(chain.from_iterable(records))
        try:
            # "Many" of one: `execute` would let go of the lock once more, for a row id.
            self._connection.executemany(_insert(len(records)), (rows,))
        except sqlite3.Error as error:
            raise LedgerError(f"{self.path}: {error}") from error

    def last_seq(self) -> int:
        """One step to the right end of the tree."""
        ((seq,),) = self._all("SELECT coalesce(max(seq), 0) FROM entry")
        return int(seq)

    def read_from(self, seq: int) -> list[Record]:
        """Read the tail back."""
        rows = self._all("SELECT seq, body FROM entry WHERE seq >= ? ORDER BY seq", (seq,))
        return [(number, body) for number, body in rows]

    def settle(self) -> None:
        """Copy all of the log into the table, sync that, and begin the log anew.

        After an fsync that failed the kernel may call lost pages clean, so the log's end can't be
        trusted, nor anything that is written behind it.
        """
        ((busy, _, _),) = self._all("PRAGMA wal_checkpoint(TRUNCATE)")
        if busy:
            raise LedgerError(f"{self.path}: the log is in use and cannot begin anew")

    def checkpoint(self) -> None:
        """PASSIVE: the next commit begins the log anew if no reader needs it."""
        self._all("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Closing twice does no harm."""
        try:
            self._connection.close()
        except sqlite3.Error as error:
            raise LedgerError(f"{self.path}: cannot close: {error}") from error

    def _all(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise LedgerError(f"{self.path}: {error}") from error


_INSERTS: dict[int, str] = {}


def _insert(rows: int) -> str:
    statement = _INSERTS.get(rows)
    if statement is None:
        statement = f"INSERT INTO entry(seq, body) VALUES {','.join(['(?,?)'] * rows)}"
        _INSERTS[rows] = statement
    return statement
