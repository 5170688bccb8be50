"""What the gate does with each packet: who sent it, may it, and where does it go (design §5)."""

from __future__ import annotations

from collections import Counter

from sipgate.clock import Clock
from sipgate.net import Arrived, Flow, stun_answer
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
)

from .admission import STORE_PATIENCE, Admission
from .breadth import read_breadth
from .call import Call
from .call_recorder import CallRecorder
from .call_setup import CallSetup
from .dialog_sender import DialogSender
from .forwarder import Forwarder
from .loop import LoopDetector
from .next_hop import RouteReader, RouteSet, UnsupportedHop
from .own_address import OwnAddresses
from .packet_guard import PacketGuard
from .phone_sender import PhoneSender, ToPhone
from .response_context import ResponseContext
from .restored import RestoredInvite, RestoredInvites
from .return_path import ReturnPath
from .server_key import server_key
from .source import Source, SourceTable
from .stranger import StrangerTable
from .timer_queue import TimerQueue
from .transaction_table import ServerTombstone, TransactionTable
from .upstream_sender import UpstreamSender

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
        sources: SourceTable,
        own: OwnAddresses,
        guard: PacketGuard,
        strangers: StrangerTable,
        forwarder: Forwarder,
        setup: CallSetup,
        admission: Admission,
        recorder: CallRecorder,
        table: TransactionTable,
        timers: TimerQueue,
        loops: LoopDetector,
        upstream_sender: UpstreamSender,
        dialogs: DialogSender,
        phones: PhoneSender,
        restored: RestoredInvites,
        return_path: ReturnPath,
        clock: Clock,
        limits: Limits,
        counts: Counter[str],
        answer_strangers: bool = False,
    ) -> None:
        self._sources = sources
        self._upstream_sender = upstream_sender
        self._dialogs = dialogs
        self._phones = phones
        self._own = own
        self._guard = guard
        self._routes = RouteReader(own)
        self._loops = loops
        self._strangers = strangers
        self._forwarder = forwarder
        self._setup = setup
        self._admission = admission
        self._recorder = recorder
        self._table = table
        self._timers = timers
        self._restored = restored
        self._return_path = return_path
        self._clock = clock
        self._limits = limits
        self._answer_strangers = answer_strangers
        self.counts = counts

    @property
    def is_ready(self) -> bool:
        """False while counters and calls are rebuilt: design §15."""
        return self._setup.is_ready

    @is_ready.setter
    def is_ready(self, is_ready: bool) -> None:
        self._setup.is_ready = is_ready

    @property
    def is_draining(self) -> bool:
        """True after SIGTERM: no new calls."""
        return self._setup.is_draining

    @is_draining.setter
    def is_draining(self, is_draining: bool) -> None:
        self._setup.is_draining = is_draining

    # From the network

    def packet(self, raw: bytes, flow: Flow) -> None:
        """One whole message from one peer."""
        now = self._clock.now()
        if not self._guard.stops(raw, flow, now):
            self._passed(raw, flow, now)

    def take(self, arrived: Arrived, ends_at: float) -> None:
        """Many packets: `TakesMany` of the network. Those that the guard stops cost little."""
        packets, clock, guard = arrived.packets, self._clock, self._guard
        at, count = arrived.at, len(packets)
        now = clock.now()
        while at < count:
            raw, flow = packets[at]
            if not guard.stops(raw, flow, now):
                self._passed(raw, flow, now)
                now = clock.now()
            at += 1
            arrived.at = at
            if now >= ends_at:
                return

    def _passed(self, raw: bytes, flow: Flow, now: float) -> None:
        """A packet that the guard let in."""
        try:
            message = parse_message(raw, self._limits)
        except BadMessage as error:
            if not self._kept_alive(raw, flow):
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

    def packet_failed(self, raw: bytes, flow: Flow) -> None:
        """A bug of ours ended the work on this packet: a request gets 500, if it waits for us."""
        now = self._clock.now()
        try:
            request = parse_message(raw, self._limits)
        except BadMessage:
            return
        if not isinstance(request, Request) or request.method == b"ACK" or not self._answers(flow):
            return
        entry = self._table.servers.get(server_key(request, request.method))
        if isinstance(entry, ResponseContext):
            self._setup.abandon(entry, now)
        elif entry is None:
            stamp_received(request, flow.host_bytes, flow.port)
            self._answer_statelessly(request, 500, PHRASES[500], flow)

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """A flow has ended: what waits for an answer on it will not get one."""
        if not flow.reliable:
            self.counts["udp_unreachable"] += 1
            return
        self._forwarder.flow_lost(flow, self._clock.now())

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
        if entry is not None and self._absorbed(request, flow, entry, now):
            return
        source = self._sources.find_flow(flow)
        stamp_received(
            request,
            flow.host_bytes,
            flow.port,
            force_rport=source is not None and source.nat,
        )
        if flow.peer_names:
            self._return_path.take_alias(request.via, flow)
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
            invite = self._restored.find_companion(request) if self._restored else None
            if invite is not None and not opened:
                self._send_restored(request, invite, routes, flow, source, now)
            elif request.max_forwards == 0:
                self.counts["acks_stray"] += 1
            elif opened:
                self._dialogs.send_ack(request, routes, call, flow, source)
            elif isinstance(entry, ServerTombstone) and entry.call is not None:
                self._dialogs.send_ack_by_branch(request, routes, entry.call)
            else:
                self.counts["acks_stray"] += 1
            return
        phone: ToPhone | None = None
        if not opened and self._phones.is_used:
            phone = self._phones.find(request, routes, flow, source, now)
        if source is None and not opened:
            is_known = phone is not None and phone.is_ours
            if not is_known and not self._may_speak(request, flow):
                return
        self._new_transaction(request, flow, key, source, routes, call, opened, phone, now)

    def _new_transaction(
        self,
        request: Request,
        flow: Flow,
        key: tuple[bytes, ...],
        source: Source | None,
        routes: RouteSet,
        call: Call | None,
        opened: bool,
        phone: ToPhone | None,
        now: float,
    ) -> None:
        uri = parse_uri(request.uri)
        if phone is not None:
            source = self._phones.source_of(source, flow)
        context = self._forwarder.open(request, flow, key, source, now)
        try:
            refused = self._refused(request, uri, routes, flow)
            if refused is not None:
                self._forwarder.respond(
                    context, refused[0], now, phrase=refused[1], headers=refused[2]
                )
                return
            if phone is not None:
                self._setup.to_phone(context, phone, routes, now)
            elif request.method == b"INVITE":
                self._setup.invite(context, uri, routes, call, opened, now)
            elif source is not None and source.decide and _may_place_call(request.method):
                self._setup.refer(context, uri, routes, call, opened, now)
            else:
                self._setup.send_undecided(context, uri, routes, call, opened, now)
        except UnsupportedHop as error:
            self._forwarder.respond(
                context, error.status, now, headers=(b"Warning: " + error.warning,)
            )
        except BadMessage as bad:
            self.counts["requests_bad"] += 1
            self._forwarder.respond(context, bad.status, now, phrase=bad.reason.encode())

    def _absorbed(
        self, request: Request, flow: Flow, entry: ResponseContext | ServerTombstone, now: float
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
        back_flow = entry.back_flow
        if back_flow.reliable and not back_flow.is_open and flow.host == back_flow.host:
            entry.back_flow = flow  # its caller has connected anew
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
        if read_breadth(request) == 0:
            return 440, b"Max-Breadth Exceeded", ()  # RFC 5393 §5.3.3
        required = request.values(b"proxy-require")
        if required:
            return 420, None, (b"Unsupported: " + b", ".join(required),)
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

    # CANCEL, ACK and the rest

    def _cancel(self, request: Request, flow: Flow, source: Source | None, now: float) -> None:
        entry = self._table.servers.get(server_key(request, b"INVITE"))
        invite = self._restored.find_companion(request) if self._restored else None
        if entry is None and invite is not None:
            if request.max_forwards == 0:
                self._answer_statelessly(request, 483, PHRASES[483], flow)
                return
            invite.call.cancelled = True
            self._cancel_restored(request, invite, flow, source, now)
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

    def _send_restored(
        self,
        request: Request,
        invite: RestoredInvite,
        routes: RouteSet,
        flow: Flow,
        source: Source | None,
        now: float,
    ) -> None:
        """The ACK to a non-2xx of an INVITE of before the restart goes on as that did."""
        phone = self._phones.find(request, routes, flow, source, now)
        if phone is None:
            self._upstream_sender.send_restored(request, invite, routes, flow)
        elif phone.binding is not None:
            self._phones.send_restored(request, invite, phone.binding, routes)

    def _cancel_restored(
        self,
        request: Request,
        invite: RestoredInvite,
        flow: Flow,
        source: Source | None,
        now: float,
    ) -> None:
        """It is answered here like any CANCEL, and goes wherever its INVITE may have gone."""
        routes = self._routes.read(request, flow)
        phone = self._phones.find(request, routes, flow, source, now)
        if phone is not None:
            if phone.binding is not None:
                self._phones.send_restored(request, invite, phone.binding, routes)
            return
        context = self._forwarder.open(request, flow, server_key(request, b"CANCEL"), source, now)
        self._forwarder.respond(context, 200, now, phrase=b"OK")
        places = self._restored.targets_of(invite.call)
        self._upstream_sender.cancel_restored(request, invite, places, routes, flow, now)

    # Answers without a transaction

    def _answers(self, flow: Flow) -> bool:
        """Whether who sits at the end of this flow gets answers at all."""
        return (
            self._answer_strangers
            or self._sources.find_flow(flow) is not None
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

    def _kept_alive(self, raw: bytes, flow: Flow) -> bool:
        """Answer a STUN binding request on the SIP port (RFC 5626 §8); False: it is none.

        Looked for in what is no SIP only, so that it costs nobody else anything.
        """
        if flow.reliable or not self._answers(flow):
            return False
        answer = stun_answer(raw, flow.host, flow.port)
        if answer is None:
            return False
        self.counts["stun_answered"] += 1
        flow.send(answer)
        return True

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


def _may_place_call(method: bytes) -> bool:
    """Whether an upstream might dial for this method, though it is no INVITE."""
    return method.upper() in (b"INVITE", b"REFER")
