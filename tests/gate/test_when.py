"""`when`: any value of a key, all keys, and what `not` takes away."""

from datetime import datetime
from typing import Any

import pytest

from sipgate.gate.when import When


def selects(when: When, attempt: Any) -> bool:
    compiled = when.compile()
    return compiled is None or compiled(attempt, 0.0)


@pytest.mark.parametrize(
    ("key", "values", "fields", "expected"),
    [
        ("caller", ("hq/1", "hq/2"), {"caller": "hq/2"}, True),
        ("caller", ("hq/1",), {"caller": "hq/11"}, False),
        ("source", ("hq",), {"source": "hq"}, True),
        ("campaign", ("loans",), {"campaign": None}, False),
        ("organisation", ("acme",), {"organisation": "acme"}, True),
        ("cli", ("+4930",), {"cli": "+49301"}, False),
        ("country", ("NO",), {"callee_country": "NO"}, True),
        ("country", ("NO",), {"callee_country": None}, False),
        ("kind", ("short",), {"callee_kind": "short"}, True),
        ("callee", ("+4930",), {"callee": "+49301"}, True),
        ("callee", ("+4930",), {"callee": "49301"}, False),
        ("callee", ("4930",), {"callee": "+49301"}, True),
        ("callee", ("47",), {"callee": "4711"}, True),
        ("callee", ("47",), {"callee": "14711"}, False),
        ("user-agent", ("MicroSIP*",), {"user_agent": "microsip/3.21.5"}, True),
        ("user-agent", ("MicroSIP*",), {"user_agent": "x MicroSIP"}, False),
        ("user-agent", ("*sip*", "a"), {"user_agent": "x MicroSIP/1\n"}, True),
        ("user-agent", ("a.c",), {"user_agent": "abc"}, False),
        ("user-agent", ("a", "b*"), {"user_agent": "ab"}, False),
        ("user-agent", ("*",), {"user_agent": None}, False),
    ],
)
def test_each_key_selects_by_its_own_field(
    attempt: Any, key: str, values: tuple[str, ...], fields: dict[str, Any], expected: bool
) -> None:
    assert selects(When(((key, values),)), attempt(**fields)) is expected


def test_all_keys_must_match(attempt: Any) -> None:
    when = When((("campaign", ("a",)), ("source", ("hq",))))
    assert selects(when, attempt(campaign="a"))
    assert not selects(when, attempt(campaign="b"))


def test_not_takes_away(attempt: Any) -> None:
    when = When((("source", ("hq",)),), When((("campaign", ("a",)), ("kind", ("number",)))))
    assert not selects(when, attempt(campaign="a"))
    assert selects(when, attempt(campaign="a", callee_kind="short"))


def test_nothing_selects_all_and_not_nothing_none(attempt: Any) -> None:
    assert When().compile() is None
    assert not selects(When((), When()), attempt())


def test_equal_names_mean_equal_selection() -> None:
    one = When((("campaign", ("a", "b")),))
    assert one.name == When((("campaign", ("a", "b")),)).name
    assert one.name != When((("campaign", ("a",)),)).name
    assert one.name != When((), one).name


# Where the callee may be

FLORIDA = {"callee": "+13055550123", "callee_country": "US"}
MARITIMES = {"callee": "+19025550123", "callee_country": "CA"}
TWO_ZONES = {"callee": "+18505550123", "callee_country": "US"}
UNREADABLE = {"callee": "x", "callee_kind": "unreadable", "callee_country": "DE"}


@pytest.mark.parametrize(
    ("values", "fields", "expected"),
    [
        (("US-FL",), FLORIDA, True),
        (("US-GA",), FLORIDA, False),
        (("US-GA", "US-FL"), FLORIDA, True),
        (("CA-PE",), MARITIMES, True),
        (("CA-NS",), MARITIMES, True),
        (("US-FL",), {**FLORIDA, "lead_region": "US-TX"}, False),
        (("US-TX",), {**FLORIDA, "lead_region": "US-TX"}, True),
        (("US-FL",), {"callee": "+18005550123", "callee_country": "US"}, False),
        (("US-FL",), {"callee": "4711", "callee_kind": "short", "callee_country": None}, False),
        (("DE-BY",), UNREADABLE, False),
        (("DE-BY",), {**UNREADABLE, "lead_region": "DE-BY"}, True),
    ],
)
def test_a_region_selects_whoever_may_be_there(
    attempt: Any, values: tuple[str, ...], fields: dict[str, Any], expected: bool
) -> None:
    assert selects(When((("region", values),)), attempt(**fields)) is expected


def at(when: When, attempt: Any, time: str) -> bool:
    compiled = when.compile()
    assert compiled is not None
    return compiled(attempt, datetime.fromisoformat(time).timestamp())


@pytest.mark.parametrize(
    ("span", "time", "expected"),
    [
        ("20:00-22:00", "2026-11-20T19:59:59-05:00", False),
        ("20:00-22:00", "2026-11-20T20:00:00-05:00", True),
        ("20:00-22:00", "2026-11-20T21:59:59-05:00", True),
        ("20:00-22:00", "2026-11-20T22:00:00-05:00", False),
        ("22:00-06:00", "2026-11-20T23:30:00-05:00", True),
        ("22:00-06:00", "2026-11-20T05:59:59-05:00", True),
        ("22:00-06:00", "2026-11-20T06:00:00-05:00", False),
        ("01:00-02:00", "2026-11-01T05:30:00+00:00", True),
        ("01:00-02:00", "2026-11-01T06:30:00+00:00", True),
        ("02:00-03:00", "2026-03-08T07:00:00+00:00", False),
    ],
    ids=[
        "before",
        "its start",
        "its last second",
        "its end",
        "before midnight",
        "after midnight",
        "the morning's end",
        "an hour shown once",
        "and again",
        "an hour that is skipped",
    ],
)
def test_local_time_is_what_the_callees_clock_shows(
    attempt: Any, span: str, time: str, expected: bool
) -> None:
    assert at(When((("local-time", (span,)),)), attempt(**FLORIDA), time) is expected


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-11-20T20:30:00-05:00", True),
        ("2026-11-20T22:30:00-05:00", True),
        ("2026-11-20T23:00:00-05:00", False),
    ],
    ids=["in New York", "in Chicago", "nowhere"],
)
def test_local_time_in_any_candidate_zone_will_do(attempt: Any, time: str, expected: bool) -> None:
    assert at(When((("local-time", ("20:00-22:00",)),)), attempt(**TWO_ZONES), time) is expected


def test_a_leads_zone_is_the_only_one(attempt: Any) -> None:
    when = When((("local-time", ("20:00-22:00",)),))
    eastern = attempt(**TWO_ZONES, lead_zone="America/New_York")
    assert not at(when, eastern, "2026-11-20T22:30:00-05:00")


@pytest.mark.parametrize(
    "fields",
    [
        {"callee": "4711", "callee_kind": "short", "callee_country": None},
        {"callee": "+80012345678", "callee_country": None},
    ],
    ids=["short", "of no country"],
)
def test_a_callee_that_is_nowhere_has_no_local_time(attempt: Any, fields: dict[str, Any]) -> None:
    when = When((("local-time", ("00:00-24:00",)),))
    assert not at(when, attempt(**fields), "2026-11-20T20:30:00-05:00")
