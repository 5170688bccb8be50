"""What may be thrown away in a flood: read in a hurry, and never an emergency call."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipgate.app import net_limits

INVITE = b"INVITE %b SIP/2.0\r\nTo: <sip:112@gate.example.com>\r\n\r\n"


@given(st.from_regex(rb"[+0-9a-z%;:@.\x80-]{0,20}", fullmatch=True))
@example(b"sip:+493020000000@gate.example.com")
@example(b"sips:911@gate.example.com:5061")
@example(b"sip:112")
@example(b"sip:++112@gate.example.com")
@example(b"sip:112;phone-context=+49@gate.example.com")
@example(b"tel:112@")
def test_digits_that_are_read_in_a_hurry_are_those_that_are_read_in_full(uri: bytes) -> None:
    raw = INVITE % uri
    hurried = net_limits._plain_digits(raw)
    assert hurried is None or hurried == net_limits._dialled_digits(raw)


@pytest.mark.parametrize("uri", [b"sip:+493020000000@a", b"sips:0112@a", b"sip:4711@a:5060"])
def test_what_phones_dial_is_read_in_a_hurry(uri: bytes) -> None:
    assert net_limits._plain_digits(INVITE % uri) is not None
