"""Reading messages."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sipgate.sip import BadMessage, Limits, Request, Response, Splice, parse_message

from .samples import INVITE, RINGING, SDP, TORTURE, invite, request, torture

REAL = [INVITE, RINGING, *(path.read_bytes() for path in sorted(TORTURE.rglob("*.dat")))]


def test_a_request_has_what_a_proxy_needs_at_hand() -> None:
    message = parse_message(INVITE)
    assert isinstance(message, Request)
    assert message.method == b"INVITE"
    assert message.uri == b"sip:+4930123456@gate.example.com"
    assert message.max_forwards == 70
    assert message.call_id == b"1j9FpLxk3uxtm8tn@10.0.0.7"
    assert (message.cseq_number, message.cseq_method) == (1, b"INVITE")
    assert (message.from_tag, message.to_tag) == (b"a73kszlfl", b"")
    assert message.via.branch == b"z9hG4bK776asdhds"
    assert message.via_index == 1
    assert message.body == SDP
    assert message.raw == INVITE


def test_a_response_has_what_a_proxy_needs_at_hand() -> None:
    message = parse_message(RINGING)
    assert isinstance(message, Response)
    assert (message.status, message.phrase) == (180, b"Ringing")
    assert message.to_tag == b"88aa"
    assert message.via.branch == b"z9hG4bKours"
    assert message.indexes(b"via") == (1, 2)


def test_headers_are_found_by_their_full_name_in_any_spelling() -> None:
    message = parse_message(torture("wsinv"))
    assert message.index(b"call-id") == 4
    assert message.first(b"subject") == b""
    assert message.first(b"newfangledheader") == b"newfangled value continued newfangled value"
    assert message.indexes(b"via") == (7, 13)
    assert message.index(b"expires") is None
    assert message.first(b"expires") is None
    assert message.values(b"expires") == []


def test_a_folded_header_is_one_line() -> None:
    message = parse_message(torture("wsinv"))
    assert message.lines[6] == b"cseq: 0009\r\n  INVITE"
    assert message.cseq_number == 9
    assert (message.from_tag, message.to_tag) == (b"98asjd8", b"1918181833n")


def test_values_are_split_over_lines_and_commas() -> None:
    message = request(invite(also=b'Route: <sip:a;x=",">, "b, c" <sip:b>\r\nROUTE: <sip:c>,'))
    assert message.values(b"route") == [b'<sip:a;x=",">', b'"b, c" <sip:b>', b"<sip:c>"]


def test_the_topmost_via_is_the_first_value_of_its_line() -> None:
    message = request(
        invite(without=b"Via", also=b"v: SIP/2.0/TCP a;branch=1 , SIP/2.0/UDP b;branch=2")
    )
    assert message.via.raw == b"SIP/2.0/TCP a;branch=1"


def test_line_ends_before_a_message_are_ignored() -> None:
    assert request(b"\r\n\r\n" + INVITE).call_id == request().call_id


def test_bytes_behind_content_length_are_cut_off() -> None:
    assert request(INVITE + b"garbage").body == SDP


def test_without_content_length_the_body_is_the_rest() -> None:
    assert request(invite(without=b"Content-Length")).body == SDP


def test_a_binary_body_stays_as_it_is() -> None:
    body = bytes(range(256)) + b"\r\n\r\n"
    head = invite(without=b"Content-Length").removesuffix(SDP)
    assert request(head + body).body == body


def test_a_request_without_max_forwards_is_read() -> None:
    assert request(invite(without=b"Max-Forwards")).max_forwards is None


def test_a_second_message_in_a_datagram_is_not_read() -> None:
    raw = torture("dblreq")
    assert Splice(parse_message(raw)).to_bytes() == raw[: raw.index(b"\r\n\r\n") + 4]


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        pytest.param(b"", "no empty line", id="nothing"),
        pytest.param(b"\r\n\r\n", "no empty line", id="keep-alive"),
        pytest.param(b"\x00" * 20, "no empty line", id="zeros"),
        pytest.param(INVITE.replace(b"\r\n\r\n", b"\r\n"), "no empty line", id="no body mark"),
        pytest.param(INVITE.replace(b"INVITE sip", b"INV(TE sip", 1), "no token", id="method"),
        pytest.param(INVITE.replace(b"SIP/2.0\r\n", b"HTTP/1.1\r\n", 1), "not SIP", id="http"),
        pytest.param(INVITE.replace(b"sip:+49", b"+49", 1), "Request-URI", id="no scheme"),
        pytest.param(INVITE.replace(b"sip:+49", b"1ip:+49", 1), "scheme", id="bad scheme"),
        pytest.param(INVITE.replace(b"sip:+49", b"sip:\xff", 1), "no URI", id="raw byte"),
        pytest.param(RINGING.replace(b"180", b"099"), "status", id="status 099"),
        pytest.param(RINGING.replace(b"180", b"700"), "status", id="status 700"),
        pytest.param(RINGING.replace(b"180", b"20"), "status", id="status of two digits"),
        pytest.param(RINGING.replace(b"180 Ringing", b"180"), "status", id="no space"),
        pytest.param(RINGING.replace(b"SIP/2.0", b"SIP/3.0", 1), "version", id="SIP/3.0 180"),
        pytest.param(invite(also=b"no header"), "no header", id="no colon"),
        pytest.param(invite(also=b"Via"), "no header", id="a name without colon"),
        pytest.param(invite(also=b": x"), "no header", id="no name"),
        pytest.param(invite(also=b"Na me: x"), "no header", id="space in a name"),
        pytest.param(invite(also=b"X: a\nRoute: b"), "alone", id="LF alone"),
        pytest.param(invite(also=b"X: a\rRoute: b"), "alone", id="CR alone"),
        pytest.param(INVITE.replace(b"Via:", b" Via:", 1), "no header", id="folded start line"),
        pytest.param(invite(without=b"Via"), "no via", id="no Via"),
        pytest.param(invite(without=b"From"), "no from", id="no From"),
        pytest.param(invite(without=b"To"), "no to", id="no To"),
        pytest.param(invite(without=b"Call-ID"), "no call-id", id="no Call-ID"),
        pytest.param(invite(without=b"CSeq"), "no cseq", id="no CSeq"),
        pytest.param(invite(also=b"i: x"), "more than one call-id", id="two Call-ID"),
        pytest.param(invite(also=b"CSeq: 1 INVITE"), "more than one cseq", id="two CSeq"),
        pytest.param(invite(also=b"f: <sip:a@b>"), "more than one from", id="two From"),
        pytest.param(invite(also=b"t: <sip:a@b>"), "more than one to", id="two To"),
        pytest.param(invite(also=b"max-forwards: 1"), "more than one max", id="two M-F"),
        pytest.param(invite(also=b"l: 0"), "more than one content-length", id="two C-L"),
        pytest.param(invite(without=b"CSeq", also=b"CSeq: 1"), "cseq", id="no CSeq method"),
        pytest.param(invite(without=b"CSeq", also=b"CSeq: -1 INVITE"), "cseq", id="CSeq -1"),
        pytest.param(
            invite(without=b"CSeq", also=b"CSeq: 4294967296 INVITE"), "cseq", id="CSeq 2**32"
        ),
        pytest.param(
            invite(without=b"CSeq", also=b"CSeq: %s INVITE" % (b"9" * 6000)), "cseq", id="CSeq 9…"
        ),
        pytest.param(invite(without=b"CSeq", also=b"CSeq: 1 invite"), "another method", id="case"),
        pytest.param(RINGING.replace(b"1 INVITE", b"1 IN(VITE"), "method", id="CSeq no token"),
        pytest.param(
            invite(without=b"Call-ID", also=b"Call-ID: a b"), "call-id", id="space in Call-ID"
        ),
        pytest.param(invite(without=b"Call-ID", also=b"Call-ID:"), "call-id", id="empty Call-ID"),
        pytest.param(
            invite(without=b"Max-F", also=b"Max-Forwards: 256"), "max-forwards", id="M-F 256"
        ),
        pytest.param(invite(without=b"Max-F", also=b"Max-Forwards: x"), "max-forwards", id="M-F x"),
        pytest.param(
            invite(without=b"Content-L", also=b"l: 9999"), "than there is", id="body too short"
        ),
        pytest.param(invite(without=b"Content-L", also=b"l: +5"), "length", id="C-L +5"),
        pytest.param(
            invite(without=b"From", also=b"From: <sip:a@b>;tag=a b"), "quotes", id="space in tag"
        ),
        pytest.param(
            invite(without=b"From", also=b'From: <sip:a@b>;tag="a"'), "token", id="quoted tag"
        ),
        pytest.param(
            invite(without=b"From", also=b"From: <sip:a@b>;tag=a;TAG=b"), "twice", id="two tags"
        ),
    ],
)
def test_what_is_wrong_is_named(raw: bytes, reason: str) -> None:
    with pytest.raises(BadMessage, match=reason):
        parse_message(raw)


@pytest.mark.parametrize(
    ("limits", "raw", "status"),
    [
        pytest.param(Limits(max_message_bytes=500), INVITE, 513, id="message"),
        pytest.param(Limits(max_headers=12), INVITE, 400, id="headers"),
        pytest.param(Limits(max_header_bytes=300), invite(also=b"X: " + b"y" * 298), 513, id="hdr"),
        pytest.param(
            Limits(max_header_bytes=300),
            invite(also=b"X: y" + b"\r\n y" * 100),
            513,
            id="folded header",
        ),
        pytest.param(Limits(max_vias=1), invite(also=b"v: SIP/2.0/UDP a"), 400, id="vias"),
        pytest.param(
            Limits(max_vias=2),
            invite(without=b"Via", also=b"v: SIP/2.0/UDP a,SIP/2.0/UDP b,SIP/2.0/UDP c"),
            400,
            id="vias in one line",
        ),
    ],
)
def test_limits_hold(limits: Limits, raw: bytes, status: int) -> None:
    with pytest.raises(BadMessage) as error:
        parse_message(raw, limits)
    assert error.value.status == status
    parse_message(raw)


def test_a_bad_ack_gets_no_answer() -> None:
    with pytest.raises(BadMessage) as error:
        parse_message(invite(also=b"nonsense").replace(b"INVITE", b"ACK"))
    assert error.value.request is None


def test_a_bad_request_gets_no_answer_without_a_usable_via() -> None:
    with pytest.raises(BadMessage) as error:
        parse_message(invite(without=b"Via", also=b"Via: nonsense"))
    assert error.value.request is None


def test_a_bad_request_gets_no_answer_that_repeats_a_cr_or_lf_alone() -> None:
    with pytest.raises(BadMessage) as error:
        parse_message(invite(also=b"X: a\nRoute: b"))
    assert error.value.request is None


def test_too_many_vias_can_be_answered() -> None:
    with pytest.raises(BadMessage) as error:
        parse_message(invite(also=b"v: SIP/2.0/UDP a"), Limits(max_vias=1))
    assert error.value.request is not None


@pytest.mark.parametrize("raw", [INVITE, RINGING])
def test_every_prefix_of_a_message_is_refused(raw: bytes) -> None:
    head = raw.index(b"\r\n\r\n") + 3
    assert [end for end in range(head) if _is_read(raw[:end])] == []


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutated_real_messages_raise_only_bad_message(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(REAL)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        end = at + data.draw(st.integers(0, 5))
        raw[at:end] = data.draw(
            st.binary(max_size=4)
            | st.sampled_from(
                [b'"', b"<", b">", b",", b";", b":", b"\r\n", b"\r\n ", b"\x00", b"="]
            )
        )
    _is_read(bytes(raw))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
@example(b"A A:A SIP/2.0\r\nCSeq:\r\nv:\r\n\r\n")
@example(b"A A:A SIP/\r\nv: SIP/2.0/UDP a\r\nCSeq: \t\r\n\r\n")
def test_any_bytes_raise_only_bad_message(raw: bytes) -> None:
    _is_read(raw)


NAMES = st.sampled_from([b"Via", b"X-Y", b"Route", b"subject", b"Content-Type", b"m"])
LINES = st.builds(
    lambda name, space, value: name + space + b": " + value,
    NAMES.filter(lambda name: name != b"Via"),
    st.sampled_from([b"", b" ", b"\t"]),
    st.binary(max_size=20).map(lambda value: value.replace(b"\r", b"").replace(b"\n", b"\r\n ")),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES, max_size=8), st.binary(max_size=50))
def test_what_is_read_is_printed_byte_for_byte(lines: list[bytes], body: bytes) -> None:
    head = invite(without=b"Content-Length").removesuffix(b"\r\n\r\n" + SDP)
    raw = b"\r\n".join([head, *lines, b"", body])
    assert Splice(parse_message(raw)).to_bytes() == raw


@pytest.mark.timeout(10)  # a quadratic reader would take minutes
@pytest.mark.parametrize(
    ("name", "line"),
    [
        pytest.param(b"Via", b'v: "' + b'\\"' * 100_000 + b",", id="quotes in Via"),
        pytest.param(b"Via", b"v: " + b"<" * 200_000 + b",", id="brackets in Via"),
        pytest.param(b"Via", b"v: SIP/2.0/UDP a" + b" " * 200_000 + b"b\r\n x", id="spaces in Via"),
        pytest.param(b"From", b'f: "' + b'\\"' * 100_000, id="quotes in From"),
        pytest.param(b"From", b"f: <sip:a@b>" + b';"' * 100_000, id="parameters of From"),
        pytest.param(b"From", b'f: "' + b" " * 200_000 + b'x\r\n y" x', id="folded spaces in From"),
        pytest.param(b"Content-Length", b"l: " + b"9" * 200_000, id="digits in Content-Length"),
    ],
)
def test_no_line_costs_more_than_its_length(name: bytes, line: bytes) -> None:
    raw = invite(without=name, also=line)
    limits = Limits(max_message_bytes=10**6, max_header_bytes=10**6)
    with pytest.raises(BadMessage):
        parse_message(raw, limits)


def _is_read(raw: bytes) -> bool:
    try:
        message = parse_message(raw)
    except BadMessage:
        return False
    assert message.raw == raw
    assert Splice(message).to_bytes() in raw
    return True
