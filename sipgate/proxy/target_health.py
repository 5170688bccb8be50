"""Whether a target takes calls: what responses, errors and probes say of it (design §6, Targets).

A call that times out is no verdict: it may have been the callee. It only makes the next probe due.
"""

from enum import Enum, auto
from typing import Final

MISSES: Final = 3  # probes in a row
DEAD_SECONDS: Final = 60.0  # without probes, a dead target is tried again after that


class Change(Enum):
    """What a report made of a target."""

    NONE = auto()
    DIED = auto()
    REVIVED = auto()


class TargetHealth:
    """One target's life. All times are clock seconds."""

    __slots__ = ("answers_probes", "dead_since", "is_probed", "misses", "tried_at")

    def __init__(self, *, is_probed: bool) -> None:
        self.is_probed = is_probed
        self.dead_since: float | None = None
        self.tried_at = float("-inf")
        self.misses = 0
        self.answers_probes = False  # it has, once: before that a miss says nothing

    def is_dead(self, now: float) -> bool:
        """Whether it is passed over; without probes nothing else would ever revive it."""
        since = self.dead_since
        return since is not None and (self.is_probed or now < since + DEAD_SECONDS)

    def heard(self, status: int) -> Change:
        """A response came from it: any but 503 makes it alive."""
        if status == 503:
            return Change.NONE
        self.misses = 0
        if self.dead_since is None:
            return Change.NONE
        self.dead_since = None
        return Change.REVIVED

    def failed(self, now: float) -> Change:
        """A transport error."""
        was_dead = self.dead_since is not None
        self.dead_since = now
        return Change.NONE if was_dead else Change.DIED

    def probe_answered(self, status: int) -> Change:
        """It answered a probe, with whatever status: a 503 too is an answer, but no life."""
        self.answers_probes = True
        self.misses = 0
        return self.heard(status)

    def probe_missed(self, now: float) -> Change:
        """A probe had no answer."""
        if not self.answers_probes:
            return Change.NONE
        self.misses += 1
        if self.misses < MISSES or self.dead_since is not None:
            return Change.NONE
        self.dead_since = now
        return Change.DIED
