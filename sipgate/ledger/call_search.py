"""Finding decisions and what became of them: the index, and the ledger's tail behind it.

Every entry that was acknowledged before `search` was called is seen, whether a gate runs or not.
"""

import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import structlog

from .entry import Verdict, Would
from .errors import LedgerError
from .index_columns import CallColumns, Columns, IndexedDecision, OutcomeColumns
from .index_reader import IndexReader, Wanted
from .reader import LedgerReader
from .search_index import SearchIndex

LONGEST_TAIL = 20_000  # entries; if the index is further behind it is filled first

_NO_OUTCOME = (None,) * 7
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CALL_COLUMNS = len(IndexedDecision.__struct_fields__)

log = structlog.get_logger(__name__)


class CallOutcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """All None: refused, still ringing, or nobody knows yet. `answered` without `kind`: is up."""

    kind: str | None = None
    status: int | None = None
    answered: str | None = None  # RFC 3339, UTC
    ring_seconds: float | None = None
    talk_seconds: float | None = None
    ended_by: str | None = None


class CallRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One decision with its outcome; encoded by msgspec it is a line of `calls --json`."""

    decision: str
    time: str  # RFC 3339, UTC
    source: str
    caller: str
    cli: str | None
    callee: str
    call_id: str
    campaign: str | None
    verdict: str
    rule: str | None
    reason: str | None
    policy: str
    revision: str
    outcome: CallOutcome
    code: int | None
    direction: str
    emergency: bool
    would: Would | None
    tags: dict[str, str]
    seq: int


class CallSearch:
    """Searches the ledger of the store at `path`; LedgerError when it can't be read."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def search(
        self,
        *,
        caller: str | None = None,
        callee: str | None = None,
        source: str | None = None,
        cli: str | None = None,
        campaign: str | None = None,
        call_id: str | None = None,
        verdict: Verdict | None = None,
        rule: str | None = None,
        would: Verdict | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[CallRow]:
        """The calls for which all that is given holds, newest last; `limit`: the last so many.

        `would`: what would have been decided, had it not been monitored; `rule` finds both.
        `since` is inclusive, `until` is not; both must be aware.
        """
        equal = {
            "caller": caller,
            "callee": callee,
            "source": source,
            "cli": cli,
            "campaign": campaign,
            "call_id": call_id,
            "verdict": verdict,
        }
        wanted = Wanted(
            {name: value for name, value in equal.items() if value is not None},
            None if since is None else _microseconds(since),
            None if until is None else _microseconds(until),
            rule=rule,
            would=would,
        )
        with LedgerReader(self._path) as reader:
            index = _open_index(self._path, reader)
            try:
                through = 0 if index is None else index.through
                tail = _Tail(reader, through, wanted, limit)
                if index is not None and (limit is None or len(tail.calls) < limit):
                    left = None if limit is None else limit - len(tail.calls)
                    for row in index.rows(wanted, left):
                        call, indexed = row[:_CALL_COLUMNS], row[_CALL_COLUMNS:]
                        yield _call_row(call, tail.outcome_of(row[0], indexed))
                for call in tail.calls:
                    yield _call_row(call, tail.outcome_of(call[0], _NO_OUTCOME))
            finally:
                if index is not None:
                    index.close()


class _Tail:
    """What the index doesn't have yet."""

    def __init__(
        self, reader: LedgerReader, through: int, wanted: Wanted, limit: int | None
    ) -> None:
        self.calls: deque[CallColumns] = deque(maxlen=limit)
        self._outcomes: dict[int, OutcomeColumns] = {}
        self._answers: dict[int, OutcomeColumns] = {}
        while True:
            through, lines = reader.page(through + 1)
            if not through:
                break
            columns = Columns(lines)
            self.calls.extend(call for call in columns.calls if wanted.holds(call))
            self._outcomes.update(columns.outcomes)
            self._answers.update(columns.answers)

    def outcome_of(self, seq: Any, indexed: Sequence[Any]) -> Sequence[Any]:
        """The newest: an answer doesn't replace an outcome."""
        outcome = self._outcomes.get(seq)
        if outcome is not None:
            return outcome
        return indexed if indexed[1] is not None else self._answers.get(seq, indexed)


def _open_index(path: Path, reader: LedgerReader) -> IndexReader | None:
    """The index, filled first if it is far behind; None when there is none to be had."""
    index = _try_index(path, reader)
    through = 0 if index is None else index.through
    if reader.last_seq() - through <= LONGEST_TAIL:
        return index
    if index is not None:
        index.close()
    try:
        filling = SearchIndex(path)
        try:
            while filling.catch_up():
                pass
        finally:
            filling.close()
    except LedgerError as error:
        log.debug("search_index_not_filled", error=str(error))
    return _try_index(path, reader)


def _try_index(path: Path, reader: LedgerReader) -> IndexReader | None:
    try:
        index = IndexReader(path, reader)
    except sqlite3.Error:
        return None  # not there, locked or damaged: the ledger has it all
    if not index.is_usable:
        index.close()
        return None
    return index


def _call_row(call: CallColumns, outcome: Sequence[Any]) -> CallRow:
    columns: tuple[Any, ...] = call
    return CallRow(
        seq=columns[0],
        time=_rfc3339(columns[1]),
        decision=columns[2],
        source=columns[3],
        caller=columns[4],
        cli=columns[5],
        callee=columns[6],
        call_id=columns[7],
        campaign=columns[8],
        verdict=columns[9],
        rule=columns[10],
        reason=columns[11],
        policy=columns[12],
        revision=columns[13],
        code=columns[14],
        direction=columns[15],
        emergency=bool(columns[16]),
        would=msgspec.json.decode(columns[17], type=Would | None),
        tags=msgspec.json.decode(columns[18], type=dict[str, str]),
        outcome=_call_outcome(outcome),
    )


def _call_outcome(columns: Sequence[Any]) -> CallOutcome:
    _, kind, status, answered_us, ring_ms, talk_ms, ended_by = columns
    return CallOutcome(
        kind=kind,
        status=status,
        answered=None if answered_us is None else _rfc3339(answered_us),
        ring_seconds=None if ring_ms is None else ring_ms / 1000,
        talk_seconds=None if talk_ms is None else talk_ms / 1000,
        ended_by=ended_by,
    )


def _microseconds(time: datetime) -> int:
    assert time.tzinfo is not None, time
    return (time - _EPOCH) // timedelta(microseconds=1)


def _rfc3339(time_us: int) -> str:
    time = _EPOCH + timedelta(microseconds=time_us)
    return f"{time.isoformat(timespec='microseconds')[:-6]}Z"
