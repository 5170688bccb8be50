"""Lead headers: where a trusted source says that the called person is."""

import pytest

from sipgate.gate import attempt_of

from .house import House

SOURCE = """trusted = true
lead-headers = {region = "X-Lead-Region", timezone = "X-Lead-Timezone"}
"""
FLORIDA = (
    "[{id: fl, when: {region: US-FL}, rate: {per: caller, limit: 0, window: day}, then: reject}]"
)


def lead(*headers: str, source: str = SOURCE) -> tuple[str | None, str | None, int]:
    """Region, zone and the count of bad values after one call with these headers."""
    house = House(source=source)
    house.phone.calls(headers=headers)
    house.writes()
    (decision,) = house.decisions
    attempt = attempt_of(decision)
    assert (attempt.lead_region, attempt.lead_zone) == (decision.lead_region, decision.lead_zone)
    return decision.lead_region, decision.lead_zone, house.parts.counts["lead_data_bad"]


def test_both_are_taken_and_recorded() -> None:
    assert lead("X-Lead-Region: US-TX", "X-Lead-Timezone: America/Denver") == (
        "US-TX",
        "America/Denver",
        0,
    )


def test_one_alone_will_do_in_any_spelling() -> None:
    assert lead("x-lead-region:  us-tx ") == ("US-TX", None, 0)
    assert lead("X-LEAD-TIMEZONE: america/denver") == (None, "America/Denver", 0)


def test_without_them_the_number_says_where_it_is() -> None:
    assert lead() == (None, None, 0)


@pytest.mark.parametrize("value", ["Texas", "US-ZZ", "US", "x" * 5000, "US-TX, US-FL", "\u00fc"])
def test_what_is_no_region_is_ignored_and_counted(value: str) -> None:
    assert lead(f"X-Lead-Region: {value}") == (None, None, 1)


@pytest.mark.parametrize("value", ["EST5", "Mars/Olympus", "../../etc/passwd", "+05:00"])
def test_what_is_no_zone_is_ignored_and_counted(value: str) -> None:
    assert lead(f"X-Lead-Timezone: {value}") == (None, None, 1)


def test_an_empty_header_says_nothing() -> None:
    assert lead("X-Lead-Region:", "X-Lead-Timezone: ") == (None, None, 0)


def test_only_the_headers_that_are_named_are_read() -> None:
    only_zone = 'trusted = true\nlead-headers = {timezone = "X-Zone"}'
    assert lead("X-Lead-Region: US-TX", "X-Zone: UTC", source=only_zone) == (None, "UTC", 0)


def test_a_leads_region_decides_which_rules_hold() -> None:
    house = House(FLORIDA, source=SOURCE)
    house.phone.calls("+13055550001", headers=["X-Lead-Region: US-TX"], call_id="c1", branch="b1")
    house.writes()
    house.phone.calls("+12145550001", headers=["X-Lead-Region: US-FL"], call_id="c2", branch="b2")
    house.writes()
    assert [decision.verdict for decision in house.decisions] == ["allow", "reject"]


HOURS = "[{id: night, hours: {open: {mon-sun: '08:00-20:00'}}, then: {reject: 480}}]"
ONE_IN_TEXAS = (
    "[{id: tx, when: {region: US-TX}, rate: {per: caller, limit: 1, window: day}, then: reject}]"
)


def test_a_leads_zone_decides_whether_it_is_open_and_is_on_record() -> None:
    house = House(HOURS, source=SOURCE)  # it is 10:13 in Miami and 04:13 in Honolulu
    house.phone.calls("+13055550001", call_id="c1", branch="b1")
    house.writes()
    zone = "X-Lead-Timezone: Pacific/Honolulu"
    house.phone.calls("+13055550001", headers=[zone], call_id="c2", branch="b2")
    house.writes()

    open_, closed = house.decisions
    assert (open_.verdict, closed.verdict) == ("allow", "reject")
    assert open_.steps == [
        {
            "rule": "night",
            "held": False,
            "zone": "America/New_York",
            "local_time": "10:13",
            "open": "08:00-20:00",
        }
    ]
    assert (closed.steps[0]["zone"], closed.steps[0]["local_time"]) == ("Pacific/Honolulu", "04:13")


def test_what_was_counted_by_a_leads_region_is_counted_so_after_a_restart() -> None:
    house = House(ONE_IN_TEXAS, source=SOURCE)
    texas = ["X-Lead-Region: US-TX"]
    house.phone.calls("+13055550001", headers=texas, call_id="c1", branch="b1")
    house.writes()

    house = house.restarts()
    house.phone.calls("+13055550002", headers=texas, call_id="c2", branch="b2")
    house.phone.calls("+13055550003", call_id="c3", branch="b3")
    house.writes()

    assert [decision.verdict for decision in house.decisions] == ["allow", "reject", "allow"]
