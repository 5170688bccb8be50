"""RFC 5118's torture messages for IPv6 against a whole gate, from a phone with such an address.

The gate is a proxy between both families: what names an IPv6 address in a message's URIs, Vias or
body goes on as it came, whichever way it leaves.
"""

import pytest

from sipgate.sip import Request, parse_message
from tests.sip.samples import torture

from .house import End, House
from .test_rfc4475 import OURS, comes_back

SIX = """tags = "none"
[[source]]
name = "six"
match = ["2001:db8::/32", "::ffff:192.0.2.0/120"]
region = "US"
upstream = "trunk"
"""


def phone_of(house: House, host: str, port: int) -> End:
    return house.end("phone", host, port)


def forwarded(
    name: str, *changes: tuple[bytes, bytes], host: str = "2001:db8::9:1", port: int = 5060
) -> Request:
    """Have a message forwarded; it is the same but for the changes and the lines of ours."""
    message = parse_message(torture(f"ipv6/{name}"))
    raw = torture(f"ipv6/{name}")
    raw = raw[: raw.index(b"\r\n\r\n") + 4] + message.body
    house = House(upstream=SIX)
    phone = phone_of(house, host, port)
    phone.sends(torture(f"ipv6/{name}"))
    house.writes()
    house.heard()
    went = house.trunk.got[-1]
    for old, new in ((b"Max-Forwards: 70", b"Max-Forwards: 69"), *changes):
        assert raw.count(old) >= 1, old
        raw = raw.replace(old, new, 1)
    assert len(OURS.findall(went)) == 1
    assert OURS.sub(b"", went) == raw
    comes_back(house, phone)
    request = parse_message(went)
    assert isinstance(request, Request)
    return request


def test_ipv6_good_goes_on_as_it_came() -> None:
    """RFC 5118 §4.1: its sent-by is the phone's address, so nothing is stamped."""
    forwarded("ipv6-good")


def test_ipv6_bad_an_address_without_brackets_gets_400() -> None:
    """RFC 5118 §4.2."""
    house = House(upstream=SIX)
    phone_of(house, "2001:db8::9:1", 5060).sends(torture("ipv6/ipv6-bad"))
    [line] = house.heard()
    assert line.startswith("phone: SIP/2.0 400 ")
    house.waits(70)
    assert house.leftovers() == {}


def test_port_ambiguous_goes_on_because_it_is_an_address() -> None:
    """RFC 5118 §4.3: well-formed; nobody may guess what was meant."""
    assert forwarded("port-ambiguous").uri == b"sip:[2001:db8::10:5070]"


def test_port_unambiguous_goes_on_as_it_came() -> None:
    """RFC 5118 §4.4."""
    assert forwarded("port-unambiguous").uri == b"sip:[2001:db8::10]:5070"


@pytest.mark.parametrize(
    ("name", "claimed"),
    [
        ("via-received-param-with-delim", b";received=[2001:db8::9:255]"),
        ("via-received-param-no-delim", b";received=2001:db8::9:255"),
    ],
)
def test_via_received_param_is_understood_with_and_without_brackets(
    name: str, claimed: bytes
) -> None:
    """RFC 5118 §4.5, and RFC 3261 §18.2.1: what a client says of itself there is not kept."""
    forwarded(name, (claimed, b""))


def test_via_received_param_is_written_without_brackets() -> None:
    """RFC 5118 §4.5: the sender must not put them."""
    went = forwarded(
        "via-received-param-with-delim",
        (b";received=[2001:db8::9:255]", b""),
        (b"z9hG4bKas3-111", b"z9hG4bKas3-111;received=2001:db8::9:255"),
        host="2001:db8::9:255",
    )
    assert b"received=[" not in went.raw


def test_ipv6_in_sdp_goes_on_as_it_came() -> None:
    """RFC 5118 §4.6."""
    forwarded("ipv6-in-sdp", host="2001:db8::20")


def test_mult_ip_in_header_goes_on_as_it_came() -> None:
    """RFC 5118 §4.7: Vias of both families."""
    forwarded("mult-ip-in-header", port=6050)


def test_mult_ip_in_sdp_goes_on_as_it_came() -> None:
    """RFC 5118 §4.8."""
    forwarded("mult-ip-in-sdp")


def test_ipv4_mapped_ipv6_goes_on_as_it_came() -> None:
    """RFC 5118 §4.9: an address that the socket gives as IPv4 is another spelling of it."""
    forwarded(
        "ipv4-mapped-ipv6",
        (b"z9hG4bKbh19", b"z9hG4bKbh19;received=192.0.2.10"),
        host="192.0.2.10",
        port=19823,
    )


@pytest.mark.parametrize("name", ["ipv6-bug-abnf-3-colons", "ipv6-correct-abnf-2-colons"])
def test_the_colon_too_many_goes_on_as_it_came(name: str) -> None:
    """RFC 5118 §4.10: a proxy may leave it out; this one changes no byte that it doesn't own."""
    forwarded(name, (b"z9hG4bKas3-111", b"z9hG4bKas3-111;received=2001:db8::9:1"))
