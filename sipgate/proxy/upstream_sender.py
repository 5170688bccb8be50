"""Requests outside a dialog, on their way to the upstream of their source: design §6."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sipgate.net import Flow
from sipgate.numbers import Callee
from sipgate.sip import BadMessage, Request, Uri, dialled, parse_name_addr, parse_uri

from .authentication import own_credentials
from .binding_table import BindingTable
from .branch import BranchMaker
from .call import Call, CallState
from .challenged_targets import ChallengedTargets
from .flow_token import CALLER_PHONE
from .forwarder import Forwarder
from .forwarding import own_header_lines, readdressed_uri, wants_privacy
from .large_requests import CONNECT_SECONDS, LargeRequests, over_tcp
from .next_hop import Hop, HopResolver, RouteSet, UnsupportedHop, route_hop, sips_needs_tls
from .outgoing_number import outgoing_user
from .own_address import OwnAddresses
from .registration import Registrations, flow_key
from .response_context import ResponseContext
from .restored import RestoredInvite
from .source import Source
from .upstream import Target, Upstream

RECORD_ROUTED = frozenset((b"INVITE", b"SUBSCRIBE", b"REFER", b"NOTIFY"))  # design §6
CHOSEN_BY_TO = frozenset((b"REGISTER", b"SUBSCRIBE", b"PUBLISH", b"MESSAGE"))  # design §6, Targets


class UpstreamSender:
    """Decides what a request to an upstream says, and which of its targets gets it."""

    def __init__(
        self,
        *,
        gate: str,
        upstreams: Mapping[str, Upstream],
        own: OwnAddresses,
        forwarder: Forwarder,
        branches: BranchMaker,
        hops: HopResolver,
        challenged: ChallengedTargets,
        registrations: Registrations,
        bindings: BindingTable,
        counts: Counter[str],
    ) -> None:
        self._gate = gate
        self._upstreams = upstreams
        self._own = own
        self._forwarder = forwarder
        self._counts = counts
        self._branches = branches
        self._hops = hops
        self._challenged = challenged
        self._registrations = registrations
        self._bindings = bindings
        self._large = LargeRequests()

    def upstream_of(self, source: Source) -> Upstream:
        return self._upstreams[source.upstream]

    def is_upstream(self, host: str) -> bool:
        """True for the address of a target, whatever the port."""
        return any(upstream.holds(host) for upstream in self._upstreams.values())

    def upstream_at(self, host: str) -> str | None:
        """The name of the upstream that has a target at this address."""
        for name, upstream in self._upstreams.items():
            if upstream.holds(host):
                return name
        return None

    def allows_routes(self, source: Source, routes: RouteSet) -> bool:
        """Whether a Route set of the caller's own may stand (design §6, Route).

        Never one whose strict router would get its own URI as Request-URI (RFC 3261 §16.6 step 6):
        another number would ring than the one that was decided on.
        """
        if not routes.rest:
            return True
        if source.decide and any(map(_would_ring, routes.rest)):
            return False
        if source.routes:
            return True
        upstream = self._upstreams[source.upstream]
        return all(
            _target_at(upstream, value) is not None and not _has_user(value)
            for value in routes.rest
        )

    def send_invite(
        self,
        context: ResponseContext,
        uri: Uri,
        callee: Callee,
        routes: RouteSet,
        call: Call | None,
        now: float,
        *,
        emergency: bool = False,
    ) -> None:
        """Send an initial INVITE. Raises UnsupportedHop."""
        source = context.source
        assert source is not None
        upstream = self._upstreams[source.upstream]
        if not emergency:
            must_have_tls(uri, upstream)
        if call is not None and call.state in (CallState.DECIDED, CallState.CHALLENGED):
            call.state = CallState.CALLING
        context.uri, context.callee, context.routes = uri, callee, routes
        context.is_emergency = emergency
        self._begin(context, upstream, now)

    def send_other(self, context: ResponseContext, uri: Uri, routes: RouteSet, now: float) -> None:
        """Send anything else that is in no dialog; it goes nowhere but to the upstream."""
        request, source = context.request, context.source
        if source is None:
            self._forwarder.respond(context, 403, now)
            return
        if request.method == b"REGISTER" and source.registrations == "refuse":
            self._forwarder.respond(context, 403, now, phrase=b"Registration not allowed")
            return
        if not self.allows_routes(source, routes):
            self._forwarder.respond(context, 403, now, phrase=b"Route set not allowed")
            return
        must_have_tls(uri, self._upstreams[source.upstream])
        context.uri, context.routes = uri, routes
        self._begin(context, self._upstreams[source.upstream], now)

    def _begin(self, context: ResponseContext, upstream: Upstream, now: float) -> None:
        """Choose the targets, and send to the first of them."""
        request = context.request
        affinity = prefer = None
        if len(upstream.targets) > 1:
            if request.method in CHOSEN_BY_TO:
                affinity = _to_uri(request)
            prefer = self._challenged.target_of(request, now)
            if prefer is None and context.routes.rest:
                prefer = _target_at(upstream, context.routes.rest[0])
        context.upstream = upstream
        context.run = upstream.run(
            now,
            rotate=request.method == b"INVITE",
            affinity=affinity,
            prefer=prefer,
            emergency=context.is_emergency,
            secure=context.uri is not None and context.uri.scheme == b"sips",
        )
        if not self.send_next(context, now):
            self._forwarder.transport_failed(context, now)

    def send_next(self, context: ResponseContext, now: float) -> bool:
        """Send to the next target; False when there is none left."""
        run, upstream = context.run, context.upstream
        assert run is not None
        assert upstream is not None
        target = run.next(now)
        if target is None:
            return False
        flow, target_key = self._hops.target_flow(target), target.key
        key, raw = self._written(context, upstream, target, flow, target_key, now)
        connect_by = None
        if self._large.go_over_tcp(upstream, target, len(raw), now):
            target_key, connect_by = over_tcp(target_key), now + CONNECT_SECONDS
            flow = self._hops.key_flow(target_key)
            key, raw = self._written(context, upstream, target, flow, target_key, now)
        self._forwarder.launch(
            context,
            flow,
            key,
            target_key,
            raw,
            now,
            target=target,
            answer_by=now + upstream.answer_within if run.has_next else None,
            connect_by=connect_by,
        )
        return True

    def send_over_udp(self, context: ResponseContext, target: Target, now: float) -> None:
        """To the same target: TCP, which its size asked for, did not come up."""
        run, upstream = context.run, context.upstream
        assert upstream is not None
        self._large.no_connection(target, now)
        flow = self._hops.target_flow(target)
        key, raw = self._written(context, upstream, target, flow, target.key, now)
        self._forwarder.launch(
            context,
            flow,
            key,
            target.key,
            raw,
            now,
            target=target,
            answer_by=now + upstream.answer_within if run is not None and run.has_next else None,
        )

    def _written(
        self,
        context: ResponseContext,
        upstream: Upstream,
        target: Target,
        flow: Flow,
        target_key: bytes,
        now: float,
    ) -> tuple[bytes, bytes]:
        """What goes to this target, and the key of the branch that it goes under."""
        request, source, uri = context.request, context.source, context.uri
        routes, call, emergency = context.routes, context.call, context.is_emergency
        assert source is not None
        assert uri is not None
        values: tuple[bytes, ...] = ()
        if request.method in RECORD_ROUTED:
            token = self._branches.token(request.call_id, request.from_tag, emergency=emergency)
            if not emergency:
                token += self._phone_of(context.flow, now)
            values = record_routes(token, context.flow, flow, request.uri)
        elif request.method == b"REGISTER" and source.registrations in ("contact", "path"):
            request, context.registering = self._registrations.outgoing(
                request, source, context.flow, flow
            )
        is_call = request.method == b"INVITE" and context.callee is not None
        is_spiral = is_call and not context.is_initial
        removed = self._removed_lines(request, source, upstream, is_spiral=is_spiral)
        appended: tuple[bytes, ...] = ()
        if is_call:
            if call is not None:
                call.target = target_key
                if context.is_initial and not emergency:
                    appended = self._tag_lines(call, upstream)
            if emergency:
                removed += request.indexes(b"route")  # or the upstream would follow it elsewhere
        return self._forwarder.written(
            request,
            flow,
            target_key,
            uri=self._outgoing_uri(
                request, uri, context.callee if is_call else None, source, target, context.flow
            ),
            own_routes=0 if emergency else routes.own,
            rest_routes=routes.rest,
            record_routes=values,
            remove=removed,
            append=appended,
            strict=not emergency and _is_strict(routes, target),
        )

    def _phone_of(self, flow: Flow, now: float) -> bytes:
        """What the Record-Route says of a registered phone that sets up a dialog, if it is one.

        So requests in the dialog find the phone where it has registered last (RFC 5626 §5.3.2).
        """
        if not self._bindings:
            return b""
        binding = self._bindings.on_flow(flow_key(flow), now)
        return b"" if binding is None else CALLER_PHONE + binding.token

    def target_keys(self, source: Source) -> list[bytes]:
        """Where the requests of a source may go, with the transports."""
        upstream = self._upstreams.get(source.upstream)
        if upstream is None:
            return []
        keys = [target.key for target in upstream.targets]
        if upstream.large_requests_tcp:
            keys += [over_tcp(key) for key in keys if key.startswith(b"udp:")]
        return keys

    def send_restored(
        self, request: Request, invite: RestoredInvite, routes: RouteSet, flow: Flow
    ) -> None:
        """The ACK to a non-2xx of an INVITE of before the restart goes on as that did."""
        source, uri, target_key = invite.call.source, parse_uri(request.uri), invite.target
        target = self._target_of(source, target_key)
        self._forwarder.stateless(
            request,
            self._hops.key_flow(target_key),
            target_key,
            routes.own,
            routes.rest,
            self._removed_lines(request, source, self._upstreams[source.upstream]),
            self._restored_uri(request, uri, source, target, flow),
            strict=target is not None and _is_strict(routes, target),
        )

    def cancel_restored(
        self,
        request: Request,
        invite: RestoredInvite,
        target_keys: list[bytes],
        routes: RouteSet,
        flow: Flow,
        now: float,
    ) -> None:
        """A CANCEL for an INVITE of before the restart goes wherever that may have gone."""
        source, uri = invite.call.source, parse_uri(request.uri)
        for target_key in target_keys:
            target = self._target_of(source, target_key)
            out_flow = self._hops.key_flow(target_key)
            key, raw = self._forwarder.written(
                request,
                out_flow,
                target_key,
                own_routes=routes.own,
                rest_routes=routes.rest,
                remove=self._removed_lines(request, source, self._upstreams[source.upstream]),
                uri=self._restored_uri(request, uri, source, target, flow),
                strict=target is not None and _is_strict(routes, target),
            )
            self._forwarder.launch_cancel(key, raw, out_flow, now)

    def _target_of(self, source: Source, target_key: bytes) -> Target | None:
        """The target that a key means, whatever the transport."""
        address = target_key.partition(b":")[2]
        for target in self._upstreams[source.upstream].targets:
            if target.key.partition(b":")[2] == address:
                return target
        return None

    def _restored_uri(
        self, request: Request, uri: Uri, source: Source, target: Target | None, flow: Flow
    ) -> bytes | None:
        callee = source.dial_plan.read(dialled(uri))
        return self._outgoing_uri(request, uri, callee, source, target, flow)

    def _outgoing_uri(
        self,
        request: Request,
        uri: Uri,
        callee: Callee | None,
        source: Source,
        target: Target | None,
        flow: Flow,
    ) -> bytes | None:
        """The Request-URI if it changes, else None (RFC 3261 §16.5, §16.6 step 2).

        `callee` is None where the user part stays as it is.
        """
        changed = None if callee is None else outgoing_user(uri, callee, source)
        if target is None or uri.scheme not in (b"sip", b"sips"):
            return changed
        if uri.scheme == b"sips" and target.transport != "tls":
            self._counts["sips_downgraded"] += 1
            changed = b"sip:" + (request.uri if changed is None else changed)[len(b"sips:") :]
        if self._own.is_own(uri.host, uri.port, flow):
            raw = request.uri if changed is None else changed
            return readdressed_uri(raw, target.uri_hostport)
        return changed

    def _removed_lines(
        self, request: Request, source: Source, upstream: Upstream, *, is_spiral: bool = False
    ) -> tuple[int, ...]:
        """Headers that this source may not send, or this upstream may not see (design §6)."""
        if is_spiral:
            return ()  # it has been here, and its tags are ours
        removed = forbidden_lines(request, source)
        if source.trusted and not upstream.trusted and wants_privacy(request):
            removed += request.indexes(b"p-asserted-identity")
        return tuple(removed)

    def _tag_lines(self, call: Call, upstream: Upstream) -> tuple[bytes, ...]:
        """The tags that leave with an initial INVITE."""
        decision = call.decision
        lines = [f"{name}: {value}".encode() for name, value in decision.tags]
        if upstream.tags != "none" and not call.inbound:
            verdict = f'X-SipGate-Verdict: {decision.verdict}; decision="{self._gate}-{call.seq}"'
            if upstream.tags == "full":
                verdict += f'; rule="{decision.rule or ""}"; policy="{decision.policy}"'
            lines.append(verdict.encode())
        return tuple(lines)


def _is_strict(routes: RouteSet, target: Target) -> bool:
    """Whether the target is itself the strict router that comes next.

    Another one is for the upstream to serve: it is as if a Route value of its own, with `lr`, stood
    before it (RFC 3261 §16.6 step 6).
    """
    if not routes.is_strict:
        return False
    try:
        return route_hop(routes.rest[0]) == Hop(target.transport, target.host, target.port)
    except UnsupportedHop:
        return False


def _target_at(upstream: Upstream, route: bytes) -> bytes | None:
    """The key of the target that a Route value means."""
    try:
        hop = route_hop(route)
    except UnsupportedHop:
        return None
    for target in upstream.targets:
        if hop == Hop(target.transport, target.host, target.port):
            return target.key
    return None


def _has_user(route: bytes) -> bool:
    return parse_uri(parse_name_addr(route).uri).user is not None


def _would_ring(route: bytes) -> bool:
    """Whether a Route value names somebody, and a strict router is to put it into Request-URI."""
    uri = parse_uri(parse_name_addr(route).uri)
    return uri.user is not None and b"lr" not in uri.params


def _to_uri(request: Request) -> bytes | None:
    """The URI in To: the address of record of a REGISTER."""
    value = request.first(b"to")
    try:
        return None if value is None else parse_name_addr(value).uri
    except BadMessage:
        return None


def must_have_tls(uri: Uri, upstream: Upstream) -> None:
    """Raises UnsupportedHop for a sips URI where nothing but plain transports leads on.

    RFC 5630 §5.3; an upstream may take such calls as sip (`sips = "downgrade"`).
    """
    if uri.scheme == b"sips" and not upstream.downgrades_sips and not upstream.has_tls:
        raise sips_needs_tls()


def record_routes(
    token: bytes, flow: Flow, out_flow: Flow, request_uri: bytes = b""
) -> tuple[bytes, ...]:
    """One Record-Route value, two where the sides differ (RFC 5658); topmost first."""
    is_sips = request_uri[:5].lower() == b"sips:"  # RFC 3261 §16.6 step 4
    inward = _record_route(token, flow, is_sips)
    outward = _record_route(token, out_flow, is_sips)
    return (inward,) if inward == outward else (outward, inward)


def forbidden_lines(request: Request, source: Source | None) -> list[int]:
    """Header lines that whoever sent the request may not send (design §6); None: an upstream."""
    removed = [] if source is not None and source.accept_tags else own_header_lines(request)
    if source is not None and not source.trusted:
        removed += request.indexes(b"p-asserted-identity")
        removed += request.indexes(b"p-preferred-identity")
    if source is not None and source.realm is not None:
        removed += own_credentials(request, source.realm)
    return removed


def _record_route(token: bytes, flow: Flow, is_sips: bool) -> bytes:
    if is_sips and flow.is_secure:
        return b"<sips:%b@%b;lr>" % (token, flow.local_sent_by)
    transport = b"" if flow.transport == "udp" else b";transport=" + flow.transport.encode()
    return b"<sip:%b@%b%b;lr>" % (token, flow.local_sent_by, transport)
