"""The proxy core between the two transactions of a request: RFC 3261 §16.6 to §16.10."""

from __future__ import annotations

from collections import Counter

from sipgate.gate import OpenAttempt, OpenAttempts, asks_for_repair
from sipgate.ledger import EndedBy, OutcomeKind
from sipgate.net import Flow
from sipgate.sip import (
    PHRASES,
    BadMessage,
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    Request,
    Response,
    Timers,
    build_cancel,
    build_response,
    parse_via,
)

from .binding_table import FLOW_FAILED
from .branch import FIRST_PART_LENGTH, BranchMaker
from .call import Call, CallState
from .call_recorder import CallRecorder
from .forwarding import forwarded_request, forwarded_response, goes_further
from .outcome import (
    ANSWERED,
    CALLEE,
    CALLER,
    CANCELLED,
    FAILED,
    GATE,
    LOST,
    REFUSED,
    UNANSWERED,
    is_refusal,
    kind_of_failure,
)
from .registration import Registrations
from .response_context import CANCEL_PATIENCE, TIMER_C, OwnCancel, ResponseContext
from .restored import RestoredInvite, RestoredInvites
from .return_path import ReturnPath
from .server_key import ServerKey
from .source import Source
from .timer_queue import TimerQueue
from .transaction_table import ClientTombstone, TransactionTable
from .wire_text import text_of

# What says that the BYE itself was wrong: the call goes on. Any other response, and none at all,
# ends it (RFC 3261 §15.1.1). 500 is what a CSeq that is too low gets (RFC 3261 §12.2.2).
BYE_NOT_TAKEN = frozenset(
    (400, 401, 405, 407, 413, 414, 415, 416, 420, 421, 482, 483, 491, 493, 494, 500, 501, 505, 513)
)


class Forwarder:
    """Opens response contexts, sends requests on, brings responses back."""

    def __init__(
        self,
        *,
        table: TransactionTable,
        timers: TimerQueue,
        sip_timers: Timers,
        branches: BranchMaker,
        recorder: CallRecorder,
        open_attempts: OpenAttempts,
        return_path: ReturnPath,
        restored: RestoredInvites,
        registrations: Registrations,
        counts: Counter[str],
    ) -> None:
        self._table = table
        self._timers = timers
        self._sip_timers = sip_timers
        self._branches = branches
        self._recorder = recorder
        self._open_attempts = open_attempts
        self._return_path = return_path
        self._restored = restored
        self._registrations = registrations
        self._counts = counts

    # The server side

    def open(
        self, request: Request, flow: Flow, key: ServerKey, source: Source | None, now: float
    ) -> ResponseContext:
        """A server transaction for a new request."""
        server: InviteServer | NonInviteServer
        if request.method == b"INVITE":
            server = InviteServer(self._sip_timers, reliable=flow.reliable, now=now)
        else:
            server = NonInviteServer(self._sip_timers, reliable=flow.reliable, now=now)
        back_flow = self._return_path.flow_for(request.via, flow)
        context = ResponseContext(self, request, flow, back_flow, server, key, source)
        self._table.servers[key] = context
        self._table.contexts += 1
        return context

    def trying(self, context: ResponseContext, now: float) -> None:
        """100 Trying, so that the caller's retransmissions end (RFC 3261 §16.2)."""
        raw = context.server.respond(100, build_response(context.request, 100, b"Trying"), now)
        if raw is not None:
            context.back_flow.send(raw)

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

    def respond_raw(self, context: ResponseContext, status: int, raw: bytes, now: float) -> None:
        """Send a final response, ours or a forwarded one, and close what it closes."""
        out = context.server.respond(status, raw, now)
        if out is None:
            return
        context.back_flow.send(out)
        if status < 200:
            return
        context.final_status = status
        if context.server.deadline is not None and (
            context.request.method == b"INVITE" and status >= 300
        ):
            self._timers.add(context, now)  # Timer G or H; until the ACK comes
            return
        accepted = status < 300 and _is_invite(context)
        self._bury_server(context, None if accepted else out, now, accepted=accepted)

    def own_tag(self, request: Request) -> bytes:
        """A To tag that is the same for each retransmission (RFC 3261 §8.2.6.2)."""
        return self._branches.to_tag(request)

    def acknowledged(self, context: ResponseContext, now: float) -> None:
        """The ACK to a non-2xx: nothing is sent any more."""
        server = context.server
        assert isinstance(server, InviteServer)
        server.ack(now)
        if context.final_status >= 300:
            self._bury_server(context, None, now)

    def server_ended(self, context: ResponseContext, now: float) -> None:
        """The server transaction's own time is up (Timer H: no ACK came)."""
        if context.client is not None and context.final_status == 0:
            # No answer from upstream in the time that any client waits: it is over for both.
            self._forget_client(context)
            if not _is_invite(context):
                self._non_invite_ended(context, 408, None, now)
        if self._table.servers.get(context.server_key) is context:
            del self._table.servers[context.server_key]
            self._table.contexts -= 1

    def _bury_server(
        self, context: ResponseContext, raw: bytes | None, now: float, *, accepted: bool = False
    ) -> None:
        if self._table.servers.get(context.server_key) is not context:
            return
        self._table.contexts -= 1
        context.server.end()
        if context.flow.reliable:
            del self._table.servers[context.server_key]  # nothing is retransmitted
            return
        call = context.call if accepted else None
        self._table.bury_server(context.server_key, raw, context.back_flow, now, call)

    def end_attempt(self, context: ResponseContext, status: int, now: float) -> bool:
        """An initial INVITE got its final response; False while others of its attempt are open."""
        if context.open is None:
            return True
        opened, context.open = context.open, None
        return self._open_attempts.ended(opened, status, now)

    # The client side

    def forward(
        self,
        context: ResponseContext,
        out_flow: Flow,
        target: bytes,
        now: float,
        *,
        uri: bytes | None = None,
        own_routes: int = 0,
        rest_routes: tuple[bytes, ...] = (),
        record_routes: tuple[bytes, ...] = (),
        remove: tuple[int, ...] = (),
        append: tuple[bytes, ...] = (),
        strict: bool = False,
    ) -> None:
        """Send the request on under a client transaction of its own (RFC 3261 §16.6)."""
        request = context.request
        first = self._branches.transaction_part(request, target)
        branch = first + b"." + self._branches.loop_part(request, rest_routes)
        raw = forwarded_request(
            request,
            out_flow,
            branch,
            uri=uri,
            own_routes=own_routes,
            record_routes=record_routes,
            remove=remove,
            append=append,
            strict=strict,
        )
        context.sent = raw
        context.out_flow = out_flow
        context.client_key = first
        if request.method == b"INVITE":
            context.client = InviteClient(
                raw, self._sip_timers, reliable=out_flow.reliable, now=now
            )
            context.timer_c = now + TIMER_C
        else:
            context.client = NonInviteClient(
                raw, self._sip_timers, reliable=out_flow.reliable, now=now
            )
        self._table.clients[first] = context
        self._timers.add(context, now)
        out_flow.send(raw)

    def stateless(
        self,
        request: Request,
        out_flow: Flow,
        target: bytes,
        own_routes: int,
        rest_routes: tuple[bytes, ...],
        remove: tuple[int, ...],
        uri: bytes | None = None,
        *,
        strict: bool = False,
    ) -> None:
        """Send what has no transaction of its own, such as the ACK to a 2xx: RFC 3261 §16.11."""
        branch = (
            self._branches.transaction_part(request, target)
            + b"."
            + self._branches.loop_part(request, rest_routes)
        )
        out_flow.send(
            forwarded_request(
                request,
                out_flow,
                branch,
                uri=uri,
                own_routes=own_routes,
                remove=remove,
                strict=strict,
            )
        )

    def response(self, response: Response, flow: Flow, now: float) -> None:
        """A response from upstream: RFC 3261 §16.7."""
        key = response.via.branch[:FIRST_PART_LENGTH]
        if response.cseq_method == b"CANCEL":
            key += b"CANCEL"
        entry = self._table.clients.get(key)
        if entry is None:
            invite = self._restored.find_response(key[:FIRST_PART_LENGTH], response)
            if invite is None:
                self._counts["responses_stray"] += 1
            else:
                self._restored_response(invite, response, flow, now)
        elif entry.__class__ is ResponseContext:
            self._take(entry, response, now)
        elif isinstance(entry, ClientTombstone):
            self._again(entry, response, now)
        elif isinstance(entry, OwnCancel):
            entry.receive(response, now)

    def cancel(self, context: ResponseContext, reason: bytes | None, now: float) -> None:
        """Pass the caller's CANCEL on, now or after the first provisional (RFC 3261 §9.1)."""
        context.cancel_wanted = True
        context.cancel_reason = reason
        call = context.call
        if call is not None and context.is_initial and call.state is not CallState.UP:
            call.cancelled = True
        if context.provisional:
            self._send_cancel(context, now)

    def client_timed_out(self, context: ResponseContext, now: float) -> None:
        """Timer B or F: as if a 408 had come (RFC 3261 §16.8, §17.1.1.2)."""
        self._forget_client(context)
        if _is_invite(context):
            self._finish_locally(context, 408, now)
        else:
            # RFC 4320 §4.2: no 408 to a non-INVITE; the caller's own Timer F has fired as well.
            self._non_invite_ended(context, 408, None, now)
            context.server.end()
            self.server_ended(context, now)

    def timer_c_fired(self, context: ResponseContext, now: float) -> None:
        """Nothing final for too long: CANCEL it, or give up on a CANCEL (RFC 3261 §16.8)."""
        if context.cancel_at is None and context.provisional:
            context.timer_c = None
            self._send_cancel(context, now)
            return
        status = 487 if context.cancel_wanted else 408
        self._forget_client(context)
        self._finish_locally(context, status, now)

    def transport_failed(self, context: ResponseContext, now: float) -> None:
        """The request could not be sent: as if a 503 had come (RFC 3261 §16.9)."""
        self._forget_client(context)
        status = 503 if context.binding is None else FLOW_FAILED
        if _is_invite(context):
            self._finish_locally(context, status, now)
        else:
            self._non_invite_ended(context, status, None, now)
            self.respond(context, status, now)

    def waiting_on(self, flow: Flow) -> list[ResponseContext]:
        """The requests that went down a flow and have no final response; cost: all open ones."""
        return [
            entry
            for entry in self._table.clients.values()
            if isinstance(entry, ResponseContext) and entry.out_flow is flow
        ]

    def _take(self, context: ResponseContext, response: Response, now: float) -> None:
        client, out_flow = context.client, context.out_flow
        if (
            client is None
            or out_flow is None
            or response.cseq_method != context.request.method  # RFC 3261 §17.1.3
            or not goes_further(response)
        ):
            self._counts["responses_stray"] += 1
            return
        goes_up, ack = client.receive(response, now)
        if ack is not None:
            out_flow.send(ack)
        if not goes_up:
            return
        status = response.status
        if status == 100:
            self._provisional(context, now)
            return
        registering = context.registering
        if registering is not None and 200 <= status < 300:
            response = self._registrations.confirmed(registering, response, now)
        raw = forwarded_response(response, context.back_flow)
        if status < 200:
            self._progress(context, response, now)
            out = context.server.respond(status, raw, now)
            if out is not None:
                context.back_flow.send(out)
            return
        if _is_invite(context):
            self._invite_final(context, response, ack, now)
        else:
            self._table.clients.pop(context.client_key, None)
            context.drop_client()
            self._non_invite_ended(context, status, response, now)
        self.respond_raw(context, status, raw, now)

    def _provisional(self, context: ResponseContext, now: float) -> None:
        context.provisional = True
        if context.cancel_wanted and context.cancel_at is None:
            self._send_cancel(context, now)

    def _progress(self, context: ResponseContext, response: Response, now: float) -> None:
        """A 101 to 199: it may ring, and it may begin an early dialog."""
        if context.timer_c is not None and context.cancel_at is None:
            context.timer_c = now + TIMER_C  # RFC 3261 §16.7 step 2
        call = context.call
        if call is not None and context.is_initial:
            call.saw_tag(response.to_tag)
            call.saw_routes(response)
            if call.ringing_at is None and response.status >= 180:
                call.ringing_at = now
        self._provisional(context, now)

    def _invite_final(
        self, context: ResponseContext, response: Response, ack: bytes | None, now: float
    ) -> None:
        assert context.out_flow is not None
        call, status = context.call, response.status
        tombstone = ClientTombstone(ack, context.out_flow, context.back_flow, call)
        self._table.bury_client(context.client_key, tombstone, now)
        context.drop_client()
        if call is None:
            return
        if status < 300:
            self._answered(context, call, response, now)
        elif context.is_initial:
            self._failed(context, call, response, now)

    def _answered(
        self, context: ResponseContext, call: Call, response: Response, now: float
    ) -> None:
        contact = response.first(b"contact")
        if context.is_initial:
            call.saw_routes(response)
            self.end_attempt(context, response.status, now)
            self._recorder.answered(call, response.to_tag, contact, _session_expires(response), now)
        else:
            self._refresh_target(context, call, response)

    def _refresh_target(self, context: ResponseContext, call: Call, response: Response) -> None:
        """Both sides' Contacts may have moved (RFC 3261 §12.2, RFC 3311 §5)."""
        asked, answered = context.request.first(b"contact"), response.first(b"contact")
        from_caller = call.is_from_caller(context.request.from_tag)
        if asked is not None:
            if from_caller:
                call.caller_contact, call.caller_flow = asked, context.flow
            else:
                call.callee_contact = asked
        if answered is not None:
            if from_caller:
                call.callee_contact = answered
            else:
                call.caller_contact = answered

    def _failed(self, context: ResponseContext, call: Call, response: Response, now: float) -> None:
        opened = context.open
        if self.end_attempt(context, response.status, now):
            self._fell(call, response, opened, now)

    def _fell(self, call: Call, response: Response, opened: OpenAttempt | None, now: float) -> None:
        """The last open INVITE of a call was refused."""
        status = response.status
        if call.state is CallState.UP:
            return  # another INVITE of this attempt was answered
        may_come_again = opened is not None and opened.may_come_again
        if may_come_again and asks_for_repair(status) and not call.cancelled:
            self._recorder.challenged(call, status, now)
            return
        reason = response.first(b"reason")
        kind = kind_of_failure(status, response.phrase, reason, rang=call.ringing_at is not None)
        ended_by: EndedBy = CALLEE
        if call.cancelled:
            kind, ended_by = CANCELLED, CALLER
        self._recorder.ended(
            call,
            call.outcome(
                kind,
                status,
                now,
                ended_by=ended_by,
                reason=None if reason is None else text_of(reason)[:512],
            ),
            now,
        )

    def _finish_locally(self, context: ResponseContext, status: int, now: float) -> None:
        """End an INVITE with a response of our own, and its call with it."""
        call = context.call
        if call is not None and context.is_initial and self.end_attempt(context, status, now):
            kind = kind_of_failure(status, b"", None, rang=call.ringing_at is not None)
            ended_by: EndedBy = GATE
            if call.cancelled:
                kind, ended_by = CANCELLED, CALLER
            elif status == 408:
                kind = UNANSWERED
            outcome = call.outcome(kind, status, now, ended_by=ended_by)
            self._recorder.invite_failed(call, outcome, now)
        self.respond(context, status, now)

    def _non_invite_ended(
        self, context: ResponseContext, status: int, response: Response | None, now: float
    ) -> None:
        """What a final response to another request means for its call."""
        call, request = context.call, context.request
        if call is None:
            return
        if call.is_referral:
            self._referral_ended(context, call, status, now)
        elif request.method == b"BYE" and status not in BYE_NOT_TAKEN:
            from_caller = call.is_from_caller(request.from_tag)
            if call.answered_at is None:  # an early dialog's; its INVITE will say how it ended
                call.cancelled = call.cancelled or from_caller
                return
            reason = request.first(b"reason")
            kind: OutcomeKind = REFUSED if not from_caller and is_refusal(reason) else ANSWERED
            outcome = call.outcome(
                kind,
                200,
                now,
                ended_by=CALLER if from_caller else CALLEE,
                reason=None if reason is None else text_of(reason)[:512],
            )
            self._recorder.ended(call, outcome, now)
        elif request.method == b"UPDATE" and response is not None and status < 300:
            self._refresh_target(context, call, response)

    def _referral_ended(
        self, context: ResponseContext, call: Call, status: int, now: float
    ) -> None:
        """What a REFER was answered is all that the gate hears of the call that it asked for."""
        if not self.end_attempt(context, status, now):
            return
        method = text_of(context.request.method)
        if asks_for_repair(status):
            self._recorder.challenged(call, status, now)
        elif status < 300:
            call.answered_at, call.answered_time = now, self._recorder.calendar_time()
            outcome = call.outcome(ANSWERED, status, now, ended_by=LOST, reason=method)
            self._recorder.ended(call, outcome, now)
        else:
            outcome = call.outcome(FAILED, status, now, ended_by=CALLEE, reason=method)
            self._recorder.ended(call, outcome, now)

    def _again(self, tombstone: ClientTombstone, response: Response, now: float) -> None:
        """A repeated final response, or another fork's 2xx (RFC 6026 §7.2)."""
        if response.status < 200 or response.cseq_method != b"INVITE":
            return
        if not goes_further(response):
            return
        if tombstone.ack is not None:
            if response.status >= 300:
                tombstone.out_flow.send(tombstone.ack)
            return
        if response.status >= 300:
            return
        call = tombstone.call
        if call is not None:
            self._recorder.answered(
                call,
                response.to_tag,
                response.first(b"contact"),
                _session_expires(response),
                now,
            )
        back_flow = tombstone.back_flow
        if back_flow is not None:
            back_flow.send(forwarded_response(response, back_flow))

    def _restored_response(
        self, invite: RestoredInvite, response: Response, flow: Flow, now: float
    ) -> None:
        """A response to an INVITE of before the restart goes back by the Vias that it carries."""
        call, status = invite.call, response.status
        if status == 100:
            return
        values = response.values(b"via")
        if len(values) < 2:
            self._counts["responses_stray"] += 1
            return
        try:
            back_flow = self._return_path.flow_by_via(parse_via(values[1]), flow)
        except BadMessage:
            self._counts["responses_bad"] += 1
            return
        back_flow.send(forwarded_response(response, back_flow))
        if response.cseq_method == b"CANCEL":
            return
        if status < 200:
            call.saw_tag(response.to_tag)
            if call.ringing_at is None and status >= 180:
                call.ringing_at = now
            return
        is_last = self._restored.end(invite, status, now)
        if status < 300:
            self._recorder.answered(
                call,
                response.to_tag,
                response.first(b"contact"),
                _session_expires(response),
                now,
            )
        elif is_last:
            self._fell(call, response, invite.open, now)

    def _send_cancel(self, context: ResponseContext, now: float) -> None:
        assert context.out_flow is not None
        if context.cancel_at is not None:
            return
        context.cancel_at = now
        context.timer_c = now + CANCEL_PATIENCE
        raw = build_cancel(context.sent, context.cancel_reason)
        client = NonInviteClient(raw, self._sip_timers, reliable=context.out_flow.reliable, now=now)
        key = context.client_key + b"CANCEL"
        own = OwnCancel(key, client, context.out_flow, self._table.drop_client)
        self._table.clients[key] = own
        self._timers.add(own, now)
        self._timers.add(context, now)
        context.out_flow.send(raw)

    def _forget_client(self, context: ResponseContext) -> None:
        if self._table.clients.get(context.client_key) is context:
            del self._table.clients[context.client_key]
        context.drop_client()


def _is_invite(context: ResponseContext) -> bool:
    return context.request.method == b"INVITE"


def _session_expires(response: Response) -> int | None:
    """The session interval of a 2xx in seconds (RFC 4028 §4)."""
    value = response.first(b"session-expires")
    if value is None:
        return None
    digits = value.partition(b";")[0].strip()
    return int(digits) if digits.isdigit() and len(digits) < 10 else None
