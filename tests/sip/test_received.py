"""Where requests came from and responses go."""

import pytest

from sipgate.sip import is_address, parse_via, response_address, stamp_received

from .samples import invite, request

PLAIN = b"Via: SIP/2.0/UDP 10.0.0.7:5060;branch=z9hG4bK1"


@pytest.mark.parametrize(
    ("line", "host", "stamped"),
    [
        pytest.param(PLAIN, b"10.0.0.7", PLAIN, id="as sent"),
        pytest.param(PLAIN, b"192.0.2.9", PLAIN + b";received=192.0.2.9", id="other host"),
        pytest.param(
            PLAIN + b";rport;x=y",
            b"10.0.0.7",
            PLAIN + b";rport=4000;x=y;received=10.0.0.7",
            id="rport asked",
        ),
        pytest.param(
            b"v : SIP / 2.0 / UDP phone ;\r\n rport ; branch=z9hG4bK1 , SIP/2.0/TCP b;rport",
            b"10.0.0.7",
            b"v : SIP / 2.0 / UDP phone ;rport=4000; branch=z9hG4bK1;received=10.0.0.7"
            b" , SIP/2.0/TCP b;rport",
            id="folded, two values",
        ),
        pytest.param(
            PLAIN + b";received=1.2.3.4;rport=9",
            b"10.0.0.7",
            PLAIN + b";rport=4000;received=10.0.0.7",
            id="forged with rport",
        ),
        pytest.param(PLAIN + b";received=1.2.3.4", b"10.0.0.7", PLAIN, id="forged"),
        pytest.param(
            b"Via: SIP/2.0/UDP [2001:DB8:0::1]:5060;branch=z9hG4bK1",
            b"2001:db8::1",
            b"Via: SIP/2.0/UDP [2001:DB8:0::1]:5060;branch=z9hG4bK1",
            id="ipv6, spelled otherwise",
        ),
        pytest.param(
            b"Via: SIP/2.0/UDP [::1];branch=z9hG4bK1",
            b"[2001:db8::1]",
            b"Via: SIP/2.0/UDP [::1];branch=z9hG4bK1;received=2001:db8::1",
            id="ipv6",
        ),
        pytest.param(
            b"Via: SIP/2.0/UDP phone;branch=z9hG4bK1",
            b"2001:db8::1",
            b"Via: SIP/2.0/UDP phone;branch=z9hG4bK1;received=2001:db8::1",
            id="a name",
        ),
    ],
)
def test_the_topmost_via_says_where_the_request_came_from(
    line: bytes, host: bytes, stamped: bytes
) -> None:
    message = request(invite(without=b"Via", also=line))
    stamp_received(message, host, 4000)
    assert message.lines[message.via_index] == stamped


def test_what_the_stamp_says_is_read() -> None:
    message = request(invite(without=b"Via", also=PLAIN + b";rport"))
    stamp_received(message, b"192.0.2.9", 4000)
    assert (message.via.received, message.via.rport) == (b"192.0.2.9", 4000)
    assert message.via.raw == parse_via(message.via.raw).raw
    assert response_address(message.via) == (b"192.0.2.9", 4000)


def test_a_nated_source_gets_rport_unasked() -> None:
    message = request(invite(without=b"Via", also=PLAIN))
    stamp_received(message, b"10.0.0.7", 4000, force_rport=True)
    assert message.lines[-1] == PLAIN + b";rport=4000;received=10.0.0.7"
    assert response_address(message.via) == (b"10.0.0.7", 4000)


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (b"SIP/2.0/UDP a", (b"a", 5060)),
        (b"SIP/2.0/TLS a", (b"a", 5061)),
        (b"SIP/2.0/UDP a:7;received=192.0.2.1", (b"192.0.2.1", 7)),
        (b"SIP/2.0/UDP a:7;received=192.0.2.1;rport=8", (b"192.0.2.1", 8)),
        (b"SIP/2.0/UDP a:7;rport=8", (b"a", 7)),
        (b"SIP/2.0/UDP [::1];received=[::2]", (b"::2", 5060)),
        (b"SIP/2.0/UDP [::1]", (b"::1", 5060)),
        (b"SIP/2.0/UDP a;maddr=224.0.1.75;received=192.0.2.1", (b"224.0.1.75", 5060)),
        (b"SIP/2.0/UDP a;maddr=evil.example;received=192.0.2.1", (b"192.0.2.1", 5060)),
    ],
)
def test_responses_go_where_the_via_says(value: bytes, address: tuple[bytes, int]) -> None:
    assert response_address(parse_via(value)) == address


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (b"SIP/2.0/TCP a:7;received=192.0.2.1;rport=8", (b"192.0.2.1", 7)),
        (b"SIP/2.0/TLS a;received=192.0.2.1;rport=8", (b"192.0.2.1", 5061)),
        (b"SIP/2.0/TCP a:7;maddr=224.0.1.75;received=192.0.2.1", (b"192.0.2.1", 7)),
    ],
)
def test_rfc3261_18_2_2_a_connection_for_a_response_goes_to_the_port_in_the_sent_by(
    value: bytes, address: tuple[bytes, int]
) -> None:
    assert response_address(parse_via(value), by_connection=True) == address


def test_addresses_are_numeric() -> None:
    hosts = [b"192.0.2.1", b"[::1]", b"::1", b"a.example", b"\xff", b""]
    assert [is_address(host) for host in hosts] == [True, True, True, False, False, False]
