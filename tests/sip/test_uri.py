"""URIs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.sip import BadMessage, parse_uri, unescape_user


def test_a_full_sip_uri_is_taken_apart() -> None:
    raw = b"SIPS:%41lice:s3:cr@t.Example.COM:5061;LR;transport=TCP?subject=a%20b&x=y"
    uri = parse_uri(raw)
    assert (uri.raw, uri.scheme, uri.user, uri.password) == (raw, b"sips", b"%41lice", b"s3:cr")
    assert (uri.host, uri.port) == (b"t.example.com", 5061)
    assert uri.params == {b"lr": None, b"transport": b"TCP"}
    assert uri.headers == b"subject=a%20b&x=y"


def test_a_sip_uri_may_be_a_host_only() -> None:
    uri = parse_uri(b"sip:[2001:db8::10]:5070")
    assert (uri.user, uri.host, uri.port, uri.params) == (None, b"[2001:db8::10]", 5070, {})


def test_a_user_part_may_hold_what_separates_elsewhere() -> None:
    uri = parse_uri(
        b"sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too."
        b"(doesn't-it)@example.com"
    )
    assert uri.user == b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert (uri.host, uri.headers, uri.params) == (b"example.com", b"", {})


def test_hash_and_star_may_stand_unescaped_as_phones_send_them() -> None:
    assert parse_uri(b"sip:**21*0301234#@pbx").user == b"**21*0301234#"


def test_a_tel_uri_has_its_number_as_user() -> None:
    uri = parse_uri(b"tel:7042;phone-context=example.com")
    assert (uri.scheme, uri.user, uri.host) == (b"tel", b"7042", b"")
    assert uri.params == {b"phone-context": b"example.com"}


def test_other_schemes_are_opaque() -> None:
    uri = parse_uri(b"URN:service:sos.fire")
    assert (uri.scheme, uri.opaque, uri.user, uri.host) == (b"urn", b"service:sos.fire", None, b"")
    assert parse_uri(b"soap.beep://192.0.2.103:3002").scheme == b"soap.beep"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"sip",
        b"sip:",
        b":a",
        b"sip:a@",
        b"sip:@host",
        b"sip::secret@host",
        b"sip:a@b@c",
        b"sip:a b@c",
        b"sip:a@b c",
        b"<sip:a@b>",
        b"sip:a@b:",
        b"sip:a@b:0",
        b"sip:a@b:99999",
        b"sip:a@b;",
        b"sip:a@b;;lr",
        b"sip:a@b;x=1;X=2",
        b"sip:a%4@b",
        b"sip:a%zz@b",
        b"sip:2001:db8::10",
        b"sip:[2001:db8::10",
        b"sip:[::1]5060",
        b"tel:;x=y",
        b"1ab:x",
        b"a_b/:x",
    ],
)
def test_a_broken_uri_is_refused(raw: bytes) -> None:
    with pytest.raises(BadMessage) as error:
        parse_uri(raw)
    assert error.value.status == 400


@given(st.binary(max_size=40), st.sampled_from([b"sip:", b"tel:", b"sip:a@", b""]))
def test_any_bytes_raise_only_bad_message(tail: bytes, head: bytes) -> None:
    try:
        uri = parse_uri(head + tail)
    except BadMessage:
        return
    assert uri.raw == head + tail


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"4711", "4711"),
        (b"%2B49%2030", "+49 30"),
        (b"%ef%bc%91", "１"),
        (b"%ff", "\ufffd"),
        (b"%00", "\x00"),
        (b"5%", "5%"),
    ],
)
def test_user_parts_are_unescaped(raw: bytes, text: str) -> None:
    assert unescape_user(raw) == text
