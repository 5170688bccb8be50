"""One Via value: RFC 3261 §20.42, §18.2 and RFC 3581."""

import re
from functools import lru_cache

from .bad_message import BadMessage
from .grammar import WORD, is_host, is_token, is_value, read_number, split_params, unfold

DEFAULT_PORTS = {b"TLS": 5061, b"WSS": 443, b"WS": 80}  # RFC 3261 §18.2.2, RFC 7118; else 5060

_PROTOCOL = re.compile(
    rb"[ \t]*([^ \t/]+)[ \t]*/[ \t]*([^ \t/]+)[ \t]*/[ \t]*([^ \t/]+)[ \t]+(.*)", re.DOTALL
)
_TRANSPORTS = {
    b"SIP/2.0/" + transport: transport for transport in (b"UDP", b"TCP", b"TLS", b"WS", b"WSS")
}
_COMMON = frozenset((b"branch", b"rport", b"received", b"maddr"))


class Via:
    """Where a request came past, and where its response goes."""

    __slots__ = (
        "branch",
        "has_rport",
        "host",
        "maddr",
        "port",
        "raw",
        "received",
        "rport",
        "sent_by",
        "transport",
    )

    raw: bytes  # the value as it stands in the message
    transport: bytes  # upper case
    sent_by: bytes  # host and port as spelled
    host: bytes  # lower case, an IPv6 address in brackets
    port: int | None
    branch: bytes  # b"" if there is none
    has_rport: bool
    rport: int | None  # None also when it stands there without a value
    received: bytes  # without brackets; b"" if there is none
    maddr: bytes  # b"" if there is none

    def __repr__(self) -> str:
        return f"Via({self.raw!r})"


def parse_via(value: bytes) -> Via:
    """Read one value (not a whole header with commas); raises BadMessage."""
    via = Via()
    via.raw = value
    protocol, _, rest = value.partition(b" ")
    transport = _TRANSPORTS.get(protocol)
    if transport is not None and b'"' not in rest and b"\n" not in rest:
        sent_by, *params = rest.split(b";")
    else:
        transport, sent_by, params = _read_loosely(value)
    via.transport = transport
    branch = received = maddr = b""
    has_rport = False
    via.rport = None
    for param in params:
        if param == b"rport" and not has_rport:
            has_rport = True
            continue
        name, equal, word = param.partition(b"=")
        if name not in _COMMON:
            name = name.strip().lower()
            if name not in _COMMON:
                if not is_token(name) or not is_value(word.strip()):
                    raise BadMessage(400, "Via has a parameter that is none")
                continue
        if word.translate(None, WORD):
            word = word.strip()
            if word.translate(None, WORD):
                raise BadMessage(400, "Via has a space or quote in a parameter")
        if name == b"branch" and not branch:
            branch = word
        elif name == b"rport" and not has_rport:
            has_rport = True
            if equal:
                via.rport = _read_port(word)
        elif name == b"received" and not received:
            received = word.strip(b"[]")  # RFC 5118 §4.5: half of all write brackets
        elif name == b"maddr" and not maddr:
            maddr = word
        else:
            raise BadMessage(400, f"Via has {name.decode()} twice")
    via.branch = branch
    via.received = received
    via.maddr = maddr
    via.has_rport = has_rport
    via.sent_by, via.host, via.port = _read_sent_by(sent_by)
    return via


def parse_sent_by(value: bytes) -> Via:
    """Read as much of a broken Via as an answer needs: all up to the first parameter."""
    return parse_via(value.partition(b";")[0].partition(b",")[0].strip())


def default_port(transport: bytes) -> int:
    """The port of a Via that names none; `transport` in upper case."""
    return DEFAULT_PORTS.get(transport, 5060)


@lru_cache(maxsize=4096)  # a peer's is the same in all its messages
def _read_sent_by(sent_by: bytes) -> tuple[bytes, bytes, int | None]:
    """As spelled, but for spaces around its colon; the host; the port."""
    sent_by = sent_by.strip()
    if sent_by[:1] == b"[":
        host, bracket, port = sent_by.partition(b"]")
        host += bracket
        before, colon, port = port.partition(b":")
        if before.strip():
            raise BadMessage(400, "Via has no port after its address")
    else:
        host, colon, port = sent_by.partition(b":")
        host = host.rstrip()
    port = port.lstrip()
    sent_by = host + colon + port
    if not is_host(host):
        raise BadMessage(400, "Via names no host")
    return sent_by, host.lower(), _read_port(port) if colon else None


def _read_port(digits: bytes) -> int:
    port = read_number(digits, 65535)
    if not port:
        raise BadMessage(400, "Via has a port that is none")
    return port


def _read_loosely(value: bytes) -> tuple[bytes, bytes, list[bytes]]:
    """Transport, sent-by and parameters of a value with folds, spaces or quotes in it."""
    match = _PROTOCOL.fullmatch(unfold(value))
    if not match or not is_token(match[2]) or match[1].upper() != b"SIP":
        raise BadMessage(400, "Via has no sent-protocol")
    if not is_token(match[3]):
        raise BadMessage(400, "Via has no transport")
    sent_by, *params = split_params(match[4])
    return match[3].upper(), sent_by, params
