"""Requests outside a dialog, on their way to the upstream of their source: design §6."""

from __future__ import annotations

from collections.abc import Mapping

from sipgate.net import Flow
from sipgate.numbers import Callee
from sipgate.sip import Request, Uri, dialled, parse_uri

from .authentication import own_credentials
from .binding_table import BindingTable
from .branch import BranchMaker
from .call import Call, CallState
from .flow_token import CALLER_PHONE
from .forwarder import Forwarder
from .forwarding import own_header_lines, readdressed_uri
from .next_hop import Hop, HopResolver, RouteSet, UnsupportedHop, route_hop
from .outgoing_number import outgoing_user
from .own_address import OwnAddresses
from .registration import Registrations, flow_key
from .response_context import ResponseContext
from .restored import RestoredInvite
from .source import Source
from .upstream import Upstream

RECORD_ROUTED = frozenset((b"INVITE", b"SUBSCRIBE", b"REFER", b"NOTIFY"))  # design §6


class UpstreamSender:
    """Decides what a request to an upstream says, and sends it there."""

    def __init__(
        self,
        *,
        gate: str,
        upstreams: Mapping[str, Upstream],
        own: OwnAddresses,
        forwarder: Forwarder,
        branches: BranchMaker,
        hops: HopResolver,
        registrations: Registrations,
        bindings: BindingTable,
    ) -> None:
        self._gate = gate
        self._upstreams = upstreams
        self._hosts = {upstream.target.host for upstream in upstreams.values()}
        self._own = own
        self._forwarder = forwarder
        self._branches = branches
        self._hops = hops
        self._registrations = registrations
        self._bindings = bindings

    def upstream_of(self, source: Source) -> Upstream:
        return self._upstreams[source.upstream]

    def is_upstream(self, host: str) -> bool:
        """True for the address of a target, whatever the port."""
        return host in self._hosts

    def upstream_at(self, host: str) -> str | None:
        """The name of the upstream that has a target at this address."""
        for name, upstream in self._upstreams.items():
            if upstream.target.host == host:
                return name
        return None

    def allows_routes(self, source: Source, routes: RouteSet) -> bool:
        """Whether a Route set of the caller's own may stand (design §6, Route)."""
        if not routes.rest or source.routes:
            return True
        target = self._upstreams[source.upstream].target
        allowed = Hop(target.transport, target.host, target.port)
        try:
            return all(route_hop(value) == allowed for value in routes.rest)
        except UnsupportedHop:
            return False

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
        request, source = context.request, context.source
        assert source is not None
        upstream = self._upstreams[source.upstream]
        if uri.scheme == b"sips" and not emergency:
            raise UnsupportedHop(480, b'380 sipgate "SIPS needs TLS"')  # RFC 5630 §5.3
        flow = self._hops.target_flow(upstream.target)
        if call is not None:
            call.target = upstream.target.key
            if call.state in (CallState.DECIDED, CallState.CHALLENGED):
                call.state = CallState.CALLING
        token = self._branches.token(request.call_id, request.from_tag, emergency=emergency)
        if not emergency:
            token += self._phone_of(context.flow, now)
        removed = self._removed_lines(request, source, upstream, is_spiral=not context.is_initial)
        if emergency:
            removed += request.indexes(b"route")  # or the upstream would follow it elsewhere
        self._forwarder.forward(
            context,
            flow,
            upstream.target.key,
            now,
            uri=self._outgoing_uri(request, uri, callee, source, upstream, context.flow),
            own_routes=0 if emergency else routes.own,
            rest_routes=routes.rest,
            record_routes=record_routes(token, context.flow, flow),
            remove=removed,
            append=self._tag_lines(call, upstream) if call and context.is_initial else (),
            strict=not emergency and _is_strict(routes, upstream),
        )

    def send_other(self, context: ResponseContext, uri: Uri, routes: RouteSet, now: float) -> None:
        """Send anything else that is in no dialog; it goes nowhere but to the upstream."""
        request, source = context.request, context.source
        if source is None:
            self._forwarder.respond(context, 403, now)
            return
        if request.method == b"REGISTER" and source.registrations == "refuse":
            self._forwarder.respond(context, 403, now, phrase=b"Registration not allowed")
            return
        upstream = self._upstreams[source.upstream]
        if not self.allows_routes(source, routes):
            self._forwarder.respond(context, 403, now, phrase=b"Route set not allowed")
            return
        if uri.scheme == b"sips":
            raise UnsupportedHop(480, b'380 sipgate "SIPS needs TLS"')
        flow = self._hops.target_flow(upstream.target)
        rewritten = None
        if uri.scheme == b"sip" and self._own.is_own(uri.host, uri.port, context.flow):
            rewritten = readdressed_uri(request.uri, upstream.target.uri_hostport)
        values: tuple[bytes, ...] = ()
        if request.method in RECORD_ROUTED:
            token = self._branches.token(request.call_id, request.from_tag)
            token += self._phone_of(context.flow, now)
            values = record_routes(token, context.flow, flow)
        elif request.method == b"REGISTER" and source.registrations in ("contact", "path"):
            context.request, context.registering = self._registrations.outgoing(
                request, source, context.flow, flow
            )
            request = context.request
        self._forwarder.forward(
            context,
            flow,
            upstream.target.key,
            now,
            uri=rewritten,
            own_routes=routes.own,
            rest_routes=routes.rest,
            record_routes=values,
            remove=self._removed_lines(request, source, upstream),
            strict=_is_strict(routes, upstream),
        )

    def _phone_of(self, flow: Flow, now: float) -> bytes:
        """What the Record-Route says of a registered phone that sets up a dialog, if it is one.

        So requests in the dialog find the phone where it has registered last (RFC 5626 §5.3.2).
        """
        if not self._bindings:
            return b""
        binding = self._bindings.on_flow(flow_key(flow), now)
        return b"" if binding is None else CALLER_PHONE + binding.token

    def send_restored(
        self, request: Request, invite: RestoredInvite, routes: RouteSet, flow: Flow
    ) -> None:
        """CANCEL, or the ACK to a non-2xx, of an INVITE of before the restart goes on as it did."""
        source = invite.call.source
        transport, _, address = invite.target.decode().partition(":")
        host, _, port = address.rpartition(":")
        upstream, uri = self._upstreams[source.upstream], parse_uri(request.uri)
        callee = source.dial_plan.read(dialled(uri))
        self._forwarder.stateless(
            request,
            self._hops.numeric_flow(Hop(transport, host, int(port))),
            invite.target,
            routes.own,
            routes.rest,
            self._removed_lines(request, source, upstream),
            self._outgoing_uri(request, uri, callee, source, upstream, flow),
            strict=_is_strict(routes, upstream),
        )

    def _outgoing_uri(
        self,
        request: Request,
        uri: Uri,
        callee: Callee,
        source: Source,
        upstream: Upstream,
        flow: Flow,
    ) -> bytes | None:
        """The Request-URI if it changes, else None (RFC 3261 §16.5, §16.6 step 2)."""
        changed = outgoing_user(uri, callee, source)
        if uri.scheme == b"sip" and self._own.is_own(uri.host, uri.port, flow):
            raw = request.uri if changed is None else changed
            return readdressed_uri(raw, upstream.target.uri_hostport)
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


def _is_strict(routes: RouteSet, upstream: Upstream) -> bool:
    """Whether the upstream's target is itself the strict router that comes next.

    Another one is for the upstream to serve: it is as if a Route value of its own, with `lr`, stood
    before it (RFC 3261 §16.6 step 6).
    """
    if not routes.is_strict:
        return False
    target = upstream.target
    try:
        return route_hop(routes.rest[0]) == Hop(target.transport, target.host, target.port)
    except UnsupportedHop:
        return False


def record_routes(token: bytes, flow: Flow, out_flow: Flow) -> tuple[bytes, ...]:
    """One Record-Route value, two where the sides differ (RFC 5658); topmost first."""
    inward = _record_route(token, flow)
    outward = _record_route(token, out_flow)
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


def wants_privacy(request: Request) -> bool:
    """Whether Privacy says `id` (RFC 3325 §9.3)."""
    value = request.first(b"privacy")
    return value is not None and b"id" in [part.strip() for part in value.lower().split(b";")]


def _record_route(token: bytes, flow: Flow) -> bytes:
    transport = b";transport=tcp" if flow.transport == "tcp" else b""
    return b"<sip:%b@%b%b;lr>" % (token, flow.local_sent_by, transport)
