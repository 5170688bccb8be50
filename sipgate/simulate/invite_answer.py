"""One INVITE that we answer: its server transaction, and the 2xx repeated until the ACK.

RFC 3261 §13.3.1.4: the transaction is over for us once a 2xx is sent, so the end itself repeats
the 2xx, after T1, 2 × T1, … up to T2, over TCP too, and gives up after 64 × T1.
"""

from collections.abc import Callable

from sipgate.net import Flow
from sipgate.sip import InviteServer, Request, Timers


class InviteAnswer:
    """Sends the responses to one INVITE; a Sleeper."""

    def __init__(
        self,
        request: Request,
        flow: Flow,
        timers: Timers,
        now: float,
        *,
        on_unacknowledged: Callable[[], None],
        on_over: Callable[[], None],
    ) -> None:
        self.request = request
        self.queued_at: float | None = None
        self.tag = b""  # our To tag, for whoever looks for the call; empty: there is none
        self.is_final = False
        self._flow = flow
        self._timers = timers
        self._server = InviteServer(timers, reliable=flow.reliable, now=now)
        self._ok: bytes | None = None  # a 2xx that waits for its ACK
        self._repeat_at = 0.0
        self._interval = timers.t1
        self._give_up_at = 0.0
        self._on_unacknowledged = on_unacknowledged
        self._on_over = on_over
        self.deadline: float | None = None
        self._look()

    @property
    def cseq(self) -> int:
        """The INVITE's CSeq number, which its ACK has too."""
        return self.request.cseq_number

    @property
    def waits_for_ack(self) -> bool:
        """Whether a 2xx is out whose ACK hasn't come."""
        return self._ok is not None

    def respond(self, status: int, raw: bytes, now: float) -> None:
        """Send a response, unless a final one is out."""
        if self.is_final:
            return
        out = self._server.respond(status, raw, now)
        if out is not None:
            self._flow.send(out)
        self.is_final = status >= 200
        if 200 <= status < 300:
            self._ok = raw
            self._repeat_at = now + self._interval
            self._give_up_at = now + 64 * self._timers.t1
        self._look()

    def again(self, now: float) -> None:
        """The INVITE has come again."""
        if (raw := self._server.request_again(now)) is not None:
            self._flow.send(raw)
        self._look()

    def ack_refusal(self, now: float) -> None:
        """The ACK to a final response of 300 or more has come."""
        self._server.ack(now)
        self._look()

    def ack_ok(self) -> None:
        """The ACK to the 2xx has come."""
        self._ok = None
        self._look()

    def wake(self, now: float) -> None:
        """Repeat what is due."""
        if (raw := self._server.wake(now)) is not None:
            self._flow.send(raw)
        if self._ok is not None and self._give_up_at <= now:
            self._ok = None
            self._on_unacknowledged()
        elif self._ok is not None and self._repeat_at <= now:
            self._flow.send(self._ok)
            self._interval = min(2 * self._interval, self._timers.t2)
            self._repeat_at = now + self._interval
        self._look()

    def _look(self) -> None:
        due = [] if self._ok is None else [min(self._repeat_at, self._give_up_at)]
        if self._server.deadline is not None:
            due.append(self._server.deadline)
        self.deadline = min(due, default=None)
        if self.deadline is None:
            self._on_over()
