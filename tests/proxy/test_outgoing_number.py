"""What goes out: byte for byte what was dialled, unless the source says otherwise."""

from ipaddress import ip_network

import pytest

from sipgate.numbers import DialPlan
from sipgate.proxy.outgoing_number import outgoing_user
from sipgate.proxy.source import Source
from sipgate.sip import parse_uri, unescape_user

PLAN = DialPlan(region="US", outside_line=("9",), extensions=("47xx",))


def outgoing(raw: bytes, *, strip: int = 0, prefix: str = "", e164: bool = False) -> bytes | None:
    uri = parse_uri(raw)
    source = Source(
        name="hq",
        networks=(ip_network("10.0.0.0/8"),),
        upstream="carrier",
        dial_plan=PLAN,
        strip=strip,
        prefix=prefix,
        e164=e164,
    )
    return outgoing_user(uri, PLAN.read(unescape_user(uri.user or b"")), source)


@pytest.mark.parametrize("raw", [b"sip:913055550123@gate;user=phone", b"tel:911", b"sip:gate"])
def test_without_a_setting_nothing_changes(raw: bytes) -> None:
    assert outgoing(raw) is None


def test_characters_are_stripped_and_put_in_front() -> None:
    uri = outgoing(b"sip:913055550123:pw@gate:5060;user=phone?a=b", strip=2, prefix="#31#1")
    assert uri == b"sip:%2331%2313055550123:pw@gate:5060;user=phone?a=b"


def test_e164_sends_the_number_as_read() -> None:
    assert outgoing(b"sip:9%2A673055550123;ext=2@gate", e164=True) == b"sip:+13055550123@gate"


def test_e164_can_be_sent_with_another_prefix() -> None:
    uri = outgoing(b"sip:913055550123@gate", e164=True, strip=1, prefix="00")
    assert uri == b"sip:0013055550123@gate"


def test_a_tel_number_loses_the_parameters_of_its_old_spelling() -> None:
    uri = outgoing(b"tel:3055550123;phone-context=+1;rn=5", e164=True)
    assert uri == b"tel:+13055550123;rn=5"


@pytest.mark.parametrize("raw", [b"sip:9911@gate", b"sip:911@gate", b"sip:*67911@gate"])
def test_an_emergency_number_goes_out_bare(raw: bytes) -> None:
    assert (outgoing(raw, strip=1, prefix="0") or raw) == b"sip:911@gate"


@pytest.mark.parametrize("raw", [b"sip:4711@gate", b"sip:alice@gate", b"sip:5550123@gate"])
def test_what_is_short_or_unreadable_is_left_alone(raw: bytes) -> None:
    assert outgoing(raw, strip=1, e164=True) is None


def test_what_goes_out_already_is_not_touched() -> None:
    assert outgoing(b"sip:+13055550123@gate", e164=True) is None


@pytest.mark.parametrize(
    "raw", [b"sip:911,12025550199@gate", b"sip:911;12025550199@gate", b"sip:9%2D1-1;ext=2@gate"]
)
def test_what_stands_beside_an_emergency_number_never_goes_out(raw: bytes) -> None:
    assert outgoing(raw) == b"sip:911@gate"
