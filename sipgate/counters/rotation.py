"""Distinct counters that a member already in the window does not pass: how many rotate?

Where different members are counted as an allowance, whoever is in the window may come again. Where
they are counted as a sign, each attempt of a key that shows more of them than it may is held: else
one round of refused attempts would make all numbers known, and the second round would pass. And who
has shown too many can't go on by showing none: an attempt without a member is held too.
"""

from typing import Final

from .calendar_window import CalendarDistinct
from .question import Check
from .sliding import SlidingDistinct

NO_MEMBER: Final = ""  # of an attempt that shows none: it adds nothing, and may not be counted


class SlidingRotation(SlidingDistinct):
    """Held where the key, this attempt included, has more than `limit` members in the window.

    The count has this attempt in it, and stops at twice the capacity.
    """

    def look(self, check: Check, now_us: int, time_us: int) -> tuple[bool, int]:
        _, count = super().look(check, now_us, time_us)
        member = check.member
        if member != NO_MEMBER and member not in self._times_by_member_by_key.get(check.key, ()):
            count += 1
        return count > check.limit, count

    def frees_us(self, check: Check, now_us: int, time_us: int, is_counted: bool) -> int | None:
        """So long until this very member would be held no more."""
        times_by_member = self._times_by_member_by_key.get(check.key)
        if times_by_member is None or check.limit < 1:
            return None
        over = len(times_by_member) - (check.member in times_by_member) - check.limit
        if check.member == NO_MEMBER:
            over -= 1
        for member, time_us in times_by_member.items():
            if member == check.member:
                continue
            if over <= 0:
                return max(0, time_us + self._length_us - now_us)
            over -= 1
        return None


class CalendarRotation(CalendarDistinct):
    """The same for the current day, week or month."""

    def look(self, check: Check, now_us: int, time_us: int) -> tuple[bool, int]:
        _, count = super().look(check, now_us, time_us)
        member = check.member
        if member != NO_MEMBER and member not in self._members_by_key.get(check.key, ()):
            count += 1
        return count > check.limit, count
