"""The windows that counts are kept in: sliding ones and days, weeks, months of the calendar."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

CalendarUnit: TypeAlias = Literal["day", "week", "month"]


@dataclass(frozen=True, slots=True)
class SlidingWindow:
    """What happened in (now - length, now]: exactly `length_us` ago is out."""

    length_us: int

    @property
    def name(self) -> str:
        return f"{self.length_us}us"


@dataclass(frozen=True, slots=True)
class CalendarWindow:
    """A day, week (from Monday) or month that begins at 00:00 in a time zone."""

    unit: CalendarUnit
    zone: str
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_zone", ZoneInfo(self.zone))

    @property
    def name(self) -> str:
        return f"{self.unit}@{self.zone}"

    def period(self, time_us: int) -> tuple[int, int]:
        """Beginning and end, in calendar microseconds, of the period that `time_us` lies in."""
        # Whole seconds: a float of microseconds could round up into the next period.
        today = datetime.fromtimestamp(time_us // 1_000_000, self._zone).date()
        first = self._first_day(today)
        return self._midnight(first), self._midnight(self._next_first_day(first))

    def _first_day(self, day: date) -> date:
        if self.unit == "day":
            return day
        if self.unit == "week":
            return day - timedelta(days=day.weekday())
        return day.replace(day=1)

    def _next_first_day(self, first: date) -> date:
        if self.unit == "day":
            return first + timedelta(days=1)
        if self.unit == "week":
            return first + timedelta(days=7)
        return (first + timedelta(days=32)).replace(day=1)

    def _midnight(self, day: date) -> int:
        # Where the clock skips 00:00 this is the instant of the change; of two, the first.
        midnight = datetime(day.year, day.month, day.day, tzinfo=self._zone)
        return round(midnight.timestamp()) * 1_000_000


Window: TypeAlias = SlidingWindow | CalendarWindow
