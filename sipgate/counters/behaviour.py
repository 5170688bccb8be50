"""How machine-made the attempts of a key look: fifteen signs, read from SIP alone.

Each sign has a strength from 0 to 1000 per mille, and the policy gives it a weight: how sure the
sign alone would make us. Signs add up as independent doubts do: the score is 1 less the product of
(1 - weight x strength). All of it is whole numbers, so it is the same on each machine and after
each rebuild.

What is known of a key is its latest `MOST_ATTEMPTS` attempts, `MOST_ENDS` ends and `MOST_ANSWERED`
answered calls, as far as they lie in (now - window, now]; nothing older changes anything. Every
sign is kept up to date with what comes and goes: no look walks over the attempts.

The features are those of the papers on spam over telephones; the thresholds are ours, tried on
simulated rooms (docs/simulate.md has the table).
"""

from collections import OrderedDict, deque
from dataclasses import dataclass
from math import isqrt
from typing import Final, TypeAlias

from .idle_keys import Dated, sweep
from .question import Change, Check, Definition, Ended, Facts, Key, Seen
from .watch import Watch
from .wildcard import wildcard_pattern
from .window import SlidingWindow

SIGNS: Final = (
    "user-agent",
    "speed",
    "spacing",
    "consecutive",
    "redials",
    "distinct",
    "clis",
    "neighbour",
    "to",
    "invalid",
    "cancels",
    "early-cancels",
    "short-calls",
    "abandoned",
    "digits",
)

# The place of each sign in `SIGNS`.
_USER_AGENT: Final = 0
_SPEED: Final = 1
_SPACING: Final = 2
_CONSECUTIVE: Final = 3
_REDIALS: Final = 4
_DISTINCT: Final = 5
_CLIS: Final = 6
_NEIGHBOUR: Final = 7
_TO: Final = 8
_INVALID: Final = 9
_CANCELS: Final = 10
_EARLY_CANCELS: Final = 11
_SHORT_CALLS: Final = 12
_ABANDONED: Final = 13
_DIGITS: Final = 14

MOST_ATTEMPTS: Final = 32
MOST_ENDS: Final = 32
MOST_ANSWERED: Final = 64
MOST_USER_AGENTS: Final = 1024  # whose match is remembered

SPEED_GAPS: Final = 8  # the speed is that of the latest so many gaps
CONSECUTIVE_STEPS: Final = 3  # how far apart: some lines take turns
REDIAL_US: Final = 5_000_000  # from one attempt to the next on the same callee
NEIGHBOUR_DIGITS: Final = 4  # that differ at the end: in North America all but NPA-NXX
INVALID_STATUSES: Final = frozenset((404, 484, 604))
EARLY_MS: Final = 15_000  # 16 CFR 310.4(b)(4)(ii), Ofcom: a called line rings for 15 s at least
SHORT_MS: Final = 6_000  # what carriers charge extra for
ABANDONED_MS: Final = 4_000  # a detector of answering machines has decided by then
CALLING_CARD_DIGITS: Final = 7  # in INFO: a number to go on to

_IS_MACHINE: Final = 1  # bits of an attempt's marks
_IS_NEIGHBOUR: Final = 2
_IS_TO_DIFFERS: Final = 4
_IS_CONSECUTIVE: Final = 8
_IS_REDIAL: Final = 16

_IS_INVALID: Final = 1  # bits of an end's marks
_IS_CANCELLED: Final = 2
_IS_EARLY: Final = 4
_IS_RANG: Final = 8

_IS_SHORT: Final = 1  # bits of an answered call's marks
_IS_ABANDONED: Final = 2
_IS_DIGITS: Final = 4

_CERTAIN: Final = 1_000_000_000

# Time, gap to the attempt before in ms, gap from the last end in ms (-1: none between), marks,
# callee, CLI.
_Attempt: TypeAlias = tuple[int, int, int, int, str, str | None]
# Time, ring in ms, marks.
_End: TypeAlias = tuple[int, int, int]
# Time, marks.
_Answered: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourSettings:
    """What a policy says of a score: a weight per sign (per mille, in the order of `SIGNS`), and
    the user agents that dial by themselves (`*` for anything, upper or lower case)."""

    weights: tuple[int, ...]
    user_agents: tuple[str, ...]


class Behaviour(Watch):
    """The score of each key; `Check.limit` is per mille.

    A look costs about as many steps as there are signs, whatever was counted. A key is forgotten
    once nothing of it is in the window.
    """

    def __init__(self, definition: Definition) -> None:
        window, settings = definition.window, definition.settings
        assert isinstance(window, SlidingWindow)
        assert isinstance(settings, BehaviourSettings)
        self._length_us = window.length_us
        self._weights = settings.weights
        self._machines = wildcard_pattern(settings.user_agents)
        self._is_machine_by_name: dict[str, bool] = {}
        self._recent_by_key: OrderedDict[Key, Recent] = OrderedDict()

    def __len__(self) -> int:
        return len(self._recent_by_key)

    def forget(self, key: Key) -> None:
        self._recent_by_key.pop(key, None)

    def see(self, check: Check, facts: Facts, now_us: int, time_us: int) -> Seen:
        """The score of what was before this attempt."""
        recent = self._recent_by_key.get(check.key)
        if recent is None:
            return Seen(check.limit <= 0, 0, None, 0, {"score": 0, "signs": ""})
        recent.expire(now_us - self._length_us)
        score, signs = recent.judge(self._weights, now_us)
        return Seen(score >= check.limit, score, None, 0, {"score": score, "signs": signs})

    def decided(
        self,
        check: Check,
        facts: Facts,
        is_admitted: bool,
        is_own: bool,
        now_us: int,
        time_us: int,
    ) -> Change | None:
        """Refused or not: an attempt is an attempt."""
        recent = self._touch(check.key)
        now_us = recent.happened(now_us)
        recent.expire(now_us - self._length_us)
        agent = facts.user_agent
        recent.attempted(facts, agent is not None and self._is_machine(agent), now_us)
        sweep(self._recent_by_key, now_us - self._length_us)
        return None

    def ended(self, check: Check, ended: Ended, now_us: int, time_us: int) -> Change | None:
        recent = self._touch(check.key)
        now_us = recent.happened(now_us)
        recent.expire(now_us - self._length_us)
        recent.ended(ended, now_us)
        sweep(self._recent_by_key, now_us - self._length_us)
        return None

    def _touch(self, key: Key) -> "Recent":
        recent = self._recent_by_key.get(key)
        if recent is None:
            recent = self._recent_by_key[key] = Recent()
        else:
            self._recent_by_key.move_to_end(key)
        return recent

    def _is_machine(self, user_agent: str) -> bool:
        known = self._is_machine_by_name.get(user_agent)
        if known is None:
            if len(self._is_machine_by_name) >= MOST_USER_AGENTS:
                self._is_machine_by_name.clear()
            known = self._machines is not None and self._machines.fullmatch(user_agent) is not None
            self._is_machine_by_name[user_agent] = known
        return known


class Recent(Dated):
    """What one key has done lately, with the sums that the signs are made of.

    What an attempt has in common with the one before it (gap, step, redial) counts only while both
    are known.
    """

    def __init__(self) -> None:
        super().__init__()
        self._attempts: deque[_Attempt] = deque()
        self._ends: deque[_End] = deque()
        self._answered: deque[_Answered] = deque()
        self._attempts_by_callee: dict[str, int] = {}
        self._attempts_by_cli: dict[str, int] = {}
        self._last_number = -1  # the latest callee's, -1: it was no number
        self._last_end_us = -(2**62)
        self._machines = 0
        self._neighbours = 0
        self._tos = 0
        self._consecutive = 0
        self._redials = 0
        self._gaps = Spread()
        self._idle_gaps = Spread()
        self._invalid = 0
        self._cancelled = 0
        self._early = 0
        self._cancel_rings = Spread()
        self._short = 0
        self._abandoned = 0
        self._digits = 0
        self._rest = _CERTAIN  # of certainty that all signs but speed leave
        self._said: list[str] = []  # what each sign but speed says, in their order
        self._is_judged = True

    def attempted(self, facts: Facts, is_machine: bool, now_us: int) -> None:
        """One more attempt."""
        callee, cli = facts.callee, facts.cli
        marks = _IS_MACHINE if is_machine else 0
        if facts.to_differs:
            marks |= _IS_TO_DIFFERS
        if cli is not None and _are_neighbours(cli, callee):
            marks |= _IS_NEIGHBOUR
        number = int(callee[1:]) if facts.callee_kind == "number" else -1
        gap, idle = 0, -1
        attempts = self._attempts
        if attempts:
            before = attempts[-1]
            before_us, before_callee = before[0], before[4]
            gap = (now_us - before_us) // 1000
            if before_callee == callee:
                if now_us - before_us <= REDIAL_US:
                    marks |= _IS_REDIAL
            elif (
                number >= 0
                and self._last_number >= 0
                and -CONSECUTIVE_STEPS <= number - self._last_number <= CONSECUTIVE_STEPS
            ):
                marks |= _IS_CONSECUTIVE
            if self._last_end_us >= before_us:
                idle = (now_us - self._last_end_us) // 1000
            self._gaps.add(gap)
            if idle >= 0:
                self._idle_gaps.add(idle)
        self._last_number = number
        attempts.append((now_us, gap, idle, marks, callee, cli))
        self._count_marks(marks, 1)
        callees = self._attempts_by_callee
        callees[callee] = callees.get(callee, 0) + 1
        if cli is not None:
            clis = self._attempts_by_cli
            clis[cli] = clis.get(cli, 0) + 1
        if len(attempts) > MOST_ATTEMPTS:
            self._drop_attempt()
        self._is_judged = False

    def ended(self, ended: Ended, now_us: int) -> None:
        """An admitted call is over."""
        kind, ring_ms, talk_ms = ended.kind, ended.ring_ms, ended.talk_ms
        marks = 0
        if kind == "cancelled":
            marks = _IS_CANCELLED
            if ring_ms is None or ring_ms < EARLY_MS:
                marks |= _IS_EARLY
            if ring_ms is not None:
                marks |= _IS_RANG
        elif kind == "failed" and ended.status in INVALID_STATUSES:
            marks = _IS_INVALID
        elif kind == "answered":
            self._ended_answered(ended, talk_ms, now_us)
        ring = 0 if ring_ms is None else ring_ms
        self._ends.append((now_us, ring, marks))
        self._count_end(ring, marks, 1)
        if len(self._ends) > MOST_ENDS:
            self._drop_end()
        self._last_end_us = now_us
        self._is_judged = False

    def expire(self, out_us: int) -> None:
        """Forget what happened then or before."""
        attempts, ends, answered = self._attempts, self._ends, self._answered
        while attempts and attempts[0][0] <= out_us:
            self._drop_attempt()
        while ends and ends[0][0] <= out_us:
            self._drop_end()
        while answered and answered[0][0] <= out_us:
            self._drop_answered()

    def judge(self, weights: tuple[int, ...], now_us: int) -> tuple[int, str]:
        """The score per mille, and the signs that speak."""
        if not self._is_judged:
            self._judge(weights)
            self._is_judged = True
        rest, said = self._rest, self._said
        attempts = self._attempts
        if len(attempts) >= SPEED_GAPS and weights[_SPEED] > 0:
            # This attempt closes the last of the gaps.
            span_ms = (now_us - attempts[len(attempts) - SPEED_GAPS][0]) // 1000
            per_minute_milli = SPEED_GAPS * 60_000_000 // max(1, span_ms)
            strength = _ramp(per_minute_milli, 3_000, 6_000)
            if strength > 0:
                rest = rest * (1_000_000 - weights[_SPEED] * strength) // 1_000_000
                word = _word(_SPEED, strength)
                if word:
                    said = [word, *said]
        return (_CERTAIN - rest) // 1_000_000, ", ".join(said)

    def _judge(self, weights: tuple[int, ...]) -> None:
        self._rest = _CERTAIN
        self._said = []
        self._judge_attempts(weights)
        self._judge_ends(weights)

    def _judge_attempts(self, weights: tuple[int, ...]) -> None:
        attempts, pairs = len(self._attempts), len(self._attempts) - 1
        if self._machines > 0:
            self._weigh(weights, _USER_AGENT, 1000 * self._machines // attempts)
        spacing = max(self._gaps.regularity(), self._idle_gaps.regularity())
        self._weigh(weights, _SPACING, spacing)
        if attempts >= 6:
            if self._consecutive > 0:
                self._weigh(weights, _CONSECUTIVE, _share(self._consecutive, pairs, 200, 600))
            if self._redials > 0:
                self._weigh(weights, _REDIALS, _share(self._redials, pairs, 300, 700))
        if attempts >= 12:
            callees = len(self._attempts_by_callee)
            self._weigh(weights, _DISTINCT, _share(callees, attempts, 850, 950))
        self._weigh(weights, _CLIS, _ramp(len(self._attempts_by_cli), 2, 6))
        if self._neighbours > 0 and attempts >= 6:
            self._weigh(weights, _NEIGHBOUR, _share(self._neighbours, attempts, 300, 800))
        if self._tos > 0 and attempts >= 3:
            self._weigh(weights, _TO, _share(self._tos, attempts, 100, 500))

    def _judge_ends(self, weights: tuple[int, ...]) -> None:
        ends, answered = len(self._ends), len(self._answered)
        if self._invalid > 0 and ends >= 8:
            self._weigh(weights, _INVALID, _share(self._invalid, ends, 80, 200))
        if self._cancelled >= 5:
            # Their share too, for whoever is answered mostly has no machine that gives up.
            often = _share(self._cancelled, ends, 300, 600)
            self._weigh(weights, _CANCELS, self._cancel_rings.closeness() * often // 1000)
            self._weigh(weights, _EARLY_CANCELS, _share(self._early, ends, 300, 700))
        if self._short > 0 and answered >= 6:
            self._weigh(weights, _SHORT_CALLS, _share(self._short, answered, 300, 700))
        if self._abandoned > 0 and answered >= 40:
            self._weigh(weights, _ABANDONED, _share(self._abandoned, answered, 60, 140))
        if self._digits > 0 and answered >= 3:
            self._weigh(weights, _DIGITS, _share(self._digits, answered, 200, 600))

    def _weigh(self, weights: tuple[int, ...], sign: int, strength: int) -> None:
        weight = weights[sign]
        if weight == 0 or strength == 0:
            return
        self._rest = self._rest * (1_000_000 - weight * strength) // 1_000_000
        word = _word(sign, strength)
        if word:
            self._said.append(word)

    def _ended_answered(self, ended: Ended, talk_ms: int | None, now_us: int) -> None:
        marks = 0
        if talk_ms is not None and ended.ended_by != "lost" and ended.ended_by != "gate":
            if talk_ms <= SHORT_MS:
                marks |= _IS_SHORT
            if talk_ms <= ABANDONED_MS and ended.ended_by == "caller":
                marks |= _IS_ABANDONED
        if ended.info_digits >= CALLING_CARD_DIGITS:
            marks |= _IS_DIGITS
        self._answered.append((now_us, marks))
        self._count_answered(marks, 1)
        if len(self._answered) > MOST_ANSWERED:
            self._drop_answered()

    def _drop_attempt(self) -> None:
        _, _, _, marks, callee, cli = self._attempts.popleft()
        self._count_single(marks, -1)
        _subtract(self._attempts_by_callee, callee)
        if cli is not None:
            _subtract(self._attempts_by_cli, cli)
        if self._attempts:  # it is the first now: what it had in common with that one goes too
            _, gap, idle, marks, _, _ = self._attempts[0]
            self._gaps.take(gap)
            if idle >= 0:
                self._idle_gaps.take(idle)
            self._count_pair(marks, -1)
        self._is_judged = False

    def _drop_end(self) -> None:
        _, ring, marks = self._ends.popleft()
        self._count_end(ring, marks, -1)
        self._is_judged = False

    def _drop_answered(self) -> None:
        _, marks = self._answered.popleft()
        self._count_answered(marks, -1)
        self._is_judged = False

    def _count_marks(self, marks: int, by: int) -> None:
        if marks:
            self._count_single(marks, by)
            self._count_pair(marks, by)

    def _count_single(self, marks: int, by: int) -> None:
        if marks & _IS_MACHINE:
            self._machines += by
        if marks & _IS_NEIGHBOUR:
            self._neighbours += by
        if marks & _IS_TO_DIFFERS:
            self._tos += by

    def _count_pair(self, marks: int, by: int) -> None:
        if marks & _IS_CONSECUTIVE:
            self._consecutive += by
        if marks & _IS_REDIAL:
            self._redials += by

    def _count_end(self, ring: int, marks: int, by: int) -> None:
        if marks == 0:
            return
        if marks & _IS_INVALID:
            self._invalid += by
        if marks & _IS_CANCELLED:
            self._cancelled += by
        if marks & _IS_EARLY:
            self._early += by
        if marks & _IS_RANG:
            if by > 0:
                self._cancel_rings.add(ring)
            else:
                self._cancel_rings.take(ring)

    def _count_answered(self, marks: int, by: int) -> None:
        if marks & _IS_SHORT:
            self._short += by
        if marks & _IS_ABANDONED:
            self._abandoned += by
        if marks & _IS_DIGITS:
            self._digits += by


class Spread:
    """How far some durations, in ms, stray from their mean."""

    def __init__(self) -> None:
        self.count = 0
        self._sum = 0
        self._squares = 0

    def add(self, duration: int) -> None:
        self.count += 1
        self._sum += duration
        self._squares += duration * duration

    def take(self, duration: int) -> None:
        self.count -= 1
        self._sum -= duration
        self._squares -= duration * duration

    def regularity(self) -> int:
        """1000: a coefficient of variation of 0.15 or less; 0: of 0.5 or more, or too few."""
        if self.count < 7:
            return 0
        if self._sum == 0:
            return 1000
        return 1000 - _ramp(1000 * self._count_deviation() // self._sum, 150, 500)

    def closeness(self) -> int:
        """1000: a standard deviation of 0.7 s or less; 0: of 2.5 s or more, or too few."""
        if self.count < 5:
            return 0
        return 1000 - _ramp(self._count_deviation() // self.count, 700, 2_500)

    def _count_deviation(self) -> int:
        """The standard deviation, `count` times, rounded down."""
        return isqrt(self.count * self._squares - self._sum * self._sum)


def _ramp(value: int, none: int, full: int) -> int:
    """0 up to `none`, 1000 from `full` on, evenly in between."""
    if value <= none:
        return 0
    if value >= full:
        return 1000
    return 1000 * (value - none) // (full - none)


def _share(part: int, whole: int, none: int, full: int) -> int:
    """The ramp of a share; both ends are per mille."""
    return _ramp(1000 * part // whole, none, full)


def _word(sign: int, strength: int) -> str:
    """`speed 0.9`; nothing for one that can hardly be heard."""
    return _WORDS[sign][(strength + 50) // 100]


def _subtract(counts: dict[str, int], key: str) -> None:
    left = counts[key] - 1
    if left:
        counts[key] = left
    else:
        del counts[key]


def _are_neighbours(cli: str, callee: str) -> bool:
    """Whether two numbers are alike but for their last digits."""
    length = len(callee)
    return (
        length == len(cli)
        and length > 2 * NEIGHBOUR_DIGITS
        and cli != callee
        and callee.startswith(cli[: length - NEIGHBOUR_DIGITS])
    )


_WORDS: Final = tuple(
    ("", *(f"{sign} {tenths / 10:.1f}" for tenths in range(1, 11))) for sign in SIGNS
)
