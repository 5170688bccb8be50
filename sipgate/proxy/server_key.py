"""How a request finds its server transaction: RFC 3261 §17.2.3."""

from sipgate.sip import Request

from .branch import COOKIE

ServerKey = tuple[bytes, ...]


def server_key(request: Request, method: bytes) -> ServerKey:
    """What a retransmission has in common with its request: RFC 3261 §17.2.3.

    `method` is INVITE for an ACK and for the INVITE that a CANCEL means.
    """
    via = request.via
    if via.branch.startswith(COOKIE) and via.branch != COOKIE:  # alone: RFC 4475 §3.2.1
        return (via.branch, via.sent_by, method)
    return (
        b"2543",
        request.uri,
        request.from_tag,
        request.call_id,
        b"%d" % request.cseq_number,
        via.raw,
        method,
    )
