"""What `calls` searches by: a file beside the store, derived from the ledger and nothing else.

One row per decision, one per outcome, and one per page with the times in it (a `span`: which
numbers a time range can be among, without an index on time). Each index is cut into buckets of
32,768 entries: new rows touch the last bucket's few pages, and a call costs as much to index in a
ledger of ten million as in an empty one (measured at 300,000: 19 us instead of 43); a search looks
into one bucket after the other. The file is made anew when its version is
another or the last entry that it knows isn't the ledger's. Any number of processes may fill it at
once: each page is one transaction that begins by reading how far the others came.
"""

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path

import structlog

from .errors import LedgerError
from .index_columns import Columns
from .reader import PAGE, LedgerReader

VERSION = 1
ROWS = 64  # in one INSERT: see entry_file.py
BUSY_SECONDS = 2.0
BUCKET_BITS = 15  # the indexes begin with `seq >> 15`, so that they grow at their end only

_SCHEMA = f"""
CREATE TABLE state(through INTEGER NOT NULL, digest BLOB NOT NULL, generation TEXT NOT NULL);
INSERT INTO state VALUES (0, x'', hex(randomblob(8)));
CREATE TABLE call(
    seq INTEGER PRIMARY KEY, time_us INTEGER NOT NULL, decision TEXT NOT NULL,
    source TEXT NOT NULL, caller TEXT NOT NULL, cli TEXT, callee TEXT NOT NULL,
    call_id TEXT NOT NULL, campaign TEXT, verdict TEXT NOT NULL, rule TEXT, reason TEXT,
    policy TEXT NOT NULL, revision TEXT NOT NULL, code INTEGER, direction TEXT NOT NULL,
    emergency INTEGER NOT NULL, would BLOB NOT NULL, tags BLOB NOT NULL
);
CREATE INDEX call_caller ON call(seq >> {BUCKET_BITS}, caller);
CREATE INDEX call_callee ON call(seq >> {BUCKET_BITS}, callee);
CREATE INDEX call_call_id ON call(seq >> {BUCKET_BITS}, call_id);
CREATE TABLE outcome(
    decision INTEGER PRIMARY KEY, kind TEXT, status INTEGER, answered_us INTEGER,
    ring_ms INTEGER, talk_ms INTEGER, ended_by TEXT
);
CREATE TABLE span(
    first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL,
    first_us INTEGER NOT NULL, last_us INTEGER NOT NULL
)
"""

log = structlog.get_logger(__name__)


class SearchIndex:
    """The index, open for filling. Belongs to the thread that makes it.

    Every method raises LedgerError when one of the two files fails.
    """

    def __init__(self, path: Path) -> None:
        """`path` is the store's."""
        self.path = search_path(path)
        self._reader = LedgerReader(path)
        try:
            try:
                self._connection = self._open()
            except sqlite3.OperationalError:
                raise  # locked, or no place for it
            except sqlite3.DatabaseError as error:
                log.warning("search_index_damaged", path=str(self.path), error=str(error))
                self._delete()
                self._connection = self._open()
        except (OSError, sqlite3.Error) as error:
            self._reader.close()
            raise LedgerError(f"{self.path}: cannot open: {error}") from error

    def close(self) -> None:
        """Let go of both files."""
        self._connection.close()
        self._reader.close()

    def catch_up(self, size: int = PAGE) -> int:
        """Index the ledger's next page; how many entries that was: 0 when nothing is new."""
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                done = self._index_page(size)
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise LedgerError(f"{self.path}: {error}") from error
        return done

    def _index_page(self, size: int) -> int:
        ((through,),) = self._connection.execute("SELECT through FROM state")
        last_seq, lines = self._reader.page(through + 1, size)
        if not last_seq:
            return 0
        columns = Columns(lines)
        self._insert("INSERT INTO call", columns.calls)
        self._insert("INSERT OR IGNORE INTO outcome", columns.answers.values())
        self._insert("INSERT OR REPLACE INTO outcome", columns.outcomes.values())
        self._connection.execute(
            "INSERT INTO span VALUES (?, ?, ?, ?)",
            (through + 1, last_seq, columns.first_us, columns.last_us),
        )
        self._connection.execute(
            "UPDATE state SET through = ?, digest = ?",
            (last_seq, digest(lines.rpartition(b"\n")[2])),
        )
        return int(last_seq - through)

    def _insert(self, verb: str, rows: Iterable[tuple[object, ...]]) -> None:
        left = iter(rows)
        while some := list(islice(left, ROWS)):
            row = f"({','.join('?' * len(some[0]))})"
            self._connection.execute(
                f"{verb} VALUES {','.join([row] * len(some))}", tuple(chain.from_iterable(some))
            )

    def _open(self) -> sqlite3.Connection:
        with contextlib.suppress(FileExistsError):  # to open and close it would drop SQLite's locks
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, cached_statements=3 * ROWS + 16
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            # Consistent after a power cut, then perhaps behind: one fsync per checkpoint.
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA wal_autocheckpoint=1000")
            connection.execute("BEGIN IMMEDIATE")
            if not is_of_ledger(connection, self._reader):
                _make_anew(connection)
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def _delete(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)


def search_path(path: Path) -> Path:
    """`var/sipgate.db` is searched by `var/sipgate.search.db`."""
    return path.with_name(f"{path.stem}.search{path.suffix}")


def is_of_ledger(connection: sqlite3.Connection, reader: LedgerReader) -> bool:
    """Whether an index is of this version and of this ledger, if perhaps behind it."""
    ((version,),) = connection.execute("PRAGMA user_version")
    if version != VERSION:
        return False
    through: int
    ((through, known),) = connection.execute("SELECT through, digest FROM state")
    if through == 0:
        return True
    body = reader.body(through)
    if body is None:
        return bool(
            through < reader.first_seq()
        )  # deleted by retention; an index that is ahead is not
    return bool(digest(body) == known)


def digest(body: bytes) -> bytes:
    """By what the index knows the entry at which it ended."""
    return hashlib.sha256(body).digest()


def _make_anew(connection: sqlite3.Connection) -> None:
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    for (name,) in tables:
        connection.execute(f'DROP TABLE "{name}"')
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
