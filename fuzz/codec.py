"""What must hold for the readers of `sipgate.sip` and for what they make of any bytes."""

from contextlib import suppress
from typing import Any

from sipgate.clock import VirtualClock
from sipgate.proxy.forwarding import forwarded_request, forwarded_response, goes_further
from sipgate.sip import (
    BadMessage,
    Limits,
    Message,
    Ping,
    Request,
    Response,
    Splice,
    StreamFramer,
    Uri,
    Via,
    build_ack,
    build_cancel,
    build_response,
    dialled,
    is_right,
    message,
    parse_credentials,
    parse_message,
    parse_name_addr,
    parse_uri,
    parse_via,
    response_address,
    split_values,
    stamp_received,
    unescape_user,
)
from sipgate.sip.address import read_tag
from sipgate.sip.plain import build_plain_answerer, build_plain_reader
from tests.proxy.house import Air

DEFAULT = Limits()
WIDE = Limits(  # for what we make: it is a little longer than what we took
    max_message_bytes=2**20, max_headers=1024, max_header_bytes=2**17, max_vias=1024
)
SMALL = Limits(max_message_bytes=2048, max_headers=16, max_header_bytes=256, max_vias=3)
READ_IN_C = build_plain_reader(Request, Response, Via)
ANSWER_IN_C = build_plain_answerer()
AIR = Air(VirtualClock())
OUT, BACK = AIR.flow_to("tcp", "10.9.0.9", 5080), AIR.flow_to("tcp", "10.1.0.7", 5060)
BRANCH = b"z9hG4bK0123456789abcdef.0123456789abcdef"
RECORD_ROUTE = b"<sip:0123456789abcdef@10.0.0.1:5060;lr>"
ADDRESSES = (
    b"from",
    b"to",
    b"contact",
    b"route",
    b"record-route",
    b"refer-to",
    b"p-asserted-identity",
)


def check_message(data: bytes) -> None:
    """One datagram: both readers agree, and what is read can be answered and sent on."""
    for limits in (DEFAULT, SMALL):
        found = _in_python(data, limits)
        in_c = READ_IN_C(
            data,
            limits.max_message_bytes,
            limits.max_headers,
            limits.max_header_bytes,
            limits.max_vias,
        )
        assert in_c is None or (found is not None and fields(in_c) == fields(found))
    _check_answer_in_c(data)
    found = _in_python(data, DEFAULT)
    if found is None:
        _check_answer_to_unreadable(data)
        return
    _check_printing(found)
    _check_access(found)
    if isinstance(found, Request):
        _check_request(found)
    else:
        _check_response(found)


def _check_answer_in_c(data: bytes) -> None:
    """What is refused without being read is answered as if it had been."""
    answer = ANSWER_IN_C(
        data,
        b"INVITE",
        b"SIP/2.0 503 Service Unavailable",
        b"10.1.0.7",
        5060,
        False,
        DEFAULT.max_message_bytes,
        DEFAULT.max_headers,
        DEFAULT.max_header_bytes,
        DEFAULT.max_vias,
    )
    if answer is None:
        return
    branch, sent_by, head, tail = answer
    found = _in_python(data, DEFAULT)
    assert isinstance(found, Request)
    assert found.method == b"INVITE"
    assert found.to_tag == b""
    assert (branch, sent_by) == (found.via.branch, found.via.sent_by)
    stamp_received(found, b"10.1.0.7", 5060)
    built = build_response(found, 503, b"Service Unavailable", to_tag=b"t")
    assert head + b";tag=t" + tail + b"Content-Length: 0\r\n\r\n" == built


def check_address(data: bytes) -> None:
    """URIs, Vias, addresses, tags, credentials and lists: read, or BadMessage."""
    _tried(_uri, data)
    _tried(_via, data)
    for value in split_values(data):
        assert value
        _tried(parse_name_addr, value)
    _tried(_tag, data)
    _tried(_credentials, data)
    _tried(_credentials, b"Digest " + data)
    unescape_user(data)


def check_stream(data: bytes) -> None:
    """A TCP stream in any parts gives the same messages: the first byte says how it is cut."""
    if not data:
        return
    step, stream = 1 + data[0] % 64, data[1:]
    limits = Limits(max_message_bytes=4096)
    whole = _framed([stream], limits)
    assert _framed([stream[at : at + step] for at in range(0, len(stream), step)], limits) == whole
    for found in whole[0]:
        if isinstance(found, bytes):
            assert len(found) <= limits.max_message_bytes
            _tried(parse_message, found)


def fields(thing: object) -> dict[str, Any]:
    """All fields of a message, those of its Via too."""
    found: dict[str, Any] = {"class": type(thing).__name__}
    for base in type(thing).__mro__:
        # mypyc's classes have the second
        for name in getattr(base, "__slots__", ()) or getattr(base, "__mypyc_attrs__", ()):
            value = getattr(thing, name)
            found[name] = fields(value) if isinstance(value, Via) else (type(value), value)
    assert len(found) > 10
    return found


def _in_python(data: bytes, limits: Limits) -> Request | Response | None:
    try:
        return message._parse(data, limits)
    except BadMessage:
        return None


def _check_answer_to_unreadable(data: bytes) -> None:
    request = message.read_answerable(data)
    if request is None:
        return
    raw = build_response(request, 400, b"Bad", to_tag=b"t")
    assert raw.startswith(b"SIP/2.0 400 Bad\r\n")
    response_address(request.via)
    stamp_received(request, b"10.1.0.7", 5060)


def _check_printing(found: Message) -> None:
    """Without an edit it is what came, but for line ends before it and bytes behind it."""
    came = found.raw.lstrip(b"\r\n") if found.raw[:2] == b"\r\n" else found.raw
    printed = Splice(found).to_bytes()
    assert came.startswith(printed)
    assert printed.endswith(b"\r\n\r\n" + found.body)


def _check_access(found: Message) -> None:
    for line in found.lines[1:]:
        name = line.partition(b":")[0].rstrip(b" \t").lower()
        found.first(name)
        for value in found.values(name):
            assert value
    for name in ADDRESSES:
        for value in found.values(name):
            _tried(parse_name_addr, value)
    for value in found.values(b"via"):
        _tried(parse_via, value)


def _check_request(request: Request) -> None:
    _tried(_uri, request.uri)
    response_address(request.via)
    stamp_received(request, b"10.1.0.7", 5061)
    if request.max_forwards == 0:
        return
    raw = forwarded_request(
        request, OUT, BRANCH, own_routes=1, record_routes=(RECORD_ROUTE,), append=(b"X-New: 1",)
    )
    went = parse_message(raw, WIDE)
    assert isinstance(went, Request)
    assert (went.method, went.uri, went.body) == (request.method, request.uri, request.body)
    _same_call(went, request)
    hops = 71 if request.max_forwards is None else request.max_forwards
    assert went.max_forwards == hops - 1
    assert went.via.branch == BRANCH
    assert went.values(b"via")[1:] == request.values(b"via")
    assert went.values(b"route") == request.values(b"route")[1:]
    assert went.values(b"record-route") == [RECORD_ROUTE, *request.values(b"record-route")]
    ours = {b"via", b"route", b"record-route", b"max-forwards", b"max-breadth", b"x-new"}
    ours.add(b"content-length")
    assert _others(went, ours) == _others(request, ours)
    _check_companions(request, raw)


def _check_companions(request: Request, sent: bytes) -> None:
    """What is made for a request that we read can be read."""
    for status in (100, 180, 200, 486):
        answer = parse_message(build_response(request, status, b"X", to_tag=b"t"), WIDE)
        assert isinstance(answer, Response)
        assert answer.cseq_method == request.method
        assert answer.call_id == request.call_id
        assert answer.to_tag == (request.to_tag or b"t")
        if request.method == b"INVITE" and status == 486:
            ack = parse_message(build_ack(sent, answer), WIDE)
            assert (ack.cseq_method, ack.to_tag) == (b"ACK", answer.to_tag)
    if request.method == b"INVITE":
        cancel = parse_message(build_cancel(sent, b"Reason: SIP"), WIDE)
        assert isinstance(cancel, Request)
        assert (cancel.method, cancel.via.branch) == (b"CANCEL", BRANCH)
        _same_call(cancel, request)


def _check_response(response: Response) -> None:
    if not goes_further(response):
        return
    vias = response.values(b"via")
    assert len(vias) > 1
    lines = [response.lines[index] for index in response.indexes(b"via")]
    if any(line.partition(b":")[2].lstrip()[:1] in (b"", b",") for line in lines[1:2]):
        return  # an upstream's own: nobody reads an empty value on top
    try:
        parse_via(vias[1])
    except BadMessage:
        return  # whoever it is for finds nothing that it has sent
    went = parse_message(forwarded_response(response, BACK), WIDE)
    assert isinstance(went, Response)
    assert (went.status, went.phrase, went.body) == (
        response.status,
        response.phrase,
        response.body,
    )
    assert went.values(b"via") == vias[1:]
    _same_call(went, response)
    ours = {b"via", b"content-length"}
    assert _others(went, ours) == _others(response, ours)


def _same_call(one: Message, other: Message) -> None:
    assert (one.call_id, one.from_tag, one.cseq_number) == (
        other.call_id,
        other.from_tag,
        other.cseq_number,
    )


def _others(found: Message, ours: set[bytes]) -> list[bytes]:
    """All header lines but those that a proxy may change."""
    changed = {index for name in ours for index in found.indexes(name)}
    return [line for at, line in enumerate(found.lines) if at and at not in changed]


def _framed(parts: list[bytes], limits: Limits) -> tuple[list[bytes | Ping], str | None]:
    framer = StreamFramer(limits)
    found: list[bytes | Ping] = []
    try:
        for part in parts:
            found += framer.feed(part)
        found += framer.feed(b"")
    except BadMessage as error:
        return found, str(error)
    return found, None


def _uri(raw: bytes) -> None:
    uri = parse_uri(raw)
    assert isinstance(uri, Uri)
    assert uri.raw == raw
    dialled(uri)


def _via(raw: bytes) -> None:
    via = parse_via(raw)
    assert via.host
    response_address(via)


def _credentials(raw: bytes) -> None:
    found = parse_credentials(raw)
    if found is not None:
        assert not is_right(found, "secret", b"INVITE")
        assert found.nonce_count >= 0


def _tag(raw: bytes) -> None:
    params = parse_name_addr(raw).params
    assert read_tag(raw) == (params.get(b"tag") or b"")


def _tried(read: Any, raw: bytes) -> None:
    """Read it; BadMessage is the one thing that may be raised."""
    with suppress(BadMessage):
        read(raw)
