"""REGISTER on its way to the registrar, and its 200 on the way back (design §6).

`contact`: the phone's Contact leaves as one at the gate that has a token in its user part, and the
200's come back as the phone spelled them. `path`: the Contact stays, and a Path with the token says
that whatever goes to it has to come here (RFC 3327 §5.2, RFC 5626 §5.1).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import structlog

from sipgate.clock import Clock
from sipgate.net import Flow
from sipgate.sip import (
    BadMessage,
    NameAddr,
    Request,
    Response,
    Splice,
    Uri,
    parse_message,
    parse_name_addr,
    parse_uri,
    split_values,
)

from .binding_table import Binding, BindingTable, FlowKey
from .flow_token import FlowTokens, has_token_shape
from .nat_keep_alive import NatKeepAlive
from .own_address import SIP_PORT
from .source import Source

MOST_CONTACTS = 16  # in one REGISTER; phones have one or two
DEFAULT_SECONDS = 3600  # where neither side says how long: RFC 3261 §10.2
MOST_SECONDS = 30 * 86400
EVERYTHING = b"*"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AskedContact:
    """One Contact of a REGISTER."""

    token: bytes
    uri: bytes  # as the phone spelled it
    seconds: int  # how long the phone wants it


@dataclass(frozen=True, slots=True, kw_only=True)
class Registering:
    """A REGISTER that is on its way: what its 200 will confirm."""

    source: Source
    aor: bytes
    flow: Flow
    call_id: bytes
    cseq: int
    user_agent: bytes | None
    asked: tuple[AskedContact, ...]
    removes_all: bool  # `Contact: *`
    path: bytes  # our Path value without <>; b"" in contact mode


class Registrations:
    """Rewrites REGISTER and its 200, and keeps the bindings that a 200 confirms."""

    def __init__(
        self,
        *,
        bindings: BindingTable,
        tokens: FlowTokens,
        keep_alive: NatKeepAlive,
        clock: Clock,
        counts: Counter[str],
    ) -> None:
        self._bindings = bindings
        self._tokens = tokens
        self._keep_alive = keep_alive
        self._clock = clock
        self._counts = counts
        self._warned: set[str] = set()  # sources whose registrar ignores Path

    def outgoing(
        self, request: Request, source: Source, flow: Flow, out_flow: Flow
    ) -> tuple[Request, Registering]:
        """The REGISTER as it goes on, and what to remember of it. Raises BadMessage."""
        aor = address_of_record(request)
        contacts = request.values(b"contact")
        if len(contacts) > MOST_CONTACTS:
            raise BadMessage(400, f"more than {MOST_CONTACTS} contacts")
        asked = self._asked(request, source, aor, contacts)
        path = b""
        by_path = source.registrations == "path" and _supports_path(request)
        if by_path and asked:
            lasting = next((one for one in asked if one.seconds), asked[0])
            path = own_uri(lasting.token, out_flow) + b";lr"
            if _is_outbound(request, contacts):
                path += b";ob"
        registering = Registering(
            source=source,
            aor=aor,
            flow=flow,
            call_id=request.call_id,
            cseq=request.cseq_number,
            user_agent=request.first(b"user-agent"),
            asked=asked,
            removes_all=EVERYTHING in contacts,
            path=path,
        )
        if not asked:
            return request, registering
        splice = Splice(request)
        if path:
            line = b"Path: <%b>" % path
            index = request.index(b"path")
            if index is None:
                splice.append(line)
            else:
                splice.before(index, line)
        else:
            replaced = {one.uri: own_uri(one.token, out_flow) for one in asked}
            _replace_contacts(splice, request, replaced)
        rewritten = parse_message(splice.to_bytes())
        assert isinstance(rewritten, Request)
        return rewritten, registering

    def confirmed(self, registering: Registering, response: Response, now: float) -> Response:
        """A 2xx to a REGISTER: keep its bindings; the response as the phone should see it."""
        contacts = _read_contacts(response)
        if registering.removes_all:
            self._bindings.remove_all(registering.source.upstream, registering.aor)
        for one in registering.asked:
            seconds = _granted(one, contacts, response, by_path=bool(registering.path))
            if seconds:
                self._bind(registering, one, seconds, now)
            else:
                self._bindings.remove(one.token)
        if registering.path:
            self._look_for_path(registering, response)
        own = {one.token: one.uri for one in registering.asked}
        replaced: dict[bytes, bytes] = {}
        for contact, uri in contacts:
            if uri is None or uri.user is None or not has_token_shape(uri.user):
                continue
            original = own.get(uri.user)
            if original is None:  # of another phone with this address of record
                binding = self._bindings.find(uri.user, now)
                original = None if binding is None else binding.contact
            if original is not None:
                replaced[contact.uri] = original
        if not replaced:
            return response
        splice = Splice(response)
        _replace_contacts(splice, response, replaced)
        restored = parse_message(splice.to_bytes())
        assert isinstance(restored, Response)
        return restored

    def _asked(
        self, request: Request, source: Source, aor: bytes, contacts: list[bytes]
    ) -> tuple[AskedContact, ...]:
        default = _seconds(request.first(b"expires"), DEFAULT_SECONDS)
        asked: list[AskedContact] = []
        taken: set[bytes] = set()
        for value in contacts:
            if value == EVERYTHING:
                continue
            contact = parse_name_addr(value)
            uri = parse_uri(contact.uri)
            if uri.scheme not in (b"sip", b"sips"):
                continue
            token = self._tokens.token(source.upstream, aor, _lasting_name(contact))
            if token in taken:  # an instance that moves: its new Contact and its old one
                token = self._tokens.token(source.upstream, aor, contact.uri)
            taken.add(token)
            seconds = _seconds(contact.params.get(b"expires"), default)
            asked.append(AskedContact(token, contact.uri, seconds))
        return tuple(asked)

    def _bind(self, registering: Registering, one: AskedContact, seconds: int, now: float) -> None:
        flow, source = registering.flow, registering.source
        time, evicted = self._clock.time(), self._bindings.evicted
        binding = self._bindings.bind(
            Binding(
                token=one.token,
                aor=registering.aor,
                contact=one.uri.partition(b"?")[0],  # no headers in a Request-URI
                source=source.name,
                upstream=source.upstream,
                by_path=bool(registering.path),
                flow=flow,
                flow_key=flow_key(flow),
                is_natted=not _is_at(one.uri, flow),
                user_agent=registering.user_agent,
                registered_time=time,
                refreshed_time=time,
                expires_at=now + min(seconds, MOST_SECONDS),
                call_id=registering.call_id,
                cseq=registering.cseq,
            )
        )
        self._keep_alive.watch(binding, now)
        if self._bindings.evicted > evicted:
            self._counts["phones_forgotten"] += 1

    def _look_for_path(self, registering: Registering, response: Response) -> None:
        """RFC 3327 §5.3: the registrar copies Path into its 200. Without it, it keeps none."""
        if any(registering.path in value for value in response.values(b"path")):
            return
        self._counts["paths_ignored"] += 1
        name = registering.source.name
        if name not in self._warned:
            self._warned.add(name)
            log.warning("path_ignored", source=name, upstream=registering.source.upstream)


def address_of_record(request: Request) -> bytes:
    """Whom a REGISTER is for, as `user@host`, or the number of a tel URI. Raises BadMessage."""
    uri = parse_uri(parse_name_addr(request.first(b"to") or b"").uri)
    if uri.scheme == b"tel" and uri.user:
        return uri.user
    if not uri.host:
        raise BadMessage(400, "an address of record that is none")  # RFC 3261 §10.2
    return b"%b@%b" % (uri.user or b"", uri.host)


def own_uri(token: bytes, out_flow: Flow) -> bytes:
    """The gate's URI for a token, as whoever is at the end of a flow reaches it."""
    transport = b"" if out_flow.transport == "udp" else b";transport=" + out_flow.transport.encode()
    return b"sip:%b@%b%b" % (token, out_flow.local_sent_by, transport)


def flow_key(flow: Flow) -> FlowKey:
    return flow.listener.name, flow.name


def _lasting_name(contact: NameAddr) -> bytes:
    """What stays the same when a phone's address changes: its instance, else only its Contact."""
    instance = contact.params.get(b"+sip.instance")
    if instance is None:
        return contact.uri
    return b"%b;%b" % (instance, contact.params.get(b"reg-id") or b"")  # RFC 5626 §6


def _supports_path(request: Request) -> bool:
    return b"path" in [value.lower() for value in request.values(b"supported")]


def _is_outbound(request: Request, contacts: list[bytes]) -> bool:
    """Whether the phone wants RFC 5626 and we are its first hop (§5.1)."""
    return (
        len(request.values(b"via")) == 1
        and len(contacts) == 1
        and b"reg-id" in parse_name_addr(contacts[0]).params
    )


def _read_contacts(response: Response) -> list[tuple[NameAddr, Uri | None]]:
    """The Contacts of a 200 with their URIs; what can't be read is nobody's."""
    found: list[tuple[NameAddr, Uri | None]] = []
    for value in response.values(b"contact"):
        try:
            contact = parse_name_addr(value)
            found.append((contact, parse_uri(contact.uri)))
        except BadMessage:
            continue
    return found


def _granted(
    one: AskedContact,
    contacts: list[tuple[NameAddr, Uri | None]],
    response: Response,
    *,
    by_path: bool,
) -> int:
    """For how many seconds the registrar keeps a Contact (RFC 3261 §10.3 step 8); 0: it doesn't."""
    default = _seconds(response.first(b"expires"), one.seconds)
    if not one.seconds:
        return 0
    for contact, uri in contacts:
        if uri is None:
            continue
        if contact.uri == one.uri if by_path else uri.user == one.token:
            return _seconds(contact.params.get(b"expires"), default)
    return default  # it doesn't list them, or spells them its own way


def _seconds(value: bytes | None, default: int) -> int:
    """A number of seconds; what is none counts as not said (RFC 3261 §20.19)."""
    if value is None or not value.isdigit():
        return default
    return min(int(value[:12]), MOST_SECONDS)


def _is_at(uri: bytes, flow: Flow) -> bool:
    """Whether a Contact is where its packets come from; no NAT is between then."""
    read = parse_uri(uri)
    return read.host.strip(b"[]") == flow.host_bytes and (read.port or SIP_PORT) == flow.port


def _replace_contacts(
    splice: Splice, message: Request | Response, replaced: dict[bytes, bytes]
) -> None:
    """Put other URIs into Contact; names and parameters stay byte for byte."""
    for index in message.indexes(b"contact"):
        field, colon, rest = message.lines[index].partition(b":")
        values = [_with_uri(value, replaced) for value in split_values(rest)]
        splice.replace(index, b"%b%b %b" % (field, colon, b", ".join(values)))


def _with_uri(value: bytes, replaced: dict[bytes, bytes]) -> bytes:
    try:
        uri = parse_name_addr(value).uri
    except BadMessage:
        return value
    new = replaced.get(uri)
    if new is None:
        return value
    before, bracketed, after = value.rpartition(b"<%b>" % uri)
    if bracketed:
        return b"%b<%b>%b" % (before, new, after)
    return b"<%b>%b" % (new, value[value.index(uri) + len(uri) :])
