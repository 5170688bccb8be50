"""Requests that are too large for UDP: RFC 3261 §18.1.1 as design §6, Transport, wants it."""

from sipgate.sip import Request

from .house import GATE, TRUNK, House, Wire, header

URI = f"sip:+13055550001@{GATE}"
INVITE = "trunk: INVITE sip:+13055550001@10.9.0.9:5080 SIP/2.0"
LARGE = "a" * 1200
TCP = 'large-requests = "tcp"'


def house_and_wire(*, trunks: int = 1, connects: bool = True) -> tuple[House, Wire]:
    """A house, and the wire that its first target's connection will have."""
    house = House(upstream=TCP, trunks=trunks)
    wire = house.air.flow_to("tcp", TRUNK, 5080)
    if not connects:
        wire.waiting = []
    return house, wire


def calls(house: House, body: str = LARGE, **fields: object) -> None:
    house.phone.calls(body=body, **fields)  # type: ignore[arg-type]
    house.writes()


def sent(house: House) -> Request:
    return house.trunk.got_request("INVITE")


def transports(house: House) -> list[str]:
    """Over what each message to a trunk has left so far."""
    return [wire.transport for wire, raw, _ in house.air.log if wire.port == 5080]


def empties(house: House) -> None:
    house.waits(80)
    house.heard()
    assert house.leftovers() == {}


def test_rfc3261_18_1_1_a_large_request_goes_over_tcp() -> None:
    house, _ = house_and_wire()
    calls(house)
    assert house.heard()[-1] == INVITE
    assert transports(house) == ["tcp"]
    assert sent(house).via.transport == b"TCP"
    assert b";transport=tcp" in sent(house).values(b"record-route")[0]
    house.waits(10)
    assert transports(house) == ["tcp"]


def test_a_request_of_1300_bytes_as_sent_stays_on_udp() -> None:
    house, _ = house_and_wire()
    calls(house, body="")
    house.heard()
    room = 1300 - len(house.trunk.got[-1])
    calls(house, body="b" * (room - 3), call_id="c2", branch="b2")  # "Content-Length: 0" grows
    calls(house, body="b" * (room - 2), call_id="c3", branch="b3")
    house.heard()
    assert [len(raw) for raw in house.trunk.got][1] == 1299
    assert transports(house)[:3] == ["udp", "udp", "udp"]
    calls(house, body="b" * (room - 1), call_id="c4", branch="b4")
    assert transports(house)[-1] == "tcp"


def test_without_the_setting_it_stays_on_udp() -> None:
    house = House()
    calls(house)
    assert transports(house) == ["udp"]


def test_a_tcp_target_is_reached_over_tcp_whatever_the_size() -> None:
    house = House(upstream=TCP, transport="tcp")
    calls(house)
    house.waits(5)
    assert transports(house) == ["tcp"]


def test_the_ack_to_a_refusal_and_the_cancel_follow_their_invite() -> None:
    house, _ = house_and_wire()
    calls(house)
    house.heard()
    house.trunk.answers(180)
    house.phone.asks("CANCEL", URI)
    house.heard()
    assert house.trunk.got_request("CANCEL").via.raw == sent(house).via.raw
    house.trunk.answers(200, method="CANCEL")
    house.trunk.answers(487)
    house.heard()
    assert house.trunk.got_request("ACK").via.raw == sent(house).via.raw
    assert transports(house) == ["tcp", "tcp", "tcp"]
    house.phone.acknowledges(487)
    empties(house)


def test_without_a_connection_in_500_ms_it_goes_over_udp() -> None:
    house, wire = house_and_wire(connects=False)
    calls(house)
    house.waits(0.4)
    assert transports(house) == []
    house.waits(0.2)
    assert house.heard()[-1] == INVITE
    assert sent(house).via.transport == b"UDP"
    assert wire.waiting == []  # nothing is sent when the connection comes up late
    house.trunk.answers(486)
    house.heard()
    house.phone.acknowledges(486)
    empties(house)


def test_when_the_connection_is_refused_it_goes_over_udp_at_once() -> None:
    house, wire = house_and_wire(connects=False)
    calls(house)
    wire.open = False
    house.parts.proxy.flow_lost(wire, "connection refused")
    assert house.heard()[-1] == INVITE
    assert transports(house) == ["udp"]


def test_that_is_remembered_for_five_minutes() -> None:
    house, wire = house_and_wire(connects=False)
    calls(house)
    house.waits(0.6)
    wire.waiting = None
    house.waits(298)
    house.heard()
    calls(house, call_id="c2", branch="b2")
    assert transports(house)[-1] == "udp"
    house.waits(3)
    calls(house, call_id="c3", branch="b3")
    assert transports(house)[-1] == "tcp"


def test_each_try_over_another_transport_has_its_own_branch() -> None:
    house, wire = house_and_wire(connects=False)
    calls(house)
    assert wire.waiting is not None
    [over_tcp] = wire.waiting
    house.waits(0.6)
    house.heard()
    assert sent(house).via.branch not in over_tcp


def test_a_connection_that_stands_and_is_silent_is_no_reason_for_udp() -> None:
    house, _ = house_and_wire()
    calls(house)
    house.waits(3)
    assert transports(house) == ["tcp"]


def test_a_large_request_that_falls_back_has_its_next_target_too() -> None:
    house, _ = house_and_wire(trunks=2, connects=False)
    calls(house)
    house.waits(4.4)
    assert not [line for line in house.heard() if line.startswith("trunk2")]
    house.waits(0.3)
    assert "trunk2: INVITE sip:+13055550001@10.9.0.10:5080 SIP/2.0" in house.heard()


def test_a_lost_connection_later_brings_the_next_target_and_kills_none() -> None:
    house, wire = house_and_wire(trunks=2)
    calls(house)
    house.waits(1)
    house.heard()
    wire.open = False
    house.parts.proxy.flow_lost(wire, "reset")
    assert house.heard() == ["trunk2: INVITE sip:+13055550001@10.9.0.10:5080 SIP/2.0"]
    calls(house, body="", call_id="c2", branch="b2")
    assert house.heard()[-1] == INVITE


def test_a_cancelled_call_does_not_fall_back() -> None:
    house, _ = house_and_wire(connects=False)
    calls(house)
    house.phone.asks("CANCEL", URI)
    house.waits(0.6)
    assert house.heard()[-2:] == ["phone: SIP/2.0 200 OK", "phone: SIP/2.0 487 Request Terminated"]
    assert transports(house) == []
    house.phone.acknowledges(487)
    [outcome] = house.outcomes
    assert (outcome.kind, outcome.status) == ("cancelled", 487)
    empties(house)


def test_other_large_requests_go_over_tcp_too() -> None:
    house, wire = house_and_wire(connects=False)
    house.phone.asks("MESSAGE", URI, body=LARGE)
    house.waits(0.6)
    assert wire.waiting == []
    house.heard()
    assert house.trunk.got_request("MESSAGE").via.transport == b"UDP"
    house.trunk.answers(202, method="MESSAGE")
    assert house.heard() == ["phone: SIP/2.0 202 X"]


def test_after_a_restart_a_cancel_goes_where_a_large_invite_may_have_gone() -> None:
    house, _ = house_and_wire()
    calls(house)
    house.heard()
    branch = sent(house).via.branch
    after = house.restarts()
    after.phone.asks("CANCEL", URI)
    after.heard()
    cancels = [raw for wire, raw, _ in after.air.log if raw.startswith(b"CANCEL")]
    assert len(cancels) == 2
    assert [branch in raw for raw in cancels].count(True) == 1
    after.trunk.answers(487, to=sent(house))
    assert after.heard() == ["phone: SIP/2.0 487 X"]
    assert header(after.phone.got_response(487), "cseq") == "1 INVITE"
