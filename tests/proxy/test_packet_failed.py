"""A bug of ours on one packet: its request gets 500, and nothing of it stays (style, Errors)."""

from collections.abc import Iterator
from typing import NoReturn

import pytest
from structlog.testing import capture_logs

from sipgate.ledger import Entry
from sipgate.net.delivery import Counts, Delivery

from .house import GATE, End, House


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with capture_logs():
        yield


def delivers(house: House, end: End, raw: bytes) -> Counts:
    """Hand a packet on as the network does."""
    counts = Counts()
    Delivery(house.parts.proxy, counts, house.clock).packet(raw, end.wire)
    return counts


def fail_to_append(entry: Entry, urgent: bool = True) -> int:
    raise RuntimeError("as planned")


def fail_to_send(data: bytes) -> None:
    raise RuntimeError("as planned")


def invite(house: House) -> bytes:
    """What a call of the phone's says."""
    other = House()
    return other.phone.calls()


def test_an_invite_that_can_not_be_decided_gets_500() -> None:
    house = House()
    house.ledger.append = fail_to_append  # type: ignore[method-assign]
    assert delivers(house, house.phone, invite(house)).failed == 1
    assert house.heard() == [
        "phone: SIP/2.0 100 Trying",
        "phone: SIP/2.0 500 Server Internal Error",
    ]
    house.phone.acknowledges(500)
    house.waits(70)
    assert house.leftovers() == {}


def test_the_next_call_is_decided_like_any() -> None:
    house = House()
    append = house.ledger.append
    house.ledger.append = fail_to_append  # type: ignore[method-assign]
    delivers(house, house.phone, invite(house))
    house.ledger.append = append  # type: ignore[method-assign]
    house.heard()
    house.phone.acknowledges(500)
    house.phone.calls(call_id="c2", branch="b2")
    house.writes()
    assert house.heard()[-1] == "trunk: INVITE sip:+13055550001@10.9.0.9:5080 SIP/2.0"


@pytest.mark.parametrize("method", ["MESSAGE", "REGISTER", "SUBSCRIBE"])
def test_another_request_gets_500(method: str) -> None:
    house = House()
    house.air.flow_to = fail_to_find_a_flow  # type: ignore[method-assign]
    raw = House().phone.asks(method, f"sip:box@{GATE}")
    assert delivers(house, house.phone, raw).failed == 1
    assert house.heard() == ["phone: SIP/2.0 500 Server Internal Error"]
    house.waits(70)
    assert house.leftovers() == {}


def fail_to_find_a_flow(*args: object, **fields: object) -> NoReturn:
    raise RuntimeError("as planned")


def test_a_repeated_request_gets_its_500_again() -> None:
    house = House()
    house.air.flow_to = fail_to_find_a_flow  # type: ignore[method-assign]
    raw = House().phone.asks("MESSAGE", f"sip:box@{GATE}")
    delivers(house, house.phone, raw)
    assert delivers(house, house.phone, raw).failed == 0
    assert house.heard() == 2 * ["phone: SIP/2.0 500 Server Internal Error"]


def test_a_request_that_has_left_is_not_answered_twice() -> None:
    house = House()
    raw = house.phone.asks("MESSAGE", f"sip:box@{GATE}")
    house.heard()
    house.parts.proxy.packet_failed(raw, house.phone.wire)
    assert house.heard() == []
    house.trunk.answers(200, method="MESSAGE")
    assert house.heard() == ["phone: SIP/2.0 200 X"]


def test_a_call_that_waits_for_its_entry_is_over_and_never_leaves() -> None:
    house = House()
    raw = house.phone.calls()
    house.heard()
    house.parts.proxy.packet_failed(raw, house.phone.wire)
    assert house.heard() == ["phone: SIP/2.0 500 Server Internal Error"]
    house.writes()
    assert house.heard() == []
    assert [(outcome.kind, outcome.status) for outcome in house.outcomes] == [("failed", 500)]
    house.phone.acknowledges(500)
    house.waits(70)
    assert house.leftovers() == {}


def test_an_ack_a_response_and_what_is_no_sip_get_nothing() -> None:
    house = House()
    house.call_up()
    ack, answer = House().phone.asks("ACK", "sip:x@y"), house.trunk.answers(200)
    house.heard()
    for raw in (ack, answer, b"\x00\r\n\r\n"):
        house.parts.proxy.packet_failed(raw, house.phone.wire)
    assert house.heard() == []


def test_a_stranger_gets_nothing() -> None:
    house = House()
    raw = House().stranger.asks("OPTIONS", f"sip:box@{GATE}")
    house.parts.proxy.packet_failed(raw, house.stranger.wire)
    assert house.heard() == []
