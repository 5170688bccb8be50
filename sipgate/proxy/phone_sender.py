"""Requests to registered phones: taken by their token, sent down the phone's own flow (design §6).

RFC 5626 §5.3 and RFC 3327 §5: the token is in our Path, which comes back as the topmost Route, or
in the Contact that stands for the phone's, which comes back as the Request-URI.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sipgate.net import Flow
from sipgate.numbers import Callee
from sipgate.sip import Request, Uri, parse_uri, unescape_user
from sipgate.store import Registration

from .binding_table import FLOW_FAILED, Binding, BindingTable
from .branch import BranchMaker
from .call import Call, CallState
from .flow_token import CALLEE_PHONE, FlowTokens, has_token_shape
from .forwarder import Forwarder
from .forwarding import wants_privacy
from .next_hop import RouteSet, UnsupportedHop
from .own_address import OwnAddresses
from .response_context import ResponseContext
from .restored import RestoredInvite
from .source import Source, SourceTable
from .upstream_sender import RECORD_ROUTED, forbidden_lines, record_routes

ELSEWHERE = "-"  # names who has a token, and is neither a source nor an upstream


@dataclass(frozen=True, slots=True)
class ToPhone:
    """What a request's registration token names."""

    binding: Binding | None
    status: int  # why there is no binding; 0: there is one

    @property
    def is_ours(self) -> bool:
        """Whether the gate made the token: only then is the request taken from any address."""
        return self.status in (0, FLOW_FAILED)


class PhoneSender:
    """Finds the phone that a request is for, and sends the request there."""

    def __init__(
        self,
        *,
        bindings: BindingTable,
        tokens: FlowTokens,
        own: OwnAddresses,
        forwarder: Forwarder,
        branches: BranchMaker,
        sources: SourceTable,
        inbound_sources: Mapping[str, Source],
        upstream_at: Callable[[str], str | None],
        counts: Counter[str],
        is_used: bool,
    ) -> None:
        """`inbound_sources` decide nothing: one for each source, upstream, and ELSEWHERE, by name.

        `upstream_at` names the upstream that has a target at an address.
        """
        self._bindings = bindings
        self._tokens = tokens
        self._own = own
        self._forwarder = forwarder
        self._branches = branches
        self._sources = sources
        self._inbound_sources = inbound_sources
        self._upstream_at = upstream_at
        self._counts = counts
        self.is_used = is_used  # False: no source has its phones reached through the gate

    def find(
        self, request: Request, routes: RouteSet, flow: Flow, source: Source | None, now: float
    ) -> ToPhone | None:
        """The phone that a request is for; None when it names none."""
        token = routes.token
        by_route = has_token_shape(token)
        if not by_route:
            if routes.rest:
                return None
            token = self._uri_token(request.uri, flow)
            if not token:
                return None
        if not self._tokens.is_ours(token):
            return ToPhone(None, 403 if by_route else 404)
        binding = self._bindings.find(token, now)
        if binding is None:
            return ToPhone(None, FLOW_FAILED)
        if by_route and _is_outgoing(request, binding, flow, source):
            return None
        return ToPhone(binding, 0 if binding.open_flow is not None else FLOW_FAILED)

    def still_registers(self, row: Registration) -> bool:
        """Whether what the store has may be put back: its key and its source are still there."""
        source = self._sources.named(row.source)
        return (
            source is not None
            and source.upstream == row.upstream
            and source.registrations in ("contact", "path")
            and self._tokens.is_ours(row.token.encode())
        )

    def source_of(self, source: Source | None, flow: Flow) -> Source:
        """As whose a request to a phone is recorded; it decides nothing."""
        name = source.name if source is not None else self._upstream_at(flow.host)
        return self._inbound_sources[name or ELSEWHERE]

    def callee_of(self, binding: Binding) -> tuple[Uri, Callee]:
        """Whom a request to a phone is for: its address of record, read as its own source does."""
        scheme = b"sip:" if b"@" in binding.aor else b"tel:"
        uri = parse_uri(scheme + binding.aor.lstrip(b"@"))
        source = self._sources.named(binding.source) or self._inbound_sources[ELSEWHERE]
        return uri, source.dial_plan.read(unescape_user(uri.user or b""))

    def refuse(self, context: ResponseContext, status: int, now: float) -> None:
        """No way to the phone: unknown token (403, 404), or its flow has ended (430)."""
        self._counts["phones_unreachable"] += 1
        self._forwarder.respond(context, status, now)

    def send_invite(
        self, context: ResponseContext, binding: Binding, call: Call, now: float
    ) -> None:
        """An initial INVITE. Raises UnsupportedHop when its flow has ended."""
        flow = _flow_of(binding)
        if context.is_initial:
            call.target = flow.name.encode()
        if call.state in (CallState.DECIDED, CallState.CHALLENGED):
            call.state = CallState.CALLING
        self._send(context, binding, flow, now)

    def send(self, context: ResponseContext, binding: Binding, now: float) -> None:
        """Anything else that is in no dialog that we know. Raises UnsupportedHop."""
        self._send(context, binding, _flow_of(binding), now)

    def send_restored(
        self, request: Request, invite: RestoredInvite, binding: Binding, routes: RouteSet
    ) -> None:
        """CANCEL, or the ACK to a non-2xx, of an INVITE of before the restart."""
        flow = binding.open_flow
        if flow is None:
            self._counts["phones_unreachable"] += 1
            return
        self._forwarder.stateless(
            request,
            flow,
            invite.target,
            routes.own,
            routes.rest,
            self._removed_lines(request, None, binding),
            None if has_token_shape(routes.token) else binding.contact,
        )

    def _send(self, context: ResponseContext, binding: Binding, flow: Flow, now: float) -> None:
        request, routes = context.request, context.routes
        values: tuple[bytes, ...] = ()
        if request.method in RECORD_ROUTED:
            dialog = self._branches.token(request.call_id, request.from_tag)
            token = b"%b%b%b" % (dialog, CALLEE_PHONE, binding.token)
            values = record_routes(token, context.flow, flow, context.request.uri)
        self._forwarder.forward(
            context,
            flow,
            flow.name.encode(),
            now,
            uri=None if has_token_shape(routes.token) else binding.contact,
            own_routes=routes.own,
            rest_routes=routes.rest,
            record_routes=values,
            remove=self._removed_lines(request, context.source, binding),
        )

    def _removed_lines(
        self, request: Request, source: Source | None, binding: Binding
    ) -> tuple[int, ...]:
        removed = forbidden_lines(request, source)
        phones = self._sources.named(binding.source)
        if wants_privacy(request) and (phones is None or not phones.trusted):
            removed += request.indexes(b"p-asserted-identity")  # RFC 3325 §7
        return tuple(removed)

    def _uri_token(self, raw: bytes, flow: Flow) -> bytes:
        """The token in a Request-URI that means the gate; b"" where there is none."""
        start = 5 if raw[:5] == b"sips:" else 4
        user = raw[start : raw.find(b"@")]
        if not has_token_shape(user):
            return b""
        uri = parse_uri(raw)
        is_own = uri.scheme in (b"sip", b"sips") and self._own.is_own(uri.host, uri.port, flow)
        return user if is_own and uri.user == user else b""


def _flow_of(binding: Binding) -> Flow:
    flow = binding.open_flow
    if flow is None:
        raise UnsupportedHop(FLOW_FAILED, b'399 sipgate "the phone\'s connection has ended"')
    if binding.contact[:5] == b"sips:" and flow.transport != "tls":
        raise UnsupportedHop(480, b'380 sipgate "SIPS needs TLS"')  # RFC 5630 §5.3
    return flow


def _is_outgoing(request: Request, binding: Binding, flow: Flow, source: Source | None) -> bool:
    """Whether a phone's own request shows the way that it registered (RFC 5626 §5.3).

    It may come from another port by now, and then only its Request-URI tells: no emergency call
    may go back to the phone that makes it.
    """
    if flow.name == binding.flow_key[1]:
        return True
    if source is None or not source.decide:
        return False
    asked, registered = parse_uri(request.uri), parse_uri(binding.contact)
    return (asked.user, asked.host) != (registered.user, registered.host)
