"""What the gate asks the counters about one attempt, and what they answer.

A question is whole: with it a store can walk the rules, find the one that settles the verdict and
move the counts in one atomic step. That is what memory does here in one turn of the loop, and
what a script in Redis can do for many gates.
"""

from enum import Enum
from typing import Final, Literal, NamedTuple, TypeAlias

from .window import CalendarWindow, Window

Key: TypeAlias = str | tuple[str, ...]
Value: TypeAlias = int | str | bool | None


class Moves(Enum):
    """Which attempts a counter counts, or what a watch watches."""

    ATTEMPTS = "attempts"  # every decided one, rejected ones included
    ADMITTED = "admitted"
    REJECTED = "rejected"  # those that the gate refused
    DISTINCT_CALLEES = "distinct-callees"  # different members among the admitted
    DISTINCT_CLIS = "distinct-clis"  # different members among all attempts
    ANSWERED = "answered"  # the admitted, when and if a 2xx comes
    REFUSED = "refused-by-callee"  # the admitted, when their callee has refused them
    IN_PROGRESS = "in-progress"  # admitted and not over
    LAST_END = "last-end"
    SHARE = "share"
    BEHAVIOUR = "behaviour"
    STANDING = "standing"


COUNTED_ALWAYS: Final = frozenset((Moves.ATTEMPTS, Moves.DISTINCT_CLIS))  # whatever the verdict
COUNTED_LATER: Final = frozenset((Moves.ANSWERED, Moves.REFUSED))
DISTINCT: Final = frozenset((Moves.DISTINCT_CALLEES, Moves.DISTINCT_CLIS))
REFUSED_BY_CALLEE: Final = "refused"  # the kind of an outcome


class Definition:
    """What a counter counts; two with the same `name` are one counter.

    The name says which attempts are selected, by which key, how and in which window they are
    counted, but no limit: a reload that only changes a limit keeps the counts. `capacity` is the
    highest limit that is tested: beyond it a counter need not count. `window` is None for calls
    in progress. `settings` is what a watch goes by, hashable, and None for all that is no watch;
    its repr is a part of the name.
    """

    __slots__ = ("capacity", "moves", "name", "settings", "window")

    def __init__(
        self,
        *,
        name: str,
        moves: Moves,
        window: Window | None,
        capacity: int,
        settings: object | None = None,
    ) -> None:
        self.name = name
        self.moves = moves
        self.window = window
        self.capacity = capacity
        self.settings = settings

    def with_capacity(self, capacity: int) -> "Definition":
        """The same counter, for higher limits."""
        return Definition(
            name=self.name,
            moves=self.moves,
            window=self.window,
            capacity=capacity,
            settings=self.settings,
        )

    def serves(self, other: "Definition") -> bool:
        """Whether what this counter knows answers all that `other` asks."""
        if self.name != other.name:
            return False
        is_integer = self.moves is Moves.IN_PROGRESS or (
            self.moves not in DISTINCT and isinstance(self.window, CalendarWindow)
        )
        return is_integer or self.capacity >= other.capacity


class Check:
    """One look at one count: has `key` reached `limit`?

    `member` is what is told apart where different things are counted. With `counts` the attempt
    also moves the count; of several checks of one counter only one has it.
    """

    __slots__ = ("counts", "definition", "key", "limit", "member")

    def __init__(
        self, definition: Definition, key: Key, member: str, limit: int, counts: bool
    ) -> None:
        self.definition = definition
        self.key = key
        self.member = member
        self.limit = limit
        self.counts = counts


Settles: TypeAlias = Literal["no", "allow", "reject"]


class StepQuestion:
    """One rule: what its condition depends on, and whether it settles the verdict if it holds.

    `holds` is the answer where the gate knows it; None: it holds when any of `checks` does, with
    `needs_all` when all do. `rule` is its id.
    """

    __slots__ = ("checks", "holds", "needs_all", "rule", "settles")

    def __init__(
        self,
        settles: Settles,
        holds: bool | None,
        checks: tuple[Check, ...] = (),
        rule: str = "",
        needs_all: bool = False,
    ) -> None:
        self.settles = settles
        self.holds = holds
        self.checks = checks
        self.rule = rule
        self.needs_all = needs_all


class Facts(NamedTuple):
    """What watches learn of an attempt, besides key and member.

    `to_differs`: To names another number than the one that would ring.
    """

    callee: str
    callee_kind: str
    cli: str | None
    user_agent: str | None
    to_differs: bool


NO_FACTS: Final = Facts("", "", None, None, False)


class Question:
    """All rules that the attempt concerns, in order; both clocks in microseconds."""

    __slots__ = ("facts", "now_us", "steps", "time_us")

    def __init__(
        self, now_us: int, time_us: int, steps: list[StepQuestion], facts: Facts = NO_FACTS
    ) -> None:
        self.now_us = now_us
        self.time_us = time_us
        self.steps = steps
        self.facts = facts


class Ended(NamedTuple):
    """How an admitted call has ended, in the words of the ledger's outcome.

    `kind` is answered, cancelled, busy, refused, blocked, unanswered, failed or lost; times are in
    milliseconds. `info_digits` are those that the caller sent on after the answer.
    """

    kind: str
    status: int | None = None
    ring_ms: int | None = None
    talk_ms: int | None = None
    ended_by: str | None = None
    cancelled: bool = False
    info_digits: int = 0


class Change(NamedTuple):
    """A standing that has moved: whose, from where to where (0 to 100), and why."""

    subject: str
    before: int
    after: int
    reason: str


class Seen:
    """What one check saw, before this attempt.

    `counted` of a sliding window stops at the counter's capacity. `at` is the check's place in
    its step. `frees_us`: so long until none of the step's counters holds any more if this attempt
    counts and no other does; 0 when not held, None when no time alone will free it. `values` is
    what a watch says besides.
    """

    __slots__ = ("at", "counted", "frees_us", "held", "values")

    def __init__(
        self,
        held: bool,
        counted: int,
        frees_us: int | None = 0,
        at: int = 0,
        values: dict[str, Value] | None = None,
    ) -> None:
        self.held = held
        self.counted = counted
        self.frees_us = frees_us
        self.at = at
        self.values = values


class Answer:
    """How the walk went.

    `settled` is the index of the step that settled, or None. `seen` has one value per step up to
    it: of a step with several checks the first that holds, else the first (of one that needs all:
    the last, with what watches said); None for a step that the gate had answered itself. `places`
    are the gauges that the call now holds, `changes` the standings that it moved.
    """

    __slots__ = ("changes", "places", "seen", "settled")

    def __init__(
        self,
        settled: int | None,
        seen: list[Seen | None],
        places: list[tuple[str, Key]],
        changes: list[Change] | None = None,
    ) -> None:
        self.settled = settled
        self.seen = seen
        self.places = places
        self.changes: list[Change] = [] if changes is None else changes


def microseconds(seconds: float) -> int:
    """A clock's reading as the counters and the ledger keep it."""
    return round(seconds * 1_000_000)
