"""TCP: one flow per connection, framed by `sip`, and the table of all connections.

RFC 3261 §18: a connection is used again by whoever sends to the same address and port.
"""

import asyncio
import contextlib
import socket
from collections import deque
from enum import Enum, auto
from typing import cast

import structlog

from sipgate.clock import Clock
from sipgate.sip import BadMessage, Limits, Ping, StreamFramer

from .delivery import Delivery
from .flow import Flow
from .limits import NetLimits
from .listener import WILDCARDS, Listener

log = structlog.get_logger()

BATCH_MESSAGES = 64  # handled without a turn of the loop in between,
BATCH_SECONDS = 0.001  # and no longer than this (design §16)
PONG = b"\r\n"  # RFC 5626 §3.5.1

# A peer that is gone without a word is noticed: data unacknowledged for 30 s, silence for 2 min.
SOCKET_OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 30_000),
)


class State(Enum):
    CONNECTING = auto()
    OPEN = auto()
    CLOSING = auto()  # sends what is buffered, takes nothing more
    LOST = auto()


class TcpFlow(Flow, asyncio.Protocol):
    """A TCP connection, made or accepted. Owned by its `TcpConnections`."""

    __slots__ = (
        "_framer",
        "_is_working",
        "_lost_because",
        "_pipe",
        "_received",
        "_table",
        "_waiting",
        "_waiting_bytes",
        "alias_port",
        "closes_at",
        "has_sent_message",
        "is_outbound",
        "state",
        "unsent_messages",
    )

    transport = "tcp"
    reliable = True

    def __init__(
        self, host: str, port: int, listener: Listener, table: "TcpConnections", *, outbound: bool
    ) -> None:
        super().__init__(host, port, listener)
        self.is_outbound = outbound
        self.state = State.CONNECTING
        self.closes_at = 0.0  # when CONNECTING or silent or CLOSING ends, by the owner's clock
        self.has_sent_message = False
        self.alias_port = 0  # where else its peer says that it listens
        self.unsent_messages = 0  # at its end: waited for a connection that never came
        self._table = table
        self._framer = StreamFramer(table.sip_limits)
        self._pipe: asyncio.Transport | None = None
        self._waiting: list[bytes] = []  # while connecting
        self._waiting_bytes = 0
        self._received: deque[bytes | Ping | BadMessage] = deque()
        self._is_working = False  # a later turn will go on with _received
        self._lost_because: str | None = None

    @property
    def is_open(self) -> bool:
        return self.state is State.OPEN or self.state is State.CONNECTING

    def send(self, data: bytes) -> None:
        if self.state is State.OPEN:
            pipe = self._pipe
            assert pipe is not None
            if pipe.get_write_buffer_size() + len(data) > self._table.limits.buffered_bytes:
                self._table.delivery.counts.unsent += 1
                self.abort("the peer does not read what it is sent")
            else:
                pipe.write(data)
        elif self.state is State.CONNECTING:
            self._waiting_bytes += len(data)
            if self._waiting_bytes > self._table.limits.buffered_bytes:
                self._table.delivery.counts.unsent += 1
            else:
                self._waiting.append(data)
        else:
            self._table.delivery.counts.unsent += 1

    def withdraw(self, data: bytes) -> bool:
        if data not in self._waiting:
            return False
        self._waiting.remove(data)
        self._waiting_bytes -= len(data)
        return True

    def close(self, reason: str, *, hear_out: bool = False) -> None:
        """End it once what is buffered has gone out.

        `hear_out` waits for the peer to close and throws away what it still sends: closing with
        unread bytes makes the kernel reset the connection, and our last answer would be lost.
        """
        if self.state is State.OPEN:
            assert self._pipe is not None
            self.state = State.CLOSING
            self._lost_because = reason
            self._table.closing(self)
            if hear_out and self._pipe.can_write_eof():  # TLS can't
                self._pipe.write_eof()
                self._pipe.resume_reading()
            else:
                self._pipe.close()

    def abort(self, reason: str) -> None:
        """End it at once. The receiver hears of it in a turn of its own."""
        if self.state in (State.OPEN, State.CLOSING):
            assert self._pipe is not None
            self.state = State.CLOSING
            self._lost_because = self._lost_because or reason
            self._table.closing(self)
            self._pipe.abort()

    def connect_failed(self, reason: str) -> None:
        """The owner could not connect, or was stopped just when it had."""
        if self.state is not State.LOST:
            self._lost_because = reason
            if self._pipe is not None:
                self._pipe.abort()
            self._end()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        pipe = cast(asyncio.Transport, transport)  # uvloop's only looks like one
        if self.state is State.LOST:  # given up just when it came to be
            pipe.abort()
            return
        self._pipe = pipe
        sock = pipe.get_extra_info("socket")
        for level, option, value in SOCKET_OPTIONS:
            sock.setsockopt(level, option, value)
        if not self.is_outbound:
            address = pipe.get_extra_info("peername")
            if address is None:  # gone between accept and here
                self.state = State.LOST
                pipe.abort()
                return
            self.host, self.port = address[0], address[1]
            self.host_bytes = self.host.encode()
        self.state = State.OPEN
        if not self._table.opened(self):
            self.state = State.LOST
            pipe.abort()
            return
        waiting, self._waiting, self._waiting_bytes = self._waiting, [], 0
        if waiting:
            pipe.write(b"".join(waiting))

    def data_received(self, data: bytes) -> None:
        framer, received = self._framer, self._received
        broken = framer.broken
        if self.state is not State.OPEN or broken is not None:
            return  # thrown away: see `close`
        try:
            complete = framer.feed(data)
        except BadMessage as error:
            received.append(error)
        else:
            received.extend(complete)
            self._table.heard_part(self, begun=framer.holds_part, ended=bool(complete))
            broken = framer.broken
            if broken is not None:
                received.append(broken)
        if not self._is_working:
            self._work_off()

    def eof_received(self) -> None:
        """The peer has nothing more to say, and we don't keep half a connection."""

    def connection_lost(self, exc: Exception | None) -> None:
        if self.state is State.LOST:  # never was in the table
            return
        if self._lost_because is None:
            self._lost_because = "closed by the peer" if exc is None else reason_for_people(exc)
        self._end()

    def _work_off(self) -> None:
        """Handle what was received, as far as one turn of the loop allows."""
        self._is_working = False
        table, received = self._table, self._received
        now = table.clock.now
        ends_at, left = now() + BATCH_SECONDS, BATCH_MESSAGES
        while received and self.state is State.OPEN:
            if left <= 0 or now() >= ends_at:
                self._go_on_later()
                return
            left -= 1
            match received.popleft():
                case bytes() as raw:
                    if not self.has_sent_message:
                        self.has_sent_message = True
                        table.spoke(self)
                    table.delivery.packet(raw, self)
                case BadMessage() as error:
                    table.delivery.bad_stream(self, error)
                    self.close("the stream could not be followed", hear_out=True)
                case _:
                    table.delivery.counts.keep_alives += 1
                    self.send(PONG)
        if self.state is State.OPEN:
            assert self._pipe is not None
            self._pipe.resume_reading()

    def _go_on_later(self) -> None:
        assert self._pipe is not None
        self._is_working = True
        self._pipe.pause_reading()
        asyncio.get_running_loop().call_soon(self._work_off)

    def _end(self) -> None:
        self.state = State.LOST
        self.unsent_messages = len(self._waiting)
        self._table.delivery.counts.unsent += self.unsent_messages
        self._waiting.clear()
        self._received.clear()
        self._pipe = None
        reason = self._lost_because or "lost"
        if self.unsent_messages:
            reason = f"{reason} ({self.unsent_messages} unsent)"
        self._table.lost(self, reason)


class TcpConnections:
    """All TCP connections of a network: by peer for reuse, and by what ends them in time."""

    def __init__(
        self, delivery: Delivery, limits: NetLimits, sip_limits: Limits, clock: Clock
    ) -> None:
        self.delivery = delivery
        self.limits = limits
        self.sip_limits = sip_limits
        self.clock = clock
        self._by_peer: dict[tuple[str, int], TcpFlow] = {}  # the newest that is open
        self._inbound: set[TcpFlow] = set()
        self._inbound_by_host: dict[str, int] = {}
        self._outbound: set[TcpFlow] = set()  # connecting ones too
        self._silent: dict[TcpFlow, None] = {}  # accepted, no whole message yet; oldest first
        self._unfinished: dict[TcpFlow, float] = {}  # in a message; when it must end, oldest first
        self._closing: dict[TcpFlow, None] = {}  # oldest first
        self._is_closed = False
        self._all_gone = asyncio.Event()

    @property
    def inbound(self) -> int:
        return len(self._inbound)

    @property
    def outbound(self) -> int:
        return len(self._outbound)

    def find(self, host: str, port: int, listener: Listener | None) -> TcpFlow | None:
        """An open or connecting flow to this peer, made or accepted."""
        flow = self._by_peer.get((host, port))
        if flow is None or not flow.is_open:
            return None
        return flow if listener is None or flow.listener is listener else None

    def accept(self, listener: Listener) -> TcpFlow:
        """The protocol for a connection that a listener accepts."""
        return TcpFlow("", 0, listener, self, outbound=False)

    def begin(self, host: str, port: int, listener: Listener) -> TcpFlow | None:
        """A flow that waits for `connect`; None when there are too many."""
        flow = TcpFlow(host, port, listener, self, outbound=True)
        return flow if self.adopt_outbound(flow) else None

    def adopt_outbound(self, flow: TcpFlow) -> bool:
        """Count a flow that is about to connect; False when it is one too many."""
        if self._is_closed or len(self._outbound) >= self.limits.connections:
            return False
        self._outbound.add(flow)
        self._by_peer[flow.host, flow.port] = flow
        return True

    def alias(self, flow: TcpFlow, port: int) -> None:
        """The peer listens on `port` too, and may be reached there by this flow (RFC 5923)."""
        if flow.is_open:
            self._by_peer.setdefault((flow.host, port), flow)
            flow.alias_port = port

    async def connect(self, flow: TcpFlow) -> None:
        """Connect a flow from `begin`. How it went is told through the flow."""
        bind_host = flow.listener.host
        local = None if bind_host in WILDCARDS else (bind_host, 0)
        try:
            async with asyncio.timeout(self.limits.connect_seconds):
                await asyncio.get_running_loop().create_connection(
                    lambda: flow, flow.host, flow.port, local_addr=local
                )
        except TimeoutError:
            reason = f"no connection within {self.limits.connect_seconds:g} s"
        except OSError as error:
            reason = reason_for_people(error)
        except asyncio.CancelledError:
            flow.connect_failed("the gate is stopping")
            raise
        else:
            return
        flow.connect_failed(reason)

    def sweep(self) -> None:
        """End what has had its time. Called about once a second."""
        now = self.clock.now()
        for flow in _due(self._silent, now):
            flow.abort("sent no whole message in time")
        for flow in [flow for flow, until in self._unfinished.items() if until <= now]:
            flow.abort("did not end its message in time")
        for flow in _due(self._closing, now):
            flow.abort("did not take the rest in time")

    async def close(self) -> None:
        """Send what is buffered, then end every connection; nobody is told."""
        self._is_closed = True
        flows = [*self._inbound, *self._outbound]
        for flow in flows:
            flow.close("the gate is stopping")
        try:
            await self._wait_all_gone()
        finally:
            for flow in flows:
                flow.abort("the gate is stopping")
        await self._wait_all_gone()  # a turn or two: nothing is waited for any more

    async def _wait_all_gone(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self.limits.close_seconds):
                while self._inbound or self._outbound:
                    self._all_gone.clear()
                    await self._all_gone.wait()

    # told by the flows

    def opened(self, flow: TcpFlow) -> bool:
        """A connection stands; False when it is one too many."""
        if flow.is_outbound:
            return not self._is_closed
        if self._is_closed or len(self._inbound) >= self.limits.connections:
            self.delivery.counts.refused_connections += 1
            if self._is_closed or not self._silent:
                return False
            next(iter(self._silent)).abort("too many connections, and it never said anything")
        of_host = self._inbound_by_host.get(flow.host, 0)
        if of_host >= self.limits.connections_per_host:
            self.delivery.counts.refused_connections += 1
            return False
        self._inbound_by_host[flow.host] = of_host + 1
        self._inbound.add(flow)
        self._by_peer[flow.host, flow.port] = flow
        flow.closes_at = self.clock.now() + self.limits.first_message_seconds
        self._silent[flow] = None
        return True

    def spoke(self, flow: TcpFlow) -> None:
        """A whole message has come: it may stay."""
        self._silent.pop(flow, None)

    def heard_part(self, flow: TcpFlow, *, begun: bool, ended: bool) -> None:
        """Bytes have come: a message has `begun` and is not whole yet; others have `ended`."""
        if ended or not begun:
            self._unfinished.pop(flow, None)
        if begun and flow not in self._unfinished:
            self._unfinished[flow] = self.clock.now() + self.limits.message_seconds

    def closing(self, flow: TcpFlow) -> None:
        """It sends its rest and must be gone in time."""
        self._silent.pop(flow, None)
        self._unfinished.pop(flow, None)
        if flow not in self._closing:
            flow.closes_at = self.clock.now() + self.limits.close_seconds
            self._closing[flow] = None

    def lost(self, flow: TcpFlow, reason: str) -> None:
        """It is gone; its last word to the receiver."""
        if flow in self._inbound:
            left = self._inbound_by_host[flow.host] - 1
            if left:
                self._inbound_by_host[flow.host] = left
            else:
                del self._inbound_by_host[flow.host]
        for flows in (self._inbound, self._outbound):
            flows.discard(flow)
        for timed in (self._silent, self._closing):
            timed.pop(flow, None)
        self._unfinished.pop(flow, None)
        for port in (flow.port, flow.alias_port):
            if self._by_peer.get((flow.host, port)) is flow:
                del self._by_peer[flow.host, port]
        if not self._inbound and not self._outbound:
            self._all_gone.set()
        log.debug("flow_lost", flow=flow.name, reason=reason)
        if not self._is_closed:
            self.delivery.flow_lost(flow, reason)


def _due(flows: dict[TcpFlow, None], now: float) -> list[TcpFlow]:
    due = []
    for flow in flows:
        if flow.closes_at > now:
            break
        due.append(flow)
    return due


def reason_for_people(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__
