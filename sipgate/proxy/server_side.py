"""The server transaction of a request, and what is answered on it (RFC 3261 §16.2, §17.2)."""

from __future__ import annotations

from sipgate.net import Flow
from sipgate.sip import (
    PHRASES,
    BadMessage,
    InviteServer,
    NonInviteServer,
    Request,
    Response,
    Timers,
    build_response,
    parse_via,
)

from .branch import BranchMaker
from .forwarding import forwarded_response
from .response_context import ContextOwner, ResponseContext
from .return_path import ReturnPath
from .server_key import ServerKey
from .source import Source
from .timer_queue import TimerQueue
from .transaction_table import TransactionTable

MOST_RETRY_AFTER = 3  # seconds; design §6, 503


class ServerSide:
    """Opens response contexts and answers what they are for."""

    def __init__(
        self,
        *,
        table: TransactionTable,
        timers: TimerQueue,
        sip_timers: Timers,
        branches: BranchMaker,
        return_path: ReturnPath,
    ) -> None:
        self._table = table
        self._timers = timers
        self._sip_timers = sip_timers
        self._branches = branches
        self._return_path = return_path
        self._retry_after = 0

    def open(
        self,
        owner: ContextOwner,
        request: Request,
        flow: Flow,
        key: ServerKey,
        source: Source | None,
        now: float,
    ) -> ResponseContext:
        """A server transaction for a new request."""
        back_flow = self._return_path.flow_for(request.via, flow)
        server: InviteServer | NonInviteServer
        if request.method == b"INVITE":
            server = InviteServer(self._sip_timers, reliable=flow.reliable, now=now)
            context = ResponseContext(owner, request, flow, back_flow, server, key, source)
        else:
            server = NonInviteServer(self._sip_timers, reliable=flow.reliable, now=now)
            context = ResponseContext(owner, request, flow, back_flow, server, key, source)
            context.trying_at = server.trying_due
        self._table.open(key, context)
        return context

    def trying(self, context: ResponseContext, now: float) -> None:
        """100 Trying, so that the caller's retransmissions end (RFC 3261 §16.2)."""
        raw = context.server.respond(100, build_response(context.request, 100, b"Trying"), now)
        if raw is not None:
            self.send_up(context, raw)

    def send_up(self, context: ResponseContext, raw: bytes) -> None:
        """Send a response to whoever asked, by a new connection if theirs has ended."""
        back_flow = context.back_flow
        if back_flow.reliable and not back_flow.is_open:
            back_flow = self._return_path.connection_anew(context.request.via, back_flow)
            context.back_flow = back_flow
        back_flow.send(raw)

    def repeat(self, back_flow: Flow, response: Response) -> None:
        """Send on another 2xx to an INVITE whose transactions are over (RFC 6026 §7.2)."""
        if back_flow.reliable and not back_flow.is_open:
            try:
                via = parse_via(response.values(b"via")[1])
                back_flow = self._return_path.flow_by_via(via, back_flow)
            except BadMessage:
                return  # mangled on its way: nobody can be found by it
        back_flow.send(forwarded_response(response, back_flow))

    def respond(
        self,
        context: ResponseContext,
        status: int,
        now: float,
        *,
        phrase: bytes | None = None,
        headers: tuple[bytes, ...] = (),
    ) -> None:
        """Send a final response of our own."""
        request = context.request
        self.respond_raw(
            context,
            status,
            build_response(
                request,
                status,
                phrase if phrase is not None else PHRASES.get(status, b"Unknown"),
                to_tag=self.own_tag(request),
                headers=headers,
            ),
            now,
        )

    def unavailable(self, context: ResponseContext, now: float) -> None:
        """503 for the gate's own state; 1 to 3 s, so that callers don't all come at once."""
        self._retry_after = self._retry_after % MOST_RETRY_AFTER + 1
        self.respond(context, 503, now, headers=(b"Retry-After: %d" % self._retry_after,))

    def respond_raw(self, context: ResponseContext, status: int, raw: bytes, now: float) -> None:
        """Send a final response, ours or a forwarded one, and close what it closes."""
        out = context.server.respond(status, raw, now)
        if out is None:
            return
        self.send_up(context, out)
        if status < 200:
            return
        context.final_status = status
        is_invite = context.request.method == b"INVITE"
        if context.server.deadline is not None and is_invite and status >= 300:
            self._timers.add(context, now)  # Timer G or H; until the ACK comes
            return
        accepted = status < 300 and is_invite
        self._bury(context, None if accepted else out, now, accepted=accepted)

    def own_tag(self, request: Request) -> bytes:
        """A To tag that is the same for each retransmission (RFC 3261 §8.2.6.2)."""
        return self._branches.to_tag(request)

    def acknowledged(self, context: ResponseContext, now: float) -> None:
        """The ACK to a non-2xx: nothing is sent any more."""
        server = context.server
        assert isinstance(server, InviteServer)
        server.ack(now)
        if context.final_status >= 300:
            self._bury(context, None, now)

    def forget(self, context: ResponseContext) -> None:
        """The server transaction's own time is up."""
        if self._table.servers.get(context.server_key) is context:
            del self._table.servers[context.server_key]
            self._table.close(context)

    def _bury(
        self, context: ResponseContext, raw: bytes | None, now: float, *, accepted: bool = False
    ) -> None:
        if self._table.servers.get(context.server_key) is not context:
            return
        self._table.close(context)
        context.server.end()
        if context.flow.reliable:
            del self._table.servers[context.server_key]  # nothing is retransmitted
            return
        call = context.call if accepted else None
        self._table.bury_server(context.server_key, raw, context.back_flow, now, call)
