"""A standing from 0 to 100 per key: what faults took from it, time and good calls give back.

Each fault takes points, three quarters of them in a fast part and a quarter in a slow one; what a
fault took of a part fades evenly to nothing while that part's time passes:

    standing = 100 - sum over both parts, over their faults: points x (length - age) / length

in milli-points and microseconds, each sum divided once and rounded up: no floating point, and
looking at it changes nothing. The idea is progressive multi gray-leveling (Shin, Ahn, Shim 2006):
a short-term level that is large and forgives soon, a long-term one that remembers.

A good call gives points back: to the latest faults first, and never beyond 100, so nothing can be
saved up for faults to come. Faults in one 64th of a part's length are one fault, made at the last
of them, of at most `MOST_POINTS` or what the worst of them weighs: a phone gone wild for a minute
does not lose all for a week, and a key has at most 65 faults in each part however long it goes on.

The 64ths are those of the calendar, which a reboot does not move; ages go by the boot's clock. What
is older than the length and a 64th leaves no trace, so a rebuild that reads so much is exact.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Final

from .idle_keys import Dated, sweep
from .question import REFUSED_BY_CALLEE, Change, Check, Definition, Ended, Facts, Key, Seen
from .watch import Watch

PARTS_OF_LENGTH: Final = 64
MOST_POINTS: Final = 20_000  # milli-points that a part loses in a 64th of its length
SLOW_PER_MILLE: Final = 250  # of a fault's points
WHOLE: Final = 100_000  # milli-points

EARLY_MS: Final = 15_000  # of ringing: 16 CFR 310.4(b)(4)(ii), Ofcom
SHORT_MS: Final = 6_000  # of talk: what carriers charge extra for
GOOD_MS: Final = 30_000  # of talk


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingSettings:
    """What each event weighs, in milli-points, and how long both parts remember."""

    refused: int  # the callee refused the call
    rejected: int  # another rule did
    short_call: int
    early_cancel: int
    good_call: int  # given back
    fast_us: int
    slow_us: int

    @property
    def horizon_us(self) -> int:
        """What is older leaves no trace."""
        longest = max(self.fast_us, self.slow_us)
        return longest + longest // PARTS_OF_LENGTH


class Standing(Watch):
    """The standing of each key; a check holds when it is under `Check.limit`."""

    def __init__(self, definition: Definition) -> None:
        settings = definition.settings
        assert isinstance(settings, StandingSettings)
        self._settings = settings
        self._longest_us = max(settings.fast_us, settings.slow_us)
        self._faults_by_key: OrderedDict[Key, Faults] = OrderedDict()

    def __len__(self) -> int:
        return len(self._faults_by_key)

    def forget(self, key: Key) -> None:
        self._faults_by_key.pop(key, None)

    def see(self, check: Check, facts: Facts, now_us: int, time_us: int) -> Seen:
        faults = self._faults_by_key.get(check.key)
        standing = 100 if faults is None else faults.standing(max(now_us, faults.latest_us))
        return Seen(standing < check.limit, standing, None, 0, {"standing": standing})

    def decided(
        self,
        check: Check,
        facts: Facts,
        is_admitted: bool,
        is_own: bool,
        now_us: int,
        time_us: int,
    ) -> Change | None:
        """What another rule refused is a fault; what this standing refused is its consequence."""
        if is_admitted or is_own:
            return None
        points = self._settings.rejected
        return self._lose(check.key, points, "refused by a rule", now_us, time_us)

    def ended(self, check: Check, ended: Ended, now_us: int, time_us: int) -> Change | None:
        settings, kind = self._settings, ended.kind
        ring_ms, talk_ms = ended.ring_ms, ended.talk_ms
        if kind == REFUSED_BY_CALLEE:
            reason = "refused by the callee"
            return self._lose(check.key, settings.refused, reason, now_us, time_us)
        if kind == "cancelled":
            if ring_ms is None or ring_ms < EARLY_MS:
                reason = f"given up after {(ring_ms or 0) // 1000} s of ringing"
                return self._lose(check.key, settings.early_cancel, reason, now_us, time_us)
        elif kind == "answered" and talk_ms is not None:
            if ended.ended_by == "lost" or ended.ended_by == "gate":
                return None  # nobody knows how long it was: credit for it could be had by silence
            if talk_ms >= GOOD_MS:
                return self._regain(check.key, f"a call of {talk_ms // 1000} s", now_us)
            if talk_ms <= SHORT_MS:
                reason = f"a call of {talk_ms // 1000} s"
                return self._lose(check.key, settings.short_call, reason, now_us, time_us)
        return None

    def _lose(self, key: Key, points: int, reason: str, now_us: int, time_us: int) -> Change | None:
        if points == 0:
            return None
        faults = self._faults_by_key.get(key)
        if faults is None:
            faults = self._faults_by_key[key] = Faults(self._settings)
        else:
            self._faults_by_key.move_to_end(key)
        now_us = faults.happened(now_us)
        before = faults.standing(now_us)
        faults.lose(points, now_us, time_us)
        sweep(self._faults_by_key, now_us - self._longest_us)
        return _change(key, before, faults.standing(now_us), reason)

    def _regain(self, key: Key, reason: str, now_us: int) -> Change | None:
        faults = self._faults_by_key.get(key)
        if faults is None or self._settings.good_call == 0:
            return None
        now_us = max(now_us, faults.latest_us)
        before = faults.standing(now_us)
        faults.regain(self._settings.good_call, now_us)
        return _change(key, before, faults.standing(now_us), reason)


class Faults(Dated):
    """What one key has lost."""

    def __init__(self, settings: StandingSettings) -> None:
        super().__init__()
        self._fast = Part(settings.fast_us)
        self._slow = Part(settings.slow_us)

    def standing(self, now_us: int) -> int:
        lost = self._fast.lost(now_us) + self._slow.lost(now_us)
        return max(0, (WHOLE - lost) // 1000)

    def lose(self, points: int, now_us: int, time_us: int) -> None:
        slow = points * SLOW_PER_MILLE // 1000
        self._fast.lose(points - slow, now_us, time_us)
        self._slow.lose(slow, now_us, time_us)

    def regain(self, points: int, now_us: int) -> None:
        slow = points * SLOW_PER_MILLE // 1000
        self._fast.regain(points - slow, now_us)
        self._slow.regain(slow, now_us)


class Part:
    """Points that were lost and fade, oldest first: `(time, milli-points, 64th)` of each 64th."""

    def __init__(self, length_us: int) -> None:
        self._length_us = length_us
        self._period_us = max(1, length_us // PARTS_OF_LENGTH)
        self._lost: deque[tuple[int, int, int]] = deque()
        self._points = 0
        self._moments = 0  # sum of points x time

    def lost(self, now_us: int) -> int:
        """What is left of it, in milli-points, rounded up."""
        self._expire(now_us)
        if self._points == 0:
            return 0
        left = self._points * (self._length_us - now_us) + self._moments
        return -(left // -self._length_us)

    def lose(self, points: int, now_us: int, time_us: int) -> None:
        self._expire(now_us)
        lost, period = self._lost, time_us // self._period_us
        if lost and lost[-1][2] == period:
            at_us, before, _ = lost.pop()
            self._points -= before
            self._moments -= before * at_us
            points = max(points, before, min(points + before, MOST_POINTS))
        lost.append((now_us, points, period))
        self._points += points
        self._moments += points * now_us

    def regain(self, points: int, now_us: int) -> None:
        self._expire(now_us)
        lost = self._lost
        while lost and points > 0:
            at_us, newest, period = lost.pop()
            paid = min(points, newest)
            points -= paid
            self._points -= paid
            self._moments -= paid * at_us
            if newest > paid:
                lost.append((at_us, newest - paid, period))

    def _expire(self, now_us: int) -> None:
        lost, out_us = self._lost, now_us - self._length_us
        while lost and lost[0][0] <= out_us:
            at_us, points, _ = lost.popleft()
            self._points -= points
            self._moments -= points * at_us


def _change(key: Key, before: int, after: int, reason: str) -> Change | None:
    if before == after:
        return None
    return Change(key if isinstance(key, str) else ", ".join(key), before, after, reason)
