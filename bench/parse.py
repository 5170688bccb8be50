"""What reading one message costs: `python -m bench.parse`.

Messages of an ordinary call, read in Python alone and as `parse_message` reads them here.
"""

import timeit

from sipgate.sip import Request, Response, Via, message, parse_message
from sipgate.sip.plain import build_plain_reader, read_nothing

CALLS = 20_000
RUNS = 7
BUDGET_US = {"INVITE": 3.5, "200": 3.0}
HEAD = (
    b'From: "User" <sip:1042@127.0.0.1:5070>;tag=f4711\r\n'
    b"To: <sip:+13055554711@127.0.0.1:5060>%b\r\n"
    b"Call-ID: 4711-2372@127.0.0.1\r\n"
)
VIA = b"Via: SIP/2.0/UDP 127.0.0.1:5070;branch=z9hG4bK-2372-4711-%d\r\n"
OUR_VIA = b"Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK0f3a9c1b5d7e;rport\r\n"
SDP = (
    b"v=0\r\no=user1 53655765 2353687637 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
    b"t=0 0\r\nm=audio 6000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)
BODY = b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%b" % (len(SDP), SDP)
MESSAGES = {
    "INVITE": b"INVITE sip:+13055554711@127.0.0.1:5060 SIP/2.0\r\n"
    + VIA % 0
    + b"Max-Forwards: 70\r\n"
    + HEAD % b""
    + b"CSeq: 1 INVITE\r\nContact: <sip:1042@127.0.0.1:5070>\r\nUser-Agent: bench/1.0\r\n"
    + b"Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE\r\nSupported: replaces, timer\r\n"
    + b"X-Campaign: autumn\r\n"
    + BODY,
    "200": b"SIP/2.0 200 OK\r\n"
    + OUR_VIA
    + VIA % 0
    + b"Record-Route: <sip:127.0.0.1:5060;lr>\r\n"
    + HEAD % b";tag=t4711"
    + b"CSeq: 1 INVITE\r\nContact: <sip:callee@127.0.0.1:5080>\r\n"
    + BODY,
    "BYE": b"BYE sip:callee@127.0.0.1:5080 SIP/2.0\r\n"
    + VIA % 1
    + b"Route: <sip:127.0.0.1:5060;lr>\r\nMax-Forwards: 70\r\n"
    + HEAD % b";tag=t4711"
    + b"CSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n",
}


def main() -> None:
    if build_plain_reader(Request, Response, Via) is read_nothing:
        print("the C part was not built")
    elif message._read_plain is read_nothing:
        print("the C part is disabled (SIPGATE_PURE=1)")
    for name, raw in MESSAGES.items():
        budget = f" (at most {BUDGET_US[name]:g})" if name in BUDGET_US else ""
        python, whole = (microseconds(raw, in_c=in_c) for in_c in (False, True))
        print(f"{name}, {len(raw)} bytes: {python:.1f} µs in Python, {whole:.1f} µs{budget}")


def microseconds(raw: bytes, *, in_c: bool) -> float:
    """The best of several runs, in microseconds a message."""
    if in_c:
        timer = timeit.Timer(lambda: parse_message(raw))
    else:
        limits = message.DEFAULT
        timer = timeit.Timer(lambda: message._parse(raw, limits))
    return min(timer.repeat(RUNS, CALLS)) / CALLS * 1e6


if __name__ == "__main__":
    main()
