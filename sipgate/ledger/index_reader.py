"""Reading the search index, page by page: no read transaction outlives a page."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from .errors import LedgerError
from .index_columns import CallColumns, IndexedDecision
from .reader import LedgerReader
from .search_index import BUCKET_BITS, is_of_ledger, search_path

PAGE = 500  # calls

_INDEXED = {"caller", "callee", "call_id"}
_NO_WOULD = b"null"
_PLACES = {name: place for place, name in enumerate(IndexedDecision.__struct_fields__)}
_RULE = _PLACES["rule"]
# Without an index: few rows have one, and the others end at the comparison with null.
_WOULD = "(c.would <> CAST('null' AS BLOB) AND json_extract(CAST(c.would AS TEXT), '$.{0}') = ?)"
_SELECT = """
SELECT c.*, o.decision, o.kind, o.status, o.answered_us, o.ring_ms, o.talk_ms, o.ended_by
FROM call c LEFT JOIN outcome o ON o.decision = c.seq
"""


class Wanted:
    """The filters, as a predicate and as SQL.

    `rule` is the one that spoke, or would have in monitor mode; `would` what it would have said.
    """

    def __init__(
        self,
        equal: dict[str, str],
        since_us: int | None,
        until_us: int | None,
        *,
        rule: str | None = None,
        would: str | None = None,
    ) -> None:
        self._equal = equal
        self._rule = rule
        self._would = would
        self.since_us = since_us
        self.until_us = until_us
        self.is_indexed = not _INDEXED.isdisjoint(equal)
        self._places = [(_PLACES[name], value) for name, value in equal.items()]

    def holds(self, call: CallColumns) -> bool:
        """Whether a call is wanted."""
        time_us: Any = call[1]
        return (
            all(call[place] == value for place, value in self._places)
            and (self._rule is None or self._rule in (call[_RULE], _would(call, "rule")))
            and (self._would is None or self._would == _would(call, "verdict"))
            and (self.since_us is None or time_us >= self.since_us)
            and (self.until_us is None or time_us < self.until_us)
        )

    def conditions(self) -> tuple[list[str], list[str | int]]:
        """Terms on `c`, to be joined by AND, and the values for their question marks."""
        conditions = [f"c.{name} = ?" for name in self._equal]
        values: list[str | int] = list(self._equal.values())
        if self._rule is not None:
            conditions.append(f"(c.rule = ? OR {_WOULD.format('rule')})")
            values += [self._rule, self._rule]
        if self._would is not None:
            conditions.append(_WOULD.format("verdict"))
            values.append(self._would)
        if self.since_us is not None:
            conditions.append("c.time_us >= ?")
            values.append(self.since_us)
        if self.until_us is not None:
            conditions.append("c.time_us < ?")
            values.append(self.until_us)
        return conditions, values


def _would(call: CallColumns, key: str) -> Any:
    raw: Any = call[_PLACES["would"]]
    return None if bytes(raw) == _NO_WOULD else msgspec.json.decode(raw)[key]


class IndexReader:
    """The index as it was when it was opened: nothing past `through`.

    Opening raises sqlite3.Error if there is none. One that isn't `is_usable` is another ledger's,
    or another version's.
    """

    def __init__(self, path: Path, reader: LedgerReader) -> None:
        self._connection = sqlite3.connect(
            f"{search_path(path).absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            self.is_usable = is_of_ledger(self._connection, reader)
            self.through, self._generation = 0, ""
            if self.is_usable:
                self.through, self._generation = self._state()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def rows(self, wanted: Wanted, limit: int | None) -> Iterator[tuple[Any, ...]]:
        """Rising; with a limit the last so many."""
        try:
            spans = list(_buckets(*self._span(wanted), wanted.is_indexed))
            if limit is None:
                for first, last in spans:
                    yield from self._pages(wanted, first, last)
            else:
                yield from reversed(self._last(wanted, spans, limit))
        except sqlite3.Error as error:
            raise LedgerError(f"the search index cannot be read: {error}") from error

    def _pages(self, wanted: Wanted, first: int, last: int) -> Iterator[tuple[Any, ...]]:
        page = self._page(wanted, first, last, "ASC", PAGE)
        yield from page
        while len(page) == PAGE:
            page = self._page(wanted, page[-1][0] + 1, last, "ASC", PAGE)
            yield from page

    def _last(
        self, wanted: Wanted, spans: list[tuple[int, int]], limit: int
    ) -> list[tuple[Any, ...]]:
        """The newest first."""
        rows: list[tuple[Any, ...]] = []
        for first, last in reversed(spans):
            rows += self._page(wanted, first, last, "DESC", limit - len(rows))
            if len(rows) == limit:
                break
        return rows

    def _page(
        self, wanted: Wanted, first: int, last: int, order: str, size: int
    ) -> list[tuple[Any, ...]]:
        conditions, values = wanted.conditions()
        terms = ["c.seq BETWEEN ? AND ?", *conditions]
        if wanted.is_indexed:
            terms.append(f"c.seq >> {BUCKET_BITS} = {first >> BUCKET_BITS}")
        rows = self._connection.execute(
            f"{_SELECT} WHERE {' AND '.join(terms)} ORDER BY c.seq {order} LIMIT ?",
            (first, last, *values, size),
        ).fetchall()
        if self._state()[1] != self._generation:
            raise LedgerError("the search index was made anew meanwhile; search again")
        return rows

    def _span(self, wanted: Wanted) -> tuple[int, int]:
        """Which numbers the times in question can be among."""
        if wanted.since_us is None and wanted.until_us is None:
            return 1, self.through
        ((first, last),) = self._connection.execute(
            "SELECT min(first_seq), max(last_seq) FROM span WHERE last_us >= ? AND first_us < ?",
            (
                -(2**63) if wanted.since_us is None else wanted.since_us,
                2**63 - 1 if wanted.until_us is None else wanted.until_us,
            ),
        )
        return (1, 0) if first is None else (first, min(last, self.through))

    def _state(self) -> tuple[int, str]:
        ((through, generation),) = self._connection.execute("SELECT through, generation FROM state")
        return through, generation


def _buckets(first: int, last: int, is_indexed: bool) -> Iterator[tuple[int, int]]:
    """The range as it is, or cut where the indexes are."""
    if not is_indexed:
        yield first, last
        return
    while first <= last:
        end = ((first >> BUCKET_BITS) + 1) << BUCKET_BITS
        yield first, min(last, end - 1)
        first = end
