"""The INVITE client transaction: RFC 3261 §17.1.1 as changed by RFC 6026 §7.2."""

from enum import Enum, auto

from .companion import build_ack
from .message import Response
from .timers import Timers


class InviteClientState(Enum):
    """RFC 6026 figure 5."""

    CALLING = auto()
    PROCEEDING = auto()
    ACCEPTED = auto()
    COMPLETED = auto()
    TERMINATED = auto()


_S = InviteClientState

MOVES = {  # every legal move; the tests try all the others too
    _S.CALLING: {_S.PROCEEDING, _S.ACCEPTED, _S.COMPLETED, _S.TERMINATED},
    _S.PROCEEDING: {_S.PROCEEDING, _S.ACCEPTED, _S.COMPLETED, _S.TERMINATED},
    _S.ACCEPTED: {_S.TERMINATED},
    _S.COMPLETED: {_S.TERMINATED},
    _S.TERMINATED: set[InviteClientState](),
}


class InviteClient:
    """Repeats one INVITE until something answers, and acknowledges what refuses it.

    The owner sends `raw` once, and makes it 408 for its core when `timed_out` is set. After each
    call: send what came back, then read `deadline` (clock seconds; None: over). Proceeding,
    endless in the RFC, ends with `timer_c_limit` after the last response; the proxy's Timer C
    comes first.
    """

    __slots__ = (
        "_a_at",
        "_a_interval",
        "_ack",
        "_b_at",
        "_reliable",
        "_timers",
        "deadline",
        "raw",
        "state",
        "timed_out",
    )

    def __init__(self, raw: bytes, timers: Timers, *, reliable: bool, now: float) -> None:
        self.raw = raw  # the INVITE as sent
        self.state = InviteClientState.CALLING
        self.timed_out = False  # no final response came
        self._timers = timers
        self._reliable = reliable
        self._ack: bytes | None = None
        self._a_interval = timers.t1
        self._a_at: float | None = None if reliable else now + timers.t1
        self._b_at = now + timers.timer_b
        self.deadline: float | None = self._next_at()

    def receive(self, response: Response, now: float) -> tuple[bool, bytes | None]:
        """Whether the core gets this response, and the ACK to send, if any."""
        status = response.status
        if self.state in (InviteClientState.CALLING, InviteClientState.PROCEEDING):
            if status < 200:
                self._enter(InviteClientState.PROCEEDING, now + self._timers.timer_c_limit)
            elif status < 300:
                self._enter(InviteClientState.ACCEPTED, now + self._timers.timer_m)
            else:
                self._ack = build_ack(self.raw, response)
                self._enter(
                    InviteClientState.COMPLETED,
                    now if self._reliable else now + self._timers.timer_d,
                )
            return True, self._ack
        if self.state is InviteClientState.ACCEPTED:
            return 200 <= status <= 299, None  # RFC 6026 §8.4: all of them to the core
        if self.state is InviteClientState.COMPLETED and status >= 300:
            return False, self._ack
        return False, None

    def wake(self, now: float) -> bytes | None:
        """The deadline has come. Too early, or twice, does no harm."""
        if self.deadline is None or now < self.deadline:
            return None
        if self.state is InviteClientState.CALLING and now < self._b_at:
            self._a_interval *= 2
            self._a_at = now + self._a_interval
            self.deadline = self._next_at()
            return self.raw
        if self.state in (InviteClientState.CALLING, InviteClientState.PROCEEDING):
            self.timed_out = True
        self.end()
        return None

    def end(self) -> None:
        """Time is up, or it could not be sent."""
        if self.state is not InviteClientState.TERMINATED:
            self._enter(InviteClientState.TERMINATED, None)

    def _next_at(self) -> float:
        return self._b_at if self._a_at is None else min(self._a_at, self._b_at)

    def _enter(self, state: InviteClientState, deadline: float | None) -> None:
        assert state in MOVES[self.state], (self.state, state)
        self.state, self.deadline = state, deadline
