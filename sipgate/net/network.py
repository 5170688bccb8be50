"""The network: opens the listeners and decides which flow a message leaves on."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Self

import structlog

from sipgate.clock import Clock
from sipgate.sip import Limits

from .certificate import CertificateError, ClientTls, ServerTls, proves
from .delivery import Counts, Delivery, Receiver
from .flow import Flow
from .inherited import InheritedSockets, bequeathed
from .limits import NetLimits
from .listener import BACKLOG, WILDCARDS, Listener, open_socket
from .local_addresses import LocalAddresses
from .tcp import TcpConnections, TcpFlow
from .tls import NewCertificates, TlsConnections
from .udp import UdpSocket

log = structlog.get_logger()

SWEEP_SECONDS = 1.0
NEVER_SHED = (b"SIP/2.0 ", b"ACK ", b"BYE ", b"CANCEL ", b"PRACK ")  # design §6, Strangers


class Network:
    """All sockets of a gate.

    What arrives is handed on from the start (`async with`, or `run()` as a task of the caller's)
    until `close`; `listen` may come before or after the start. `receiver` may be set as an
    attribute before the start. `may_shed` says which datagrams may be thrown away unread when too
    many wait; who knows about emergency numbers must give one that spares them.
    """

    def __init__(
        self,
        receiver: Receiver | None = None,
        *,
        clock: Clock,
        limits: NetLimits | None = None,
        sip_limits: Limits | None = None,
        may_shed: Callable[[bytes], bool] | None = None,
        inherited: InheritedSockets | None = None,
    ) -> None:
        self.counts = Counts()
        self.listeners: list[Listener] = []
        self._limits = limits or NetLimits()
        self._clock = clock
        self._inherited = inherited or InheritedSockets()
        self._may_shed = may_shed or is_ordinary_request
        self._delivery = Delivery(receiver, self.counts, clock)
        self._local_addresses = LocalAddresses(clock)
        self._connections = TcpConnections(
            self._delivery, self._limits, sip_limits or Limits(), clock
        )
        self._tls_connections = TlsConnections(
            self._delivery, self._limits, sip_limits or Limits(), clock, self._own
        )
        self._udp: dict[Listener, UdpSocket] = {}
        self._tcp: dict[Listener, socket.socket] = {}
        self._servers: list[asyncio.Server] = []
        self._tasks: asyncio.TaskGroup | None = None
        self._owned: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    @property
    def receiver(self) -> Receiver | None:
        return self._delivery.receiver

    @receiver.setter
    def receiver(self, receiver: Receiver) -> None:
        self._delivery.receiver = receiver

    async def listen(
        self,
        transport: str,
        host: str,
        port: int,
        advertise: str | None = None,
        *,
        tls: ServerTls | None = None,
    ) -> Listener:
        """Open one address; port 0 takes a free one. Raises ListenError or CertificateError.

        `advertise` (`host`, `host:port`) is what Via and Record-Route say instead of the address;
        `tls` goes with transport tls.
        """
        assert transport in ("udp", "tcp", "tls"), transport
        assert (tls is not None) is (transport == "tls"), transport
        assert not self._stopping.is_set(), "closed"
        sock = self._inherited.take(transport, host, port) or open_socket(transport, host, port)
        address = sock.getsockname()
        listener = Listener(
            transport,
            address[0],
            address[1],
            advertise=advertise,
            local_addresses=self._local_addresses,
        )
        if transport == "udp":
            udp = UdpSocket(
                sock, listener, self._delivery, self._limits, self._clock, self._may_shed
            )
            await udp.open()
            self._udp[listener] = udp
        else:
            if tls is not None:
                try:
                    self._tls_connections.serve_by(listener, tls)
                except CertificateError:
                    sock.close()
                    raise
            self._tcp[listener] = sock
        self.listeners.append(listener)
        if self._tasks is not None:
            await self._start(listener)
        return listener

    def trust(self, host: str, settings: ClientTls) -> None:
        """How TLS meets the host that a configured target names. Raises CertificateError."""
        self._tls_connections.trust(host, settings)

    def read_certificates(self) -> NewCertificates:
        """Read all certificates again, for `use_certificates`. Raises CertificateError."""
        return self._tls_connections.read_certificates()

    def use_certificates(self, new: NewCertificates) -> None:
        """Show these on the connections to come."""
        self._tls_connections.use_certificates(new)

    def alias(self, flow: Flow, sent_by_host: str, port: int) -> bool:
        """Use a connection that was accepted for new requests too, where its peer asks (RFC 5923).

        Only on TLS, and only if the certificate proves the host in the Via (RFC 5922).
        """
        if not flow.is_secure or not isinstance(flow, TcpFlow):
            return False
        if not proves(flow.peer_names, sent_by_host):
            return False
        self._tls_connections.alias(flow, port)
        return True

    def flow_to(
        self,
        transport: str,
        host: str,
        port: int,
        *,
        listener: Listener | None = None,
        server_name: str = "",
    ) -> Flow:
        """Where to send a message for this numeric address; never waits.

        UDP: from `listener`, else from the one that the kernel's route to the peer leads by. TCP
        and TLS: an open connection to the peer, else one that is made in the background; by TLS
        its certificate must prove `server_name`, or the address if that is empty. A peer that can't
        be reached at all gives a flow that is not open and says so (`flow_lost`) when it is used.
        """
        host = canonical(host)
        if transport == "udp":
            listener = listener or self._listener_towards(host, "udp")
            if listener is None:
                return self._unreachable(transport, host, port, "no UDP listener of its family")
            is_ipv6 = ":" in host
            return self._udp[listener].flow((host, port, 0, 0) if is_ipv6 else (host, port))
        assert transport in ("tcp", "tls"), transport
        is_tls = transport == "tls"
        if is_tls:
            found = self._tls_connections.find_proven(host, port, server_name or host)
        else:
            found = self._connections.find(host, port, listener)
        if found is not None:
            return found
        for name in (transport, "tcp", "udp"):
            listener = listener or self._listener_towards(host, name)
        if listener is None:
            return self._unreachable(transport, host, port, "no listener of its family")
        if is_tls:
            flow = self._tls_connections.begin_to(host, port, listener, server_name or host)
        else:
            flow = self._connections.begin(host, port, listener)
        if flow is None:
            return self._unreachable(transport, host, port, "too many connections")
        self._own((self._tls_connections if is_tls else self._connections).connect(flow))
        return flow

    def queue_age_seconds(self) -> float:
        """How long what is handled next has waited at least: the measure of overload."""
        now = self._clock.now()
        longest = 0.0
        for udp in self._udp.values():
            longest = max(longest, udp.queue_age_seconds(now))
        return longest

    def hand_over(self) -> list[int]:
        """Stop reading datagrams; give copies of the sockets' descriptors for `bequeath`.

        What arrives from now on waits in them. `close` has to follow: nothing can be sent by UDP.
        """
        descriptors = [udp.fileno() for udp in self._udp.values()]
        descriptors += [sock.fileno() for server in self._servers for sock in server.sockets]
        descriptors += [sock.fileno() for sock in self._tcp.values()]
        copies = [bequeathed(descriptor) for descriptor in descriptors]
        for udp in self._udp.values():
            udp.close()
        return copies

    def sweep(self) -> None:
        """End the connections that have had their time; `run` does so every second."""
        self._connections.sweep()
        self._tls_connections.sweep()

    async def run(self) -> None:
        """Serve until `close` is called, or this is cancelled."""
        async with self:
            await self._stopping.wait()

    async def close(self) -> None:
        """Stop listening, send what is buffered, close everything; nobody is told of lost flows.

        Takes up to twice `NetLimits.close_seconds`. May be called again.
        """
        self._stopping.set()
        for task in self._owned:
            task.cancel()
        for server in self._servers:
            server.close()
        for sock in self._tcp.values():
            sock.close()
        for udp in self._udp.values():
            udp.close()
        await self._connections.close()
        await self._tls_connections.close()

    async def __aenter__(self) -> Self:
        assert self._tasks is None, "a network runs once"
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        for listener in self.listeners:
            await self._start(listener)
        self._own(self._sweep_often())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._tasks is not None
        try:
            await self.close()
        finally:
            if isinstance(error, asyncio.CancelledError):  # perhaps by the group itself
                await self._tasks.__aexit__(kind, error, traceback)
            else:  # an error of the body's goes on as it is, not in a group
                await self._tasks.__aexit__(None, None, None)

    async def _start(self, listener: Listener) -> None:
        if listener.transport == "udp":
            udp = self._udp[listener]
            self._own(udp.run())
            self._own(udp.watch_errors())
        elif listener.transport == "tls":
            sock = self._tcp[listener]  # closed by `close`
            sock.listen(BACKLOG)
            sock.setblocking(False)
            self._own(self._tls_connections.accept_on(sock, listener))
            log.info("tls_opened", listener=listener.name)
        else:
            server = await asyncio.get_running_loop().create_server(
                lambda: self._connections.accept(listener),
                sock=self._tcp.pop(listener),
                backlog=BACKLOG,
            )
            self._servers.append(server)
            log.info("tcp_opened", listener=listener.name)

    async def _sweep_often(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.sweep()

    def _own(self, work: Coroutine[object, object, None]) -> None:
        assert self._tasks is not None, "a network sends once it runs"
        task = self._tasks.create_task(work)
        self._owned.add(task)
        task.add_done_callback(self._owned.discard)

    def _listener_towards(self, host: str, transport: str) -> Listener | None:
        is_ipv6 = ":" in host
        fitting = [
            listener
            for listener in self.listeners
            if listener.transport == transport and listener.is_ipv6 == is_ipv6
        ]
        if len(fitting) < 2:
            return fitting[0] if fitting else None
        local = self._local_addresses.towards(host)
        return min(
            fitting, key=lambda listener: (listener.host != local, listener.host not in WILDCARDS)
        )

    def _unreachable(self, transport: str, host: str, port: int, reason: str) -> Flow:
        listener = Listener(
            transport,
            "::" if ":" in host else "0.0.0.0",
            0,
            advertise=None,
            local_addresses=self._local_addresses,
        )
        return UnreachableFlow(transport, host, port, listener, self._delivery, reason)


class UnreachableFlow(Flow):
    """A peer that can't be reached from here; whoever sends is told that the flow is lost."""

    __slots__ = ("_delivery", "_reason", "reliable", "transport")

    def __init__(
        self,
        transport: str,
        host: str,
        port: int,
        listener: Listener,
        delivery: Delivery,
        reason: str,
    ) -> None:
        super().__init__(host, port, listener)
        self.transport = transport
        self.reliable = transport != "udp"
        self._delivery = delivery
        self._reason = reason

    @property
    def is_open(self) -> bool:
        return False

    def send(self, data: bytes) -> None:
        self._delivery.counts.unsent += 1
        asyncio.get_running_loop().call_soon(self._delivery.flow_lost, self, self._reason)


def canonical(host: str) -> str:
    """An IPv6 address in the kernel's spelling, so that one peer has one flow.

    What is no numeric address ends here (OSError): the socket module would go and resolve it.
    """
    if ":" in host:
        address, percent, zone = host.partition("%")
        packed = socket.inet_pton(socket.AF_INET6, address)
        return socket.inet_ntop(socket.AF_INET6, packed) + percent + zone
    socket.inet_pton(socket.AF_INET, host)
    return host


def is_ordinary_request(raw: bytes) -> bool:
    """Whether a datagram may be thrown away unread when too many wait (design §6)."""
    return not raw.startswith(NEVER_SHED) and b" urn:service:sos" not in raw[:64].lower()
