"""RFC 5118's torture messages for IPv6 as the codec reads them; what the gate does with each is
in `tests/proxy/test_rfc5118.py`."""

import pytest

from sipgate.sip import (
    BadMessage,
    Request,
    Splice,
    parse_message,
    parse_name_addr,
    parse_uri,
    parse_via,
    response_address,
)

from .samples import torture


def read(name: str) -> Request:
    """A request that has to be readable, and printable byte for byte.

    The lengths that three of them say are shorter than their bodies, as published.
    """
    message = parse_message(torture(f"ipv6/{name}"))
    assert isinstance(message, Request)
    assert torture(f"ipv6/{name}").startswith(Splice(message).to_bytes())
    return message


def test_ipv6_good_references_are_read() -> None:
    """RFC 5118 §4.1."""
    message = read("ipv6-good")
    assert parse_uri(message.uri).host == b"[2001:db8::10]"
    assert (message.via.host, message.via.port) == (b"[2001:db8::9:1]", None)
    contact = parse_name_addr(message.first(b"contact") or b"")
    assert parse_uri(contact.uri).host == b"[2001:db8::1]"


def test_ipv6_bad_an_address_without_brackets_is_no_uri() -> None:
    """RFC 5118 §4.2."""
    with pytest.raises(BadMessage) as caught:
        parse_uri(read("ipv6-bad").uri)
    assert caught.value.status == 400


def test_port_ambiguous_is_an_address_without_a_port() -> None:
    """RFC 5118 §4.3: well-formed, whatever its sender meant."""
    uri = parse_uri(read("port-ambiguous").uri)
    assert (uri.host, uri.port) == (b"[2001:db8::10:5070]", None)


def test_port_unambiguous_stands_outside_the_brackets() -> None:
    """RFC 5118 §4.4."""
    uri = parse_uri(read("port-unambiguous").uri)
    assert (uri.host, uri.port) == (b"[2001:db8::10]", 5070)


@pytest.mark.parametrize("name", ["with-delim", "no-delim"])
def test_via_received_param_is_read_with_and_without_brackets(name: str) -> None:
    """RFC 5118 §4.5."""
    via = read(f"via-received-param-{name}").via
    assert via.received == b"2001:db8::9:255"
    assert response_address(via) == (b"2001:db8::9:255", 5060)


@pytest.mark.parametrize("name", ["ipv6-in-sdp", "mult-ip-in-sdp"])
def test_sdp_with_ipv6_addresses_is_a_body_like_any(name: str) -> None:
    """RFC 5118 §4.6 and §4.8."""
    assert b"c=IN IP6 2001:db8::" in read(name).body


def test_mult_ip_in_header_both_families_may_stand_in_one_message() -> None:
    """RFC 5118 §4.7."""
    vias = [parse_via(value) for value in read("mult-ip-in-header").values(b"via")]
    assert [via.sent_by for via in vias] == [
        b"[2001:db8::9:1]:6050",
        b"192.0.2.1",
        b"[2001:db8::9:255]",
    ]
    assert vias[2].received == b"192.0.2.200"


def test_ipv4_mapped_ipv6_addresses_are_read() -> None:
    """RFC 5118 §4.9."""
    message = read("ipv4-mapped-ipv6")
    assert (message.via.host, message.via.port) == (b"[::ffff:192.0.2.10]", 19823)
    assert response_address(message.via) == (b"::ffff:192.0.2.10", 19823)
    contact = parse_name_addr(message.first(b"contact") or b"")
    assert parse_uri(contact.uri).host == b"[::ffff:192.0.2.2]"


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("ipv6-bug-abnf-3-colons", b"[2001:db8:::192.0.2.1]"),
        ("ipv6-correct-abnf-2-colons", b"[2001:db8::192.0.2.1]"),
    ],
)
def test_the_colon_too_many_of_rfc_3261s_grammar_is_tolerated(name: str, host: bytes) -> None:
    """RFC 5118 §4.10."""
    assert parse_uri(read(name).uri).host == host
