"""CRLF down the flows of phones behind NAT (design §6)."""

import pytest

from .house import House
from .test_phone_sender import CONTACT, natted, registered, registers

CRLF = b"\r\n\r\n"


def kept_alive(house: House) -> list[tuple[str, float]]:
    """Who was sent a CRLF, and when."""
    return [(wire.name, at) for wire, raw, at in house.air.log if raw == CRLF]


def test_a_phone_behind_nat_gets_crlf_every_25_seconds() -> None:
    house = House(source=CONTACT)
    registered(natted(house))
    start = house.clock.now()

    house.waits(80)

    assert [name for name, _ in kept_alive(house)] == ["udp:10.1.0.8:40112"] * 3
    assert [round(at - start) for _, at in kept_alive(house)] == [25, 50, 75]


@pytest.mark.parametrize(
    ("transport", "contact"),
    [("udp", "<sip:4711@10.1.0.8:40112>"), ("tcp", "<sip:4711@192.168.1.5>")],
    ids=["no NAT", "a connection"],
)
def test_who_needs_none_gets_none(transport: str, contact: str) -> None:
    house = House(source=CONTACT)
    registered(natted(house, transport), contact)

    house.waits(60)

    assert kept_alive(house) == []


def test_two_phones_on_one_flow_share_a_keep_alive() -> None:
    house = House(source=CONTACT)
    phone = natted(house)
    registered(phone)
    registered(phone, "<sip:4712@192.168.1.5>", aor="sip:4712@pbx.example.com", cseq=2)

    house.waits(30)

    assert len(kept_alive(house)) == 1


def test_it_ends_with_the_registration() -> None:
    house = House(source=CONTACT)
    phone = natted(house)
    registered(phone)
    house.waits(30)
    asked = registers(phone, "<sip:4711@192.168.1.5:5060;ob>;expires=0", cseq=2)
    house.trunk.answers(200, method="REGISTER", to=asked, contact=None)

    house.waits(60)

    assert len(kept_alive(house)) == 1
    assert len(house.parts.keep_alive) == 0


def test_it_follows_a_phone_to_another_port() -> None:
    house = House(source=CONTACT)
    registered(natted(house))
    house.waits(10)
    registered(house.end("natted", "10.1.0.8", 40999), cseq=2)

    house.waits(50)

    assert {name for name, _ in kept_alive(house)} == {"udp:10.1.0.8:40999"}


def test_after_a_restart_the_keep_alives_are_spread() -> None:
    house = House(source=CONTACT)
    for number in range(5):
        registered(
            house.end(f"n{number}", "10.1.0.8", 41000 + number), f"<sip:{number}@192.168.1.5>"
        )
    after = house.restarts()
    start = after.clock.now()

    after.waits(24)

    assert [round(at - start) for _, at in kept_alive(after)] == [0, 5, 10, 15, 20]


def test_many_at_once_take_several_turns() -> None:
    house = House(source=CONTACT)
    for number in range(120):
        phone = house.end(f"n{number}", "10.1.0.8", 41000 + number)
        registered(phone, f"<sip:{number}@192.168.1.5>", aor=f"sip:{number}@x")

    house.waits(26)

    times = [at for _, at in kept_alive(house)]
    assert len(times) == 120
    assert max(times.count(at) for at in set(times)) <= 50
