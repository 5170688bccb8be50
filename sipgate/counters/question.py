"""What the gate asks the counters about one attempt, and what they answer.

A question is whole: with it a store can walk the rules, find the one that settles the verdict and
move the counts in one atomic step. That is what memory does here in one turn of the loop, and
what a script in Redis can do for many gates.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Literal, NamedTuple, TypeAlias

from .window import CalendarWindow, Window

Key: TypeAlias = str | tuple[str, ...]


class Moves(Enum):
    """Which attempts a counter counts."""

    ATTEMPTS = "attempts"  # every decided one, rejected ones included
    ADMITTED = "admitted"
    DISTINCT_CALLEES = "distinct-callees"  # different members among the admitted
    IN_PROGRESS = "in-progress"  # admitted and not over


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What a counter counts; two with the same `name` are one counter.

    The name says which attempts are selected, by which key, how and in which window they are
    counted, but no limit: a reload that only changes a limit keeps the counts. `capacity` is the
    highest limit that is tested: beyond it a counter need not count. `window` is None for calls
    in progress.
    """

    name: str
    moves: Moves
    window: Window | None
    capacity: int

    def serves(self, other: "Definition") -> bool:
        """Whether what this counter knows answers all that `other` asks."""
        if self.name != other.name:
            return False
        is_integer = self.moves is Moves.IN_PROGRESS or (
            self.moves is not Moves.DISTINCT_CALLEES and isinstance(self.window, CalendarWindow)
        )
        return is_integer or self.capacity >= other.capacity


class Check(NamedTuple):
    """One look at one count: has `key` reached `limit`?

    `member` is what is told apart where different things are counted. With `counts` the attempt
    also moves the count; of several checks of one counter only one has it.
    """

    definition: Definition
    key: Key
    member: str
    limit: int
    counts: bool


Settles: TypeAlias = Literal["no", "allow", "reject"]


class StepQuestion(NamedTuple):
    """One rule: what its condition depends on, and whether it settles the verdict if it holds.

    `holds` is the answer where the gate knows it; None: it holds when any of `checks` does.
    """

    settles: Settles
    holds: bool | None
    checks: tuple[Check, ...] = ()


class Question(NamedTuple):
    """All rules that the attempt concerns, in order; both clocks in microseconds."""

    now_us: int
    time_us: int
    steps: list[StepQuestion]


class Seen(NamedTuple):
    """What one check saw, before this attempt.

    `counted` of a sliding window stops at the counter's capacity. `at` is the check's place in
    its step. `frees_us`: so long until one place is free again if nothing more is counted; 0 when
    not held, None when no time alone will free it.
    """

    held: bool
    counted: int
    frees_us: int | None = 0
    at: int = 0


class Answer(NamedTuple):
    """How the walk went.

    `settled` is the index of the step that settled, or None. `seen` has one value per step up to
    it: of a step with several checks the first that holds, else the first; None for a step that
    the gate had answered itself. `places` are the gauges that the call now holds.
    """

    settled: int | None
    seen: list[Seen | None]
    places: list[tuple[str, Key]]


def microseconds(seconds: float) -> int:
    """A clock's reading as the counters and the ledger keep it."""
    return round(seconds * 1_000_000)
