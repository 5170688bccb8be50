"""Which requests go over TCP because of their size: RFC 3261 §18.1.1, where the operator wants it.

Design §6, Transport: over 1,300 bytes as sent, to the same host and port; over UDP after all when
no connection comes up, and so for the next five minutes.
"""

from .upstream import Target, Upstream

LARGEST_OVER_UDP = 1300  # bytes; RFC 3261 §18.1.1 for an unknown path MTU
CONNECT_SECONDS = 0.5
AVOID_SECONDS = 300.0


class LargeRequests:
    """Remembers which targets have no TCP."""

    def __init__(self) -> None:
        self._avoid_until: dict[bytes, float] = {}  # by the target's key; as many as targets

    def go_over_tcp(self, upstream: Upstream, target: Target, size: int, now: float) -> bool:
        """Whether a request of that many bytes is too large for the target's own transport."""
        if size <= LARGEST_OVER_UDP or not upstream.large_requests_tcp or target.transport != "udp":
            return False
        return now >= self._avoid_until.get(target.key, now)

    def no_connection(self, target: Target, now: float) -> None:
        """TCP was refused, or did not come up in time."""
        self._avoid_until[target.key] = now + AVOID_SECONDS


def over_tcp(target_key: bytes) -> bytes:
    """The key of the same host and port over TCP."""
    return b"tcp:" + target_key.partition(b":")[2]
