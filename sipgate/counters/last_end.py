"""When the last call by a key to a callee has ended: what `cooldown` looks at."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, TypeAlias

from .question import Change, Check, Definition, Ended, Facts, Key, Seen, Value
from .watch import Watch

ANSWERED: Final = "answered"
ABANDONED: Final = "abandoned"
REFUSED: Final = "refused"  # with 607, or after the answer by a BYE that says so (RFC 8197)
CALLER: Final = "caller"
SWEPT_PER_CALL: Final = 2  # at most one is new per call, so the idle ones can't pile up

Name: TypeAlias = tuple[Key, str]


@dataclass(frozen=True, slots=True)
class LastEndSettings:
    """Which ends matter, and for how long.

    `after` is sorted: kinds of outcomes, and `abandoned`; empty: every end. `under_ms` is how short
    an abandoned call is.
    """

    wait_us: int
    after: tuple[str, ...] = ()
    under_ms: int = 2000


def was_answered(ended: Ended) -> bool:
    """Whether a 2xx had come, however the call ended after it."""
    return ended.kind == ANSWERED or ended.talk_ms is not None


def was_abandoned(ended: Ended, under_ms: int) -> bool:
    """Answered, then ended by the caller's side in less than `under_ms`: design §8, Outcomes."""
    return ended.ended_by == CALLER and ended.talk_ms is not None and ended.talk_ms < under_ms


class LastEndWatch(Watch):
    """The latest end that matters, for each key and callee, and the calls that may yet end so.

    Where every end matters, each call in progress may, from its admission on. Where only some do,
    one that is up may if what it can become is among them: answered, refused or, for so long as it
    is short enough, abandoned. One that still rings holds nobody up then: most end otherwise.
    An end is remembered until `wait` is over, a call in progress until it ends; nothing else is.
    """

    def __init__(self, definition: Definition) -> None:
        settings = definition.settings
        assert isinstance(settings, LastEndSettings), settings
        self._wait_us = settings.wait_us
        self._after = frozenset(settings.after)
        self._under_ms = settings.under_ms
        self._is_any = not settings.after
        self._is_brief = ABANDONED in self._after and not self._after & {ANSWERED, REFUSED}
        self._follows_answers = bool(self._after & {ANSWERED, REFUSED, ABANDONED})
        self._ends: OrderedDict[Name, tuple[int, str]] = OrderedDict()  # the latest last
        self._going: dict[Name, tuple[int, int]] = {}  # how many calls, and the latest's beginning

    def __len__(self) -> int:
        return len(self._ends) + len(self._going)

    def see(self, check: Check, facts: Facts, now_us: int, time_us: int) -> Seen:
        name = (check.key, check.member)
        calls, since_us = self._going.get(name, (0, 0))
        if self._is_brief and now_us - since_us >= 1000 * self._under_ms:
            calls = 0
        values: dict[str, Value] = {"in_progress": calls, "last": None, "ended_ms": None}
        is_held, frees_us = False, 0
        end = self._ends.get(name)
        if end is not None:
            ago_us = max(0, now_us - end[0])
            if ago_us < self._wait_us:
                is_held, frees_us = True, self._wait_us - ago_us
                values["last"], values["ended_ms"] = end[1], ago_us // 1000
        if calls:
            return Seen(True, calls, None, 0, values)
        return Seen(is_held, 0, frees_us, 0, values)

    def decided(
        self,
        check: Check,
        facts: Facts,
        is_admitted: bool,
        is_own: bool,
        now_us: int,
        time_us: int,
    ) -> None:
        if self._is_any and is_admitted:
            self._began((check.key, check.member), now_us)
        self._sweep(now_us)

    def answered(self, check: Check, now_us: int, time_us: int) -> None:
        if self._follows_answers:
            self._began((check.key, check.member), now_us)

    def dropped(self, check: Check, now_us: int, time_us: int) -> None:
        if self._is_any:
            self._over((check.key, check.member))

    def ended(self, check: Check, ended: Ended, now_us: int, time_us: int) -> Change | None:
        name = (check.key, check.member)
        if self._is_any or (self._follows_answers and was_answered(ended)):
            self._over(name)
        kind = self._matters_as(ended)
        if kind is not None:
            ends = self._ends
            if ends:
                now_us = max(now_us, ends[next(reversed(ends))][0])
            ends[name] = (now_us, kind)
            ends.move_to_end(name)
        self._sweep(now_us)
        return None

    def _matters_as(self, ended: Ended) -> str | None:
        """The kind of end by which it matters; None: it doesn't."""
        if ABANDONED in self._after and was_abandoned(ended, self._under_ms):
            return ABANDONED
        if self._is_any or ended.kind in self._after:
            return ended.kind
        return ANSWERED if ANSWERED in self._after and was_answered(ended) else None

    def _began(self, name: Name, now_us: int) -> None:
        calls, since_us = self._going.get(name, (0, now_us))
        self._going[name] = (calls + 1, max(since_us, now_us))

    def _over(self, name: Name) -> None:
        calls, since_us = self._going.get(name, (0, 0))  # a reload without history knows none
        if calls > 1:
            self._going[name] = (calls - 1, since_us)
        elif calls:
            del self._going[name]

    def _sweep(self, now_us: int) -> None:
        ends = self._ends
        for _ in range(SWEPT_PER_CALL):
            if not ends:
                return
            name = next(iter(ends))
            if now_us - ends[name][0] < self._wait_us:
                return
            del ends[name]
