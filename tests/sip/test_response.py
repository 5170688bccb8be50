"""Responses of our own."""

import pytest

from sipgate.sip import PHRASES, BadMessage, build_response, parse_message, stamp_received

from .samples import invite, request, torture


def test_a_response_says_what_the_request_said() -> None:
    message = request(
        invite(also=b"Record-Route: <sip:p;lr>\r\nTimestamp: 54\r\nv: SIP/2.0/UDP b;branch=2")
    )
    assert build_response(message, 100, PHRASES[100]) == (
        b"SIP/2.0 100 Trying\r\n"
        b"Via: SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bK776asdhds;rport\r\n"
        b"v: SIP/2.0/UDP b;branch=2\r\n"
        b'From: "Agent 11" <sip:4711@gate.example.com>;tag=a73kszlfl\r\n'
        b"To: <sip:+4930123456@gate.example.com>\r\n"
        b"Call-ID: 1j9FpLxk3uxtm8tn@10.0.0.7\r\n"
        b"CSeq: 1 INVITE\r\n"
        b"Timestamp: 54\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


def test_a_refusal_has_a_tag_and_further_headers() -> None:
    raw = build_response(
        request(),
        403,
        b"Forbidden",
        to_tag=b"gate1",
        headers=(b"Retry-After: 2", b"Reason: SIP;cause=403"),
        body=b"no",
    )
    response = parse_message(raw)
    assert response.to_tag == b"gate1"
    assert response.body == b"no"
    assert response.first(b"retry-after") == b"2"
    assert response.first(b"record-route") is None


def test_a_tag_that_is_there_stays() -> None:
    message = request(invite(without=b"To", also=b"t: <sip:b@c>;tag=theirs"))
    assert b"t: <sip:b@c>;tag=theirs\r\n" in build_response(message, 481, b"", to_tag=b"ours")


@pytest.mark.parametrize(
    ("status", "method", "copied"),
    [
        (100, b"INVITE", False),
        (180, b"INVITE", True),
        (200, b"SUBSCRIBE", True),
        (200, b"OPTIONS", False),
        (302, b"INVITE", False),
    ],
)
def test_record_route_comes_back_where_a_dialog_begins(
    status: int, method: bytes, copied: bool
) -> None:
    raw = invite(also=b"Record-Route: <sip:p;lr>").replace(b"INVITE", method)
    assert (b"Record-Route" in build_response(request(raw), status, b"OK")) is copied


def test_the_stamp_comes_back() -> None:
    message = request()
    stamp_received(message, b"192.0.2.9", 4000)
    response = parse_message(build_response(message, 200, b"OK", to_tag=b"x"))
    assert (response.via.received, response.via.rport) == (b"192.0.2.9", 4000)


@pytest.mark.parametrize("name", ["insuf", "badinv01", "multi01", "quotbal", "badvers"])
def test_a_broken_request_can_be_answered(name: str) -> None:
    with pytest.raises(BadMessage) as error:
        parse_message(torture(name))
    broken = error.value.request
    assert broken is not None
    stamp_received(broken, b"192.0.2.99", 4000)
    raw = build_response(broken, 400, PHRASES[400], to_tag=b"x")
    assert raw.startswith(b"SIP/2.0 400 Bad Request\r\n")
    assert b"received=192.0.2.99" in raw


def test_every_class_of_status_has_its_first_phrase() -> None:
    assert {100, 200, 300, 400, 500, 600} <= PHRASES.keys()
    assert all(100 <= status <= 699 for status in PHRASES)
