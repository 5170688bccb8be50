"""Where a request goes next: its Route set, the gate's own values in it, the hop after them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from sipgate.net import Flow, Network, Place, Resolver, Wish, numeric
from sipgate.sip import Request, Splice, Uri, parse_message, parse_name_addr, parse_uri

from .flow_token import CALLEE_PHONE, CALLER_PHONE, TOKEN_LENGTH, split_dialog_token
from .own_address import SIP_PORT, SIPS_PORT, OwnAddresses
from .upstream import Target

MOST_OWN_ROUTES = 2  # two where the sides of the gate differ (RFC 5658)
REMEMBERED_TAILS = 4096
REMEMBERED_FLOWS = 4096


@dataclass(frozen=True, slots=True)
class RouteSet:
    """The Route values of a request, our own taken off."""

    own: int = 0  # how many of the topmost are ours
    token: bytes = b""  # the user part of the first that is ours, without its phone
    rest: tuple[bytes, ...] = ()
    caller_phone: bytes = b""  # registration tokens that ours carry: the phone that set up the
    callee_phone: bytes = b""  # dialog, and the one that it was set up with

    @property
    def user(self) -> bytes:
        """The user part as our Record-Route says it."""
        if self.callee_phone:
            return self.token + CALLEE_PHONE + self.callee_phone
        return self.token + CALLER_PHONE + self.caller_phone if self.caller_phone else self.token

    @property
    def is_strict(self) -> bool:
        """Whether the next hop is a strict router, for its URI lacks `lr`; raises BadMessage."""
        return bool(self.rest) and b"lr" not in parse_uri(parse_name_addr(self.rest[0]).uri).params


NO_ROUTE = RouteSet()


class Hop(NamedTuple):
    """A transport address, not yet a flow."""

    transport: str
    host: str  # a name, or a numeric address without brackets
    port: int
    wish: Wish | None = None  # for a name: what DNS is asked, which may say transport and port


class UnsupportedHop(Exception):
    """The next hop can't be reached by this gate; answered with `status` and `warning`."""

    def __init__(self, status: int, warning: bytes) -> None:
        super().__init__(warning.decode())
        self.status = status
        self.warning = warning


def sips_needs_tls() -> UnsupportedHop:
    """RFC 5630 §5.3: a sips URI that no TLS leads to."""
    return UnsupportedHop(480, b'380 sipgate "SIPS needs TLS"')


class RouteReader:
    """Splits a Route set into what is ours and what is left (RFC 3261 §16.4)."""

    def __init__(self, own: OwnAddresses) -> None:
        self._own = own
        self._tails: dict[tuple[bytes, bytes], bool] = {}

    def loosened(self, request: Request, flow: Flow) -> Request:
        """The request as a loose router would have sent it (RFC 3261 §16.4).

        A strict router puts our Record-Route value into the Request-URI, and what was there behind
        all Route values. Raises BadMessage.
        """
        if b";lr" not in request.uri or request.index(b"route") is None:
            return request
        uri = parse_uri(request.uri)
        if b"lr" not in uri.params or not self._own.is_own(uri.host, uri.port, flow):
            return request
        *others, last = request.values(b"route")
        first, *more = request.indexes(b"route")
        splice = Splice(request)
        splice.start_line(b"%b %b SIP/2.0" % (request.method, parse_name_addr(last).uri))
        splice.replace(first, b"Route: " + b", ".join((b"<%b>" % request.uri, *others)))
        for index in more:
            splice.remove(index)
        loose = parse_message(splice.to_bytes())
        assert isinstance(loose, Request)
        return loose

    def read(self, request: Request, flow: Flow) -> RouteSet:
        """Raises BadMessage for a Route that can't be read."""
        if request.index(b"route") is None:
            return NO_ROUTE
        values = request.values(b"route")
        token = b""
        own = 0
        while own < min(MOST_OWN_ROUTES, len(values)):
            user = self._own_user(values[own], flow)
            if user is None:
                # The other of our two (RFC 5658): it may say how the other side reaches us.
                if not token or not values[own].startswith(b"<sip:%b@" % token):
                    break
                user = token
            token = token or user
            own += 1
        if len(token) < TOKEN_LENGTH + 2:  # no phone is in it
            return RouteSet(own, token, tuple(values[own:]))
        return self._with_phones(values, own, token, flow)

    def _with_phones(self, values: list[bytes], own: int, first: bytes, flow: Flow) -> RouteSet:
        token, caller_phone, callee_phone = split_dialog_token(first)
        for value in values[1:own]:  # of a spiral: both its phones are ours
            _, caller, callee = split_dialog_token(self._own_user(value, flow) or b"")
            caller_phone, callee_phone = caller_phone or caller, callee_phone or callee
        return RouteSet(own, token, tuple(values[own:]), caller_phone, callee_phone)

    def _own_user(self, value: bytes, flow: Flow) -> bytes | None:
        """The user part of a Route value that means the gate, else None."""
        at = value.find(b"@")
        if value[:5] != b"<sip:" or at < 0:
            return self._read_own_user(value, flow)
        tail = (value[at:], flow.local_sent_by)
        known = self._tails.get(tail)
        if known is None:
            if len(self._tails) >= REMEMBERED_TAILS:
                self._tails.clear()
            known = self._tails[tail] = self._read_own_user(value, flow) is not None
        return value[5:at] if known else None

    def _read_own_user(self, value: bytes, flow: Flow) -> bytes | None:
        uri = parse_uri(parse_name_addr(value).uri)
        if uri.scheme in (b"sip", b"sips") and self._own.is_own(uri.host, uri.port, flow):
            return uri.user or b""
        return None


def hop_of(uri: Uri) -> Hop:
    """The transport address that a sip URI names. Raises UnsupportedHop or BadMessage."""
    is_sips = uri.scheme == b"sips"
    if uri.scheme != b"sip" and not is_sips:
        raise UnsupportedHop(416, b'399 sipgate "no way to this scheme"')
    asked = (uri.params.get(b"transport") or b"").lower()
    if asked not in (b"", b"udp", b"tcp", b"tls"):
        raise UnsupportedHop(480, b'399 sipgate "transport not available"')
    if is_sips and asked == b"udp":
        raise sips_needs_tls()
    transport = b"tls" if is_sips else asked or b"udp"  # RFC 3261 §26.2.2
    # RFC 3261 §19.1.1: maddr is where the request goes, whatever the host says
    host = (uri.params.get(b"maddr") or uri.host).decode("ascii", "replace")
    if host.startswith("["):
        host = host[1:-1]
    port = uri.port or 0
    wish = None
    if numeric(host) is None:
        wish = Wish(host.lower(), port, asked.decode(), is_sips)  # RFC 3263 §4
    default = SIPS_PORT if transport == b"tls" else SIP_PORT
    return Hop(transport.decode(), host, port or default, wish)


def route_hop(value: bytes) -> Hop:
    """The transport address of a Route value."""
    return hop_of(parse_uri(parse_name_addr(value).uri))


class HopResolver:
    """Turns a hop into a flow, at once where the host is numeric or known."""

    def __init__(self, network: Network, resolver: Resolver) -> None:
        self._network = network
        self._resolver = resolver
        self._flows: dict[Hop, Flow] = {}  # for numeric hosts
        self._flows_by_uri: dict[bytes, Flow] = {}
        self._server_names: dict[Hop, str] = {}  # what a TLS peer must prove; as many as targets
        self._ask: Callable[[Wish, Callable[[Sequence[Place]], None]], None] | None = None

    def ask_with(self, ask: Callable[[Wish, Callable[[Sequence[Place]], None]], None]) -> None:
        """Have names looked up by the owner of that wait; it calls back with places, or none."""
        self._ask = ask

    def target_flow(self, target: Target) -> Flow:
        """The flow to an upstream's target, whose host is numeric."""
        hop = Hop(target.transport, target.host, target.port)
        if target.transport == "tls":
            self._server_names[hop] = target.server_name
        return self.numeric_flow(hop)

    def key_flow(self, key: bytes) -> Flow:
        """The flow to a target by its key, as in the ledger: `udp:192.0.2.1:5060`."""
        transport, _, address = key.decode().partition(":")
        host, _, port = address.rpartition(":")
        return self.numeric_flow(Hop(transport, host, int(port)))

    def known_flow(self, uri: bytes) -> Flow | None:
        """The flow that a Request-URI in this very spelling led to before, if it is open."""
        flow = self._flows_by_uri.get(uri)
        return flow if flow is not None and flow.is_open else None

    def with_flow(
        self, hop: Hop, use: Callable[[Flow | None], None], uri: bytes | None = None
    ) -> None:
        """Call `use` with the flow to the hop, now or when its name is resolved; None if not.

        `uri` is what the hop was read from, if it alone leads there.
        """
        known = self._flows.get(hop)
        if known is None or not known.is_open:
            if hop.wish is None:
                known = self.numeric_flow(hop)
            else:
                location = self._resolver.located(hop.wish)
                if location is None:
                    if self._ask is None:
                        use(None)
                    else:
                        self._ask(hop.wish, partial(self._found, use, hop.wish.host))
                    return
                known = self._open_flow(location.places, hop.wish.host)
        if uri is not None and hop.host == known.host:
            if len(self._flows_by_uri) >= REMEMBERED_FLOWS:
                self._flows_by_uri.clear()
            self._flows_by_uri[uri] = known
        use(known)

    def _found(
        self, use: Callable[[Flow | None], None], name: str, places: Sequence[Place]
    ) -> None:
        use(self._open_flow(places, name) if places else None)

    def _open_flow(self, places: Sequence[Place], name: str) -> Flow:
        """The flow to the first place whose connection hasn't failed (RFC 3263 §4.3).

        A failed one has its turn again when those to all others have ended too. `name` led there:
        by TLS the certificate must prove it (RFC 5922 §4).
        """
        if len(self._server_names) >= REMEMBERED_FLOWS:
            self._server_names.clear()  # those of targets are told again each time
        for place in places:
            if place.transport == "tls":
                self._server_names[Hop(*place)] = name
        hops = [Hop(*place) for place in places]
        hops.sort(key=self._has_failed)  # stable: the order of DNS stays within either half
        for hop in hops:
            flow = self.numeric_flow(hop)
            if flow.is_open:
                return flow
        return flow

    def _has_failed(self, hop: Hop) -> bool:
        """Whether the last connection there could not be made, or has ended."""
        flow = self._flows.get(hop)
        return flow is not None and not flow.is_open

    def numeric_flow(self, hop: Hop) -> Flow:
        """The flow to a hop whose host is a numeric address."""
        flow = self._flows.get(hop)
        if flow is None or not flow.is_open:
            if len(self._flows) >= REMEMBERED_FLOWS:
                self._flows.clear()
            if hop.transport == "tls":
                flow = self._network.flow_to(
                    "tls", hop.host, hop.port, server_name=self._server_names.get(hop, "")
                )
            else:
                flow = self._network.flow_to(hop.transport, hop.host, hop.port)
            self._flows[hop] = flow
        return flow
