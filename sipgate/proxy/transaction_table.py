"""The open transactions, and what is left of the finished ones: RFC 3261 §17.2.3, §17.1.3.

A finished machine is replaced by a tombstone: the bytes that a retransmission gets, or nothing
where it is only absorbed. About three of them are kept per call for 64 × T1, so they are small.
"""

from collections import deque

from sipgate.net import Flow

from .call import Call
from .own_request import OwnCancel, Probe
from .response_context import ResponseContext
from .server_key import ServerKey
from .timer_queue import TimerQueue

LIFETIME = 32.0  # 64 × T1, RFC 3261 Timers H, J, L, M and at least Timer D


class ServerTombstone:
    """A server transaction that has sent its last answer."""

    __slots__ = ("call", "flow", "raw")

    def __init__(self, raw: bytes | None, flow: Flow, call: Call | None) -> None:
        self.call = call  # the one that a 2xx accepted, else None
        self.raw = raw  # None: absorb in silence (RFC 6026 Accepted; after the ACK to a non-2xx)
        self.flow = flow


class ClientTombstone:
    """An INVITE client transaction that has had its final response."""

    __slots__ = ("ack", "back_flow", "call", "out_flow")

    def __init__(
        self, ack: bytes | None, out_flow: Flow, back_flow: Flow | None, call: Call | None
    ) -> None:
        self.ack = ack  # what a repeated non-2xx gets; None: this one was accepted, 2xx go through
        self.out_flow = out_flow
        self.back_flow = back_flow  # None: its caller got another answer before, nothing goes up
        self.call = call


class TransactionTable:
    """Finds the transaction of each message."""

    def __init__(self, timers: TimerQueue) -> None:
        self.servers: dict[ServerKey, ResponseContext | ServerTombstone] = {}
        self.clients: dict[bytes, ResponseContext | ClientTombstone | OwnCancel | Probe] = {}
        self.contexts = 0  # open response contexts: what a drain waits for
        self.open_by_source: dict[str, int] = {}  # the same by the name of the source
        self._timers = timers
        self._buried: deque[tuple[float, ServerKey | bytes, object]] = deque()

    @property
    def deadline(self) -> float | None:
        return self._buried[0][0] if self._buried else None

    def __len__(self) -> int:
        """All that is remembered, the finished ones too."""
        return len(self.servers) + len(self.clients)

    def open(self, key: ServerKey, context: ResponseContext) -> None:
        """A request of a client's is being served from now on."""
        self.servers[key] = context
        self.contexts += 1
        source = context.source
        if source is not None:
            self.open_by_source[source.name] = self.open_by_source.get(source.name, 0) + 1

    def close(self, context: ResponseContext) -> None:
        """Its final response is settled; what becomes of its key is the caller's."""
        self.contexts -= 1
        source = context.source
        if source is not None:
            self.open_by_source[source.name] -= 1

    def wake(self, now: float) -> None:
        """Forget the tombstones whose time is up."""
        buried, servers, clients = self._buried, self.servers, self.clients
        while buried and buried[0][0] <= now:
            _, key, tombstone = buried.popleft()
            if isinstance(key, bytes):
                if clients.get(key) is tombstone:
                    del clients[key]
            elif servers.get(key) is tombstone:
                del servers[key]

    def bury_server(
        self, key: ServerKey, raw: bytes | None, flow: Flow, now: float, call: Call | None = None
    ) -> None:
        tombstone = ServerTombstone(raw, flow, call)
        self.servers[key] = tombstone
        self._bury(key, tombstone, now)

    def bury_client(self, key: bytes, tombstone: ClientTombstone, now: float) -> None:
        self.clients[key] = tombstone
        self._bury(key, tombstone, now)

    def drop_client(self, key: bytes) -> None:
        """Forget a client transaction at once."""
        self.clients.pop(key, None)

    def _bury(self, key: ServerKey | bytes, tombstone: object, now: float) -> None:
        self._buried.append((now + LIFETIME, key, tombstone))
        if len(self._buried) == 1:
            self._timers.add(self, now)
