"""One request on its way through: its server and its client transaction, side by side.

RFC 3261 §16.2 calls this the response context. It lives from the request to its final response;
then tombstones stand in for it (`transaction_table.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sipgate.gate import OpenAttempt
from sipgate.net import Flow
from sipgate.numbers import Callee
from sipgate.sip import (
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    Request,
    Response,
    Uri,
)

from .binding_table import Binding
from .call import Call
from .next_hop import NO_ROUTE
from .registration import Registering
from .server_key import ServerKey
from .source import Source

TIMER_C = 200.0  # seconds; RFC 3261 §16.6 step 11 asks for more than 3 minutes
CANCEL_PATIENCE = 32.0  # 64 × T1 from CANCEL to a final response: RFC 3261 §9.1


class ContextOwner(Protocol):
    """Whoever is told when time runs out for a request."""

    def client_timed_out(self, context: ResponseContext, now: float) -> None: ...

    def timer_c_fired(self, context: ResponseContext, now: float) -> None: ...

    def server_ended(self, context: ResponseContext, now: float) -> None: ...


class ResponseContext:
    """The two transactions of a request, and what the core must remember between them."""

    __slots__ = (
        "back_flow",
        "binding",
        "call",
        "callee",
        "cancel_at",
        "cancel_reason",
        "cancel_wanted",
        "client",
        "client_key",
        "final_status",
        "flow",
        "is_initial",
        "open",
        "out_flow",
        "owner",
        "proven",
        "provisional",
        "referred",
        "registering",
        "request",
        "routes",
        "sent",
        "server",
        "server_key",
        "source",
        "timer_c",
        "uri",
    )

    def __init__(
        self,
        owner: ContextOwner,
        request: Request,
        flow: Flow,
        back_flow: Flow,
        server: InviteServer | NonInviteServer,
        server_key: ServerKey,
        source: Source | None,
    ) -> None:
        self.owner = owner
        self.request = request
        self.flow = flow  # what the request came down
        self.back_flow = back_flow  # what its responses go up (RFC 3261 §18.2.2)
        self.server = server
        self.server_key = server_key
        self.source = source
        self.client: InviteClient | NonInviteClient | None = None
        self.client_key = b""
        self.out_flow: Flow | None = None
        self.sent = b""  # the request as forwarded: CANCEL is made from it
        self.call: Call | None = None
        self.open: OpenAttempt | None = None
        # Read once, before the decision; needed again when the INVITE leaves:
        self.uri: Uri | None = None
        self.callee: Callee | None = None
        self.routes = NO_ROUTE
        # A REFER that is decided: the dialog it came in, and whether its way is open.
        self.referred: tuple[Call | None, bool] | None = None
        self.proven: str | None = None  # the user whose password the request has shown
        self.is_initial = False  # an INVITE that is, or repeats, an attempt
        self.binding: Binding | None = None  # the phone that it is for
        self.registering: Registering | None = None  # of a REGISTER: what its 200 confirms
        self.cancel_wanted = False  # the caller sent CANCEL
        self.cancel_at: float | None = None  # when CANCEL went upstream
        self.cancel_reason: bytes | None = None  # the CANCEL's own Reason line
        self.provisional = False  # upstream has sent a 1xx
        self.timer_c: float | None = None
        self.final_status = 0  # what the server transaction got in the end

    @property
    def deadline(self) -> float | None:
        """The earliest of the three."""
        earliest = self.server.deadline
        client = self.client
        if client is not None:
            deadline = client.deadline
            if deadline is not None and (earliest is None or deadline < earliest):
                earliest = deadline
        if self.timer_c is not None and (earliest is None or self.timer_c < earliest):
            earliest = self.timer_c
        return earliest

    def wake(self, now: float) -> None:
        """Retransmit, or tell the owner that time is up."""
        server, client = self.server, self.client
        if client is not None and client.deadline is not None and client.deadline <= now:
            raw = client.wake(now)
            if raw is not None and self.out_flow is not None:
                self.out_flow.send(raw)
            if client.timed_out:
                self.owner.client_timed_out(self, now)
        if self.timer_c is not None and self.timer_c <= now:
            self.owner.timer_c_fired(self, now)
        deadline = server.deadline
        if deadline is not None and deadline <= now:
            raw = server.wake(now)
            if raw is not None:
                self.back_flow.send(raw)
            if server.deadline is None:
                self.owner.server_ended(self, now)

    def drop_client(self) -> None:
        """The client transaction is over; nothing more is expected from upstream."""
        self.client = None
        self.timer_c = None


class OwnCancel:
    """A CANCEL that the proxy sent: a non-INVITE client transaction with no one behind it."""

    __slots__ = ("client", "flow", "key", "on_end")

    def __init__(
        self, key: bytes, client: NonInviteClient, flow: Flow, on_end: Callable[[bytes], object]
    ) -> None:
        self.key = key
        self.client = client
        self.flow = flow
        self.on_end = on_end

    @property
    def deadline(self) -> float | None:
        return self.client.deadline

    def receive(self, response: Response, now: float) -> None:
        self.client.receive(response, now)
        if response.status >= 200:
            self.client.end()
            self.on_end(self.key)

    def wake(self, now: float) -> None:
        raw = self.client.wake(now)
        if raw is not None:
            self.flow.send(raw)
        if self.client.deadline is None:
            self.on_end(self.key)
