"""SDP for calls without media: an offer, and an answer that fits whatever was offered."""

PCMA = b"8"
DISCARD_PORT = b"9"  # RFC 863: what is sent there is thrown away
CONTENT_TYPE = b"Content-Type: application/sdp"


def offer(host: bytes, session: bytes) -> bytes:
    """One audio stream in PCMA towards the discard port; `session` is a number as text."""
    return _description(host, session, [b"m=audio " + DISCARD_PORT + b" RTP/AVP " + PCMA])


def answer(offered: bytes, host: bytes, session: bytes) -> bytes:
    """Take the first format of the first audio stream, refuse the others (RFC 3264 §6).

    Without an offer this is one: the ACK will bring the answer, which nobody here needs.
    """
    lines = offered.replace(b"\r\n", b"\n").split(b"\n")
    media = [line for line in lines if line.startswith(b"m=")]
    if not media:
        return offer(host, session)
    answered: list[bytes] = []
    is_taken = False
    for line in media:
        kind, _, rest = line[2:].strip().partition(b" ")
        _, _, rest = rest.partition(b" ")
        profile, _, formats = rest.partition(b" ")
        form = formats.split(b" ")[0] or b"0"
        takes = kind == b"audio" and not is_taken
        is_taken = is_taken or takes
        port = DISCARD_PORT if takes else b"0"
        answered.append(b"m=%b %b %b %b" % (kind, port, profile or b"RTP/AVP", form))
        if takes:
            answered += _map_of(lines, form)
    return _description(host, session, answered)


def _map_of(lines: list[bytes], form: bytes) -> list[bytes]:
    wanted = b"a=rtpmap:" + form + b" "
    return [line for line in lines if line.startswith(wanted)][:1]


def _description(host: bytes, session: bytes, media: list[bytes]) -> bytes:
    bare = host.strip(b"[]")
    address = (b"IP6 " if b":" in bare else b"IP4 ") + bare
    lines = [
        b"v=0",
        b"o=- %b %b IN %b" % (session, session, address),
        b"s=-",
        b"c=IN " + address,
        b"t=0 0",
        *media,
    ]
    return b"\r\n".join(lines) + b"\r\n"
