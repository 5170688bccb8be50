"""Which hosts and ports mean the gate (design §6, Request-URI)."""

import pytest

from sipgate.clock import VirtualClock
from sipgate.net import Listener
from sipgate.net.local_addresses import LocalAddresses
from sipgate.proxy import OwnAddresses

from .house import Air


def own(host: str, port: int, advertise: str | None = None, *aliases: str) -> OwnAddresses:
    listener = Listener(
        "udp", host, port, advertise=advertise, local_addresses=LocalAddresses(VirtualClock())
    )
    return OwnAddresses([listener], aliases)


@pytest.mark.parametrize(
    ("host", "port", "is_own"),
    [
        (b"10.0.0.5", 5060, True),
        (b"10.0.0.5", None, True),
        (b"10.0.0.5", 5061, False),
        (b"10.0.0.6", 5060, False),
        (b"GATE.example.com", 5070, True),
        (b"gate.example.com", 5060, False),
        (b"Alias.Example", 9999, True),
        (b"ported.example", 5080, True),
        (b"ported.example", None, False),
        (b"[2001:db8::1]", 5060, True),
        (b"localhost", 5060, False),
    ],
)
def test_listeners_advertised_addresses_and_aliases_are_ours(
    host: bytes, port: int | None, is_own: bool
) -> None:
    addresses = own(
        "10.0.0.5",
        5060,
        "gate.example.com:5070",
        "alias.example",
        "ported.example:5080",
        "2001:db8::1",
    )
    flow = Air(VirtualClock()).flow_to("udp", "10.1.0.7", 5060)
    assert addresses.is_own(host, port, flow) is is_own


def test_a_wildcard_listener_is_what_the_peer_reached_it_by() -> None:
    addresses = own("0.0.0.0", 5060)
    flow = Air(VirtualClock()).flow_to("udp", "10.1.0.7", 5060)  # it says 10.0.0.1:5060
    assert addresses.is_own(b"10.0.0.1", 5060, flow)
    assert addresses.is_own(b"10.0.0.1", None, flow)
    assert not addresses.is_own(b"10.0.0.2", 5060, flow)
    assert addresses.is_own(b"localhost", 5060, flow)
