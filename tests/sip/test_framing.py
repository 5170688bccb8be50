"""Messages out of a stream."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sipgate.sip import BadMessage, Limits, Ping, StreamFramer, parse_message

from .samples import INVITE, RINGING, SDP, invite, torture

FOLDED = invite(without=b"Content-Length", also=b"L :\r\n  %d" % len(SDP))
STREAM = [INVITE, RINGING, FOLDED, torture("longreq"), b"\r\n\r\n", b"\r\n", torture("intmeth")]
LIMITS = Limits()


def test_messages_come_out_as_they_went_in() -> None:
    framer = StreamFramer(LIMITS)
    assert framer.feed(INVITE + RINGING + b"INVI") == [INVITE, RINGING]
    assert framer.feed(FOLDED[4:]) == [FOLDED]


def test_a_double_line_end_is_a_ping() -> None:
    framer = StreamFramer(LIMITS)
    assert framer.feed(b"\r\n") == []
    assert framer.feed(b"\r\n\r") == [Ping.PING]
    assert framer.feed(b"\n" + RINGING) == [RINGING]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(STREAM), max_size=6),
    st.lists(st.integers(0, 4000), max_size=12),
    st.sampled_from([b"", b"X Y SIP/2.0\r\n\r\n", b"x" * 66000]),
)
@example([b"\r\n", b"\r\n", b"\r\n", RINGING], [1, 2, 3, 4, 5, 6, 7], b"")
def test_any_split_gives_the_same(parts: list[bytes], cuts: list[int], end: bytes) -> None:
    stream = b"".join(parts) + end
    assert _cut(stream, sorted(cuts)) == _cut(stream, [])


def test_byte_by_byte_gives_the_same() -> None:
    stream = b"".join(STREAM)
    assert _cut(stream, list(range(len(stream)))) == _cut(stream, [])


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        pytest.param(invite(without=b"Content-Length"), 400, id="no length"),
        pytest.param(invite(also=b"l: 0"), 400, id="two lengths"),
        pytest.param(torture("ncl"), 400, id="negative"),
        pytest.param(torture("mcl01"), 400, id="two that differ"),
        pytest.param(
            invite(without=b"Content-Length", also=b"l: 99999"), 513, id="too large a body"
        ),
        pytest.param(invite(also=b"X: " + b"y" * 70000), 513, id="too large a head"),
    ],
)
def test_a_stream_that_cant_be_cut_is_over(raw: bytes, status: int) -> None:
    framer = StreamFramer(LIMITS)
    with pytest.raises(BadMessage) as error:
        framer.feed(raw)
    assert error.value.status == status
    assert error.value.request is not None
    assert framer.broken is error.value
    with pytest.raises(BadMessage):
        framer.feed(INVITE)


def test_what_was_whole_before_the_error_comes_first() -> None:
    framer = StreamFramer(LIMITS)
    assert framer.feed(INVITE + invite(without=b"Content-Length")) == [INVITE]
    assert framer.broken is not None
    with pytest.raises(BadMessage):
        framer.feed(b"")


def test_an_endless_head_is_not_held() -> None:
    framer = StreamFramer(Limits(max_message_bytes=1000))
    framer.feed(b"x" * 1000)
    with pytest.raises(BadMessage):
        framer.feed(b"x")


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"Content-Length", b"l", b"L", b"CONTENT-LENGTH", b"Content-length"]),
    st.sampled_from([b":", b" :", b"\t: ", b":\r\n ", b":\t"]),
    st.sampled_from([b"%d", b"00%d", b"%d ", b"%d\r\n "]),
)
def test_stream_and_message_agree_on_the_length(name: bytes, colon: bytes, form: bytes) -> None:
    raw = invite(without=b"Content-Length", also=name + colon + form % len(SDP))
    assert StreamFramer(LIMITS).feed(raw + b"rest") == [raw]
    assert parse_message(raw + b"rest").body == SDP


def _cut(stream: bytes, cuts: list[int]) -> tuple[list[bytes | Ping], str | None]:
    framer = StreamFramer(LIMITS)
    messages: list[bytes | Ping] = []
    try:
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            messages += framer.feed(stream[start:end])
    except BadMessage:
        pass
    return messages, str(framer.broken) if framer.broken else None
