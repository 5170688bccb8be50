"""STUN binding requests and what they get, byte by byte."""

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.net import stun_answer

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")  # of RFC 5769's samples
COOKIE = bytes.fromhex("2112a442")


def binding_request(attributes: bytes = b"", transaction: bytes = TRANSACTION) -> bytes:
    return struct.pack("!HH", 1, len(attributes)) + COOKIE + transaction + attributes


def attribute(kind: int, value: bytes = b"") -> bytes:
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def test_rfc5389_a_phone_learns_its_address() -> None:
    # RFC 5769 §2.2 has this address, masked: 192.0.2.1:32853.
    assert stun_answer(binding_request(), "192.0.2.1", 32853) == (
        struct.pack("!HH", 0x0101, 12)
        + COOKIE
        + TRANSACTION
        + bytes.fromhex("002000080001a147e112a643")
    )


def test_rfc5389_a_phone_learns_its_ipv6_address() -> None:
    # RFC 5769 §2.3: [2001:db8:1234:5678:11:2233:4455:6677]:32853.
    answer = stun_answer(binding_request(), "2001:db8:1234:5678:11:2233:4455:6677", 32853)
    assert answer is not None
    assert answer[20:] == bytes.fromhex("002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9")


def test_an_address_with_a_zone_is_told_without_it() -> None:
    with_zone = stun_answer(binding_request(), "fe80::1%eth0", 5060)
    assert with_zone == stun_answer(binding_request(), "fe80::1", 5060)
    assert with_zone is not None


def test_attributes_that_need_nothing_change_nothing() -> None:
    software = attribute(0x8022, b"STUN test client")
    priority_of_another_usage = attribute(0x8029, b"12345678")
    asked = binding_request(software + priority_of_another_usage + attribute(6, b"user1"))
    assert stun_answer(asked, "192.0.2.1", 5) == stun_answer(binding_request(), "192.0.2.1", 5)


def test_rfc5389_7_3_1_an_attribute_that_has_to_be_understood_and_is_not_gets_420() -> None:
    asked = attribute(0x0003, b"\0\0\0\6") + attribute(0x0024, b"1234") + attribute(0x0003)
    answer = stun_answer(binding_request(asked), "192.0.2.1", 5)
    assert answer is not None
    assert answer[:2] == b"\x01\x11"
    assert answer[4:20] == COOKIE + TRANSACTION
    assert answer[20:] == attribute(9, b"\0\0\4\x14Unknown Attribute") + attribute(
        10, b"\0\3\0\x24"
    )


def test_an_answer_is_never_much_longer_than_its_question() -> None:
    asked = binding_request(b"".join(attribute(kind) for kind in range(0x100, 0x200)))
    answer = stun_answer(asked, "192.0.2.1", 5)
    assert answer is not None
    assert len(answer) < len(asked)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(binding_request()[:-1], id="cut"),
        pytest.param(binding_request() + b"x", id="longer than it says"),
        pytest.param(binding_request(b"\0\6"), id="half an attribute"),
        pytest.param(binding_request(b"\0\6\0\x09abcd"), id="an attribute longer than the rest"),
        pytest.param(b"\x01\x01" + binding_request()[2:], id="a response"),
        pytest.param(b"\0\x11" + binding_request()[2:], id="an indication"),
        pytest.param(b"\0\3" + binding_request()[2:], id="another method"),
        pytest.param(binding_request().replace(COOKIE, b"\0\0\0\0"), id="of RFC 3489"),
        pytest.param(b"OPTIONS sip:a@example.com SIP/2.0\r\n\r\n", id="SIP"),
        pytest.param(b"\r\n\r\nOPTIONS sip:a@example.com SIP/2.0\r\n\r\n", id="SIP after CRLF"),
    ],
)
def test_anything_else_is_none_of_its_business(raw: bytes) -> None:
    assert stun_answer(raw, "192.0.2.1", 5060) is None


@given(
    transaction=st.binary(min_size=12, max_size=12),
    host=st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)),
    port=st.integers(1, 65535),
)
def test_every_address_can_be_read_back(
    transaction: bytes, host: IPv4Address | IPv6Address, port: int
) -> None:
    answer = stun_answer(binding_request(transaction=transaction), str(host), port)
    assert answer is not None
    mask = COOKIE + transaction
    packed = bytes(byte ^ other for byte, other in zip(answer[28:], mask, strict=False))
    assert ip_address(packed) == host
    assert int.from_bytes(answer[26:28], "big") ^ 0x2112 == port


@given(st.binary(max_size=64))
def test_no_bytes_raise(raw: bytes) -> None:
    stun_answer(b"\0\1" + struct.pack("!H", max(0, len(raw) - 16)) + raw, "192.0.2.1", 5060)
    stun_answer(raw, "::1", 5060)
