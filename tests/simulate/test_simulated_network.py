"""Hosts without sockets, and the weather between them."""

from random import Random

import pytest

from sipgate.clock import VirtualClock
from sipgate.net import Flow
from sipgate.simulate.agenda import Agenda
from sipgate.simulate.simulated_network import Passage, SimulatedHost, SimulatedNetwork
from sipgate.simulate.weather import MOST_LOST_IN_A_ROW, Weather
from sipgate.sip import BadMessage

NEAR, FAR = "10.0.0.1", "10.0.0.2"


class Ear:
    """A receiver that remembers."""

    def __init__(self, clock: VirtualClock) -> None:
        self.heard: list[tuple[bytes, str]] = []
        self.flows: list[Flow] = []
        self.times: list[float] = []
        self.lost: list[str] = []
        self._clock = clock

    def packet(self, raw: bytes, flow: Flow) -> None:
        self.heard.append((raw, flow.name))
        self.flows.append(flow)
        self.times.append(self._clock.now())

    def packet_failed(self, raw: bytes, flow: Flow) -> None:
        raise AssertionError(raw)

    def flow_lost(self, flow: Flow, reason: str) -> None:
        self.lost.append(reason)

    def bad_stream(self, flow: Flow, error: BadMessage) -> None:
        raise AssertionError(error)


class Wires:
    """Two hosts that listen on UDP and TCP."""

    def __init__(self, weather: Weather | None = None, seed: int = 1) -> None:
        self.clock = VirtualClock(now=0.0)
        self.errors: list[Exception] = []
        self.agenda = Agenda(self.clock, self.errors.append)
        self.passages: list[Passage] = []
        self.network = SimulatedNetwork(
            self.agenda, Random(seed), weather or Weather(), self.passages.append
        )
        self.near, self.near_ear = self.host(NEAR)
        self.far, self.far_ear = self.host(FAR)

    def host(self, address: str) -> tuple[SimulatedHost, Ear]:
        host, ear = self.network.host(address), Ear(self.clock)
        host.open("udp", 5060)
        host.open("tcp", 5060)
        host.receiver = ear
        return host, ear

    def runs(self) -> None:
        assert self.agenda.run(1000.0)
        assert self.errors == []


def test_a_datagram_arrives_as_from_its_sender_after_the_delay() -> None:
    wires = Wires(Weather(delay_seconds=0.25))
    wires.near.flow_to("udp", FAR, 5060).send(b"hello")
    wires.runs()
    assert wires.far_ear.heard == [(b"hello", f"udp:{NEAR}:5060")]
    assert wires.far_ear.times == [0.25]


def test_an_answer_goes_back_down_the_same_flow() -> None:
    wires = Wires()
    out = wires.near.flow_to("udp", FAR, 5060)
    out.send(b"hello")
    wires.runs()
    wires.far_ear.flows[0].send(b"good day")
    wires.runs()
    assert wires.near_ear.flows == [out]


def test_of_one_datagram_so_many_copies_are_lost_at_most() -> None:
    wires = Wires(Weather(loss=1.0))
    flow = wires.near.flow_to("udp", FAR, 5060)
    for _ in range(MOST_LOST_IN_A_ROW):
        flow.send(b"again")
    flow.send(b"another")
    wires.runs()
    assert wires.far_ear.heard == []
    flow.send(b"again")
    wires.runs()
    assert [raw for raw, _ in wires.far_ear.heard] == [b"again"]


def test_a_doubled_datagram_comes_twice() -> None:
    wires = Wires(Weather(duplication=1.0))
    wires.near.flow_to("udp", FAR, 5060).send(b"hello")
    wires.runs()
    assert len(wires.far_ear.heard) == 2
    assert [passage.fate for passage in wires.passages] == ["sent", "doubled"]


def test_a_datagram_that_strays_comes_after_what_was_sent_later() -> None:
    wires = Wires(Weather(straying=1.0, stray_seconds=9.0))
    flow = wires.near.flow_to("udp", FAR, 5060)
    for number in range(8):
        flow.send(b"%d" % number)
    wires.runs()
    arrived = [raw for raw, _ in wires.far_ear.heard]
    assert len(arrived) == 8
    assert arrived != sorted(arrived)


@pytest.mark.parametrize("port", [5060, 5099], ids=["killed", "wrong port"])
def test_what_comes_for_nobody_is_lost(port: int) -> None:
    wires = Wires()
    wires.far.kill()
    wires.near.flow_to("udp", FAR, port).send(b"hello")
    wires.runs()
    assert wires.far_ear.heard == []
    assert [passage.fate for passage in wires.passages] == ["sent", "dead"]


def test_a_host_that_is_cut_off_neither_hears_nor_is_heard_until_it_is_back() -> None:
    wires = Wires()
    wires.far.cut_off()
    wires.near.flow_to("udp", FAR, 5060).send(b"in")
    wires.far.flow_to("udp", NEAR, 5060).send(b"out")
    wires.runs()
    assert (wires.near_ear.heard, wires.far_ear.heard) == ([], [])
    wires.far.join()
    wires.near.flow_to("udp", FAR, 5060).send(b"in")
    wires.runs()
    assert [raw for raw, _ in wires.far_ear.heard] == [b"in"]


def test_a_stream_keeps_the_order_whatever_the_weather() -> None:
    wires = Wires(Weather(loss=0.9, duplication=0.9, straying=1.0, stray_seconds=9.0))
    flow = wires.near.flow_to("tcp", FAR, 5060)
    for number in range(8):
        flow.send(b"%d" % number)
    wires.runs()
    assert [raw for raw, _ in wires.far_ear.heard] == [b"%d" % number for number in range(8)]


def test_a_connection_is_used_again_from_both_ends() -> None:
    wires = Wires()
    flow = wires.near.flow_to("tcp", FAR, 5060)
    flow.send(b"hello")
    wires.runs()
    assert wires.near.flow_to("tcp", FAR, 5060) is flow
    inbound = wires.far_ear.flows[0]
    assert wires.far.flow_to("tcp", inbound.host, inbound.port) is inbound
    inbound.send(b"good day")
    wires.runs()
    assert wires.near_ear.flows == [flow]


def test_nobody_who_listens_refuses_the_connection() -> None:
    wires = Wires()
    flow = wires.near.flow_to("tcp", FAR, 5099)
    flow.send(b"hello")
    wires.runs()
    assert wires.near_ear.lost == ["connection refused"]
    assert not flow.is_open


def test_a_killed_host_resets_its_connections() -> None:
    wires = Wires()
    flow = wires.near.flow_to("tcp", FAR, 5060)
    flow.send(b"hello")
    wires.runs()
    wires.far.kill()
    wires.runs()
    assert wires.near_ear.lost == ["connection reset by peer"]
    assert wires.far_ear.lost == []
    assert wires.near.flow_to("tcp", FAR, 5060) is not flow


def test_a_closed_connection_ends_behind_what_was_sent() -> None:
    wires = Wires(Weather(delay_seconds=0.1))
    flow = wires.near.flow_to("tcp", FAR, 5060)
    flow.send(b"hello")
    wires.runs()
    flow.send(b"last words")
    flow.close("enough")
    wires.runs()
    assert [raw for raw, _ in wires.far_ear.heard] == [b"hello", b"last words"]
    assert (wires.near_ear.lost, wires.far_ear.lost) == (["enough"], ["closed by the peer"])


def test_a_name_is_no_address() -> None:
    with pytest.raises(OSError, match="is no numeric address"):
        Wires().near.flow_to("udp", "trunk.example.com", 5060)
