"""The non-INVITE client transaction: RFC 3261 §17.1.2."""

from enum import Enum, auto

from .message import Response
from .timers import Timers


class NonInviteClientState(Enum):
    """RFC 3261 figure 6."""

    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    TERMINATED = auto()


_S = NonInviteClientState

MOVES = {  # every legal move; the tests try all the others too
    _S.TRYING: {_S.PROCEEDING, _S.COMPLETED, _S.TERMINATED},
    _S.PROCEEDING: {_S.PROCEEDING, _S.COMPLETED, _S.TERMINATED},
    _S.COMPLETED: {_S.TERMINATED},
    _S.TERMINATED: set[NonInviteClientState](),
}


class NonInviteClient:
    """Repeats one request until its final response comes.

    The owner sends `raw` once, and sees in `timed_out` that nothing came. After each call: send
    what came back, then read `deadline` (clock seconds; None: over).
    """

    __slots__ = (
        "_e_at",
        "_e_interval",
        "_f_at",
        "_reliable",
        "_timers",
        "deadline",
        "raw",
        "state",
        "timed_out",
    )

    def __init__(self, raw: bytes, timers: Timers, *, reliable: bool, now: float) -> None:
        self.raw = raw  # the request as sent
        self.state = NonInviteClientState.TRYING
        self.timed_out = False  # no final response came
        self._timers = timers
        self._reliable = reliable
        self._e_interval = timers.t1
        self._e_at: float | None = None if reliable else now + timers.t1
        self._f_at = now + timers.timer_f
        self.deadline: float | None = self._next_at()

    def receive(self, response: Response, now: float) -> tuple[bool, bytes | None]:
        """Whether the core gets this response; nothing is ever sent back."""
        if self.state in (NonInviteClientState.COMPLETED, NonInviteClientState.TERMINATED):
            return False, None
        if response.status < 200:
            self._enter(NonInviteClientState.PROCEEDING, self.deadline)  # E and F run on
        else:
            self._enter(
                NonInviteClientState.COMPLETED,
                now if self._reliable else now + self._timers.timer_k,
            )
        return True, None

    def wake(self, now: float) -> bytes | None:
        """The deadline has come. Too early, or twice, does no harm."""
        if self.deadline is None or now < self.deadline:
            return None
        if self.state is not NonInviteClientState.COMPLETED:
            if now < self._f_at:
                self._e_interval = self._next_interval()
                self._e_at = now + self._e_interval
                self.deadline = self._next_at()
                return self.raw
            self.timed_out = True
        self.end()
        return None

    def end(self) -> None:
        """Time is up, or it could not be sent."""
        if self.state is not NonInviteClientState.TERMINATED:
            self._enter(NonInviteClientState.TERMINATED, None)

    def _next_interval(self) -> float:
        if self.state is NonInviteClientState.PROCEEDING:
            return self._timers.t2
        return min(2 * self._e_interval, self._timers.t2)

    def _next_at(self) -> float:
        return self._f_at if self._e_at is None else min(self._e_at, self._f_at)

    def _enter(self, state: NonInviteClientState, deadline: float | None) -> None:
        assert state in MOVES[self.state], (self.state, state)
        self.state, self.deadline = state, deadline
