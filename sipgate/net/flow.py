"""A flow: one peer on one transport, as seen from one of our listeners (RFC 5626 §2)."""

from abc import ABC, abstractmethod

from .listener import Listener, bracketed


class Flow(ABC):
    """Where a message came from and where one can be sent; compares by identity, so a dict key."""

    __slots__ = ("__weakref__", "host", "host_bytes", "listener", "port")

    transport: str  # udp, tcp, tls
    reliable: bool
    is_secure = False  # TLS
    peer_names: frozenset[str] = frozenset()  # that the peer's certificate proves, lower case

    def __init__(self, host: str, port: int, listener: Listener) -> None:
        self.host = host  # the peer's, numeric; an IPv6 address without brackets
        self.port = port
        self.host_bytes = host.encode()
        self.listener = listener  # where this peer reaches us; of another transport if need be

    @property
    def local_sent_by(self) -> bytes:
        """What Via and Record-Route say towards this peer: host and port."""
        return self.listener.sent_by_towards(self.host)

    @property
    def name(self) -> str:
        """As it stands in logs and the ledger: `udp:10.0.0.7:5060`."""
        return f"{self.transport}:{bracketed(self.host)}:{self.port}"

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether a message sent now has a chance; a UDP flow always is while we listen."""

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Send one whole message, in order. Never waits, never raises.

        What can't be sent is told by `Receiver.flow_lost`, later; once that was told for a TCP
        flow, more is thrown away in silence: look at `is_open`.
        """

    def withdraw(self, data: bytes) -> bool:
        """Take back a message that waits for the connection; False: it went, or was never here."""
        return False

    def close(self, reason: str) -> None:  # noqa: B027  UDP has nothing to end
        """End the connection once what was sent is out; a UDP flow stays as it is."""
