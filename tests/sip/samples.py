"""Messages that the tests of this layer share."""

from pathlib import Path

from sipgate.sip import Request, Response, parse_message

TORTURE = Path(__file__).parent / "torture"

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 10.0.0.7\r\ns=-\r\nc=IN IP4 10.0.0.7\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 8\r\n"
)
INVITE = (
    b"INVITE sip:+4930123456@gate.example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bK776asdhds;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Agent 11" <sip:4711@gate.example.com>;tag=a73kszlfl\r\n'
    b"To: <sip:+4930123456@gate.example.com>\r\n"
    b"Call-ID: 1j9FpLxk3uxtm8tn@10.0.0.7\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Contact: <sip:4711@10.0.0.7:5060>\r\n"
    b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"
    b"Supported: replaces\r\n"
    b"User-Agent: Phone 1.0\r\n"
    b"X-Campaign: autumn\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: %d\r\n"
    b"\r\n" % len(SDP)
) + SDP
RINGING = (
    b"SIP/2.0 180 Ringing\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKours\r\n"
    b"v: SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bK776asdhds;rport=5060;received=10.0.0.7\r\n"
    b"Record-Route: <sip:abcdef@10.0.0.1;lr>\r\n"
    b'From: "Agent 11" <sip:4711@gate.example.com>;tag=a73kszlfl\r\n'
    b"To: <sip:+4930123456@gate.example.com>;tag=88aa\r\n"
    b"Call-ID: 1j9FpLxk3uxtm8tn@10.0.0.7\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Contact: <sip:callee@10.0.0.9:5060>\r\n"
    b"Content-Length: 0\r\n"
    b"\r\n"
)


def torture(name: str) -> bytes:
    """One of RFC 4475's or, with `ipv6/` before its name, RFC 5118's messages."""
    return (TORTURE / f"{name}.dat").read_bytes()


def invite(*, without: bytes = b"", also: bytes = b"") -> bytes:
    """`INVITE` without its lines that begin so, with further lines at the end of its headers."""
    head, _, body = INVITE.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not without or not line.startswith(without)]
    return b"\r\n".join([*lines, *([also] if also else []), b"", b""]) + body


def request(raw: bytes = INVITE) -> Request:
    """Read what is known to be a request."""
    message = parse_message(raw)
    assert isinstance(message, Request)
    return message


def response(status: int = 180) -> Response:
    """A response to `INVITE` as it comes back to the gate."""
    message = parse_message(RINGING.replace(b"180 Ringing", b"%d X" % status))
    assert isinstance(message, Response)
    return message
