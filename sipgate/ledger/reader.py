"""Reading the ledger's file from anywhere: another thread, another process, with or without gate.

A page of entries is fetched as one text with an entry a line: one step of one statement, so one
short read transaction and one release of the interpreter lock, and faster than row by row.
"""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from .entry import Entry
from .errors import LedgerError
from .moment import Beginning, Moment, beginning

PAGE = 256  # entries: decoding a page holds the interpreter lock for about half a millisecond

_PAGE = """
SELECT max(seq), group_concat(line, char(10))
FROM (SELECT seq, CAST(body AS TEXT) AS line FROM entry WHERE seq >= ? ORDER BY seq LIMIT ?)
"""

_ENTRIES: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


_MOMENT = msgspec.json.Decoder(Moment)


class LedgerReader:
    """A read-only connection to the ledger in a store.

    It may be used by one thread at a time; every method raises LedgerError when the file can't
    be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=ro",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise LedgerError(f"{path}: cannot open: {error}") from error
        self._connection.text_factory = bytes

    def __enter__(self) -> "LedgerReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def last_seq(self) -> int:
        """The newest entry's number; 0 for an empty ledger."""
        row = self._row("SELECT coalesce(max(seq), 0) FROM entry")
        assert row is not None
        return int(row[0])

    def first_seq(self) -> int:
        """The oldest entry's number; 0 for an empty ledger."""
        row = self._row("SELECT coalesce(min(seq), 0) FROM entry")
        assert row is not None
        return int(row[0])

    def page(self, first_seq: int, size: int = PAGE) -> tuple[int, bytes]:
        """The canonical lines of up to `size` entries from `first_seq` on, and the last's number.

        (0, b"") when there is none.
        """
        row = self._row(_PAGE, first_seq, size)
        if row is None or row[0] is None:
            return 0, b""
        return row[0], row[1]

    def entries(self, first_seq: int = 1, batch: int = PAGE) -> Iterator[Entry]:
        """All entries from `first_seq` to the end that the ledger has when that is reached."""
        while True:
            last_seq, lines = self.page(first_seq, batch)
            if not last_seq:
                return
            try:
                yield from _ENTRIES.decode_lines(lines)
            except msgspec.MsgspecError as error:
                raise LedgerError(
                    f"{self._path}: entries {first_seq} to {last_seq}: {error}"
                ) from error
            first_seq = last_seq + 1

    def body(self, seq: int) -> bytes | None:
        """One entry's canonical bytes; None when it isn't there."""
        row = self._row("SELECT body FROM entry WHERE seq = ?", seq)
        return None if row is None else bytes(row[0])

    def beginning(self, now: Moment, age_us: int, last_seq: int) -> Beginning:
        """Where to begin to read what is no older than this, and how old entries are."""
        return beginning(self, now, age_us, last_seq)

    def at_or_after(self, seq: int) -> tuple[int, Moment] | None:
        """When the first entry from this number on was made; its number."""
        return self._moment("SELECT seq, body FROM entry WHERE seq >= ? ORDER BY seq LIMIT 1", seq)

    def at_or_before(self, seq: int) -> tuple[int, Moment] | None:
        """When the last entry up to this number was made; its number."""
        return self._moment(
            "SELECT seq, body FROM entry WHERE seq <= ? ORDER BY seq DESC LIMIT 1", seq
        )

    def _moment(self, statement: str, seq: int) -> tuple[int, Moment] | None:
        row = self._row(statement, seq)
        if row is None:
            return None
        try:
            return row[0], _MOMENT.decode(row[1])
        except msgspec.MsgspecError as error:
            raise LedgerError(f"{self._path}: entry {row[0]}: {error}") from error

    def _row(self, statement: str, *values: int) -> tuple[int, bytes] | None:
        try:
            return self._connection.execute(statement, values).fetchone()  # type: ignore[no-any-return]
        except sqlite3.Error as error:
            raise LedgerError(f"{self._path}: {error}") from error
