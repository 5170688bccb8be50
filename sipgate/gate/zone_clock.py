"""What clocks show in a time zone, and for how long they run on without being put forward or back.

Asking `zoneinfo` costs about a microsecond a zone; here each day of a zone is asked once.
"""

from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sipgate.numbers import time_zone

DAY = 86_400
QUARTER = 900  # seconds; no zone has changed its clocks within one for decades

_KEPT_DAYS = 8192  # of one zone each, about 200 bytes


class Run(NamedTuple):
    """From `start` to before `end` (UTC, seconds since 1970) local time is UTC plus `offset`."""

    start: int
    end: int
    offset: int


def run_at(zone: str, utc: int) -> Run:
    """The run of a zone's clocks that an instant falls into, cut at the ends of its UTC day."""
    for run in _runs(zone, utc // DAY):
        if utc < run.end:
            return run
    raise AssertionError((zone, utc))  # the runs of a day end with it


def offsets_at(zones: tuple[str, ...], utc: int) -> tuple[int, ...]:
    """The different offsets that these zones have at an instant, sorted."""
    quarter = utc // QUARTER
    offsets = _offsets_in(zones, quarter)
    if offsets is None:  # clocks change within this quarter of an hour
        return tuple(sorted({run_at(zone, utc).offset for zone in zones}))
    return offsets


@lru_cache(maxsize=4096)
def _offsets_in(zones: tuple[str, ...], quarter: int) -> tuple[int, ...] | None:
    start = quarter * QUARTER
    runs = [run_at(zone, start) for zone in zones]
    if any(run.end < start + QUARTER for run in runs):
        return None
    return tuple(sorted({run.offset for run in runs}))


@lru_cache(maxsize=_KEPT_DAYS)
def _runs(zone: str, day: int) -> tuple[Run, ...]:
    """The runs of a UTC day; a zone changes its clocks at most once in one."""
    info, start, end = time_zone(zone), day * DAY, (day + 1) * DAY
    before, after = _offset(info, start), _offset(info, end - 1)
    if before == after:
        return (Run(start, end, before),)
    low, high = start, end - 1  # `before` still holds at low, no more at high
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(info, middle) == before:
            low = middle
        else:
            high = middle
    return Run(start, high, before), Run(high, end, after)


def _offset(zone: ZoneInfo, utc: int) -> int:
    offset = datetime.fromtimestamp(utc, zone).utcoffset()
    assert offset is not None
    return offset.days * DAY + offset.seconds
