"""Days, weeks and months begin at 00:00 where the policy is, however long they are."""

from datetime import datetime

import pytest

from sipgate.counters import CalendarUnit, CalendarWindow


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("unit", "zone", "at", "start", "end"),
    [
        (
            "day",
            "Europe/Berlin",
            "2026-11-20T23:59:59+01:00",
            "2026-11-20T00:00+01:00",
            "2026-11-21T00:00+01:00",
        ),
        (
            "day",
            "Europe/Berlin",
            "2026-11-21T00:00:00+01:00",
            "2026-11-21T00:00+01:00",
            "2026-11-22T00:00+01:00",
        ),
        (  # 23 hours
            "day",
            "Europe/Berlin",
            "2026-03-29T12:00+02:00",
            "2026-03-29T00:00+01:00",
            "2026-03-30T00:00+02:00",
        ),
        (  # 25 hours
            "day",
            "Europe/Berlin",
            "2026-10-25T12:00+01:00",
            "2026-10-25T00:00+02:00",
            "2026-10-26T00:00+01:00",
        ),
        (  # no 00:00 on that day: clocks went from 23:59:59 to 01:00
            "day",
            "America/Sao_Paulo",
            "2018-11-04T12:00-02:00",
            "2018-11-04T01:00-02:00",
            "2018-11-05T00:00-02:00",
        ),
        (  # 00:00 twice
            "day",
            "America/Havana",
            "2026-11-01T00:30-05:00",
            "2026-11-01T00:00-04:00",
            "2026-11-02T00:00-05:00",
        ),
        (  # a Sunday belongs to the week of the Monday before
            "week",
            "UTC",
            "2026-11-22T23:00+00:00",
            "2026-11-16T00:00+00:00",
            "2026-11-23T00:00+00:00",
        ),
        (
            "month",
            "Asia/Shanghai",
            "2026-12-31T20:00+08:00",
            "2026-12-01T00:00+08:00",
            "2027-01-01T00:00+08:00",
        ),
        (
            "month",
            "UTC",
            "2028-02-29T20:00+00:00",
            "2028-02-01T00:00+00:00",
            "2028-03-01T00:00+00:00",
        ),
    ],
)
def test_a_period_is_what_the_calendar_of_its_zone_says(
    unit: CalendarUnit, zone: str, at: str, start: str, end: str
) -> None:
    assert CalendarWindow(unit, zone).period(us(at)) == (us(start), us(end))


def test_the_last_microsecond_of_a_day_belongs_to_it() -> None:
    window = CalendarWindow("day", "UTC")
    start, end = window.period(us("2026-11-20T12:00+00:00"))
    assert window.period(end - 1) == (start, end)
    assert window.period(end)[0] == end
