"""What the gate does with each packet: who sent it, may it, and where does it go (design §5)."""

from __future__ import annotations

from collections import Counter

from sipgate.clock import Clock
from sipgate.gate import is_emergency
from sipgate.ledger import EndedBy, Ledger, LedgerFullError, OutcomeKind
from sipgate.net import Flow
from sipgate.numbers import Callee
from sipgate.sip import (
    PHRASES,
    BadMessage,
    Limits,
    Request,
    Response,
    Uri,
    build_response,
    parse_message,
    parse_uri,
    stamp_received,
    unescape_user,
)

from .admission import STORE_PATIENCE, Admission, Parked
from .branch import BranchMaker, is_emergency_token
from .call import Call
from .call_recorder import CallRecorder
from .dialog_sender import DialogSender
from .forwarder import Forwarder
from .loop import LoopDetector
from .next_hop import NO_ROUTE, RouteReader, RouteSet, UnsupportedHop
from .outcome import CALLER, CANCELLED, FAILED, GATE
from .own_address import OwnAddresses
from .refusal import refusal
from .response_context import ResponseContext
from .restored import RestoredInvites
from .return_path import ReturnPath
from .server_key import server_key
from .source import Source, SourceTable
from .stranger import StrangerTable
from .timer_queue import TimerQueue
from .transaction_table import ServerTombstone, TransactionTable
from .upstream_sender import UpstreamSender
from .wire_text import text_of

ALLOW = (
    b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, SUBSCRIBE, NOTIFY, MESSAGE, INFO, "
    b"UPDATE, PRACK, REFER, PUBLISH"
)
KNOWN_SCHEMES = frozenset((b"sip", b"sips", b"tel", b"urn"))


class Proxy:
    """Takes every packet from start to end in one turn; what must wait is parked, in order."""

    def __init__(
        self,
        *,
        gate: str,
        sources: SourceTable,
        own: OwnAddresses,
        strangers: StrangerTable,
        forwarder: Forwarder,
        admission: Admission,
        recorder: CallRecorder,
        table: TransactionTable,
        timers: TimerQueue,
        branches: BranchMaker,
        upstream_sender: UpstreamSender,
        dialogs: DialogSender,
        restored: RestoredInvites,
        return_path: ReturnPath,
        ledger: Ledger,
        clock: Clock,
        limits: Limits,
        counts: Counter[str],
        answer_strangers: bool = False,
        pass_on_store_failure: bool = False,
        monitor: bool = False,
    ) -> None:
        self._gate = gate
        self._sources = sources
        self._upstream_sender = upstream_sender
        self._dialogs = dialogs
        self._own = own
        self._routes = RouteReader(own)
        self._loops = LoopDetector(own, branches, table, restored)
        self._strangers = strangers
        self._forwarder = forwarder
        self._admission = admission
        self._recorder = recorder
        self._table = table
        self._timers = timers
        self._restored = restored
        self._return_path = return_path
        self._ledger = ledger
        self._clock = clock
        self._limits = limits
        self._answer_strangers = answer_strangers
        self._pass_on_store_failure = pass_on_store_failure
        self._monitor = monitor
        self._retry_jitter = 0
        self.counts = counts
        self.is_ready = False  # False while counters and calls are rebuilt: design §15
        self.is_draining = False

    # From the network

    def packet(self, raw: bytes, flow: Flow) -> None:
        """One whole message from one peer."""
        now = self._clock.now()
        try:
            message = parse_message(raw, self._limits)
        except BadMessage as error:
            self._bad(error, flow, now)
            return
        if isinstance(message, Response):
            self._forwarder.response(message, flow, now)
            return
        try:
            self._request(message, flow, now)
        except BadMessage as error:
            self.counts["requests_bad"] += 1
            if self._answers(flow):
                self._answer_statelessly(message, error.status, error.reason.encode(), flow)

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """A flow has ended: what waits for an answer on it will not get one."""
        if not flow.reliable:
            self.counts["udp_unreachable"] += 1
            return
        now = self._clock.now()
        for context in self._forwarder.waiting_on(flow):
            self._forwarder.transport_failed(context, now)

    def bad_stream(self, flow: Flow, error: BadMessage) -> None:
        """A TCP stream that can't be read on; `net` closes it after this."""
        self._bad(error, flow, self._clock.now())

    def durable(self, seq: int) -> None:
        """The ledger reports what is on disk."""
        self._recorder.catch_up()
        self._admission.durable(seq, self._clock.now())

    def wake(self) -> float | None:
        """Do what is due; gives when to come back (clock seconds), None for when asked."""
        now = self._clock.now()
        waiting_since = self._admission.oldest_waits_since
        if waiting_since is not None and waiting_since + STORE_PATIENCE <= now:
            self._admission.give_up(now)
        return self._timers.wake(now)

    # Requests

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        method = request.method
        key = server_key(request, b"INVITE" if method == b"ACK" else method)
        entry = self._table.servers.get(key)
        if entry is not None and self._absorbed(request, entry, now):
            return
        source = self._sources.find(flow.host)
        stamp_received(
            request,
            flow.host_bytes,
            flow.port,
            force_rport=source is not None and source.nat,
        )
        if method == b"CANCEL":
            self._cancel(request, flow, source, now)
            return
        request = self._routes.loosened(request, flow)
        routes = self._routes.read(request, flow)
        call: Call | None = None
        opened = False
        if request.to_tag:
            call, opened = self._dialogs.find(request, routes, now)
        if method == b"ACK":
            invite = self._restored.find_request(request) if self._restored else None
            if invite is not None and not opened:
                self._upstream_sender.send_restored(request, invite, routes, flow)
            elif request.max_forwards == 0:
                self.counts["acks_stray"] += 1
            elif opened:
                self._dialogs.send_ack(request, routes, call)
            elif isinstance(entry, ServerTombstone) and entry.call is not None:
                self._dialogs.send_ack_by_branch(request, routes, entry.call)
            else:
                self.counts["acks_stray"] += 1
            return
        if not opened and source is None and not self._may_speak(request, flow):
            return
        self._new_transaction(request, flow, key, source, routes, call, opened, now)

    def _new_transaction(
        self,
        request: Request,
        flow: Flow,
        key: tuple[bytes, ...],
        source: Source | None,
        routes: RouteSet,
        call: Call | None,
        opened: bool,
        now: float,
    ) -> None:
        uri = parse_uri(request.uri)
        context = self._forwarder.open(request, flow, key, source, now)
        try:
            refused = self._refused(request, uri, routes, flow)
            if refused is not None:
                self._forwarder.respond(
                    context, refused[0], now, phrase=refused[1], headers=refused[2]
                )
                return
            if request.method == b"INVITE":
                self._invite(context, uri, routes, call, opened, now)
            elif opened:
                self._dialogs.send(context, uri, routes, call, now)
            else:
                self._upstream_sender.send_other(context, uri, routes, now)
        except UnsupportedHop as error:
            self._forwarder.respond(
                context, error.status, now, headers=(b"Warning: " + error.warning,)
            )
        except BadMessage as error:
            self.counts["requests_bad"] += 1
            self._forwarder.respond(context, error.status, now, phrase=error.reason.encode())

    def _absorbed(
        self, request: Request, entry: ResponseContext | ServerTombstone, now: float
    ) -> bool:
        """True when a transaction that we have takes the request: a retransmission, or its ACK."""
        if isinstance(entry, ServerTombstone):
            if request.method == b"ACK":
                return entry.call is None  # a 2xx is acknowledged end to end
            if entry.raw is not None:
                entry.flow.send(entry.raw)
            return True
        if request.method == b"ACK":
            if entry.final_status < 300:
                return False
            self._forwarder.acknowledged(entry, now)
            return True
        raw = entry.server.request_again(now)
        if raw is not None:
            entry.back_flow.send(raw)
        return True

    def _refused(
        self, request: Request, uri: Uri, routes: RouteSet, flow: Flow
    ) -> tuple[int, bytes | None, tuple[bytes, ...]] | None:
        """The checks of design §5 in their order: status, phrase, headers of the first to fail."""
        if uri.scheme not in KNOWN_SCHEMES or (
            uri.scheme == b"urn" and uri.opaque[:8].lower() != b"service:"
        ):
            return 416, None, ()
        if self._is_ping(request, flow, uri):
            return 200, b"OK", (ALLOW, b"Accept: application/sdp", b"Supported:")
        if request.max_forwards == 0:
            return 483, None, ()
        if self._loops.is_loop(request, routes, flow):
            return 482, None, ()
        if request.first(b"max-breadth") == b"0":
            return 440, b"Max-Breadth Exceeded", ()  # RFC 5393 §5.3.3
        if request.method != b"INVITE" and request.method.upper() == b"INVITE":
            return 403, b"INVITE is written in capitals", ()  # else it would leave undecided
        required = request.first(b"proxy-require")
        if required:
            return 420, None, (b"Unsupported: " + required,)
        return None

    def _is_ping(self, request: Request, flow: Flow, uri: Uri | None = None) -> bool:
        """True for an OPTIONS that means the gate itself."""
        if request.method != b"OPTIONS" or request.to_tag:
            return False
        if uri is None:
            uri = parse_uri(request.uri)
        return (
            uri.scheme in (b"sip", b"sips")
            and not uri.user
            and self._own.is_own(uri.host, uri.port, flow)
        )

    # INVITE

    def _invite(
        self,
        context: ResponseContext,
        uri: Uri,
        routes: RouteSet,
        call: Call | None,
        opened: bool,
        now: float,
    ) -> None:
        request, source = context.request, context.source
        if request.to_tag:
            if call is not None:
                self._dialogs.send_reinvite(context, uri, routes, call, now)
            elif opened and (is_emergency_token(routes.token) or not self.is_ready):
                self._forwarder.trying(context, now)
                self._dialogs.send(context, uri, routes, None, now)
            elif self._monitor and source is not None:
                self._forwarder.trying(context, now)
                self._upstream_sender.send_other(context, uri, routes, now)
            elif not self.is_ready:
                self._unavailable(context, now)
            else:
                self.counts["dialogs_unknown"] += 1
                self._forwarder.respond(context, 481, now)
            return
        assert source is not None
        callee = self._callee(request, uri, source)
        if is_emergency(callee) and source.decide:
            self._emergency(context, uri, callee, now)
            return
        if self.is_draining:
            self._forwarder.respond(context, 503, now)
            return
        if not self.is_ready or self._store_is_failing(now):
            self.counts["invites_unserved"] += 1
            self._unavailable(context, now)
            return
        if not self._upstream_sender.allows_routes(source, routes):
            self.counts["routes_refused"] += 1
            self._forwarder.respond(context, 403, now, phrase=b"Route set not allowed")
            return
        context.is_initial = True
        self._forwarder.trying(context, now)
        original = self._loops.original(request, context.flow)
        if original is not None and original.attempt.callee == callee.key:
            context.call = original  # a spiral belongs to its attempt (design §5)
            context.is_initial = False
            self._upstream_sender.send_invite(context, uri, callee, routes, original, now)
            return
        context.uri, context.callee, context.routes = uri, callee, routes
        attempt = self._admission.attempt(
            request, source, uri, callee, None if original is None else original.attempt.caller
        )
        target = self._upstream_sender.upstream_of(source).target.key
        try:
            self._admission.admit(context, attempt, source, target, now)
        except LedgerFullError:
            self.counts["store_failures"] += 1
            self._unavailable(context, now)
        if self._restored:
            self._restored.came_again(request, context.open, now)

    def _emergency(self, context: ResponseContext, uri: Uri, callee: Callee, now: float) -> None:
        """Forward first, record after: nothing may keep an emergency call (design §1)."""
        source = context.source
        assert source is not None
        self.counts["calls_emergency"] += 1
        self._forwarder.trying(context, now)
        context.is_initial = True
        self._upstream_sender.send_invite(context, uri, callee, NO_ROUTE, None, now, emergency=True)
        target = self._upstream_sender.upstream_of(source).target.key
        attempt = self._admission.attempt(context.request, source, uri, callee)
        try:
            self._admission.record_emergency(context, attempt, source, target, now)
        except LedgerFullError:
            self.counts["emergencies_unrecorded"] += 1

    def resume(self, parked: Parked, now: float) -> None:
        """The decision is on disk: send the INVITE on, or refuse it (design §5, step 7)."""
        context, call = parked.context, parked.call
        if context.sent or (context.final_status and not parked.given_up):
            return
        if context.final_status == 503:  # the store failed; its entry is there at last
            self._end_unsent(parked, FAILED, 503, now, reason="store")
        elif context.cancel_wanted:
            self._end_unsent(parked, CANCELLED, 487, now)
            self._forwarder.respond(context, 487, now)
        elif call is None:
            self._refuse(parked, now)
        else:
            self._send_decided(context, call, now)

    def store_failed(self, parked: Parked, now: float) -> None:
        """The decision can't be written for now (design §15)."""
        context, call = parked.context, parked.call
        self.counts["store_failures"] += 1
        if context.final_status:
            return
        if context.cancel_wanted:
            self._forwarder.respond(context, 487, now)
        elif not self._pass_on_store_failure:
            self._unavailable(context, now)
        elif call is None:
            self._refuse(parked, now)
        else:
            self._send_decided(context, call, now)

    def _refuse(self, parked: Parked, now: float) -> None:
        context, decision = parked.context, parked.decision
        if context.final_status:
            return  # it did not wait for its entry
        code = decision.code or 403
        self._forwarder.end_attempt(context, code, now)
        tag = self._forwarder.own_tag(context.request)
        raw = refusal(context.request, decision, f"{self._gate}-{parked.seq}", tag)
        self._forwarder.respond_raw(context, code, raw, now)

    def _end_unsent(
        self, parked: Parked, kind: OutcomeKind, status: int, now: float, reason: str | None = None
    ) -> None:
        """An INVITE that never left has ended, and its call too unless a fork of it goes on."""
        call = parked.call
        if not self._forwarder.end_attempt(parked.context, status, now) or call is None:
            return
        ended_by: EndedBy = CALLER if kind == CANCELLED else GATE
        outcome = call.outcome(kind, status, now, ended_by=ended_by, reason=reason)
        self._recorder.invite_failed(call, outcome, now)

    def _send_decided(self, context: ResponseContext, call: Call, now: float) -> None:
        uri, callee, routes = context.uri, context.callee, context.routes
        assert uri is not None
        assert callee is not None
        try:
            self._upstream_sender.send_invite(context, uri, callee, routes, call, now)
        except UnsupportedHop as error:
            if self._forwarder.end_attempt(context, error.status, now):
                outcome = call.outcome(FAILED, error.status, now, ended_by=GATE)
                self._recorder.invite_failed(call, outcome, now)
            self._forwarder.respond(
                context, error.status, now, headers=(b"Warning: " + error.warning,)
            )

    def _callee(self, request: Request, uri: Uri, source: Source) -> Callee:
        """The callee that the Request-URI names: nothing else decides (design §7)."""
        if uri.scheme == b"urn":
            return source.dial_plan.read_urn(text_of(request.uri))
        return source.dial_plan.read(unescape_user(uri.user or b""))

    # CANCEL, ACK and the rest

    def _cancel(self, request: Request, flow: Flow, source: Source | None, now: float) -> None:
        entry = self._table.servers.get(server_key(request, b"INVITE"))
        invite = self._restored.find_request(request) if self._restored else None
        if entry is None and invite is not None:
            if request.max_forwards == 0:
                self._answer_statelessly(request, 483, PHRASES[483], flow)
                return
            invite.call.cancelled = True
            routes = self._routes.read(request, flow)
            self._upstream_sender.send_restored(request, invite, routes, flow)
            return
        if entry is None and source is None:
            self._stranger(request, flow)
            return
        context = self._forwarder.open(request, flow, server_key(request, b"CANCEL"), source, now)
        if entry is None:
            self._forwarder.respond(context, 481, now)
            return
        self._forwarder.respond(context, 200, now, phrase=b"OK")
        if isinstance(entry, ResponseContext) and not entry.final_status:
            index = request.index(b"reason")
            reason = None if index is None else request.lines[index]
            self._forwarder.cancel(entry, reason, now)

    # Answers without a transaction

    def _store_is_failing(self, now: float) -> bool:
        since = self._ledger.failing_since
        return (
            since is not None and since + STORE_PATIENCE <= now and not self._pass_on_store_failure
        )

    def _unavailable(self, context: ResponseContext, now: float) -> None:
        """503 for the gate's own state; 1 to 3 s, so that callers don't all come at once."""
        self._retry_jitter = self._retry_jitter % 3 + 1
        self._forwarder.respond(
            context, 503, now, headers=(b"Retry-After: %d" % self._retry_jitter,)
        )

    def _answers(self, flow: Flow) -> bool:
        """Whether who sits at the end of this flow gets answers at all."""
        return (
            self._answer_strangers
            or self._sources.find(flow.host) is not None
            or self._upstream_sender.is_upstream(flow.host)
        )

    def _may_speak(self, request: Request, flow: Flow) -> bool:
        """Whether a request from no source, in no dialog of ours, is looked at (design §5).

        An upstream may ping the gate and send requests with a To tag; who may not is answered or
        listed here.
        """
        if not self._upstream_sender.is_upstream(flow.host):
            self._stranger(request, flow)
            return False
        if request.to_tag or self._is_ping(request, flow):
            return True
        self._strangers.knocked(
            flow.host,
            request.method,
            request.first(b"user-agent"),
            "an upstream may not set up calls unless it is a source too",
            self._clock.time(),
            flow.transport,
        )
        self._answer_statelessly(request, 403, b"Forbidden", flow)
        return False

    def _bad(self, error: BadMessage, flow: Flow, now: float) -> None:
        """Unreadable: an answer where one can be routed, else only a count (RFC 4475 §3.1.2)."""
        self.counts["messages_bad"] += 1
        request = error.request
        if request is None or request.method == b"ACK" or not self._answers(flow):
            if not self._answers(flow):
                self._strangers.knocked(
                    flow.host, b"", None, "sent what is no SIP", self._clock.time(), flow.transport
                )
            return
        stamp_received(request, flow.host_bytes, flow.port)
        self._answer_statelessly(request, error.status, error.reason.encode(), flow)

    def _answer_statelessly(self, request: Request, status: int, phrase: bytes, flow: Flow) -> None:
        if request.method == b"ACK":
            return
        raw = build_response(request, status, phrase, to_tag=self._forwarder.own_tag(request))
        self._return_path.flow_for(request.via, flow).send(raw)

    def _stranger(self, request: Request, flow: Flow) -> None:
        """Nobody that we know: listed, and by default not answered (design §6)."""
        self.counts["strangers"] += 1
        self._strangers.knocked(
            flow.host,
            request.method,
            request.first(b"user-agent"),
            "no [[source]] matches its address",
            self._clock.time(),
            flow.transport,
        )
        if self._answer_strangers:
            self._answer_statelessly(request, 403, b"Forbidden", flow)
        flow.close("a stranger")  # it may not hold one of the connections that sources need
