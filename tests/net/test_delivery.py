"""One broken packet ends nothing else, and fills no disk."""

from structlog.testing import capture_logs

from sipgate.clock import VirtualClock
from sipgate.net import Flow, Listener
from sipgate.net.delivery import Arrived, Counts, Delivery
from sipgate.net.local_addresses import LocalAddresses
from sipgate.sip import BadMessage

from .recorder import Recorder


class Silent(Flow):
    transport = "udp"
    reliable = False
    is_open = True

    def send(self, data: bytes) -> None:
        raise AssertionError("nothing is sent here")

    def close(self, reason: str) -> None:
        raise AssertionError("nothing is closed here")


def listener(clock: VirtualClock) -> Listener:
    return Listener("udp", "127.0.0.1", 5060, advertise=None, local_addresses=LocalAddresses(clock))


class Broken(Recorder):
    """A receiver whose every method fails."""

    def packet(self, raw: bytes, flow: Flow) -> None:
        raise RuntimeError(raw)

    def packet_failed(self, raw: bytes, flow: Flow) -> None:
        super().packet_failed(raw, flow)
        raise RuntimeError("again")

    def flow_lost(self, flow: Flow, reason: str) -> None:
        raise RuntimeError(reason)

    def bad_stream(self, flow: Flow, error: BadMessage) -> None:
        raise error


def fails(raw: bytes, flow: Flow) -> None:
    raise RuntimeError(raw)


def test_a_packet_that_fails_is_logged_and_its_sender_may_be_answered() -> None:
    clock, recorder, counts = VirtualClock(), Recorder(), Counts()
    recorder.on_packet = fails
    flow = Silent("10.1.0.7", 5060, listener(clock))
    with capture_logs() as logs:
        Delivery(recorder, counts, clock).packet(b"BROKEN", flow)
    assert [(line["event"], line["bytes"], line["unlogged"]) for line in logs] == [
        ("packet_failed", 6, 0)
    ]
    assert logs[0]["exc_info"] is True
    assert recorder.failed == [b"BROKEN"]
    assert (counts.packets, counts.failed) == (1, 1)


def test_a_flood_of_failures_logs_ten_tracebacks_a_minute() -> None:
    clock, recorder, counts = VirtualClock(), Recorder(), Counts()
    recorder.on_packet = fails
    delivery = Delivery(recorder, counts, clock)
    flow = Silent("10.1.0.7", 5060, listener(clock))
    with capture_logs() as logs:
        for _ in range(1000):
            delivery.packet(b"BROKEN", flow)
        clock.advance(60)
        delivery.packet(b"BROKEN", flow)
    assert len(logs) == 11
    assert logs[-1]["unlogged"] == 990
    assert counts.failed == 1001
    assert len(recorder.failed) == 1001


def test_whatever_fails_nothing_is_raised() -> None:
    clock, broken, counts = VirtualClock(), Broken(), Counts()
    delivery = Delivery(broken, counts, clock)
    flow = Silent("10.1.0.7", 5060, listener(clock))
    with capture_logs() as logs:
        delivery.packet(b"BROKEN", flow)
        delivery.flow_lost(flow, "gone")
        delivery.bad_stream(flow, BadMessage(400, "bad"))
    assert [line["event"] for line in logs] == [
        "packet_failed",
        "answer_failed",
        "flow_loss_failed",
        "bad_stream_failed",
    ]
    assert counts.failed == 4


class Counter(Recorder):
    """Takes packets by many; one that says so fails."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self.clock = clock
        self.taken = 0

    def take(self, arrived: Arrived, ends_at: float) -> None:
        self.taken += 1
        while arrived.at < len(arrived.packets) and self.clock.now() < ends_at:
            self.clock.advance(0.1)
            self.packet(*arrived.packets[arrived.at])
            arrived.at += 1


def many(clock: VirtualClock, *packets: bytes) -> Arrived:
    """These packets of one peer."""
    flow = Silent("10.1.0.7", 5060, listener(clock))
    return Arrived([(raw, flow) for raw in packets])


def test_packets_that_arrive_together_are_taken_by_many_if_the_receiver_likes() -> None:
    clock, counts = VirtualClock(), Counts()
    recorder = Counter(clock)
    arrived = many(clock, b"1", b"2", b"3")
    Delivery(recorder, counts, clock).take(arrived, clock.now() + 1.0)
    assert (recorder.packets, recorder.taken, arrived.at) == ([b"1", b"2", b"3"], 1, 3)
    assert counts.packets == 3


def test_they_are_taken_singly_if_it_does_not() -> None:
    clock, recorder, counts = VirtualClock(), Recorder(), Counts()
    recorder.on_packet = lambda raw, flow: clock.advance(0.1)
    arrived = many(clock, b"1", b"2", b"3")
    Delivery(recorder, counts, clock).take(arrived, clock.now() + 0.15)
    assert (recorder.packets, arrived.at, counts.packets) == ([b"1", b"2"], 2, 2)


def test_when_it_is_late_the_rest_is_left() -> None:
    clock, counts = VirtualClock(), Counts()
    recorder = Counter(clock)
    arrived = many(clock, b"1", b"2", b"3")
    delivery = Delivery(recorder, counts, clock)
    delivery.take(arrived, clock.now() + 0.15)
    assert (arrived.at, counts.packets) == (2, 2)
    delivery.take(arrived, clock.now())
    assert (arrived.at, counts.packets) == (2, 2)
    delivery.take(arrived, clock.now() + 1)
    assert (recorder.packets, counts.packets) == ([b"1", b"2", b"3"], 3)


def test_one_that_fails_among_many_is_logged_and_the_others_are_taken_once() -> None:
    def fail_once(raw: bytes, flow: Flow) -> None:
        assert raw != b"BROKEN", "as planned"

    clock, counts = VirtualClock(), Counts()
    recorder = Counter(clock)
    recorder.on_packet = fail_once
    arrived = many(clock, b"BROKEN", b"2", b"BROKEN", b"4", b"BROKEN")
    with capture_logs() as logs:
        Delivery(recorder, counts, clock).take(arrived, clock.now() + 10)
    assert [line["event"] for line in logs] == 3 * ["packet_failed"]
    assert recorder.packets == [b"BROKEN", b"2", b"BROKEN", b"4", b"BROKEN"]
    assert recorder.failed == 3 * [b"BROKEN"]
    assert (arrived.at, counts.packets, counts.failed) == (5, 5, 3)
