"""Reading plain messages in C: the same as in Python, or nothing."""

import sys
from typing import Any, cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sipgate.sip import (
    BadMessage,
    Limits,
    Request,
    Response,
    Via,
    build_response,
    message,
    parse_message,
    stamp_received,
)
from sipgate.sip.plain import (
    answer_nothing,
    build_plain_answerer,
    build_plain_reader,
    choose_plain_answerer,
    choose_plain_reader,
    read_nothing,
)

from .samples import INVITE, RINGING, TORTURE, invite, response

READ = build_plain_reader(Request, Response, Via)
ANSWER = build_plain_answerer()
needs_c = pytest.mark.skipif(READ is read_nothing, reason="the C part was not built")

TWO_VIAS = b"v: SIP/2.0/TCP a;branch=x\r\nVia: SIP/2.0/UDP b"
REAL = [path.read_bytes() for path in sorted(TORTURE.rglob("*.dat"))]
OFTEN_WRONG = [
    b'"',
    b"<",
    b">",
    b",",
    b";",
    b":",
    b"=",
    b"?",
    b"\\",
    b" ",
    b"\t",
    b"\v",
    b"\r\n",
    b"\r\n ",
    b"\r",
    b"\n",
    b"\x00",
    b"\x7f",
    b"\xff",
    b"[",
    b"]",
    b"0",
    b"4294967296",
    b";tag=",
    b";tag=x",
    b";rport",
    b";received=[::1]",
    b";branch=y",
    b"[2001:DB8::1]:5060",
]


def with_via(value: bytes) -> bytes:
    """A request whose only Via has this value."""
    return invite(without=b"Via", also=b"Via: %b" % value)


def with_from(value: bytes) -> bytes:
    """A request whose From has this value."""
    return invite(without=b"From", also=b"From: %b" % value)


PLAIN = [
    pytest.param(INVITE, id="INVITE"),
    pytest.param(RINGING, id="180"),
    pytest.param(RINGING.replace(b"180 Ringing", b"200 "), id="200 without a phrase"),
    pytest.param(INVITE.replace(b"INVITE", b"x-NEW.1"), id="a new method"),
    pytest.param(INVITE.replace(b"sip:+49", b"tel:+49", 1), id="tel"),
    pytest.param(INVITE.replace(b"sip:+49", b"sips:+49", 1), id="sips"),
    pytest.param(invite(without=b"Max-Forwards"), id="no Max-Forwards"),
    pytest.param(invite(without=b"Content-Length"), id="no Content-Length"),
    pytest.param(INVITE + b"behind\x00", id="bytes behind the body"),
    pytest.param(invite(also=b"X-A: 1\r\nx-a: 2\r\nX-a:3"), id="a header of one's own, thrice"),
    pytest.param(invite(also=b"s:\r\nSUBJECT: \xc3\xa4\r\nE: x"), id="compact and capitals"),
    pytest.param(invite(also=b"z: 1\r\nZ: 2"), id="a letter that is no compact form"),
    pytest.param(invite(without=b"Via", also=TWO_VIAS), id="two Via lines"),
    pytest.param(with_via(b"SIP/2.0/UDP a;branch=1 , SIP/2.0/UDP b,x"), id="three in one Via line"),
    pytest.param(
        invite(without=b"Via", also=b'Via: SIP/2.0/UDP a, b\r\nv: "c,d"'),
        id="Via lines with commas",
    ),
    pytest.param(with_via(b"SIP/2.0/WSS Host.Invalid"), id="Via without anything"),
    pytest.param(with_via(b"SIP/2.0/TLS [2001:DB8::1]:5061;branch=z"), id="Via with IPv6"),
    pytest.param(with_via(b"SIP/2.0/WS a;received=[::1];rport=9;maddr=10.0.0.1"), id="Via stamped"),
    pytest.param(with_via(b"SIP/2.0/UDP a;alias;ttl=1;x=;keep"), id="Via with other parameters"),
    pytest.param(with_from(b"<sip:a@b;x=1?h>;tag=a.b-c"), id="From without a name"),
    pytest.param(with_from(b"<tel:+49>"), id="From without a tag"),
    pytest.param(with_from(b"M\xc3\xbcller (1) <sip:a@b>;tag=1"), id="From with a bare name"),
    pytest.param(with_from(b'"a;tag=1 <>,"<sip:a@b;tag=2>;tag=3'), id="From with many tags"),
    pytest.param(with_from(b"<sip:%s@b>;tag=1" % (b"a" * 300)), id="a long From"),
    pytest.param(invite(also=b"\r\n".join([b"X: y"] * 243)), id="256 headers"),
]
MESSAGES: st.SearchStrategy[bytes] = st.sampled_from(REAL) | st.sampled_from(
    [cast(bytes, case.values[0]) for case in PLAIN]
)


@needs_c
@pytest.mark.parametrize("raw", PLAIN)
def test_what_peers_usually_send_is_read_in_c_as_in_python(raw: bytes) -> None:
    assert fields(read(raw)) == fields(message._parse(raw, Limits()))


@needs_c
@pytest.mark.parametrize("raw", REAL, ids=[path.stem for path in sorted(TORTURE.rglob("*.dat"))])
def test_torture_is_read_in_c_as_in_python_or_not_at_all(raw: bytes) -> None:
    assert agree(raw)


@needs_c
@pytest.mark.parametrize("raw", [INVITE, RINGING], ids=["INVITE", "180"])
@pytest.mark.parametrize("other", [b"", *OFTEN_WRONG])
def test_any_byte_replaced_is_seen_in_c_as_in_python(raw: bytes, other: bytes) -> None:
    head = raw.index(b"\r\n\r\n") + 4
    changed = [raw[:at] + other + raw[at + 1 :] for at in range(head)]
    assert [message for message in changed if not agree(message)] == []


@needs_c
@settings(max_examples=1000, deadline=None)
@given(st.data())
def test_mutated_messages_are_read_in_c_as_in_python_or_not_at_all(data: st.DataObject) -> None:
    raw = bytearray(data.draw(MESSAGES))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        end = at + data.draw(st.integers(0, 5))
        raw[at:end] = data.draw(st.binary(max_size=4) | st.sampled_from(OFTEN_WRONG))
    assert agree(bytes(raw))


@needs_c
@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
@example(b"")
@example(b"\r")
@example(b"\r\n\r\n")
@example(b"A\r\n\r\n")
@example(b"SIP/2.0 200 \r\n\r\n")
@example(b"A A:A SIP/2.0\r\nv\r\n\r\n")
@example(b"A A:A SIP/2.0\r\nCSeq:\r\nv:\r\n\r\n")
def test_any_bytes_are_read_in_c_as_in_python_or_not_at_all(raw: bytes) -> None:
    assert agree(raw)


@needs_c
@settings(max_examples=300, deadline=None)
@given(
    st.integers(-1, 900),
    st.integers(-1, 15),
    st.integers(-1, 80),
    st.integers(-1, 3),
    st.sampled_from([INVITE, RINGING, with_via(b"SIP/2.0/UDP a, b,c")]),
)
def test_limits_hold_in_c_as_in_python(
    size: int, headers: int, header_bytes: int, vias: int, raw: bytes
) -> None:
    limits = Limits(
        max_message_bytes=size,
        max_headers=headers,
        max_header_bytes=header_bytes,
        max_vias=vias,
    )
    assert agree(raw, limits)


@needs_c
def test_more_headers_than_c_has_places_for_are_left_to_python() -> None:
    raw = invite(also=b"\r\n".join([b"X: y"] * 244))
    limits = Limits(max_headers=1000)
    assert read(raw, limits) is None
    assert len(parse_message(raw, limits).lines) == 258


@needs_c
@pytest.mark.parametrize("limit", [2**100, 1.5, None], ids=["huge", "no integer", "none"])
def test_limits_that_c_can_not_hold_are_left_to_python(limit: Any) -> None:
    assert READ(INVITE, 65535, limit, 8192, 70) is None


@needs_c
def test_what_is_not_bytes_is_left_to_python() -> None:
    assert READ(bytearray(INVITE), 65535, 256, 8192, 70) is None  # type: ignore[arg-type]


@needs_c
def test_classes_without_slots_are_filled_by_their_attributes() -> None:
    class Loose:
        pass

    loose = build_plain_reader(Loose, Loose, Loose)(INVITE, 65535, 256, 8192, 70)
    found = vars(loose)
    found["via"] = vars(found["via"])
    expected = fields(message._parse(INVITE, Limits()))
    assert {name: (type(value), value) for name, value in found.items() if name != "via"} == {
        name: value for name, value in expected.items() if name not in ("class", "via")
    }
    assert found["via"]["branch"] == b"z9hG4bK776asdhds"


@needs_c
def test_what_fails_while_an_object_is_filled_is_raised() -> None:
    class Shut:
        __slots__ = ("raw",)

    with pytest.raises(AttributeError):
        build_plain_reader(Shut, Shut, Shut)(INVITE, 65535, 256, 8192, 70)


@needs_c
def test_objects_of_one_message_are_not_those_of_the_next() -> None:
    first, second = parse_message(INVITE), parse_message(INVITE)
    first.lines[1] = b"Via: changed"
    first.via.received = b"10.0.0.9"
    assert fields(second) == fields(message._parse(INVITE, Limits()))


def test_messages_are_read_without_the_c_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sipgate.sip._plain", None)
    without = build_plain_reader(Request, Response, Via)
    monkeypatch.setattr(message, "_read_plain", without)
    assert without is read_nothing
    assert fields(parse_message(INVITE)) == fields(message._parse(INVITE, Limits()))
    assert response(200).status == 200


def test_the_c_part_can_be_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIPGATE_PURE", "1")
    assert choose_plain_reader(Request, Response, Via) is read_nothing


# Answers


@needs_c
@pytest.mark.parametrize("host", [b"10.1.0.7", b"2001:db8::7"])
@pytest.mark.parametrize("force_rport", [False, True], ids=["as it is", "nat"])
@pytest.mark.parametrize("raw", PLAIN)
def test_a_plain_request_is_answered_in_c_as_in_python_or_not_at_all(
    raw: bytes, force_rport: bool, host: bytes
) -> None:
    assert answers_agree(raw, host, 5062, force_rport=force_rport)


@needs_c
@pytest.mark.parametrize(
    "via",
    [
        b"SIP/2.0/UDP 192.168.1.4:5070;rport;branch=z9hG4bK1",
        b"SIP/2.0/UDP 192.168.1.4:5070;branch=z9hG4bK1;rport",
        b"SIP/2.0/TCP phone.example.com;x;branch=z9hG4bK1;rport;alias",
        b"SIP/2.0/UDP a;rport;branch=z9hG4bK1 , SIP/2.0/UDP b;rport;branch=z9hG4bK2",
        b"SIP/2.0/UDP 10.1.0.7:5062;branch=z9hG4bK1",
        b"SIP/2.0/UDP a;rport;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP b;rport, SIP/2.0/TCP c",
    ],
)
def test_what_phones_and_pbxs_send_is_answered_in_c(via: bytes) -> None:
    raw = with_via(via)
    assert ANSWER(raw, b"INVITE", STATUS_LINE, b"10.1.0.7", 5062, False, *DEFAULTS) is not None
    assert answers_agree(raw, b"10.1.0.7", 5062)


@needs_c
@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(RINGING, id="a response"),
        pytest.param(INVITE.replace(b"INVITE", b"BYE"), id="another method"),
        pytest.param(INVITE.replace(b"INVITE", b"invite"), id="a method in small letters"),
        pytest.param(
            invite(without=b"To", also=b"To: <sip:a@b>;tag=x"),
            id="a To tag",
        ),
        pytest.param(with_via(b"SIP/2.0/UDP a;rport;branch=1"), id="a branch without the cookie"),
        pytest.param(with_via(b"SIP/2.0/UDP a;rport;branch=z9hG4bK"), id="the cookie alone"),
        pytest.param(with_via(b"SIP/2.0/UDP a;branch=z9hG4bK1"), id="another host"),
        pytest.param(with_via(b"SIP/2.0/UDP 10.1.0.7;branch=z9hG4bK1"), id="another port"),
        pytest.param(with_via(b"SIP/2.0/UDP a;rport=1;branch=z9hG4bK1"), id="an rport"),
        pytest.param(with_via(b"SIP/2.0/UDP a;rport;received=1;branch=z9hG4bK1"), id="received"),
        pytest.param(with_via(b"SIP/2.0/UDP a;rport;maddr=1;branch=z9hG4bK1"), id="maddr"),
        pytest.param(INVITE[:-10], id="half a body"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_takes_more_thought_is_left_to_python(raw: bytes) -> None:
    assert ANSWER(raw, b"INVITE", STATUS_LINE, b"10.1.0.7", 5062, False, *DEFAULTS) is None


@needs_c
@settings(max_examples=1000, deadline=None)
@given(st.data())
def test_mutated_requests_are_answered_in_c_as_in_python_or_not_at_all(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(ANSWERED) | MESSAGES))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(raw)))
        end = at + data.draw(st.integers(0, 5))
        raw[at:end] = data.draw(st.binary(max_size=4) | st.sampled_from(OFTEN_WRONG))
    assert answers_agree(bytes(raw), b"10.1.0.7", 5062, force_rport=data.draw(st.booleans()))


@needs_c
def test_limits_hold_for_answers_too() -> None:
    fits = with_via(b"SIP/2.0/UDP a;rport;branch=z9hG4bK1")
    args = (b"INVITE", STATUS_LINE, b"10.1.0.7", 5062, False)
    assert ANSWER(fits, *args, len(fits), 256, 8192, 70) is not None
    assert ANSWER(fits, *args, len(fits) - 1, 256, 8192, 70) is None
    assert ANSWER(fits, *args, len(fits), 2, 8192, 70) is None


def test_nothing_is_answered_without_the_c_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIPGATE_PURE", "1")
    assert choose_plain_answerer() is answer_nothing
    monkeypatch.delenv("SIPGATE_PURE")
    monkeypatch.setitem(sys.modules, "sipgate.sip._plain", None)
    assert choose_plain_answerer() is answer_nothing
    assert answer_nothing(INVITE, b"INVITE", STATUS_LINE, b"a", 1, False, *DEFAULTS) is None


STATUS_LINE = b"SIP/2.0 503 Service Unavailable"
DEFAULTS = (65535, 256, 8192, 70)
ANSWERED = [
    with_via(b"SIP/2.0/UDP 192.168.1.4:5070;rport;branch=z9hG4bK1"),
    with_via(b"SIP/2.0/UDP 10.1.0.7:5062;branch=z9hG4bK1"),
]


def answers_agree(raw: bytes, host: bytes, port: int, *, force_rport: bool = False) -> bool:
    """Whether the C part answers as Python does, or not at all."""
    answer = ANSWER(raw, b"INVITE", STATUS_LINE, host, port, force_rport, *DEFAULTS)
    if answer is None:
        return True
    request = message._parse(raw, Limits())
    assert isinstance(request, Request)
    assert (request.method, request.to_tag) == (b"INVITE", b"")
    branch, sent_by, head, tail = answer
    assert (branch, sent_by) == (request.via.branch, request.via.sent_by)
    stamp_received(request, host, port, force_rport=force_rport)
    built = build_response(request, 503, b"Service Unavailable", to_tag=b"t")
    return built == head + b";tag=t" + tail + b"Content-Length: 0\r\n\r\n"


def read(raw: bytes, limits: Limits | None = None) -> Request | Response | None:
    """The C part's answer."""
    limits = limits or Limits()
    return READ(
        raw,
        limits.max_message_bytes,
        limits.max_headers,
        limits.max_header_bytes,
        limits.max_vias,
    )


def agree(raw: bytes, limits: Limits | None = None) -> bool:
    """Whether the C part gave nothing, or all that Python gives."""
    found = read(raw, limits)
    try:
        expected = message._parse(raw, limits or Limits())
    except BadMessage:
        return found is None
    return found is None or fields(found) == fields(expected)


def fields(thing: object) -> dict[str, Any]:
    """All fields with the types of their values; of a message, those of its Via too."""
    found: dict[str, Any] = {"class": type(thing)}
    for base in type(thing).__mro__:
        names = getattr(base, "__slots__", ()) or getattr(base, "__mypyc_attrs__", ())
        for name in names:  # the latter: where the classes are compiled too
            value = getattr(thing, name)
            found[name] = fields(value) if isinstance(value, Via) else (type(value), value)
    assert len(found) > 10  # or nothing would be compared
    return found
