"""Where responses go when the way that their request came has ended; STUN on that way."""

import struct
from typing import cast

import pytest

from sipgate.clock import VirtualClock
from sipgate.net import Listener, Network
from sipgate.proxy import ReturnPath
from sipgate.sip import BadMessage, parse_via

from .house import PBX, PHONE, Air, End, House, Wire

BINDING_REQUEST = struct.pack("!HHI12s", 1, 0, 0x2112A442, b"transaction!")


def calling(via: str) -> tuple[House, End]:
    """A call over TCP from a port of the moment, and who listens on the port of its Via."""
    house = House(phone_transport="tcp")
    phone = house.end("phone", PHONE, 41_234, "tcp")
    listening = house.end("phone, anew", PHONE, 5070, "tcp")
    house.phone = phone
    phone.calls(via=f"Via: SIP/2.0/TCP {via};branch=z9hG4bKb1")
    house.writes()
    assert house.heard()[0] == "phone: SIP/2.0 100 Trying"
    return house, listening


@pytest.mark.parametrize(
    "via",
    [
        pytest.param(f"{PHONE}:5070", id="its address"),
        pytest.param("phone.example.com:5070", id="a name"),
        pytest.param(f"{PHONE}:5070;rport", id="rport"),
    ],
)
def test_rfc3261_18_2_2_a_response_opens_a_connection_when_its_own_has_ended(via: str) -> None:
    house, listening = calling(via)
    house.phone.wire.open = False
    house.parts.proxy.flow_lost(house.phone.wire, "closed by the peer")
    house.trunk.answers(180)
    house.trunk.answers(200)
    assert house.heard() == ["phone, anew: SIP/2.0 180 X", "phone, anew: SIP/2.0 200 X"]
    house.trunk.answers(200)  # its ACK has not come
    assert house.heard() == ["phone, anew: SIP/2.0 200 X"]
    assert len(listening.got) == 3


def test_a_repeated_200_finds_a_connection_too() -> None:
    house, _ = calling(f"{PHONE}:5070")
    house.trunk.answers(200)
    assert house.heard() == ["phone: SIP/2.0 200 X"]
    house.phone.wire.open = False
    house.trunk.answers(200)
    assert house.heard() == ["phone, anew: SIP/2.0 200 X"]


def test_a_repeated_200_with_a_mangled_via_goes_nowhere() -> None:
    house, _ = calling(f"{PHONE}:5070")
    answer = house.trunk.answers(200)
    house.heard()
    house.phone.wire.open = False
    house.trunk.sends(answer.replace(b"Via: SIP/2.0/TCP 10.1.0.7:5070", b"Via: SIP/2.0/TCP phone"))
    house.trunk.sends(answer.replace(b"Via: SIP/2.0/TCP 10.1.0.7:5070", b"Via: nonsense"))
    assert house.heard() == []


def test_a_refusal_of_our_own_goes_by_a_new_connection_as_well() -> None:
    house, _ = calling(f"{PHONE}:5070")
    house.phone.wire.open = False
    house.waits(250)  # nobody answers
    assert "phone, anew: SIP/2.0 408 Request Timeout" in house.heard()


def test_who_connects_anew_and_asks_again_is_answered_there() -> None:
    house, _ = calling(f"{PHONE}:5070")
    house.phone.wire.open = False
    again = house.end("phone, again", PHONE, 41_235, "tcp")
    again.calls(via=f"Via: SIP/2.0/TCP {PHONE}:5070;branch=z9hG4bKb1")
    house.trunk.answers(486)
    assert house.heard() == [
        "phone, again: SIP/2.0 100 Trying",
        "trunk: ACK sip:+13055550001@10.9.0.9:5080 SIP/2.0",
        "phone, again: SIP/2.0 486 X",
    ]


def test_another_host_that_knows_the_branch_gets_none_of_its_responses() -> None:
    house, _ = calling(f"{PHONE}:5070")
    house.phone.wire.open = False
    other = house.end("pbx", PBX, 41_235, "tcp")
    other.calls(via=f"Via: SIP/2.0/TCP {PHONE}:5070;branch=z9hG4bKb1")
    house.trunk.answers(180)
    assert {line.partition(":")[0] for line in house.heard()} == {"phone, anew"}


class Heard(Air):
    """Remembers what the certificates have to prove."""

    names: tuple[str, ...] = ()

    def flow_to(
        self,
        transport: str,
        host: str,
        port: int,
        *,
        listener: Listener | None = None,
        server_name: str = "",
    ) -> Wire:
        self.names += (server_name,)
        return super().flow_to(transport, host, port, listener=listener, server_name=server_name)


def test_rfc5922_a_new_tls_connection_must_prove_the_host_in_the_via() -> None:
    air = Heard(VirtualClock())
    path = ReturnPath(cast(Network, air))
    ended = air.flow_to("tls", PHONE, 41_234)
    via = parse_via(b"SIP/2.0/TLS pbx.example.com;received=10.1.0.7;rport=41234")
    flow = path.connection_anew(via, ended)
    assert (flow.transport, flow.host, flow.port) == ("tls", "10.1.0.7", 5061)
    assert air.names == ("", "pbx.example.com")


def test_a_via_that_names_no_address_is_refused_where_nothing_else_is_known() -> None:
    air = Air(VirtualClock())
    path = ReturnPath(cast(Network, air))
    trunk = air.flow_to("udp", "10.9.0.9", 5080)
    with pytest.raises(BadMessage):
        path.flow_by_via(parse_via(b"SIP/2.0/TCP phone.example.com"), trunk)


def test_after_a_restart_a_connection_goes_to_the_port_in_the_sent_by() -> None:
    air = Air(VirtualClock())
    path = ReturnPath(cast(Network, air))
    trunk = air.flow_to("udp", "10.9.0.9", 5080)
    via = parse_via(b"SIP/2.0/TCP phone:5070;rport=41234;received=10.1.0.7")
    flow = path.flow_by_via(via, trunk)
    assert (flow.transport, flow.host, flow.port) == ("tcp", "10.1.0.7", 5070)


def test_rfc5626_a_phone_that_asks_by_stun_learns_its_address() -> None:
    house = House()
    house.phone.sends(BINDING_REQUEST)
    house.heard()
    (answer,) = house.phone.got
    assert answer[:2] == b"\x01\x01"
    assert house.parts.counts == {"stun_answered": 1}


def test_a_stranger_gets_no_stun_answer_and_is_listed() -> None:
    house = House()
    house.stranger.sends(BINDING_REQUEST)
    assert house.heard() == []
    assert [row.address for row in house.parts.strangers.due_rows()] == ["192.0.2.66"]


def test_stun_over_tcp_is_none() -> None:
    house = House(phone_transport="tcp")
    house.phone.sends(BINDING_REQUEST)
    assert house.heard() == []
    assert house.parts.counts["messages_bad"] == 1
