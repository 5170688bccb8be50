"""What changes in a message on its way through, byte for byte."""

import pytest

from sipgate.clock import VirtualClock
from sipgate.proxy.forwarding import (
    forwarded_request,
    forwarded_response,
    goes_further,
    own_header_lines,
    readdressed_uri,
)
from sipgate.sip import Request, Response, parse_message

from .house import Air

HEAD = (
    b"INVITE sip:1@a SIP/2.0\r\nv: SIP/2.0/UDP h1;branch=z9hG4bK1 , SIP/2.0/UDP h2\r\n"
    b"MAX-FORWARDS :  7\r\nRoute: <sip:r1;lr>,  <sip:r2;lr>\r\nf: <sip:a@b>;tag=1\r\n"
    b"t: <sip:c@d>\r\ni: c\r\nCSeq: 1 INVITE\r\nRecord-Route: <sip:before;lr>\r\n"
)


def request(extra: bytes = b"", body: bytes = b"") -> Request:
    message = parse_message(HEAD + extra + b"\r\n" + body)
    assert isinstance(message, Request)
    return message


def response(vias: bytes) -> Response:
    message = parse_message(
        b"SIP/2.0 200 OK\r\n" + vias + b"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\n"
        b"Call-ID: c\r\nCSeq: 1 INVITE\r\n\r\nbody"
    )
    assert isinstance(message, Response)
    return message


def sent(message: Request, transport: str = "udp", **edits: object) -> list[bytes]:
    flow = Air(VirtualClock()).flow_to(transport, "10.9.0.9", 5080)
    raw = forwarded_request(message, flow, b"z9hG4bKours", **edits)  # type: ignore[arg-type]
    return raw.split(b"\r\n")


def test_only_via_max_breadth_and_max_forwards_change() -> None:
    message = request(b"X: \x00\xff odd\r\n", b"b\x00dy\r\n\r\n")
    lines = sent(message)
    assert lines[:5] == [
        b"INVITE sip:1@a SIP/2.0",
        b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKours",
        b"Max-Breadth: 60",
        b"v: SIP/2.0/UDP h1;branch=z9hG4bK1 , SIP/2.0/UDP h2",
        b"Max-Forwards: 6",
    ]
    assert lines[5:] == message.raw.split(b"\r\n")[3:]


def test_routes_of_ours_are_popped_and_the_others_kept_as_spelled() -> None:
    assert b"Route: <sip:r2;lr>" in sent(request(), own_routes=1)
    assert not [line for line in sent(request(), own_routes=2) if line.startswith(b"Route")]


def test_record_routes_come_before_those_of_others() -> None:
    lines = sent(request(), record_routes=(b"<sip:out;lr>", b"<sip:in;lr>"))
    assert [line for line in lines if line.startswith(b"Record-Route")] == [
        b"Record-Route: <sip:out;lr>",
        b"Record-Route: <sip:in;lr>",
        b"Record-Route: <sip:before;lr>",
    ]


def test_lines_are_removed_and_appended() -> None:
    message = request(b"X-SipGate-A: 1\r\nx-sipgate-B : 2\r\nX-Sip: 3\r\n")
    removed = own_header_lines(message)
    lines = sent(message, remove=removed, append=(b"X-New: 4",))
    assert lines[-4:] == [b"X-Sip: 3", b"X-New: 4", b"", b""]
    assert len(removed) == 2


@pytest.mark.parametrize(
    ("transport", "extra", "lines"),
    [
        ("udp", b"", 0),
        ("tcp", b"", 1),
        ("tcp", b"l: 4\r\n", 0),
    ],
    ids=["datagrams have an end", "streams have none", "it says so in short"],
)
def test_a_length_is_added_where_a_stream_needs_it(
    transport: str, extra: bytes, lines: int
) -> None:
    assert sent(request(extra, b"body"), transport).count(b"Content-Length: 4") == lines


@pytest.mark.parametrize(
    ("vias", "left"),
    [
        (b"Via: SIP/2.0/UDP g;branch=1\r\nVia: SIP/2.0/UDP h\r\n", b"Via: SIP/2.0/UDP h"),
        (b"Via: SIP/2.0/UDP g;branch=1,  SIP/2.0/UDP h\r\n", b"Via: SIP/2.0/UDP h"),
    ],
    ids=["in a line of its own", "in one line"],
)
def test_a_response_loses_our_via(vias: bytes, left: bytes) -> None:
    flow = Air(VirtualClock()).flow_to("udp", "10.1.0.7", 5060)
    message = response(vias)
    assert goes_further(message)
    assert forwarded_response(message, flow).split(b"\r\n")[1] == left


@pytest.mark.parametrize(
    "vias",
    [
        b"Via: SIP/2.0/UDP g;branch=1\r\n",
        b'Via: SIP/2.0/UDP g;branch=1;x="a,b"\r\n',
        b"Via: SIP/2.0/UDP g;branch=1 , ,\r\n",
        b"Via: SIP/2.0/UDP g;branch=1\r\nv :\r\nVia: ,\r\n",
    ],
    ids=["alone", "with a comma in quotes", "with empty elements", "with empty lines"],
)
def test_a_response_with_our_via_alone_goes_no_further(vias: bytes) -> None:
    assert not goes_further(response(vias))


@pytest.mark.parametrize(
    ("raw", "changed"),
    [
        (b"sip:1@old", b"sip:1@new:1"),
        (b"sip:1@old:5060;a=b", b"sip:1@new:1;a=b"),
        (b"sip:old", b"sip:new:1"),
        (b"sip:old;transport=tcp", b"sip:new:1;transport=tcp"),
        (b"sip:1;p@old?h=v", b"sip:1;p@new:1?h=v"),
        (b"sip:1:secret@[2001:db8::1]:5060;x", b"sip:1:secret@new:1;x"),
    ],
)
def test_a_uri_gets_another_host_and_keeps_all_else(raw: bytes, changed: bytes) -> None:
    assert readdressed_uri(raw, b"new:1") == changed
