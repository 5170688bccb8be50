"""Responses of our own: RFC 3261 §8.2.6 and §12.1.1."""

from .message import Request

_DIALOG_METHODS = frozenset((b"INVITE", b"SUBSCRIBE", b"REFER", b"NOTIFY"))
_COPIED = (b"from", b"to", b"call-id", b"cseq")


def build_response(
    request: Request,
    status: int,
    phrase: bytes,
    *,
    to_tag: bytes = b"",
    headers: tuple[bytes, ...] = (),
    body: bytes = b"",
) -> bytes:
    """An answer in the request's own spelling, with its Via as `stamp_received` left it.

    `to_tag` is added unless To has a tag. `headers` are whole lines without their CRLF. What a
    broken request lacks, its answer lacks too.
    """
    source = request.lines
    lines = [b"SIP/2.0 %d %b" % (status, phrase)]
    lines += [source[index] for index in request.indexes(b"via")]
    if 101 <= status <= 299 and request.method in _DIALOG_METHODS:
        lines += [source[index] for index in request.indexes(b"record-route")]
    for name in _COPIED:
        index = request.index(name)
        if index is None:
            continue
        if name == b"to" and to_tag and not request.to_tag:
            lines.append(b"%b;tag=%b" % (source[index], to_tag))
        else:
            lines.append(source[index])
    if status == 100:
        index = request.index(b"timestamp")
        if index is not None:
            lines.append(source[index])
    lines += headers
    lines.append(b"Content-Length: %d" % len(body))
    return b"%b\r\n\r\n%b" % (b"\r\n".join(lines), body)
