"""The way up: hands what arrived to the receiver, so that one broken packet ends nothing else."""

from typing import Protocol, runtime_checkable

import structlog

from sipgate.clock import Clock
from sipgate.sip import BadMessage

from .flow import Flow

TRACEBACKS = 10  # so many in TRACEBACK_SECONDS: what fails for each packet doesn't fill the disk
TRACEBACK_SECONDS = 60.0

log = structlog.get_logger()


class Receiver(Protocol):
    """Who gets what the network receives. Called on the loop; must not block."""

    def packet(self, raw: bytes, flow: Flow) -> None:
        """One datagram, or one whole message of a stream."""
        ...

    def packet_failed(self, raw: bytes, flow: Flow) -> None:
        """`packet` has just raised for these bytes: who sent them may get an answer."""
        ...

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """Nothing sent on this flow since its last success may have arrived.

        A TCP flow is over and says so once. A UDP flow stays usable and may say so again.
        Never called from within `Flow.send`.
        """
        ...

    def bad_stream(self, flow: Flow, error: BadMessage) -> None:
        """A stream can't be followed any more; what is sent now still goes out, then it closes."""
        ...


class Arrived:
    """Packets that arrived together; `at` is the place of the next one to be taken."""

    __slots__ = ("at", "packets")

    def __init__(self, packets: list[tuple[bytes, Flow]]) -> None:
        self.packets = packets
        self.at = 0


@runtime_checkable
class TakesMany(Protocol):
    """A receiver that would rather take packets by many: each costs it 1 us less."""

    def take(self, arrived: Arrived, ends_at: float) -> None:
        """Take packets and move `at` behind each that is done, until none is left or it is late.

        `ends_at` in clock seconds. When this raises, `at` is the place of the one that failed.
        """
        ...


class Counts:
    """What the network layer counts, for metrics; only ever goes up."""

    __slots__ = (
        "failed",
        "failed_handshakes",
        "keep_alives",
        "packets",
        "refused_connections",
        "shed",
        "udp_errors",
        "unsent",
    )

    def __init__(self) -> None:
        self.packets = 0  # handed to the receiver
        self.failed = 0  # exceptions of ours, nearly all on one of these
        self.shed = 0  # datagrams thrown away unread because the queue was full
        self.keep_alives = 0  # CRLF and the like, no message
        self.udp_errors = 0  # told by a socket without saying which peer
        self.unsent = 0  # messages that could not leave
        self.failed_handshakes = 0  # TLS, either direction
        self.refused_connections = 0  # accepted and ended at once: too many


class Delivery:
    """Calls the receiver and survives its exceptions."""

    __slots__ = (
        "_clock",
        "_logged",
        "_logs_again_at",
        "_receiver",
        "_takes_many",
        "_unlogged",
        "counts",
    )

    def __init__(self, receiver: Receiver | None, counts: Counts, clock: Clock) -> None:
        self.receiver = receiver
        self.counts = counts
        self._clock = clock
        self._logged = 0
        self._unlogged = 0
        self._logs_again_at = 0.0

    @property
    def receiver(self) -> Receiver | None:
        return self._receiver

    @receiver.setter
    def receiver(self, receiver: Receiver | None) -> None:
        self._receiver = receiver
        self._takes_many: TakesMany | None = receiver if isinstance(receiver, TakesMany) else None

    def packet(self, raw: bytes, flow: Flow) -> None:
        self.counts.packets += 1
        receiver = self._receiver
        assert receiver is not None, "a network runs with a receiver"
        try:
            receiver.packet(raw, flow)
        except Exception:  # noqa: BLE001  logged; the work for one packet: the others go on
            self._failed(raw, flow)

    def take(self, arrived: Arrived, ends_at: float) -> None:
        """Hand on what arrived together, one after the other, until it is late."""
        packets, now = arrived.packets, self._clock.now
        if self._takes_many is None:
            while arrived.at < len(packets) and now() < ends_at:
                raw, flow = packets[arrived.at]
                self.packet(raw, flow)
                arrived.at += 1
            return
        began = arrived.at
        while arrived.at < len(packets) and now() < ends_at:
            try:
                self._takes_many.take(arrived, ends_at)
            except Exception:  # noqa: BLE001  as above
                self._failed(*packets[arrived.at])
                arrived.at += 1
        self.counts.packets += arrived.at - began

    def _failed(self, raw: bytes, flow: Flow) -> None:
        if self._may_log():
            log.exception(
                "packet_failed", flow=flow.name, bytes=len(raw), unlogged=self._take_unlogged()
            )
        self._answer(raw, flow)

    def _answer(self, raw: bytes, flow: Flow) -> None:
        try:
            self._to().packet_failed(raw, flow)
        except Exception:  # perhaps the same once more
            if self._may_log():
                log.exception("answer_failed", flow=flow.name, unlogged=self._take_unlogged())

    def flow_lost(self, flow: Flow, reason: str) -> None:
        try:
            self._to().flow_lost(flow, reason)
        except Exception:
            if self._may_log():
                unlogged = self._take_unlogged()
                log.exception("flow_loss_failed", flow=flow.name, reason=reason, unlogged=unlogged)

    def bad_stream(self, flow: Flow, error: BadMessage) -> None:
        try:
            self._to().bad_stream(flow, error)
        except Exception:
            if self._may_log():
                log.exception("bad_stream_failed", flow=flow.name, unlogged=self._take_unlogged())

    def _may_log(self) -> bool:
        """Count a failure; whether its traceback may be logged."""
        self.counts.failed += 1
        now = self._clock.now()
        if now >= self._logs_again_at:
            self._logs_again_at = now + TRACEBACK_SECONDS
            self._logged = 0
        if self._logged == TRACEBACKS:
            self._unlogged += 1
            return False
        self._logged += 1
        return True

    def _take_unlogged(self) -> int:
        """How many failures were not logged since the last that was."""
        unlogged, self._unlogged = self._unlogged, 0
        return unlogged

    def _to(self) -> Receiver:
        assert self._receiver is not None, "a network runs with a receiver"
        return self._receiver
