"""SDP without media."""

from sipgate.simulate import session


def media(body: bytes) -> list[bytes]:
    return [line for line in body.split(b"\r\n") if line.startswith((b"m=", b"a="))]


def test_the_answer_takes_the_first_audio_stream_and_refuses_the_others() -> None:
    offered = (
        b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
        b"m=audio 4000 RTP/AVP 111 8\r\na=rtpmap:111 opus/48000/2\r\n"
        b"m=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\nm=audio 4004 RTP/AVP 0\r\n"
    )
    assert media(session.answer(offered, b"127.0.0.1", b"7")) == [
        b"m=audio 9 RTP/AVP 111",
        b"a=rtpmap:111 opus/48000/2",
        b"m=video 0 RTP/AVP 96",
        b"m=audio 0 RTP/AVP 0",
    ]


def test_no_offer_is_met_with_one() -> None:
    assert media(session.answer(b"", b"127.0.0.1", b"7")) == [b"m=audio 9 RTP/AVP 8"]


def test_an_ipv6_host_is_named_as_such() -> None:
    assert b"c=IN IP6 ::1\r\n" in session.offer(b"[::1]", b"7")


def test_a_broken_offer_still_gets_an_answer() -> None:
    assert media(session.answer(b"m=\nm=audio\n\xff", b"127.0.0.1", b"7"))[1:] == [
        b"m=audio 9 RTP/AVP 0"
    ]
