"""Where a request really came from, in its Via, and so where its response goes.

RFC 3261 §18.2.1 and §18.2.2, RFC 3581 §4.
"""

from ipaddress import IPv4Address, ip_address

from .grammar import split_params
from .message import Request
from .via import Via, default_port

_BROADCAST = IPv4Address("255.255.255.255")


def stamp_received(request: Request, host: bytes, port: int, *, force_rport: bool = False) -> None:
    """Note in the topmost Via the numeric address and port that the request came from.

    `force_rport` treats a Via without rport as if it had it. Changes `request.lines` and
    `request.via`, unless all is as it should be.
    """
    via = request.via
    wants_rport = via.has_rport or force_rport
    wants_received = wants_rport or not _same_host(via.host, host)
    if not wants_received and not via.received:
        return
    host = host.strip(b"[]")
    sent_by, *params = split_params(via.raw)
    rport = b"rport=%d" % port
    kept = [sent_by]
    for param in params:
        name = param.partition(b"=")[0].strip().lower()
        if name == b"rport":
            kept.append(rport)
        elif name != b"received":  # what a client says there is worth nothing
            kept.append(param)
    if force_rport and not via.has_rport:
        kept.append(rport)
    if wants_received:
        kept.append(b"received=" + host)
    line = request.lines[request.via_index]
    field, colon, values = line.partition(b":")
    before, _, after = values.partition(via.raw)
    via.raw = b";".join(kept)
    request.lines[request.via_index] = b"%b%b%b%b%b" % (field, colon, before, via.raw, after)
    via.has_rport = wants_rport
    via.rport = port if wants_rport else None
    via.received = host if wants_received else b""


def response_address(via: Via, *, by_connection: bool = False) -> tuple[bytes, int]:
    """Host and port that a response for this Via goes to over UDP or a new connection.

    A connection is made to `received` and the port in the sent-by (RFC 3261 §18.2.2): nobody
    listens on the port that an old connection came from. The host is a name if the Via has one and
    nobody stamped it; IPv6 comes without brackets.
    """
    maddr = b"" if by_connection else via.maddr
    if maddr and is_address(maddr) and not is_broadcast(maddr):
        return maddr.strip(b"[]"), via.port or default_port(via.transport)
    if via.received:
        rport = None if by_connection else via.rport
        return via.received, rport or via.port or default_port(via.transport)
    return via.host.strip(b"[]"), via.port or default_port(via.transport)


def is_address(host: bytes) -> bool:
    """Whether this is a numeric address, IPv6 with or without brackets."""
    try:
        ip_address(host.strip(b"[]").decode("ascii"))
    except ValueError:
        return False
    return True


def is_broadcast(host: bytes) -> bool:
    """Whether this address is that of all hosts, or of none: no response may go there."""
    try:
        address = ip_address(host.strip(b"[]").decode("ascii"))
    except ValueError:
        return False
    return address == _BROADCAST or address.is_unspecified


def _same_host(sent: bytes, seen: bytes) -> bool:
    if sent == seen:
        return True
    if b":" not in seen or sent[:1] != b"[":
        return False
    try:
        return ip_address(sent[1:-1].decode()) == ip_address(seen.strip(b"[]").decode())
    except ValueError:
        return False
