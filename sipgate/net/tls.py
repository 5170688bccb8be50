"""TLS: connections whose peer may be proven by a certificate (RFC 3261 §26.3.1, RFC 5922).

A connection is a TCP one until its handshake is done; how many may be under way, and for how long,
is bounded like the connections themselves.
"""

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass

import structlog

from sipgate.clock import Clock
from sipgate.sip import Limits

from .certificate import CertificateError, ClientTls, ServerTls, names_in, proves
from .delivery import Delivery
from .limits import NetLimits
from .listener import WILDCARDS, Listener
from .tcp import TcpConnections, TcpFlow, reason_for_people

log = structlog.get_logger()

ACCEPT_PAUSE_SECONDS = 0.1  # when the process has no file descriptor left


class TlsFlow(TcpFlow):
    """A TLS connection, made or accepted."""

    __slots__ = ("peer_names", "server_name", "wanted")

    transport = "tls"
    is_secure = True

    def __init__(
        self,
        host: str,
        port: int,
        listener: Listener,
        table: "TlsConnections",
        *,
        outbound: bool,
        server_name: str = "",
    ) -> None:
        super().__init__(host, port, listener, table, outbound=outbound)
        self.server_name = server_name  # the host that an outbound one was made for
        self.wanted = server_name  # what its certificate must prove
        self.peer_names: frozenset[str] = frozenset()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        session = transport.get_extra_info("ssl_object")
        self.peer_names = names_in(session.getpeercert() if session is not None else None)
        if self.is_outbound and not proves(self.peer_names, self.wanted):
            shown = ", ".join(sorted(self.peer_names)) or "nobody"
            self.connect_failed(f"its certificate is for {shown}, not for {self.wanted}")
        super().connection_made(transport)


@dataclass(frozen=True, slots=True)
class NewCertificates:
    """What was read and is not yet used."""

    servers: dict[Listener, tuple[ServerTls, ssl.SSLContext]]
    clients: dict[str, ssl.SSLContext]


class TlsConnections(TcpConnections):
    """All TLS connections of a network, and the certificates that they are made with."""

    def __init__(
        self,
        delivery: Delivery,
        limits: NetLimits,
        sip_limits: Limits,
        clock: Clock,
        own: Callable[[Coroutine[object, object, None]], None],
    ) -> None:
        super().__init__(delivery, limits, sip_limits, clock)
        self._own = own  # who runs what must wait
        self._servers: dict[Listener, tuple[ServerTls, ssl.SSLContext]] = {}
        self._client_settings: dict[str, ClientTls] = {}
        self._client_contexts: dict[str, ssl.SSLContext] = {}
        self._shaking = 0
        self._shaking_by_host: Counter[str] = Counter()
        self._default_context: ssl.SSLContext | None = None  # for peers that no target names

    def serve_by(self, listener: Listener, settings: ServerTls) -> None:
        """What a listener shows. Raises CertificateError."""
        self._servers[listener] = (settings, settings.context())

    def trust(self, host: str, settings: ClientTls) -> None:
        """How the host of a configured target is met. Raises CertificateError."""
        self._client_contexts[host] = settings.context()
        self._client_settings[host] = settings

    def read_certificates(self) -> NewCertificates:
        """Read all files again; changes nothing. Raises CertificateError."""
        return NewCertificates(
            servers={one: (kept, kept.context()) for one, (kept, _) in self._servers.items()},
            clients={host: kept.context() for host, kept in self._client_settings.items()},
        )

    def use_certificates(self, new: NewCertificates) -> None:
        """Have them for the connections to come; open ones stay as they are."""
        self._servers, self._client_contexts = new.servers, new.clients
        self._default_context = None

    # Accepting

    async def accept_on(self, sock: socket.socket, listener: Listener) -> None:
        """Take connections until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, address = await loop.sock_accept(sock)
            except OSError as error:
                log.warning("tls_accept_failed", listener=listener.name, error=str(error))
                await asyncio.sleep(ACCEPT_PAUSE_SECONDS)
                continue
            is_greedy = self._shaking_by_host.get(address[0], 0) >= self.limits.connections_per_host
            if self._shaking >= self.limits.connections or is_greedy:
                self.delivery.counts.refused_connections += 1
                connection.close()
                continue
            self._shaking += 1
            self._shaking_by_host[address[0]] += 1
            self._own(self._take(connection, address[0], listener))

    async def _take(self, connection: socket.socket, host: str, listener: Listener) -> None:
        _, context = self._servers[listener]
        flow = TlsFlow("", 0, listener, self, outbound=False)
        try:
            connection.setblocking(False)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: flow,
                connection,
                ssl=context,
                ssl_handshake_timeout=self.limits.connect_seconds,
            )
        except (TimeoutError, OSError, ssl.SSLError) as error:
            self.delivery.counts.failed_handshakes += 1
            log.debug("tls_handshake_failed", peer=host, error=reason_for_people(error))
            connection.close()
        finally:
            self._shaking -= 1
            self._shaking_by_host[host] -= 1
            if not self._shaking_by_host[host]:
                del self._shaking_by_host[host]

    # Connecting

    def find_proven(self, host: str, port: int, server_name: str) -> TcpFlow | None:
        """An open flow to this peer whose certificate proves the name (RFC 5923 §8)."""
        flow = self.find(host, port, None)
        if not isinstance(flow, TlsFlow):
            return None
        if flow.is_outbound:
            return flow if flow.server_name == server_name else None
        return flow if proves(flow.peer_names, server_name) else None

    def begin_to(
        self, host: str, port: int, listener: Listener, server_name: str
    ) -> TcpFlow | None:
        """A flow that waits for `connect`; None when there are too many."""
        flow = TlsFlow(host, port, listener, self, outbound=True, server_name=server_name)
        return flow if self.adopt_outbound(flow) else None

    async def _default(self) -> ssl.SSLContext:
        """Whom the machine believes; reading that takes some 20 ms, so not on the loop."""
        if self._default_context is None:
            self._default_context = await asyncio.to_thread(ClientTls().context)
        return self._default_context

    async def connect(self, flow: TcpFlow) -> None:
        """Connect a flow from `begin_to`, and see whom the certificate proves."""
        assert isinstance(flow, TlsFlow)
        settings = self._client_settings.get(flow.server_name, ClientTls())
        flow.wanted = settings.server_name or flow.server_name or flow.host
        bind_host = flow.listener.host
        local = None if bind_host in WILDCARDS else (bind_host, 0)
        try:
            context = self._client_contexts.get(flow.server_name)
            if context is None:
                context = await self._default()
            async with asyncio.timeout(self.limits.connect_seconds):
                await asyncio.get_running_loop().create_connection(
                    lambda: flow,
                    flow.host,
                    flow.port,
                    local_addr=local,
                    ssl=context,
                    server_hostname=flow.wanted,
                )
        except TimeoutError:
            reason = f"no TLS connection within {self.limits.connect_seconds:g} s"
        except CertificateError as error:
            reason = str(error)
        except (OSError, ssl.SSLError) as error:
            self.delivery.counts.failed_handshakes += isinstance(error, ssl.SSLError)
            reason = reason_for_people(error)
        except asyncio.CancelledError:
            flow.connect_failed("the gate is stopping")
            raise
        else:
            return
        flow.connect_failed(reason)
