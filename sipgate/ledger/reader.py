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

PAGE = 256  # entries: decoding a page holds the interpreter lock for about half a millisecond

_PAGE = """
SELECT max(seq), group_concat(line, char(10))
FROM (SELECT seq, CAST(body AS TEXT) AS line FROM entry WHERE seq >= ? ORDER BY seq LIMIT ?)
"""

_ENTRIES: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A moment by both clocks, as every entry is stamped with one; microseconds."""

    time_us: int
    boot: str
    boot_us: int

    def is_reached_by(self, other: "Moment") -> bool:
        """Whether the other is not before it: within one boot that boot's own clock tells."""
        if other.boot == self.boot:
            return other.boot_us >= self.boot_us
        return other.time_us >= self.time_us


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

    def first_seq_since(self, moment: Moment) -> int:
        """The first entry that is not older; past the last one when all are.

        In the boot of `moment` the boot-time clock decides, so that a calendar that was set hides
        no entry. For older ones calendar time counts as rising with the numbers: after it was set
        back the answer is one of the places where it was passed. About 25 look-ups for 30 million
        entries.
        """
        low, high = max(self.first_seq(), 1), self.last_seq() + 1
        while low < high:
            middle = (low + high) // 2
            row = self._row(
                "SELECT seq, body FROM entry WHERE seq >= ? ORDER BY seq LIMIT 1", middle
            )
            assert row is not None, middle
            if moment.is_reached_by(_MOMENT.decode(row[1])):
                high = middle
            else:
                low = row[0] + 1
        return low

    def _row(self, statement: str, *values: int) -> tuple[int, bytes] | None:
        try:
            return self._connection.execute(statement, values).fetchone()  # type: ignore[no-any-return]
        except sqlite3.Error as error:
            raise LedgerError(f"{self._path}: {error}") from error
