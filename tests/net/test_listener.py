"""Addresses as people write them, and what may be shed."""

import pytest

from sipgate.net.listener import split_host_port
from sipgate.net.network import is_ordinary_request


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gate.example.com", ("gate.example.com", 5060)),
        ("gate.example.com:5080", ("gate.example.com", 5080)),
        ("[2001:db8::1]", ("2001:db8::1", 5060)),
        ("[2001:db8::1]:5080", ("2001:db8::1", 5080)),
        ("2001:db8::1", ("2001:db8::1", 5060)),
    ],
)
def test_host_and_port_are_read_as_written(text: str, expected: tuple[str, int]) -> None:
    assert split_host_port(text, 5060) == expected


@pytest.mark.parametrize("text", ["", ":5060", "[::1", "[::1]5060", "host:port", "host:70000"])
def test_what_is_no_host_and_port_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"no host and port|invalid literal"):
        split_host_port(text, 5060)


@pytest.mark.parametrize(
    ("raw", "may_go"),
    [
        (b"INVITE sip:+15551234567@example.com SIP/2.0\r\n", True),
        (b"OPTIONS sip:gate SIP/2.0\r\n", True),
        (b"INVITE urn:service:sos.fire SIP/2.0\r\n", False),
        (b"INVITE URN:Service:SOS SIP/2.0\r\n", False),
        (b"SIP/2.0 200 OK\r\n", False),
        (b"ACK sip:a SIP/2.0\r\n", False),
        (b"BYE sip:a SIP/2.0\r\n", False),
        (b"CANCEL sip:a SIP/2.0\r\n", False),
        (b"PRACK sip:a SIP/2.0\r\n", False),
    ],
)
def test_only_ordinary_requests_may_be_shed(raw: bytes, may_go: bool) -> None:
    assert is_ordinary_request(raw) is may_go
