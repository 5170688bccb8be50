"""Which of this machine's addresses the kernel uses towards a peer."""

import socket

from sipgate.clock import Clock

KEPT_PEERS = 4096
KEPT_SECONDS = 60.0  # routes and addresses change: a laptop moves, a lease ends
ANY_PORT = 9  # nothing is ever sent there


class LocalAddresses:
    """Asks the kernel once a minute per peer; a look-up costs well under a microsecond."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_peer: dict[str, tuple[float, str | None]] = {}  # until when; oldest first

    def towards(self, peer_host: str) -> str | None:
        """Our numeric address towards a numeric one; None when there is no route."""
        now = self._clock.now()
        kept = self._by_peer.get(peer_host)
        if kept is not None and now < kept[0]:
            return kept[1]
        address = _ask_kernel(peer_host)
        self._by_peer.pop(peer_host, None)
        while len(self._by_peer) >= KEPT_PEERS:
            del self._by_peer[next(iter(self._by_peer))]
        self._by_peer[peer_host] = (now + KEPT_SECONDS, address)
        return address


def _ask_kernel(peer_host: str) -> str | None:
    family = socket.AF_INET6 if ":" in peer_host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((peer_host, ANY_PORT))  # a route look-up; UDP sends nothing here
            address: str = sock.getsockname()[0]
    except OSError:
        return None
    return address
