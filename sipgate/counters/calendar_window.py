"""Counters over calendar windows: one integer per key, or one set of members."""

from .counter import Counter
from .question import Check, Key
from .window import CalendarWindow

DRAINED_PER_COUNT = 64  # a passed period's keys go bit by bit: freeing 100,000 at once takes 10 ms


class CalendarCounter(Counter):
    """How often each key was counted in the current day, week or month.

    `time_us` must never run backwards; `MemoryCounters` sees to that.
    """

    def __init__(self, window: CalendarWindow, capacity: int) -> None:
        super().__init__(capacity)
        self._period = Period(window)
        self._counts_by_key: dict[Key, int] = {}
        self._passed: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._counts_by_key)

    def look(self, check: Check, now_us: int, time_us: int) -> tuple[bool, int]:
        if time_us >= self._period.end_us:
            self._turn(time_us)
        count = self._counts_by_key.get(check.key, 0)
        return count >= check.limit, count

    def frees_us(self, check: Check, now_us: int, time_us: int, is_counted: bool) -> int | None:
        """So long until the next period begins."""
        return self._period.end_us - time_us if check.limit > 0 else None

    def count(self, check: Check, now_us: int, time_us: int) -> None:
        if time_us >= self._period.end_us:
            self._turn(time_us)
        counts_by_key = self._counts_by_key
        counts_by_key[check.key] = counts_by_key.get(check.key, 0) + 1
        if self._passed:
            drain(self._passed)

    def carry(self, time_us: int) -> None:
        if time_us >= self._period.end_us:
            self._period.turn(time_us)

    def _turn(self, time_us: int) -> None:
        self._period.turn(time_us)
        self._passed, self._counts_by_key = self._counts_by_key, {}


class CalendarDistinct(Counter):
    """How many different members each key had in the current day, week or month.

    A member that is there already is never held. Beyond twice the capacity, which only a rule
    that refuses nothing can reach, new members are not remembered.
    """

    def __init__(self, window: CalendarWindow, capacity: int) -> None:
        super().__init__(capacity)
        self._period = Period(window)
        self._members_by_key: dict[Key, set[str]] = {}
        self._passed: dict[Key, set[str]] = {}

    def __len__(self) -> int:
        return len(self._members_by_key)

    def look(self, check: Check, now_us: int, time_us: int) -> tuple[bool, int]:
        if time_us >= self._period.end_us:
            self._turn(time_us)
        members = self._members_by_key.get(check.key)
        if members is None:
            return check.limit <= 0, 0
        count = len(members)
        return count >= check.limit and check.member not in members, count

    def frees_us(self, check: Check, now_us: int, time_us: int, is_counted: bool) -> int | None:
        """So long until the next period begins."""
        return self._period.end_us - time_us if check.limit > 0 else None

    def count(self, check: Check, now_us: int, time_us: int) -> None:
        if time_us >= self._period.end_us:
            self._turn(time_us)
        members = self._members_by_key.get(check.key)
        if members is None:
            members = self._members_by_key[check.key] = set()
        if len(members) < 2 * self.capacity:
            members.add(check.member)
        if self._passed:
            drain(self._passed)

    def carry(self, time_us: int) -> None:
        if time_us >= self._period.end_us:
            self._period.turn(time_us)

    def _turn(self, time_us: int) -> None:
        self._period.turn(time_us)
        self._passed, self._members_by_key = self._members_by_key, {}


class Period:
    """The current period; before the first turn it has ended long ago."""

    __slots__ = ("_window", "end_us", "start_us")

    def __init__(self, window: CalendarWindow) -> None:
        self._window = window
        self.start_us = self.end_us = -(2**62)

    def turn(self, time_us: int) -> None:
        self.start_us, self.end_us = self._window.period(time_us)


def drain(passed: dict[Key, int] | dict[Key, set[str]] | dict[Key, tuple[int, int]]) -> None:
    """Free some of a passed period's keys."""
    for _ in range(min(DRAINED_PER_COUNT, len(passed))):
        passed.popitem()
