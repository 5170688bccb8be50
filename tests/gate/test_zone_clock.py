"""Offsets of time zones, and when they change."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipgate.gate.zone_clock import DAY, offsets_at, run_at
from sipgate.numbers import time_zone
from sipgate.numbers.place_tables import country_zones

ZONES = (*country_zones("US"), *country_zones("AU"), "Europe/Paris", "Africa/Casablanca")
YEARS = st.integers(1_262_304_000, 2_208_988_800)  # 2010 to 2040


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def asked(zone: str, instant: int) -> int:
    """The slow way."""
    offset = datetime.fromtimestamp(instant, time_zone(zone)).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


@given(st.sampled_from(ZONES), YEARS)
@example("America/New_York", utc("2026-11-01T05:59:59"))
@example("America/New_York", utc("2026-11-01T06:00:00"))
@example("Australia/Lord_Howe", utc("2026-10-03T15:29:59"))
@example("Australia/Lord_Howe", utc("2026-10-03T15:30:00"))
def test_the_offset_is_what_zoneinfo_says(zone: str, instant: int) -> None:
    assert run_at(zone, instant).offset == asked(zone, instant)


@given(st.sampled_from(ZONES), YEARS)
def test_a_run_has_one_offset_and_its_neighbours_within_the_day_another(
    zone: str, instant: int
) -> None:
    run = run_at(zone, instant)

    assert run.start <= instant < run.end
    assert asked(zone, run.start) == asked(zone, run.end - 1) == run.offset
    assert run.end % DAY == 0 or asked(zone, run.end) != run.offset
    assert run.start % DAY == 0 or asked(zone, run.start - 1) != run.offset


def test_a_change_is_found_to_the_second() -> None:
    before = run_at("America/New_York", utc("2026-03-08T00:00:00"))
    assert before.end == utc("2026-03-08T07:00:00")
    assert (before.offset, run_at("America/New_York", before.end).offset) == (-5 * 3600, -4 * 3600)


@given(st.lists(st.sampled_from(ZONES), min_size=1, max_size=6), YEARS)
@example(["America/New_York"], utc("2026-11-01T06:00:00"))
@example(["America/New_York"], utc("2026-11-01T05:59:59"))
def test_several_zones_have_each_of_their_offsets_once(zones: list[str], instant: int) -> None:
    assert offsets_at(tuple(zones), instant) == tuple(sorted({asked(z, instant) for z in zones}))


@pytest.mark.parametrize("zone", ["America/Phoenix", "Australia/Brisbane"])
def test_a_zone_without_dst_has_one_offset_all_year(zone: str) -> None:
    days = range(utc("2026-01-01"), utc("2027-01-01"), DAY)
    assert len({run_at(zone, day).offset for day in days}) == 1
