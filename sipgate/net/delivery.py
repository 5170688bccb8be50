"""The way up: hands what arrived to the receiver, so that one broken packet ends nothing else."""

from typing import Protocol

import structlog

from sipgate.sip import BadMessage

from .flow import Flow

log = structlog.get_logger()


class Receiver(Protocol):
    """Who gets what the network receives. Called on the loop; must not block."""

    def packet(self, raw: bytes, flow: Flow) -> None:
        """One datagram, or one whole message of a stream."""
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


class Counts:
    """What the network layer counts, for metrics; only ever goes up."""

    __slots__ = (
        "failed",
        "keep_alives",
        "packets",
        "refused_connections",
        "shed",
        "udp_errors",
        "unsent",
    )

    def __init__(self) -> None:
        self.packets = 0  # handed to the receiver
        self.failed = 0  # of these, ended with an exception of ours
        self.shed = 0  # datagrams thrown away unread because the queue was full
        self.keep_alives = 0  # CRLF and the like, no message
        self.udp_errors = 0  # told by a socket without saying which peer
        self.unsent = 0  # messages that could not leave
        self.refused_connections = 0  # accepted and ended at once: too many


class Delivery:
    """Calls the receiver and survives its exceptions."""

    __slots__ = ("counts", "receiver")

    def __init__(self, receiver: Receiver | None, counts: Counts) -> None:
        self.receiver = receiver
        self.counts = counts

    def packet(self, raw: bytes, flow: Flow) -> None:
        self.counts.packets += 1
        try:
            self._to().packet(raw, flow)
        except Exception:  # the work for one packet: the others go on (style, Errors)
            self.counts.failed += 1
            log.exception("packet_failed", flow=flow.name, bytes=len(raw))

    def flow_lost(self, flow: Flow, reason: str) -> None:
        try:
            self._to().flow_lost(flow, reason)
        except Exception:
            self.counts.failed += 1
            log.exception("flow_loss_failed", flow=flow.name, reason=reason)

    def bad_stream(self, flow: Flow, error: BadMessage) -> None:
        try:
            self._to().bad_stream(flow, error)
        except Exception:
            self.counts.failed += 1
            log.exception("bad_stream_failed", flow=flow.name)

    def _to(self) -> Receiver:
        assert self.receiver is not None, "a network runs with a receiver"
        return self.receiver
