"""What may be thrown away in a flood: read in a hurry, and never an emergency call."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipgate.app import net_limits
from sipgate.numbers import EmergencyNumbers

INVITE = b"INVITE %b SIP/2.0\r\nTo: <sip:112@gate.example.com>\r\n\r\n"
NUMBERS = EmergencyNumbers("DE", "US", "KR")
IN_HASTE = net_limits._haste(NUMBERS)


@given(
    st.from_regex(
        rb"(sips?:\+?[0-9]{0,12}(112|911|1366|110))?[+0-9a-z%;:@.\x80-]{0,20}", fullmatch=True
    )
)
@example(b"sip:+493020000000@gate.example.com")
@example(b"sips:911@gate.example.com:5061")
@example(b"sip:112")
@example(b"sip:++112@gate.example.com")
@example(b"sip:112;phone-context=+49@gate.example.com")
@example(b"tel:112@")
def test_an_emergency_number_is_found_in_haste_as_it_is_at_leisure(uri: bytes) -> None:
    raw = INVITE % uri
    hurried = IN_HASTE(raw)
    assert hurried in (None, NUMBERS.match_end(net_limits._dialled_digits(raw)))


@pytest.mark.parametrize("uri", [b"sip:+493020000000@a", b"sips:0112@a", b"sip:4711@a:5060"])
def test_what_phones_dial_is_read_in_haste(uri: bytes) -> None:
    assert IN_HASTE(INVITE % uri) is not None
