"""Which share of a key's calls ended in some way: what `ratio` looks at."""

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final, TypeAlias

from .calendar_window import Period, drain
from .idle_keys import Dated, sweep
from .last_end import was_abandoned, was_answered
from .question import Change, Check, Definition, Ended, Facts, Key, Seen, Value
from .watch import Watch
from .window import CalendarWindow, SlidingWindow, Window

SHORT: Final = "short"
UNANSWERED: Final = "unanswered"
CANCELLED: Final = "cancelled"
ABANDONED: Final = "abandoned"
OF_ANSWERED: Final = (SHORT, ABANDONED)  # the other two are shares of all ended calls
LOST: Final = "lost"

SHARE_BITS: Final = 10  # 1000 per mille fit
SLICES: Final = 720  # of a window: an hour of 30 days
EXACT: Final = 240  # so many calls of a key are told apart, however close together

Sums: TypeAlias = tuple[int, int]
"""Calls that could have ended in that way, and calls that did."""
NONE: Final = (0, 0)


@dataclass(frozen=True, slots=True)
class ShareSettings:
    """Which calls are counted; `under_ms` is how short a short or an abandoned one is."""

    of: str
    under_ms: int
    window: Window

    @property
    def horizon(self) -> Window:
        """How far back calls are counted at most: a sliding window and one slice."""
        if isinstance(self.window, SlidingWindow):
            return SlidingWindow(self.window.length_us + _slice_us(self.window))
        return self.window


def _slice_us(window: SlidingWindow) -> int:
    return max(1, window.length_us // SLICES)


def share_limit(share: int, sample: int) -> int:
    """A check's limit: the share in per mille that may not be passed, over how many calls."""
    return sample << SHARE_BITS | share


class ShareWatch(Watch):
    """Per key: how many calls ended in the window, and how many of them in the way asked for."""

    def __init__(self, definition: Definition) -> None:
        settings = definition.settings
        assert isinstance(settings, ShareSettings), settings
        self._of = settings.of
        self._under_ms = settings.under_ms
        self._sums: _SlidingSums | _CalendarSums
        window = settings.window
        if isinstance(window, SlidingWindow):
            self._sums = _SlidingSums(window)
        else:
            self._sums = _CalendarSums(window)

    def __len__(self) -> int:
        return len(self._sums)

    def see(self, check: Check, facts: Facts, now_us: int, time_us: int) -> Seen:
        total, part = self._sums.of(check.key, now_us, time_us)
        # Rounded up: a share that has passed the permitted one is never written as equal to it.
        share = -(-1000 * part // total) if total else 0
        sample, permitted = check.limit >> SHARE_BITS, check.limit & (1 << SHARE_BITS) - 1
        is_held = total >= sample and share > permitted
        since_us, end_us = self._sums.bounds_us(time_us)
        values: dict[str, Value] = {
            "count": part,
            "sample": total,
            "share": share,
            "since": -(-since_us // 1_000_000),
        }
        frees_us: int | None = 0
        if is_held:
            frees_us = None if end_us is None else end_us - time_us
        return Seen(is_held, part, frees_us, 0, values)

    def carry(self, time_us: int) -> None:
        self._sums.carry(time_us)

    def ended(self, check: Check, ended: Ended, now_us: int, time_us: int) -> Change | None:
        if self._of not in OF_ANSWERED or was_answered(ended):
            self._sums.add(check.key, self._is_one(ended), now_us, time_us)
        return None

    def _is_one(self, ended: Ended) -> bool:
        if ended.ended_by == LOST:
            return False  # nobody knows when, or by whom
        if self._of == SHORT:
            return ended.talk_ms is not None and ended.talk_ms < self._under_ms
        if self._of == ABANDONED:
            return was_abandoned(ended, self._under_ms)
        return ended.kind == self._of


class _SlidingSums:
    """Sums over (now - window, now].

    A key's calls stand by themselves until there are `EXACT` of them; from then on those that
    ended in the same slice, a 720th of the window, are one, which leaves when the last of them
    is out. So what is summed is always all calls of a stretch that ends now and is as long as the
    window, or up to a slice longer: exactly what a window of that length holds.
    """

    def __init__(self, window: SlidingWindow) -> None:
        self._length_us = window.length_us
        self._slice_us = _slice_us(window)
        self._keys: OrderedDict[Key, _Slices] = OrderedDict()  # in the order of their last call

    def __len__(self) -> int:
        return len(self._keys)

    def bounds_us(self, time_us: int) -> tuple[int, int | None]:
        return time_us - self._length_us, None

    def carry(self, time_us: int) -> None:
        """The calendar doesn't matter."""

    def of(self, key: Key, now_us: int, time_us: int) -> Sums:
        slices = self._keys.get(key)
        if slices is None:
            return NONE
        slices.forget(now_us - self._length_us)
        return slices.total, slices.part

    def add(self, key: Key, is_part: bool, now_us: int, time_us: int) -> None:
        slices = self._keys.get(key)
        if slices is None:
            slices = self._keys[key] = _Slices()
        else:
            self._keys.move_to_end(key)
            slices.forget(now_us - self._length_us)
        slices.add(1 if is_part else 0, now_us, self._slice_us)
        sweep(self._keys, now_us - self._length_us)


class _Slices(Dated):
    """One key's calls, oldest first: when the last of a slice ended, how many, how many of them."""

    __slots__ = ("_slices", "part", "total")

    def __init__(self) -> None:
        super().__init__()
        self.total = 0
        self.part = 0
        self._slices: deque[tuple[int, int, int]] = deque()

    def forget(self, out_us: int) -> None:
        slices = self._slices
        while slices and slices[0][0] <= out_us:
            _, total, part = slices.popleft()
            self.total -= total
            self.part -= part

    def add(self, part: int, now_us: int, length_us: int) -> None:
        slices = self._slices
        last_us = self.latest_us
        now_us = self.happened(now_us)
        self.total += 1
        self.part += part
        if len(slices) >= EXACT and last_us // length_us == now_us // length_us:
            _, total, parts = slices[-1]
            slices[-1] = (now_us, total + 1, parts + part)
        else:
            slices.append((now_us, 1, part))


class _CalendarSums:
    """Sums over the current day, week or month."""

    def __init__(self, window: CalendarWindow) -> None:
        self._period = Period(window)
        self._sums_by_key: dict[Key, Sums] = {}
        self._passed: dict[Key, Sums] = {}

    def __len__(self) -> int:
        return len(self._sums_by_key)

    def bounds_us(self, time_us: int) -> tuple[int, int | None]:
        return self._period.start_us, self._period.end_us

    def carry(self, time_us: int) -> None:
        if time_us >= self._period.end_us:
            self._period.turn(time_us)

    def of(self, key: Key, now_us: int, time_us: int) -> Sums:
        if time_us >= self._period.end_us:
            self._turn(time_us)
        return self._sums_by_key.get(key, NONE)

    def add(self, key: Key, is_part: bool, now_us: int, time_us: int) -> None:
        if time_us >= self._period.end_us:
            self._turn(time_us)
        total, part = self._sums_by_key.get(key, NONE)
        self._sums_by_key[key] = (total + 1, part + 1 if is_part else part)
        if self._passed:
            drain(self._passed)

    def _turn(self, time_us: int) -> None:
        self._period.turn(time_us)
        self._passed, self._sums_by_key = self._sums_by_key, {}
