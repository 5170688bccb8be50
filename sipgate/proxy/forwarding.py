"""What the proxy changes in a message that it forwards: RFC 3261 §16.6 and §16.7.

Each function gives the bytes to send. Whatever isn't named here leaves as it came.
"""

from collections.abc import Iterable

from sipgate.net import Flow
from sipgate.sip import Request, Response, Splice, first_comma, parse_name_addr, parse_uri

from .breadth import BREADTH_LINE, is_too_broad
from .privacy import privacy_of
from .source import Source

MAX_FORWARDS = 70  # RFC 3261 §16.6 step 3
_NO_VALUE = b" \t\r\n,"  # what a comma list may have between its values
OWN_HEADERS = b"x-sipgate-"  # removed from requests before anything looks at them


def forwarded_request(
    request: Request,
    out_flow: Flow,
    branch: bytes,
    *,
    uri: bytes | None = None,
    own_routes: int = 0,
    record_routes: tuple[bytes, ...] = (),
    remove: Iterable[int] = (),
    append: Iterable[bytes] = (),
    strict: bool = False,
) -> bytes:
    """The request as it goes on.

    `uri` replaces the Request-URI, `own_routes` is how many of our Route values are popped,
    `record_routes` are whole values, topmost first, `remove` are line indexes. `strict`: the next
    hop, which the first Route value left names, is a strict router.
    """
    splice = Splice(request)
    if strict:
        _route_strictly(splice, request, uri, own_routes)
        own_routes = 0
    elif uri is not None:
        splice.start_line(b"%b %b SIP/2.0" % (request.method, uri))
    via = b"Via: SIP/2.0/%b %b;branch=%b" % (
        out_flow.transport.upper().encode(),
        out_flow.local_sent_by,
        branch,
    )
    if request.max_forwards is None:
        via = b"%b\r\nMax-Forwards: %d" % (via, MAX_FORWARDS)
    else:
        index = request.index(b"max-forwards")
        assert index is not None
        splice.replace(index, b"Max-Forwards: %d" % (request.max_forwards - 1))
    if record_routes:
        lines = b"\r\n".join(b"Record-Route: " + value for value in record_routes)
        index = request.index(b"record-route")
        if index is None or index == request.via_index:
            via = b"%b\r\n%b" % (via, lines)
        else:
            splice.before(index, lines)
    index = request.index(b"max-breadth")
    if index is None:
        via = b"%b\r\n%b" % (via, BREADTH_LINE)
    elif is_too_broad(request):
        splice.replace(index, BREADTH_LINE)
    splice.before(request.via_index, via)
    for _ in range(own_routes):
        splice.drop_first_value(b"route")
    for index in remove:
        splice.remove(index)
    for line in append:
        splice.append(line)
    if out_flow.reliable and request.index(b"content-length") is None:
        splice.append(b"Content-Length: %d" % len(request.body))  # RFC 3261 §18.3
    return splice.to_bytes()


def _route_strictly(splice: Splice, request: Request, uri: bytes | None, own_routes: int) -> None:
    """What a strict router expects: its URI as Request-URI, ours as the last Route value.

    RFC 3261 §16.6 step 6.
    """
    first, *rest = request.values(b"route")[own_routes:]
    hop = parse_uri(parse_name_addr(first).uri)
    # RFC 3261 §16.6 step 2: no headers in a Request-URI
    target = hop.raw[: -len(hop.headers) - 1] if hop.headers else hop.raw
    splice.start_line(b"%b %b SIP/2.0" % (request.method, target))
    rest.append(b"<%b>" % (request.uri if uri is None else uri))
    index, *more = request.indexes(b"route")
    splice.replace(index, b"Route: " + b", ".join(rest))
    for index in more:
        splice.remove(index)


def forwarded_response(response: Response, back_flow: Flow, towards: Source | None = None) -> bytes:
    """The response without our Via: RFC 3261 §16.7 step 3.

    `towards` is the source that it goes to: one that isn't trusted learns no asserted identity
    that asks for privacy (RFC 3325 §5).
    """
    splice = Splice(response)
    splice.drop_first_value(b"via")
    if towards is not None and not towards.trusted and wants_privacy(response):
        for index in response.indexes(b"p-asserted-identity"):
            splice.remove(index)
    if back_flow.reliable and response.index(b"content-length") is None:
        splice.append(b"Content-Length: %d" % len(response.body))  # RFC 3261 §18.3
    return splice.to_bytes()


def wants_privacy(message: Request | Response) -> bool:
    """Whether Privacy says `id` (RFC 3325 §9.3)."""
    return b"id" in privacy_of(message)


def goes_further(response: Response) -> bool:
    """False for one that has no Via but ours: it was meant for us (RFC 3261 §16.7 step 3)."""
    first, *others = response.indexes(b"via")
    line = response.lines[first]
    comma = first_comma(line)
    if comma >= 0 and line[comma + 1 :].strip(_NO_VALUE):
        return True
    return any(response.lines[index].rstrip(_NO_VALUE)[-1:] != b":" for index in others)


def own_header_lines(request: Request) -> list[int]:
    """The lines of X-SipGate-* headers that a caller wrote; empty in nearly every request."""
    if OWN_HEADERS not in request.raw.lower():
        return []
    return [
        index
        for index, line in enumerate(request.lines)
        if index and line[: len(OWN_HEADERS)].lower() == OWN_HEADERS
    ]


def readdressed_uri(raw: bytes, hostport: bytes) -> bytes:
    """A sip URI with another host and port; user part and parameters stay (RFC 3261 §16.5)."""
    before, at, after = raw.rpartition(b"@")
    if not at:
        before, _, after = raw.partition(b":")
        at = b":"
    end = min(
        (mark for mark in (after.find(b";"), after.find(b"?")) if mark >= 0), default=len(after)
    )
    return before + at + hostport + after[end:]
