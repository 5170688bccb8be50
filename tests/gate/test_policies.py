"""The shipped policies do what the manual and the report's rooms say."""

from pathlib import Path
from typing import Any

import pytest

from sipgate.counters import MemoryCounters
from sipgate.gate import Engine, MemoryLists, load_policy
from sipgate.gate.cases import differences, find_test_files, load_cases, play

POLICIES = Path(__file__).parents[2] / "policies"


class Room:
    """One agent at a policy, who calls at a pace."""

    def __init__(self, name: str, make: Any) -> None:
        self.lists = MemoryLists()
        self.engine = Engine(load_policy(POLICIES / f"{name}.yaml"), MemoryCounters(), self.lists)
        self.now = 0.0
        self._make = make

    def call(self, callee: int | str, pause: float = 0.0, **fields: Any) -> Any:
        self.now += pause
        attempt = self._make(callee=f"+86{callee}", **fields)
        return self.engine.decide(attempt, self.now, 1_790_006_400.0 + self.now)[0]


@pytest.mark.parametrize(
    ("kind", "callee"), [("number", "+4930123456"), ("short", "4711"), ("unreadable", "häns")]
)
def test_quickstart_lets_any_callee_through(attempt: Any, kind: str, callee: str) -> None:
    engine = Room("quickstart", attempt).engine
    decision, _ = engine.decide(attempt(callee_kind=kind, callee=callee), 0.0, 0.0)
    assert decision.verdict == "allow"


def test_quickstart_tags_then_stops_one_extension_and_no_other(attempt: Any) -> None:
    room = Room("quickstart", attempt)
    verdicts = [room.call(n, 0.5).verdict for n in range(100)]
    assert verdicts == ["allow"] * 20 + ["tag"] * 40 + ["reject"] * 40
    assert room.call(1, caller="hq/4712").verdict == "allow"


def test_article_stops_the_pace_of_the_report(attempt: Any) -> None:
    room = Room("article", attempt)
    decisions = [room.call(n, 9.6) for n in range(250)]
    verdicts = [d.verdict for d in decisions]
    assert verdicts[120:] == ["reject"] * 130
    assert "reject" not in verdicts[:120]
    assert [dict(d.tags).get("X-Campaign-Alert") for d in decisions[59:61]] == [None, "speed 60/60"]
    assert decisions[-1].rule == "speed-limit"


def test_article_ends_the_day_at_a_thousand(attempt: Any) -> None:
    room = Room("article", attempt)
    decisions = [room.call(n, 21.0) for n in range(1100)]
    assert [d.rule for d in decisions].index("daily-cap") == 1000
    assert decisions[-1].reason == (
        "daily limit of 1000 calls reached; next day begins 2026-09-23 00:00:00"
    )


def test_article_gives_an_agent_six_hundred_people_of_the_pool(attempt: Any) -> None:
    room = Room("article", attempt)
    first = [room.call(n, 21.0, campaign="pool") for n in range(601)]
    assert [d.verdict for d in first].count("reject") == 1
    assert first[-1].rule == "recycled-pool"
    assert room.call(0, 21.0, campaign="pool").verdict != "reject"
    assert room.call(601, 21.0, campaign="loans").verdict != "reject"


def test_article_never_calls_who_refused(attempt: Any) -> None:
    room = Room("article", attempt)
    room.lists.replace("refusals", {"+861"}, as_of=0.0)
    assert room.call(1).rule == "refused-means-refused"
    assert room.call(2).verdict == "allow"


def test_article_tags_microsip_that_dials_by_itself(attempt: Any) -> None:
    room = Room("article", attempt)
    decisions = [room.call(n, 9.6, user_agent="MicroSIP/3.21.5") for n in range(12)]
    assert "X-Auto-Dial" not in dict(decisions[9].tags)
    assert dict(decisions[11].tags)["X-Auto-Dial"] == "MicroSIP, 10 calls in 2m"


@pytest.mark.parametrize("path", find_test_files([POLICIES]), ids=lambda path: path.stem)
def test_every_shipped_test_holds(path: Path) -> None:
    file = load_cases(path)
    policy = load_policy(file.policy, timezone=file.timezone)

    found = {
        case.name: [str(one) for one in differences(case, play(policy, case.given, case.attempt))]
        for case in file.cases
    }

    assert found == {name: [] for name in found}
