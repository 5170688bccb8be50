"""CANCEL and the ACK to a refusal."""

from sipgate.sip import build_ack, build_cancel, parse_message

from .samples import INVITE, invite, response


def test_a_cancel_travels_on_the_invites_branch() -> None:
    sent = invite(also=b"Route: <sip:p1;lr>\r\nroute: <sip:p2;lr>\r\nv: SIP/2.0/UDP below")
    assert build_cancel(sent, b"Reason: SIP;cause=487") == (
        b"CANCEL sip:+4930123456@gate.example.com SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bK776asdhds;rport\r\n"
        b"Max-Forwards: 70\r\n"
        b"Route: <sip:p1;lr>\r\n"
        b"route: <sip:p2;lr>\r\n"
        b'From: "Agent 11" <sip:4711@gate.example.com>;tag=a73kszlfl\r\n'
        b"Call-ID: 1j9FpLxk3uxtm8tn@10.0.0.7\r\n"
        b"CSeq: 1 CANCEL\r\n"
        b"To: <sip:+4930123456@gate.example.com>\r\n"
        b"Reason: SIP;cause=487\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


def test_a_cancel_needs_no_reason() -> None:
    assert b"Reason" not in build_cancel(INVITE, None)


def test_our_own_invite_may_pass_the_limits_of_what_we_take() -> None:
    sent = invite(also=b"\r\n".join([b"Via: SIP/2.0/UDP below"] * 300))
    assert build_cancel(sent, None).count(b"Via:") == 1


def test_an_ack_has_the_responses_to_and_the_invites_branch() -> None:
    ack = parse_message(build_ack(INVITE, response(486)))
    assert ack.lines[0] == b"ACK sip:+4930123456@gate.example.com SIP/2.0"
    assert ack.via.raw == parse_message(INVITE).via.raw
    assert (ack.cseq_number, ack.cseq_method) == (1, b"ACK")
    assert (ack.from_tag, ack.to_tag) == (b"a73kszlfl", b"88aa")
    assert ack.body == b""
