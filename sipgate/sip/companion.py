"""The requests that travel with an INVITE on its branch: CANCEL and the ACK to a refusal."""

from .message import Limits, Request, Response, parse_message

_ANY_SIZE = Limits(  # limits are for what others send; ours has a Via more than what we took
    max_message_bytes=2**31, max_headers=2**31, max_header_bytes=2**31, max_vias=2**31
)
_MAX_FORWARDS = b"Max-Forwards: 70"


def build_cancel(invite: bytes, reason_line: bytes | None) -> bytes:
    """The CANCEL for an INVITE as it was sent: RFC 3261 §9.1.

    `reason_line` is a whole header line (RFC 3326) or None.
    """
    request = _read(invite)
    lines = _copied(request, b"CANCEL")
    lines.append(request.lines[_index(request, b"to")])
    if reason_line is not None:
        lines.append(reason_line)
    return _finish(lines)


def build_ack(invite: bytes, response: Response) -> bytes:
    """The ACK to a final response other than 2xx: RFC 3261 §17.1.1.3; To is the response's."""
    request = _read(invite)
    lines = _copied(request, b"ACK")
    lines.append(response.lines[_index(response, b"to")])
    return _finish(lines)


def _read(invite: bytes) -> Request:
    request = parse_message(invite, _ANY_SIZE)
    assert isinstance(request, Request), "we sent it"
    return request


def _copied(request: Request, method: bytes) -> list[bytes]:
    source = request.lines
    lines = [b"%b %b SIP/2.0" % (method, request.uri), b"Via: " + request.via.raw, _MAX_FORWARDS]
    lines += [source[index] for index in request.indexes(b"route")]
    lines.append(source[_index(request, b"from")])
    lines.append(source[_index(request, b"call-id")])
    lines.append(b"CSeq: %d %b" % (request.cseq_number, method))
    return lines


def _finish(lines: list[bytes]) -> bytes:
    lines.append(b"Content-Length: 0")
    return b"%b\r\n\r\n" % b"\r\n".join(lines)


def _index(message: Request | Response, name: bytes) -> int:
    index = message.index(name)
    assert index is not None, name  # no message is read without it
    return index
