"""Probes: OPTIONS that find out who is dead before a call does (design §6, Targets)."""

from sipgate.sip import Request, parse_message

from .house import House

TWO = 'probe = "10s"'


def probes(house: House) -> list[str]:
    """Who was asked since the last time."""
    return [line.partition(":")[0] for line in house.heard() if ": OPTIONS " in line]


def answered(house: House, end: str, status: int = 200) -> None:
    getattr(house, end).answers(status, method="OPTIONS", contact=None)


def test_each_target_is_asked_at_its_own_moment() -> None:
    house = House(upstream=TWO, trunks=2)
    house.waits(10.1)
    assert set(probes(house)) == {"trunk", "trunk2"}
    first = [at for wire, raw, at in house.air.log if raw.startswith(b"OPTIONS ")]
    assert len({round(at, 1) for at in first}) > 2  # and their repetitions


def test_a_probe_is_a_request_that_anybody_can_answer() -> None:
    house = House(upstream=TWO)
    house.waits(10.1)
    house.heard()
    raw = house.trunk.got[-1]
    request = parse_message(raw)
    assert isinstance(request, Request)
    assert request.uri == b"sip:10.9.0.9:5080"
    assert request.max_forwards == 70
    assert request.first(b"content-length") == b"0"


def test_a_silent_target_dies_only_after_it_has_answered_once() -> None:
    house = House(upstream=TWO)
    [upstream] = house.parts.upstreams.values()
    house.waits(60)
    assert upstream.is_alive(upstream.targets[0], house.clock.now())
    house.heard()
    answered(house, "trunk")
    house.waits(60)
    assert not upstream.is_alive(upstream.targets[0], house.clock.now())


def test_a_dead_target_revives_with_its_next_answer() -> None:
    house = House(upstream=TWO)
    [upstream] = house.parts.upstreams.values()
    upstream.failed(upstream.targets[0].key, house.clock.now())
    house.waits(10.1)
    house.heard()
    answered(house, "trunk")
    assert upstream.is_alive(upstream.targets[0], house.clock.now())


def test_a_probe_that_cannot_be_sent_is_a_transport_error() -> None:
    house = House(upstream=TWO, transport="tcp")
    [upstream] = house.parts.upstreams.values()
    house.waits(10.1)
    house.trunk.wire.open = False
    house.parts.proxy.flow_lost(house.trunk.wire, "refused")
    assert not upstream.is_alive(upstream.targets[0], house.clock.now())
    house.heard()
    house.waits(5.1)
    assert probes(house) == ["trunk"]
    answered(house, "trunk")
    assert upstream.is_alive(upstream.targets[0], house.clock.now())


def test_a_connection_that_ends_after_the_answer_is_no_error_of_the_probe() -> None:
    house = House(upstream=TWO, transport="tcp")
    [upstream] = house.parts.upstreams.values()
    house.waits(10.1)
    house.heard()
    answered(house, "trunk")
    house.parts.proxy.flow_lost(house.trunk.wire, "closed")
    assert upstream.is_alive(upstream.targets[0], house.clock.now())


def test_a_call_that_times_out_brings_the_next_probe_forward() -> None:
    house = House(upstream='probe = "1h"')
    house.waits(1)
    assert probes(house) == []
    house.phone.calls()
    house.writes()
    house.waits(33)
    assert "trunk" in probes(house)


def test_without_probes_nobody_is_asked() -> None:
    house = House(upstream='probe = "0s"')
    house.waits(100)
    assert probes(house) == []


def test_nothing_is_left_of_a_probe_but_the_next_one() -> None:
    house = House(upstream=TWO)
    for _ in range(5):
        house.waits(10.5)
        house.heard()
        answered(house, "trunk")
    house.waits(9)
    assert len(house.parts.table.clients) <= 1
