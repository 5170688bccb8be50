"""Requests inside a dialog: they go where its Route set and target say, and nowhere else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial

from sipgate.clock import Clock
from sipgate.net import Flow
from sipgate.sip import (
    BadMessage,
    Request,
    Uri,
    dialled,
    parse_name_addr,
    parse_uri,
    split_values,
)

from .binding_table import BindingTable
from .branch import BranchMaker
from .call import ActiveCalls, Call
from .call_recorder import CallRecorder
from .dtmf import info_digits
from .forwarder import Forwarder
from .forwarding import wants_privacy
from .next_hop import Hop, HopResolver, RouteSet, UnsupportedHop, hop_of, route_hop
from .own_address import SIP_PORT, OwnAddresses
from .response_context import ResponseContext
from .source import Source
from .upstream import Upstream
from .upstream_sender import RECORD_ROUTED, forbidden_lines, record_routes


class DialogSender:
    """Finds the dialog of a request and sends it on in it."""

    def __init__(
        self,
        *,
        calls: ActiveCalls,
        branches: BranchMaker,
        forwarder: Forwarder,
        recorder: CallRecorder,
        hops: HopResolver,
        own: OwnAddresses,
        bindings: BindingTable,
        upstreams: Collection[Upstream],
        clock: Clock,
        counts: Counter[str],
    ) -> None:
        self._calls = calls
        self._own = own
        self._branches = branches
        self._forwarder = forwarder
        self._recorder = recorder
        self._hops = hops
        self._bindings = bindings
        self._upstreams = upstreams
        self._clock = clock
        self._counts = counts

    def find(self, request: Request, routes: RouteSet, now: float) -> tuple[Call | None, bool]:
        """The request's call if we know it, and whether the way is open to it (design §5).

        It is for the tags of a call that we know, or by the token in our Record-Route, which also
        opens dialogs that are no calls (SUBSCRIBE) and calls of before a restart.
        """
        call = self._calls.find(request.call_id, request.from_tag, request.to_tag)
        if call is not None:
            return call, True
        if routes.own and self._branches.token_opens(routes.token, request):
            return self._restored(request, now), True
        return None, False

    def send(
        self, context: ResponseContext, uri: Uri, routes: RouteSet, call: Call | None, now: float
    ) -> None:
        """Send a request on; at once where the next hop is numeric or its name is known."""
        request = context.request
        aimed = self._party_of(request, uri, routes, call, context.flow)
        if aimed is not None:
            uri = aimed
        if call is not None and self._concerns(context, uri, routes, call):
            context.call = call
            if request.method == b"INFO" and call.is_from_caller(request.from_tag):
                call.info_digits += info_digits(request)
        remove = tuple(forbidden_lines(request, _sender(request, context.source, call)))
        if (
            call is not None
            and not call.source.trusted
            and not call.is_from_caller(request.from_tag)
            and wants_privacy(request)
        ):
            remove += request.indexes(b"p-asserted-identity")
        use = partial(self._forward, context, routes, remove, aimed.raw if aimed else None)
        self._towards(request, routes, call, use, uri)

    def send_reinvite(
        self, context: ResponseContext, uri: Uri, routes: RouteSet, call: Call, now: float
    ) -> None:
        """An INVITE in a call that we know may only go to that call's own party."""
        if not self.leads_to_party(context.request, uri, call):
            self._counts["dialogs_misused"] += 1
            self._forwarder.respond(context, 403, now, phrase=b"Not the party of this dialog")
            return
        if not self.shows(call, routes):
            self._counts["routes_refused"] += 1
            self._forwarder.respond(context, 403, now, phrase=b"Route set not allowed")
            return
        self._forwarder.trying(context, now)
        self.send(context, uri, routes, call, now)

    def send_ack(
        self,
        request: Request,
        routes: RouteSet,
        call: Call | None,
        flow: Flow,
        source: Source | None,
    ) -> None:
        """The ACK to a 2xx, end to end (RFC 3261 §13.2.2.4).

        It carries the credentials of its INVITE (RFC 3261 §22.3), ours among them.
        """
        try:
            aimed = self._party_of(request, None, routes, call, flow)
            remove = tuple(forbidden_lines(request, _sender(request, source, call)))
            use = partial(self._pass, request, routes, remove, aimed.raw if aimed else None)
            self._towards(request, routes, call, use, aimed)
        except (UnsupportedHop, BadMessage):
            self._counts["acks_stray"] += 1

    def send_ack_by_branch(self, request: Request, routes: RouteSet, call: Call) -> None:
        """An ACK to a 2xx under its INVITE's own branch, whose tags or target are wrong.

        RFC 6026 §7.1 gives it to the core: some phones (pyVoIP) build all their ACKs like the
        one to a refusal. Only the callee that answered can be meant.
        """
        if call.callee_contact is None:
            self._counts["acks_stray"] += 1
            return
        try:
            contact = parse_name_addr(call.callee_contact).uri
            remove = tuple(forbidden_lines(request, call.source))
            use = partial(self._pass, request, routes, remove, contact)
            self._hops.with_flow(hop_of(parse_uri(contact)), use)
        except (UnsupportedHop, BadMessage):
            self._counts["acks_stray"] += 1

    # What waits for a host name holds these by `partial`: a closure would hold itself as well.

    def _forward(
        self,
        context: ResponseContext,
        routes: RouteSet,
        remove: tuple[int, ...],
        uri: bytes | None,
        out_flow: Flow | None,
    ) -> None:
        if context.final_status:
            return
        now = self._clock.now()
        if out_flow is None:
            self._forwarder.transport_failed(context, now)
            return
        values: tuple[bytes, ...] = ()
        if routes.token and context.request.method in RECORD_ROUTED:
            values = record_routes(routes.user, context.flow, out_flow, context.request.uri)
        self._forwarder.forward(
            context,
            out_flow,
            out_flow.name.encode(),
            now,
            uri=uri,
            own_routes=routes.own,
            rest_routes=routes.rest,
            record_routes=values,
            remove=remove,
            strict=routes.is_strict,
        )

    def _pass(
        self,
        request: Request,
        routes: RouteSet,
        remove: tuple[int, ...],
        uri: bytes | None,
        out_flow: Flow | None,
    ) -> None:
        if out_flow is not None:
            target = out_flow.name.encode()
            self._forwarder.stateless(
                request,
                out_flow,
                target,
                routes.own,
                routes.rest,
                remove,
                uri,
                strict=routes.is_strict,
            )

    def _party_of(
        self, request: Request, uri: Uri | None, routes: RouteSet, call: Call | None, flow: Flow
    ) -> Uri | None:
        """Who is meant by a Request-URI in a dialog that names the gate itself: the other side.

        None for any other. Raises UnsupportedHop where nobody is known (RFC 3261 §16.5).
        """
        if routes.rest or self._hops.known_flow(request.uri) is not None:
            return None
        if uri is None:
            uri = parse_uri(request.uri)
        if not self._own.is_own(uri.host, uri.port, flow):
            return None
        if call is not None:
            from_caller = call.is_from_caller(request.from_tag)
            contact = call.callee_contact if from_caller else call.caller_contact
            party = None if contact is None else parse_uri(parse_name_addr(contact).uri)
            if party is not None and not self._own.is_own(party.host, party.port, flow):
                return party
        raise UnsupportedHop(404, b'399 sipgate "the gate is no party"')

    def _towards(
        self,
        request: Request,
        routes: RouteSet,
        call: Call | None,
        use: Callable[[Flow | None], None],
        uri: Uri | None,
    ) -> None:
        """Find the flow for a request (design §6, NAT).

        A caller is reached at its Contact if that has the address that its INVITE came from, on
        whatever port, else down the INVITE's flow.
        """
        if routes.rest:
            self._hops.with_flow(route_hop(routes.rest[0]), use)
            return
        target = request.uri if uri is None else uri.raw
        if routes.caller_phone or routes.callee_phone:
            flow = self._phone_flow(request, routes, call)
            if flow is not None:
                use(flow)
                return
        flow = None
        if call is not None and not call.is_from_caller(request.from_tag):
            flow = call.caller_flow
            if flow is not None and not flow.is_open:
                flow = None
        if flow is not None and flow.reliable:
            use(flow)
            return
        known = self._hops.known_flow(target)
        if known is not None and (flow is None or known.host == flow.host):
            use(known)
            return
        hop = _hop_or(uri if uri is not None else parse_uri(target), flow)
        if flow is not None and (hop is None or hop.host != flow.host):
            use(flow)  # a Contact behind NAT, or a name: the way that the INVITE came leads there
            return
        assert hop is not None
        self._hops.with_flow(hop, use, target)

    def _phone_flow(self, request: Request, routes: RouteSet, call: Call | None) -> Flow | None:
        """Where the registered phone is that a request in its dialog goes to (RFC 5626 §5.3)."""
        if call is not None:
            from_caller = call.is_from_caller(request.from_tag)
        else:
            from_caller = routes.token == self._branches.token(request.call_id, request.from_tag)
        token = routes.callee_phone if from_caller else routes.caller_phone
        binding = self._bindings.find(token, self._clock.now()) if token else None
        return None if binding is None else binding.open_flow

    def _concerns(self, context: ResponseContext, uri: Uri, routes: RouteSet, call: Call) -> bool:
        """Whether what becomes of the request may move the call.

        Who is counted while he talks could say BYE to himself, or in the callee's name.
        """
        request, caller_flow = context.request, call.caller_flow
        if call.is_from_caller(request.from_tag):
            return (
                call.callee_contact is None or self.leads_to_party(request, uri, call)
            ) and self.shows(call, routes)
        if call.inbound or caller_flow is None or context.flow.host != caller_flow.host:
            return True
        return call.target_host == caller_flow.host  # the callee is there as well

    def leads_to_party(self, request: Request, uri: Uri, call: Call) -> bool:
        """Whether a Request-URI means the other side of the call, or on an open way leads there."""
        from_caller = call.is_from_caller(request.from_tag)
        if from_caller == call.inbound:
            return True  # the upstream's own side
        contact = call.callee_contact if from_caller else call.caller_contact
        if contact is not None and _is_at(uri, contact):
            return True
        if not from_caller:
            return contact is None
        callee = call.source.dial_plan.read(dialled(uri))
        if call.emergency and callee.kind in ("emergency", "unreadable"):
            return True  # nothing may keep an emergency call (design §1); only numbers are asked
        if callee.key == call.attempt.callee:
            host = uri.host.decode("ascii", "replace").strip("[]")
            return contact is None or host == call.target_host
        # The Contact of a call that was answered during a crash is not known.
        return contact is None and call.is_restored and callee.kind == "unreadable"

    def shows(self, call: Call, routes: RouteSet) -> bool:
        """Whether the dialog has shown each hop of a Route set.

        Where a crash lost what it showed, its upstream's own places will do, as loose routers.
        """
        if not routes.rest:
            return True
        if call.is_restored and not call.route_lines:
            return all(self._is_upstream(value) for value in routes.rest)
        shown = set()
        for line in call.route_lines:
            for value in split_values(line.partition(b":")[2]):
                with suppress(BadMessage):
                    shown.add(_place(value))
        return all(_place(value) in shown for value in routes.rest)

    def _is_upstream(self, route: bytes) -> bool:
        uri = parse_uri(parse_name_addr(route).uri)
        host = uri.host.decode("ascii", "replace").strip("[]")
        return b"lr" in uri.params and any(one.holds(host) for one in self._upstreams)

    def _restored(self, request: Request, now: float) -> Call | None:
        """A call whose tags a crash lost: the To tag that comes with its token is its answer."""
        for tag, other in (
            (request.from_tag, request.to_tag),
            (request.to_tag, request.from_tag),
        ):
            call = self._calls.find_attempt(request.call_id, tag)
            if call is not None and call.is_restored and not call.callee_tags:
                self._recorder.answered(call, other, None, None, now)
                return call
        return None


def _sender(request: Request, source: Source | None, call: Call | None) -> Source | None:
    """Whose rules hold for a request in a dialog: the caller's own, from wherever he sends now."""
    if source is None and call is not None and call.is_from_caller(request.from_tag):
        return call.source
    return source


def _hop_or(uri: Uri, flow: Flow | None) -> Hop | None:
    """The hop of a Request-URI; None if it names none and there is a flow to use instead."""
    try:
        return hop_of(uri)
    except UnsupportedHop:
        if flow is None:
            raise
        return None


def _is_at(uri: Uri, contact: bytes) -> bool:
    """True when a Request-URI means that Contact; parameters may differ but for `maddr`."""
    if b"<%b>" % uri.raw in contact:
        return True
    try:
        party = parse_uri(parse_name_addr(contact).uri)
    except BadMessage:
        return False
    return _place_of(uri) == _place_of(party)


def _place_of(uri: Uri) -> tuple[bytes | None, bytes, int, bytes | None]:
    return uri.user, uri.host, uri.port or SIP_PORT, uri.params.get(b"maddr")


def _place(route: bytes) -> tuple[bytes | None, bytes, int | None, bool]:
    """What makes a Route value the one that was shown: a strict router's user part would ring."""
    uri = parse_uri(parse_name_addr(route).uri)
    return uri.user, uri.host, uri.port, b"lr" in uri.params
