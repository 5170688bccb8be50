"""Finding calls: by the index, by the tail, and by both together."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sipgate.ledger import (
    ActEntry,
    AnsweredEntry,
    CallRow,
    CallSearch,
    DecisionEntry,
    Entry,
    LedgerError,
    OutcomeEntry,
    SqliteEntryFile,
    Would,
    call_search,
    encode_entry,
    index_reader,
    search_index,
)
from sipgate.ledger.search_index import SearchIndex, search_path

START = datetime.fromtimestamp(1_790_000_000, UTC)

Decision = Callable[..., DecisionEntry]
Outcome = Callable[..., OutcomeEntry]
Answered = Callable[..., AnsweredEntry]


class Store:
    """A ledger that is written without a gate, and its index."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = SqliteEntryFile(path)
        self._last = 0

    def write(self, *entries: Entry) -> None:
        for entry in entries:
            self._last += 1
            entry.seq = self._last
            if isinstance(entry, DecisionEntry):
                entry.id = f"{entry.gate}-{self._last}"
            self._file.insert([(self._last, encode_entry(entry))])

    def index(self, page: int = 256) -> int:
        """How many entries were indexed."""
        index = SearchIndex(self.path)
        try:
            done = 0
            while more := index.catch_up(page):
                done += more
            return done
        finally:
            index.close()

    def search(self, **filters: Any) -> list[CallRow]:
        return list(CallSearch(self.path).search(**filters))

    def found(self, **filters: Any) -> list[int]:
        return [row.seq for row in self.search(**filters)]


@pytest.fixture
def store(path: Path) -> Store:
    return Store(path)


def index_nothing(store: Store) -> None:
    """All is tail."""


def index_all(store: Store) -> None:
    store.index()


def index_one_by_one(store: Store) -> None:
    store.index(page=1)


HOW = pytest.mark.parametrize("index", [index_nothing, index_all, index_one_by_one])


@HOW
def test_a_row_has_all_that_the_decision_and_its_outcome_say(
    store: Store, decision: Decision, outcome: Outcome, index: Callable[[Store], None]
) -> None:
    store.write(
        decision(
            at=1.5,
            campaign="solar",
            cli="+4930999",
            verdict="tag",
            rule="speed",
            tags={"X-Alert": "3/2"},
            would=Would(verdict="reject", rule="cap", reason="too many"),
        ),
        outcome(1, answered_us=1_790_000_003_000_000, ring_ms=1500, talk_ms=2, ended_by="callee"),
    )
    index(store)

    (row,) = store.search()

    assert msgspec.json.decode(msgspec.json.encode(row)) == {
        "decision": "gate-1-1",
        "time": "2026-09-21T14:13:21.500000Z",
        "source": "hq",
        "caller": "hq/4711",
        "cli": "+4930999",
        "callee": "+4930123456",
        "call_id": "a@example.com",
        "campaign": "solar",
        "verdict": "tag",
        "rule": "speed",
        "reason": None,
        "policy": "quickstart",
        "revision": "1",
        "outcome": {
            "kind": "answered",
            "status": 200,
            "answered": "2026-09-21T14:13:23.000000Z",
            "ring_seconds": 1.5,
            "talk_seconds": 0.002,
            "ended_by": "callee",
        },
        "code": None,
        "direction": "outbound",
        "emergency": False,
        "would": {"verdict": "reject", "rule": "cap", "reason": "too many"},
        "tags": {"X-Alert": "3/2"},
        "seq": 1,
    }


@HOW
@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"caller": "hq/1"}, [1, 4]),
        ({"callee": "+492"}, [2]),
        ({"source": "branch"}, [3]),
        ({"cli": "+1"}, [4]),
        ({"campaign": "solar"}, [5]),
        ({"call_id": "b"}, [2, 5]),
        ({"verdict": "reject"}, [2, 5]),
        ({"rule": "cap"}, [5]),
        ({"verdict": "reject", "call_id": "b", "campaign": "solar"}, [5]),
        ({"caller": "hq/none"}, []),
        ({"since": START + timedelta(seconds=20)}, [2, 3, 4, 5]),
        ({"until": START + timedelta(seconds=20)}, [1]),
        (
            {"since": START + timedelta(seconds=15), "until": START + timedelta(seconds=41)},
            [2, 3, 4],
        ),
        ({"since": START + timedelta(days=1)}, []),
        ({"limit": 2}, [4, 5]),
        ({"limit": 0}, []),
        ({"limit": 100}, [1, 2, 3, 4, 5]),
        ({"limit": 1, "caller": "hq/1"}, [4]),
    ],
    ids=str,
)
def test_a_search_finds_what_all_filters_hold_for_newest_last(
    store: Store,
    decision: Decision,
    index: Callable[[Store], None],
    filters: dict[str, Any],
    numbers: list[int],
) -> None:
    store.write(
        decision(at=10, caller="hq/1", call_id="a"),
        decision(at=20, caller="hq/2", callee="+492", call_id="b", verdict="reject"),
        decision(at=30, source="branch", caller="branch/1", call_id="c"),
        decision(at=40, caller="hq/1", call_id="d", cli="+1"),
        decision(at=50, call_id="b", campaign="solar", verdict="reject", rule="cap"),
    )
    index(store)

    assert store.found(**filters) == numbers


@HOW
def test_what_monitor_mode_kept_from_happening_is_found(
    store: Store, decision: Decision, index: Callable[[Store], None]
) -> None:
    store.write(
        decision(would=Would(verdict="reject", rule="cap", reason='"verdict":"tag"')),
        decision(verdict="reject", rule="cap"),
        decision(verdict="tag", rule="speed", would=Would(verdict="tag", rule="slow")),
        decision(),
        decision(would=Would(verdict="tag")),
    )
    index(store)

    assert store.found(would="reject") == [1]
    assert store.found(would="tag") == [3, 5]
    assert store.found(rule="cap") == [1, 2]
    assert store.found(rule="slow") == [3]
    assert store.found(rule="cap", verdict="reject") == [2]
    assert store.found(rule="cap", would="reject", caller="hq/4711") == [1]


@pytest.mark.parametrize("limit", [None, 1, 3, 5], ids=str)
@pytest.mark.parametrize("indexed", range(6))
def test_index_and_tail_make_one_list(
    store: Store, decision: Decision, limit: int | None, indexed: int
) -> None:
    store.write(*[decision(at=number) for number in range(indexed)])
    store.index()
    store.write(*[decision(at=number) for number in range(indexed, 5)])

    assert store.found(limit=limit) == [1, 2, 3, 4, 5][-(limit or 5) :]


def test_an_outcome_in_the_tail_belongs_to_a_decision_in_the_index(
    store: Store, decision: Decision, outcome: Outcome, answered: Answered
) -> None:
    store.write(decision(), decision())
    store.index()
    store.write(outcome(1, kind="busy", status=486), answered(2, at=5))

    first, second = store.search()

    assert (first.outcome.kind, first.outcome.status) == ("busy", 486)
    assert (second.outcome.kind, second.outcome.answered) == (None, "2026-09-21T14:13:25.000000Z")


@HOW
def test_an_answer_never_replaces_an_outcome(
    store: Store,
    decision: Decision,
    outcome: Outcome,
    answered: Answered,
    index: Callable[[Store], None],
) -> None:
    store.write(decision(), answered(1), outcome(1, kind="answered", talk_ms=7000), answered(1))
    index(store)

    (row,) = store.search()

    assert (row.outcome.kind, row.outcome.talk_seconds) == ("answered", 7.0)


def test_an_answer_in_the_tail_leaves_an_outcome_in_the_index_alone(
    store: Store, decision: Decision, outcome: Outcome, answered: Answered
) -> None:
    store.write(decision(), outcome(1, talk_ms=7000))
    store.index()
    store.write(answered(1))

    (row,) = store.search()

    assert row.outcome.talk_seconds == 7.0


def test_times_that_went_back_are_still_found(store: Store, decision: Decision) -> None:
    store.write(decision(at=100), decision(at=10), decision(at=200))
    store.index(page=1)

    assert store.found(since=START, until=START + timedelta(seconds=50)) == [2]


def test_more_than_a_page_comes_complete(store: Store, decision: Decision) -> None:
    store.write(*[decision(at=number) for number in range(1200)])
    store.index(page=100)

    assert store.found() == list(range(1, 1201))
    assert store.found(caller="hq/4711") == list(range(1, 1201))


@pytest.mark.parametrize("limit", [None, 1, 7, 50], ids=str)
def test_a_search_over_many_buckets_of_the_index_is_complete(
    store: Store, decision: Decision, limit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_index, "BUCKET_BITS", 2)
    monkeypatch.setattr(index_reader, "BUCKET_BITS", 2)
    store.write(*[decision(at=n, caller=f"hq/{n % 2}") for n in range(60)])
    store.index()

    assert store.found(caller="hq/1", limit=limit) == list(range(2, 61, 2))[-(limit or 30) :]


@pytest.mark.parametrize("name", ["caller", "callee", "call_id"])
def test_the_search_uses_the_index(store: Store, name: str) -> None:
    store.index()
    with closing(sqlite3.connect(search_path(store.path))) as connection:
        plan = connection.execute(
            f"EXPLAIN QUERY PLAN SELECT * FROM call c WHERE c.{name} = 'x' "
            f"AND c.seq BETWEEN 1 AND 9 AND c.seq >> {search_index.BUCKET_BITS} = 0 "
            "ORDER BY c.seq DESC LIMIT 5"
        ).fetchall()

    assert [f"USING INDEX call_{name}" in step[3] for step in plan] == [True]


def test_a_long_tail_is_indexed_by_whoever_searches(
    store: Store, decision: Decision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_search, "LONGEST_TAIL", 10)
    store.write(*[decision(at=number) for number in range(11)])

    assert len(store.found()) == 11
    assert store.index() == 0


def test_two_may_fill_the_index_by_turns(store: Store, decision: Decision) -> None:
    store.write(*[decision(at=number) for number in range(10)])
    with closing(SearchIndex(store.path)) as one, closing(SearchIndex(store.path)) as other:
        done = [one.catch_up(3), other.catch_up(3), one.catch_up(3), other.catch_up(3)]
        assert (one.catch_up(3), other.catch_up(3)) == (0, 0)

    assert done == [3, 3, 3, 1]
    assert store.found() == list(range(1, 11))


def test_acts_are_no_calls(store: Store) -> None:
    store.write(ActEntry(time_us=1, boot="b", boot_us=1, kind="k", by="me"))
    store.index()

    assert store.found() == []


def test_the_index_of_another_ledger_is_made_anew(
    store: Store, decision: Decision, tmp_path: Path
) -> None:
    store.write(decision(at=1, caller="hq/old"), decision(at=2, caller="hq/old"))
    store.index()
    other = tmp_path / "other"
    other.mkdir()
    search_path(store.path).rename(search_path(other / "sipgate.db"))
    with closing(sqlite3.connect(store.path)) as source:
        source.execute("DELETE FROM entry")
        source.commit()
        source.execute("VACUUM INTO ?", (str(other / "sipgate.db"),))
    elsewhere = Store(other / "sipgate.db")
    elsewhere.write(*[decision(at=number, caller="hq/new") for number in range(3)])

    assert elsewhere.found(caller="hq/old") == []
    assert elsewhere.index() == 3
    assert elsewhere.found(caller="hq/new") == [1, 2, 3]


def test_an_index_that_is_ahead_of_its_ledger_is_made_anew(
    store: Store, decision: Decision
) -> None:
    store.write(*[decision(at=number) for number in range(5)])
    store.index()
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute("DELETE FROM entry WHERE seq > 2")
        connection.commit()

    assert store.found() == [1, 2]
    assert store.index() == 2


def test_an_index_of_another_version_is_made_anew(
    store: Store, decision: Decision, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(decision())
    store.index()
    monkeypatch.setattr(search_index, "VERSION", search_index.VERSION + 1)

    assert store.found() == [1]
    assert store.index() == 1


def test_a_damaged_index_is_no_obstacle_and_is_made_anew(store: Store, decision: Decision) -> None:
    store.write(decision())
    store.index()
    search_path(store.path).write_bytes(b"this is no database" * 1000)

    assert store.found() == [1]
    assert store.index() == 1
    assert store.found() == [1]


def test_the_index_is_private(store: Store) -> None:
    store.index()

    assert search_path(store.path).stat().st_mode & 0o777 == 0o600


def test_a_store_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LedgerError):
        list(CallSearch(tmp_path / "no.db").search())
