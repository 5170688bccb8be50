"""`hours` rules: what the policy says, what the record keeps, where unknown callees are."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sipgate.counters import MemoryCounters
from sipgate.gate import Attempt, Decision, Engine, MemoryLists, PolicyError, read_policy

MakeAttempt = Callable[..., Attempt]
FLORIDA = {"callee": "+13055550123", "callee_country": "US"}
OPEN = 'open: {mon-fri: "08:00-20:00", sat: "10:00-16:00"}'


class Place:
    """An engine with one policy, asked at any time."""

    def __init__(self, make: MakeAttempt, folder: Path) -> None:
        self._make = make
        self._folder = folder

    def decide(
        self, hours: str, time: str, *, head: str = "", then: str = "reject", **fields: Any
    ) -> Decision:
        text = f"policy: x\nrevision: 1\n{head}rules:\n- id: a\n  hours: {hours}\n  then: {then}\n"
        policy = read_policy(text.encode(), self._folder / "p.yaml", timezone="Europe/Berlin")
        engine = Engine(policy, MemoryCounters(), MemoryLists())
        attempt = self._make(**{**FLORIDA, **fields})
        return engine.decide(attempt, 0.0, datetime.fromisoformat(time).timestamp())[0]

    def verdict(self, hours: str, time: str, **fields: Any) -> str:
        return self.decide(hours, time, **fields).verdict

    def problems(self, hours: str) -> list[str]:
        with pytest.raises(PolicyError) as caught:
            self.decide(hours, "2026-11-20T12:00:00-05:00")
        return [str(problem) for problem in caught.value.problems]


@pytest.fixture
def place(attempt: MakeAttempt, tmp_path: Path) -> Place:
    return Place(attempt, tmp_path)


@pytest.mark.parametrize(
    ("time", "verdict"),
    [
        ("2026-11-20T07:59:59-05:00", "reject"),
        ("2026-11-20T08:00:00-05:00", "allow"),
        ("2026-11-20T19:59:59-05:00", "allow"),
        ("2026-11-20T20:00:00-05:00", "reject"),
        ("2026-11-21T09:59:59-05:00", "reject"),
        ("2026-11-21T10:00:00-05:00", "allow"),
        ("2026-11-22T12:00:00-05:00", "reject"),
        ("2026-11-26T12:00:00-05:00", "reject"),
    ],
    ids=[
        "before it opens",
        "as it opens",
        "before it closes",
        "as it closes",
        "before Saturday's hours",
        "in Saturday's hours",
        "on Sunday",
        "on Thanksgiving",
    ],
)
def test_the_callees_clock_decides(place: Place, time: str, verdict: str) -> None:
    assert place.verdict(f"{{{OPEN}}}", time) == verdict


def test_holidays_may_be_open(place: Place) -> None:
    time = "2026-11-26T12:00:00-05:00"
    assert place.verdict(f"{{{OPEN}, holidays: open}}", time) == "allow"


def test_the_record_has_the_clock_the_zone_and_the_hours(place: Place) -> None:
    (step,) = place.decide(f"{{{OPEN}}}", "2026-11-20T07:59:59-05:00").steps
    assert step.record() == {
        "rule": "a",
        "held": True,
        "zone": "America/New_York",
        "local_time": "07:59",
        "open": "08:00-20:00",
    }


def test_the_record_has_the_holidays_name(place: Place) -> None:
    (step,) = place.decide(f"{{{OPEN}}}", "2026-11-26T12:00:00-05:00").steps
    assert step.values["closed_for"] == "Thanksgiving Day"


def test_a_text_may_say_when_it_opens(place: Place) -> None:
    then = '{reject: 403, reason: "it is {local_time} in {zone}, call at {until}"}'
    decision = place.decide(f"{{{OPEN}}}", "2026-11-20T07:59:59-05:00", then=then)
    expected = "it is 07:59 in America/New_York, call at 2026-11-20 14:00:00"  # Berlin's time
    assert decision.reason == expected


@pytest.mark.parametrize(
    ("time", "wait"),
    [("2026-11-20T07:59:00-05:00", 60), ("2026-11-22T08:00:00-05:00", 86_400)],
    ids=["a minute before it opens", "a day before it opens"],
)
def test_retry_after_may_be_the_opening(place: Place, time: str, wait: int) -> None:
    decision = place.decide(f"{{{OPEN}}}", time, then="{reject: 480, retry-after: opening}")
    assert decision.retry_after is not None
    assert wait <= decision.retry_after <= wait + 60  # with its jitter


def test_short_numbers_have_no_hours(place: Place) -> None:
    decision = place.decide(
        f"{{{OPEN}}}",
        "2026-11-22T03:00:00-05:00",
        callee="4711",
        callee_kind="short",
        callee_country=None,
    )
    assert decision.verdict == "allow"


def test_an_emergency_call_passes_at_night(place: Place) -> None:
    night = "2026-11-22T03:00:00-05:00"
    assert place.verdict(f"{{{OPEN}}}", night, callee="911", callee_kind="emergency") == "allow"


# Callees that nobody can place

NOBODY = {"callee": "x", "callee_kind": "unreadable"}


@pytest.mark.parametrize(
    ("time", "verdict"),
    [("2026-11-20T12:59:59-05:00", "reject"), ("2026-11-20T13:00:00-05:00", "allow")],
)
def test_the_strictest_zone_of_the_country_holds_for_what_cant_be_read(
    place: Place, time: str, verdict: str
) -> None:
    assert place.verdict(f"{{{OPEN}}}", time, **NOBODY, callee_country="US") == verdict


def test_without_a_country_the_policys_region_holds(place: Place) -> None:
    early = "2026-11-20T12:59:59-05:00"
    head = "region: US\n"
    assert place.verdict(f"{{{OPEN}}}", early, head=head, **NOBODY, callee_country=None) == "reject"


def test_without_a_region_the_policys_time_zone_holds(place: Place) -> None:
    nowhere = {**NOBODY, "callee_country": None}
    assert place.verdict(f"{{{OPEN}}}", "2026-11-20T07:59:59+01:00", **nowhere) == "reject"
    assert place.verdict(f"{{{OPEN}}}", "2026-11-20T08:00:00+01:00", **nowhere) == "allow"


# A lead's own data

HALF_PAST_EIGHT = "2026-11-20T08:30:00-05:00"
PENSACOLA = {"callee": "+18505550123"}


def test_a_leads_zone_wins_over_the_candidates(place: Place) -> None:
    hours = f"{{{OPEN}}}"
    assert place.verdict(hours, HALF_PAST_EIGHT, **PENSACOLA) == "reject"
    eastern = {**PENSACOLA, "lead_zone": "America/New_York"}
    assert place.verdict(hours, HALF_PAST_EIGHT, **eastern) == "allow"
    assert place.verdict(hours, HALF_PAST_EIGHT, lead_zone="America/Chicago") == "reject"


def test_a_leads_region_takes_the_place_of_the_candidates(place: Place) -> None:
    assert place.verdict(f"{{{OPEN}}}", HALF_PAST_EIGHT, lead_region="US-CA") == "reject"


# Bans


def test_a_ban_refuses_with_its_reason(place: Place, tmp_path: Path) -> None:
    text = "region,from,to,reason,source\nUS-FL,2026-11-20,2026-11-20,storm,the order\n"
    (tmp_path / "bans.csv").write_text(text)
    decision = place.decide(f"{{{OPEN}, bans: bans.csv}}", "2026-11-20T12:00:00-05:00")
    assert decision.verdict == "reject"
    assert decision.steps[0].values["closed_for"] == "storm"
    assert decision.steps[0].values["source"] == "the order"


def test_what_is_wrong_in_a_ban_file_is_said_with_its_own_name_and_line(
    place: Place, tmp_path: Path
) -> None:
    (tmp_path / "bans.csv").write_text("region,from,to,reason,source\nUS-FL,x,2026-11-20,a,b\n")
    (problem,) = place.problems(f"{{{OPEN}, bans: bans.csv}}")
    assert problem.startswith(f'{tmp_path / "bans.csv"}:2:7: from "x"; expected a date')


def test_a_missing_ban_file_is_said_where_it_is_named(place: Place, tmp_path: Path) -> None:
    (problem,) = place.problems(f"{{{OPEN}, bans: none.csv}}")
    assert problem.startswith(f"{tmp_path / 'p.yaml'}:5:")
    assert '"none.csv" can\'t be read: No such file or directory' in problem


# What a wrong one is told


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        ("{}", 'the key "open" is missing'),
        ("x", 'found "x"; expected a mapping with open, holidays or bans'),
        ("{open: {}}", "no day at all; expected a weekday"),
        ("{open: x}", 'found "x"; expected a mapping'),
        ("{open: {mn: x}}", 'found the day "mn"; did you mean "mon"?; expected a weekday'),
        ("{open: {mon-xyz: '08:00-20:00'}}", 'found the day "mon-xyz"'),
        ("{open: {mon: 8-20}}", 'found "8-20"; expected hours such as "08:00-20:00"'),
        ("{open: {mon: }}", "expected hours such as"),
        ("{open: {mon: ['08:00-20:00']}}", "found a list; expected hours such as"),
        ("{open: {mon: '20:00-08:00'}}", "each ending after it starts"),
        ("{open: {mon: '08:00-24:30'}}", 'found "08:00-24:30"'),
        ("{open: {mon: '08:00-20:00,'}}", 'found ""'),
        (
            "{open: {mon: '08:00-12:00, 11:00-20:00'}}",
            "08:00-12:00 and 11:00-20:00 overlap",
        ),
        (
            "{open: {mon-fri: '08:00-20:00', wed: '08:00-12:00'}}",
            "wed for the second time, in wed",
        ),
        ("{open: {mon: '08:00-20:00'}, holidays: shut}", "expected closed or open"),
        ("{open: {mon: '08:00-20:00'}, holiday: open}", 'did you mean "holidays"?'),
        ("{open: {mon: '08:00-20:00'}, bans: [a]}", "expected text"),
    ],
)
def test_a_wrong_rule_is_told_so(place: Place, hours: str, said: str) -> None:
    assert any(said in problem for problem in place.problems(hours)), place.problems(hours)


@pytest.mark.parametrize(
    ("days", "time", "verdict"),
    [
        ("sat-mon", "2026-11-22T12:00:00-05:00", "allow"),
        ("sat-mon", "2026-11-23T12:00:00-05:00", "allow"),
        ("sat-mon", "2026-11-24T12:00:00-05:00", "reject"),
        ("fri-fri", "2026-11-20T12:00:00-05:00", "allow"),
        ("fri-fri", "2026-11-21T12:00:00-05:00", "reject"),
    ],
)
def test_days_may_go_over_the_weeks_end(place: Place, days: str, time: str, verdict: str) -> None:
    assert place.verdict(f"{{open: {{{days}: '08:00-20:00'}}}}", time) == verdict


# In words


@pytest.mark.parametrize(
    ("time", "said"),
    [
        ("2026-11-20T12:30:00-05:00", "12:30 in America/New_York, open 08:00-20:00"),
        ("2026-11-22T12:30:00-05:00", "12:30 in America/New_York, closed on that day"),
        ("2026-11-26T12:30:00-05:00", "12:30 in America/New_York, closed: Thanksgiving Day"),
    ],
)
def test_it_is_explained_from_what_the_record_keeps(place: Place, time: str, said: str) -> None:
    (step,) = place.decide(f"{{{OPEN}}}", time).steps
    policy = f"policy: x\nrevision: 1\nrules:\n- id: a\n  hours: {{{OPEN}}}\n  then: reject\n"
    rule = read_policy(policy.encode(), Path("p.yaml")).rules[0]
    assert rule.condition.explain(step.held, step.values) == said
