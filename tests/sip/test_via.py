"""Via values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.sip import BadMessage, default_port, parse_via
from sipgate.sip.via import parse_sent_by


def test_a_plain_via_is_taken_apart() -> None:
    raw = b"SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bK1;rport"
    via = parse_via(raw)
    assert (via.raw, via.transport, via.sent_by) == (raw, b"UDP", b"10.0.0.7:5060")
    assert (via.host, via.port, via.branch) == (b"10.0.0.7", 5060, b"z9hG4bK1")
    assert (via.has_rport, via.rport, via.received, via.maddr) == (True, None, b"", b"")


def test_a_stamped_via_is_taken_apart() -> None:
    via = parse_via(
        b"SIP/2.0/tls Pc.Example.COM;RECEIVED=[2001:db8::1];rport=4000;maddr=192.0.2.1;x;ttl=1"
    )
    assert (via.transport, via.host, via.port) == (b"TLS", b"pc.example.com", None)
    assert (via.received, via.rport, via.maddr) == (b"2001:db8::1", 4000, b"192.0.2.1")
    assert via.sent_by == b"Pc.Example.COM"
    assert via.branch == b""


def test_spaces_and_folds_may_stand_everywhere() -> None:
    via = parse_via(
        b"SIP  / 2.0\r\n /  Tcp     spindle.example.com : 5061  ;\r\n  branch  =   z9hG4bK9ikj8 ;"
        b' x = "a;branch=b\\""'
    )
    assert (via.transport, via.branch, via.port) == (b"TCP", b"z9hG4bK9ikj8", 5061)
    assert via.sent_by == b"spindle.example.com:5061"


def test_an_ipv6_address_keeps_its_brackets() -> None:
    via = parse_via(b"SIP/2.0/UDP [2001:DB8::9:1]:6050;branch=z9hG4bKas3-111")
    assert (via.host, via.port) == (b"[2001:db8::9:1]", 6050)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"SIP/2.0/UDP",
        b"SIP/2.0/UDP ",
        b"SIP/2.0/UDP ;branch=a",
        b"SIP/2.0 /UDP",
        b"SIP/2.0/U@P a",
        b"HTTP/2.0/UDP a",
        b"SIP/2.0/UDP a b",
        b"SIP/2.0/UDP a:",
        b"SIP/2.0/UDP a:0",
        b"SIP/2.0/UDP a:65536",
        b"SIP/2.0/UDP a:b",
        b"SIP/2.0/UDP [::1",
        b"SIP/2.0/UDP [::1]5060",
        b"SIP/2.0/UDP ::1",
        b"SIP/2.0/UDP a;",
        b"SIP/2.0/UDP a;;branch=b",
        b"SIP/2.0/UDP a;branch=b;branch=c",
        b"SIP/2.0/UDP a;rport;rport=5",
        b"SIP/2.0/UDP a;rport=",
        b"SIP/2.0/UDP a;received=b;received=c",
        b"SIP/2.0/UDP a;maddr=b;maddr=c",
        b"SIP/2.0/UDP a;branch=b c",
        b"SIP/2.0/UDP a;branch=\x00",
        b'SIP/2.0/UDP a;branch=b"c',
        b'SIP/2.0/UDP a;x=b"c',
        b'SIP/2.0/UDP a;x="b;branch=c',
        b'SIP/2.0/UDP a;x="b"c',
        b"SIP/2.0/UDP a;=b",
    ],
)
def test_a_broken_via_is_refused(value: bytes) -> None:
    with pytest.raises(BadMessage):
        parse_via(value)


def test_of_a_broken_via_the_address_is_still_read() -> None:
    via = parse_sent_by(b"SIP/2.0/UDP 192.0.2.15;;,;,,")
    assert (via.host, via.port) == (b"192.0.2.15", None)


@given(st.binary(max_size=40))
def test_any_bytes_raise_only_bad_message(tail: bytes) -> None:
    try:
        via = parse_via(b"SIP/2.0/UDP a;" + tail)
    except BadMessage:
        return
    assert via.host == b"a"


def test_ports_default_by_transport() -> None:
    assert [default_port(name) for name in (b"UDP", b"TCP", b"SCTP", b"TLS")] == [
        5060,
        5060,
        5060,
        5061,
    ]
