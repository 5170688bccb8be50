"""The INVITE server transaction: RFC 3261 §17.2.1 as changed by RFC 6026 §7.1."""

from enum import Enum, auto

from .timers import Timers


class InviteServerState(Enum):
    """RFC 6026 figure 7."""

    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    CONFIRMED = auto()
    TERMINATED = auto()


_S = InviteServerState

MOVES = {  # every legal move; the tests try all the others too
    _S.PROCEEDING: {_S.PROCEEDING, _S.ACCEPTED, _S.COMPLETED, _S.TERMINATED},
    _S.ACCEPTED: {_S.TERMINATED},
    _S.COMPLETED: {_S.CONFIRMED, _S.TERMINATED},
    _S.CONFIRMED: {_S.TERMINATED},
    _S.TERMINATED: set[InviteServerState](),
}


class InviteServer:
    """Answers one INVITE: repeats what was said last, and a refusal until its ACK comes.

    After each call: send what came back, then read `deadline` (clock seconds; None: over). An
    ACK in Accepted is the core's to forward. Proceeding, endless in the RFC, ends with
    `timer_c_limit` after the last response; the proxy's Timer C comes first.
    """

    __slots__ = (
        "_answer",
        "_g_at",
        "_g_interval",
        "_h_at",
        "_reliable",
        "_timers",
        "deadline",
        "state",
        "timed_out",
    )

    def __init__(self, timers: Timers, *, reliable: bool, now: float) -> None:
        self.state = InviteServerState.PROCEEDING
        self.deadline: float | None = now + timers.timer_c_limit
        self.timed_out = False  # no ACK came for our refusal
        self._timers = timers
        self._reliable = reliable
        self._answer: bytes | None = None  # what a retransmission of the INVITE gets
        self._g_at: float | None = None
        self._g_interval = timers.t1
        self._h_at = 0.0

    def respond(self, status: int, raw: bytes, now: float) -> bytes | None:
        """Take the core's response; None when it may not be sent."""
        if self.state is InviteServerState.ACCEPTED and 200 <= status <= 299:
            return raw  # RFC 6026 §7.1: its repetitions, and those of other branches
        if self.state is not InviteServerState.PROCEEDING:
            return None  # the first final answer stands
        if status < 200:
            self._answer = raw
            self._enter(InviteServerState.PROCEEDING, now + self._timers.timer_c_limit)
        elif status < 300:
            self._answer = None  # whoever accepted repeats the 2xx himself
            self._enter(InviteServerState.ACCEPTED, now + self._timers.timer_l)
        else:
            self._answer = raw
            self._h_at = now + self._timers.timer_h
            if not self._reliable:
                self._g_at = now + self._g_interval
            self._enter(InviteServerState.COMPLETED, self._next_at())
        return raw

    def request_again(self, now: float) -> bytes | None:
        """The INVITE came again: what is to be repeated, None if nothing."""
        return self._answer

    def ack(self, now: float) -> None:
        """An ACK came on the INVITE's branch."""
        if self.state is InviteServerState.COMPLETED:
            self._answer = None
            self._enter(
                InviteServerState.CONFIRMED,
                now if self._reliable else now + self._timers.timer_i,
            )

    def wake(self, now: float) -> bytes | None:
        """The deadline has come. Too early, or twice, does no harm."""
        if self.deadline is None or now < self.deadline:
            return None
        if self.state is InviteServerState.COMPLETED:
            if now < self._h_at:
                self._g_interval = min(2 * self._g_interval, self._timers.t2)
                self._g_at = now + self._g_interval
                self.deadline = self._next_at()
                return self._answer
            self.timed_out = True
        self.end()
        return None

    def end(self) -> None:
        """Time is up, or the owner has no more use for it."""
        if self.state is not InviteServerState.TERMINATED:
            self._answer = None
            self._enter(InviteServerState.TERMINATED, None)

    def _next_at(self) -> float:
        return self._h_at if self._g_at is None else min(self._g_at, self._h_at)

    def _enter(self, state: InviteServerState, deadline: float | None) -> None:
        assert state in MOVES[self.state], (self.state, state)
        self.state, self.deadline = state, deadline
