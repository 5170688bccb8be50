"""Counters over sliding windows: exact to the microsecond, grown with use."""

from collections import OrderedDict, deque
from itertools import islice

from .counter import Counter
from .question import Check, Key
from .window import SlidingWindow

SWEPT_PER_COUNT = 2  # at most one key is new per count, so the idle ones can't pile up


class SlidingCounter(Counter):
    """How often each key was counted in (now - window, now].

    A key has the latest `capacity` times, sorted; older ones can't change whether a limit up to
    `capacity` is reached. So the count stops there, and a key that is refused for ever needs no
    more memory than one at its limit. Keys stand in the order of their last count, so those whose
    window has passed are found in front.
    """

    def __init__(self, window: SlidingWindow, capacity: int) -> None:
        super().__init__(capacity)
        self._length_us = window.length_us
        self._times_by_key: OrderedDict[Key, deque[int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times_by_key)

    def look(self, check: Check, now_us: int, time_us: int) -> tuple[bool, int]:
        times = self._times_by_key.get(check.key)
        if times is None:
            return check.limit <= 0, 0
        out_us = now_us - self._length_us
        while times and times[0] <= out_us:
            times.popleft()
        count = len(times)
        return count >= check.limit, count

    def frees_us(self, check: Check, now_us: int, time_us: int, is_counted: bool) -> int | None:
        """So long until the key, held now, is below the limit again."""
        times = self._times_by_key.get(check.key)
        if not times or not 0 < check.limit <= len(times):
            return None
        leaving = len(times) - check.limit + is_counted
        if leaving == len(times):  # this attempt alone fills the limit
            return self._length_us
        return max(0, times[leaving] + self._length_us - now_us)

    def count(self, check: Check, now_us: int, time_us: int) -> None:
        times_by_key = self._times_by_key
        times = times_by_key.get(check.key)
        if times is None:
            times = times_by_key[check.key] = deque(maxlen=self.capacity)
        else:
            if times.maxlen != self.capacity:  # a reload has changed the limit since
                times = times_by_key[check.key] = deque(times, maxlen=self.capacity)
            times_by_key.move_to_end(check.key)
            if times and times[-1] > now_us:
                now_us = times[-1]  # a rebuild over a clock that jumped: too strict, never too lax
        times.append(now_us)
        self._sweep(now_us - self._length_us)

    def _sweep(self, out_us: int) -> None:
        times_by_key = self._times_by_key
        for _ in range(SWEPT_PER_COUNT):
            key = next(iter(times_by_key))
            times = times_by_key[key]
            if times and times[-1] > out_us:
                return
            del times_by_key[key]
            if not times_by_key:
                return


class SlidingDistinct(Counter):
    """How many different members each key had in (now - window, now].

    A member that is in the window already is never held, however many there are. Beyond twice
    the capacity, which only a rule that refuses nothing can reach, the member unseen for longest
    is forgotten.
    """

    def __init__(self, window: SlidingWindow, capacity: int) -> None:
        super().__init__(capacity)
        self._length_us = window.length_us
        self._times_by_member_by_key: OrderedDict[Key, OrderedDict[str, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._times_by_member_by_key)

    def look(self, check: Check, now_us: int, time_us: int) -> tuple[bool, int]:
        times_by_member = self._times_by_member_by_key.get(check.key)
        if times_by_member is None:
            return check.limit <= 0, 0
        out_us = now_us - self._length_us
        while times_by_member:
            oldest = next(iter(times_by_member))
            if times_by_member[oldest] > out_us:
                break
            del times_by_member[oldest]
        count = len(times_by_member)
        return count >= check.limit and check.member not in times_by_member, count

    def frees_us(self, check: Check, now_us: int, time_us: int, is_counted: bool) -> int | None:
        times_by_member = self._times_by_member_by_key.get(check.key)
        if not times_by_member or not 0 < check.limit <= len(times_by_member):
            return None
        leaving = len(times_by_member) - check.limit + is_counted  # held: a new member
        if leaving == len(times_by_member):
            return self._length_us
        since_us = next(islice(times_by_member.values(), leaving, None))
        return max(0, since_us + self._length_us - now_us)

    def count(self, check: Check, now_us: int, time_us: int) -> None:
        members_by_key = self._times_by_member_by_key
        times_by_member = members_by_key.get(check.key)
        if times_by_member is None:
            times_by_member = members_by_key[check.key] = OrderedDict()
        else:
            members_by_key.move_to_end(check.key)
            if times_by_member:
                now_us = max(now_us, times_by_member[next(reversed(times_by_member))])
        times_by_member[check.member] = now_us
        times_by_member.move_to_end(check.member)
        while len(times_by_member) > 2 * self.capacity:
            times_by_member.popitem(last=False)
        self._sweep(now_us - self._length_us)

    def _sweep(self, out_us: int) -> None:
        members_by_key = self._times_by_member_by_key
        for _ in range(SWEPT_PER_COUNT):
            key = next(iter(members_by_key))
            times_by_member = members_by_key[key]
            if times_by_member and times_by_member[next(reversed(times_by_member))] > out_us:
                return
            del members_by_key[key]
            if not members_by_key:
                return
