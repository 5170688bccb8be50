"""The non-INVITE server transaction: RFC 3261 §17.2.2 as changed by RFC 4320 §4."""

from enum import Enum, auto

from .timers import Timers


class NonInviteServerState(Enum):
    """RFC 3261 figure 8."""

    TRYING = auto()
    PROCEEDING = auto()
    COMPLETED = auto()
    TERMINATED = auto()


_S = NonInviteServerState

MOVES = {  # every legal move; the tests try all the others too
    _S.TRYING: {_S.PROCEEDING, _S.COMPLETED, _S.TERMINATED},
    _S.PROCEEDING: {_S.PROCEEDING, _S.COMPLETED, _S.TERMINATED},
    _S.COMPLETED: {_S.TERMINATED},
    _S.TERMINATED: set[NonInviteServerState](),
}


class NonInviteServer:
    """Gives one request one answer, however often the request arrives.

    After each call: send what came back, then read `deadline` (clock seconds; None: over). It
    makes no 100 by itself: that is for whoever has the request. RFC 4320 §4.1 wants one when Timer
    E has reached T2, at `trying_due`; over UDP `respond` lets none through before.
    """

    __slots__ = (
        "_answer",
        "_expires_at",
        "_timer_j",
        "deadline",
        "state",
        "trying_at",
        "trying_due",
    )

    def __init__(self, timers: Timers, *, reliable: bool, now: float) -> None:
        self.state = NonInviteServerState.TRYING
        self.trying_due = now + _until_timer_e_is_t2(timers)
        self.trying_at = now if reliable else self.trying_due
        self._answer: bytes | None = None  # what a retransmission of the request gets
        self._expires_at = now + timers.timer_f  # the client's: nobody waits longer
        self._timer_j = 0.0 if reliable else timers.timer_j
        self.deadline: float | None = self._expires_at

    def respond(self, status: int, raw: bytes, now: float) -> bytes | None:
        """Take the core's response; None when it may not be sent."""
        if self.state in (NonInviteServerState.COMPLETED, NonInviteServerState.TERMINATED):
            return None  # the first final answer stands
        if status == 408:
            return None  # RFC 4320 §4.2
        if status >= 200:
            self._enter(NonInviteServerState.COMPLETED, now + self._timer_j)
        elif status == 100 and now >= self.trying_at:
            self._enter(NonInviteServerState.PROCEEDING, self._expires_at)
        else:
            return None  # RFC 4320 §4.1: no 1xx but 100, and over UDP not early
        self._answer = raw
        return raw

    def request_again(self, now: float) -> bytes | None:
        """The request came again: what is to be repeated, None if nothing."""
        return self._answer

    def wake(self, now: float) -> bytes | None:
        """The deadline has come. Too early, or twice, does no harm. Nothing is ever sent."""
        if self.deadline is not None and now >= self.deadline:
            self.end()
        return None

    def end(self) -> None:
        """Time is up, or no address took the answer (RFC 3261 §17.2.4)."""
        if self.state is not NonInviteServerState.TERMINATED:
            self._answer = None
            self._enter(NonInviteServerState.TERMINATED, None)

    def _enter(self, state: NonInviteServerState, deadline: float | None) -> None:
        assert state in MOVES[self.state], (self.state, state)
        self.state, self.deadline = state, deadline


def _until_timer_e_is_t2(timers: Timers) -> float:
    """How long a client takes until it repeats its request only every T2: 3.5 s by default."""
    elapsed, interval = 0.0, timers.t1
    while interval < timers.t2:
        elapsed += interval
        interval *= 2
    return elapsed
