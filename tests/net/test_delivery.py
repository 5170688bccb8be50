"""One broken packet ends nothing else, and fills no disk."""

from structlog.testing import capture_logs

from sipgate.clock import VirtualClock
from sipgate.net import Flow, Listener
from sipgate.net.delivery import Counts, Delivery
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
