"""UDP: one socket, its reader, and the peers it knows. The only module that knows asyncio-dgram.

Datagrams come through asyncio-dgram. Those that arrive while none is waiting, and in the first
millisecond of a turn of the loop, are handed on at once; the others go through its queue, whose
age then shows the overload. (Measured: waking the reader for each one costs 3 to 5 us.) Where
several come in one turn, those behind them are read here, straight from the socket, until none is
left or the time is over: that costs half, and overload is made of what a datagram costs.

They leave by the socket itself, not by the transport, so that an error names the peer that it
belongs to (uvloop's `sendto` reports errors without an address): those of one turn together at its
end, where the C part for it was built, or at once. Only what the kernel has no room for waits in
the transport.

RFC 3261 §18.4 wants ICMP errors told; that takes IP_RECVERR, and uvloop 0.23 crashes (SIGSEGV in
its receive callback) when a socket with that option gets one. So a dead UDP peer shows by silence,
as behind any firewall; errors that the kernel knows at once (no route) are told.
"""

import asyncio
import os
import socket
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Any

import asyncio_dgram
import structlog

from sipgate.clock import Clock

from .datagrams import (
    AT_ONCE,
    Address,
    Message,
    choose_many_at_once,
    pack_address,
    receive_singly,
    unpack_address,
)
from .delivery import Arrived, Delivery
from .flow import Flow
from .kernel_backlog import KernelBacklog
from .limits import NetLimits
from .listener import Listener

log = structlog.get_logger()

BATCH_PACKETS = 128  # handled without a turn of the loop in between,
BATCH_SECONDS = 0.001  # and no longer than this (design §16),
BUSY_SECONDS = 0.003  # or this, while more wait: libuv reads 32 at each turn, the dear way
SEVERAL = 4  # in one turn: more are likely to wait in the kernel
WAITING_BYTES = 1 << 20  # in the transport, while the kernel's send buffer is full
KEEP_ALIVE_BYTES = 4  # CRLF CRLF, or a NUL: phones behind NAT
SO_RCVBUFFORCE = 33  # linux/asm-generic/socket.h; needs CAP_NET_ADMIN


class UdpFlow(Flow):
    """A UDP peer. Open for as long as the socket is."""

    __slots__ = ("address", "is_loss_due", "packed", "seen_again", "udp_socket")

    transport = "udp"
    reliable = False

    def __init__(self, address: Address, udp_socket: "UdpSocket") -> None:
        super().__init__(address[0], address[1], udp_socket.listener)
        self.address = address
        self.packed = b""  # its address as the kernel has it, once it was needed
        self.udp_socket = udp_socket
        self.seen_again = False
        self.is_loss_due = False

    @property
    def is_open(self) -> bool:
        return self.udp_socket.is_open

    def send(self, data: bytes) -> None:
        self.udp_socket.send(data, self)


class WaitingDatagrams(asyncio.Queue[tuple[bytes | None, Address]]):
    """asyncio-dgram's receive queue, which a datagram need not enter while it is empty."""

    def __init__(self, take_at_once: Callable[[bytes | None, Address], bool]) -> None:
        super().__init__()
        self._take_at_once = take_at_once

    def put_nowait(self, item: tuple[bytes | None, Address]) -> None:
        waiting: deque[tuple[bytes | None, Address]] = self._queue  # type: ignore[attr-defined]
        if waiting:
            waiting.append(item)  # whoever waits for one has been woken; nobody counts them
        elif not self._take_at_once(*item):
            super().put_nowait(item)

    def wait(self, raw: bytes, address: Address) -> None:
        """Let a datagram wait in any case."""
        super().put_nowait((raw, address))


class UdpSocket:
    """One bound socket: reads in batches, sends at once, keeps a flow for each recent peer."""

    def __init__(
        self,
        sock: socket.socket,
        listener: Listener,
        delivery: Delivery,
        limits: NetLimits,
        clock: Clock,
        may_shed: Callable[[bytes], bool],
    ) -> None:
        self.listener = listener
        self.is_open = True
        self._delivery = delivery
        self._limits = limits
        self._clock = clock
        self._may_shed = may_shed
        # Oldest first; a plain dict takes ever longer to find its first key when that was removed.
        self._flows: OrderedDict[Address, UdpFlow] = OrderedDict()
        self._flows_by_packed: dict[bytes, UdpFlow] = {}  # some of them, by `UdpFlow.packed`
        self._many = choose_many_at_once()
        self._outbox: list[Message] = []  # with the flow of each; what goes out at the turn's end
        self._read = 0  # datagrams taken from the queue so far
        self._marks: deque[tuple[int, float]] = deque()  # (datagram number, in the queue since)
        self._socket = sock
        self._backlog = KernelBacklog(sock)
        self._stream: Any = None
        self._queue: WaitingDatagrams
        self._turn_ends_at: float | None = None  # None: nothing was handed on in this turn
        self._in_turn = 0  # datagrams that asyncio-dgram gave and that were handed on at once
        self._is_running = False
        self._loop: asyncio.AbstractEventLoop

    async def open(self) -> None:
        """Take over the socket: from now on the kernel's buffer is emptied into the queue."""
        granted = _widen_receive_buffer(self._socket, self._limits.udp_receive_buffer_bytes)
        self._loop = asyncio.get_running_loop()
        self._stream = await asyncio_dgram.from_socket(self._socket)
        # asyncio-dgram has no way to give it a queue.
        self._queue = WaitingDatagrams(self._take_at_once)
        arrived: asyncio.Queue[tuple[bytes | None, Address]] = self._stream._recvq
        self._stream._recvq = self._stream._transport.get_protocol()._recvq = self._queue
        while not arrived.empty():  # an inherited socket has been filling all the time
            self._queue.put_nowait(arrived.get_nowait())
        log.info("udp_opened", listener=self.listener.name, receive_buffer_bytes=granted)

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._socket.fileno()

    @property
    def queued(self) -> int:
        """Datagrams that wait to be handled."""
        return self._queue.qsize()

    def queue_age_seconds(self, now: float) -> float:
        """How long a datagram waits: the next one has at least, or one that arrives now will.

        The measure of overload (design §16).
        """
        self._drop_passed_marks()
        waited = now - self._marks[0][1] if self._marks else 0.0
        return max(waited, self._backlog.seconds(self._read, now))

    def flow(self, address: Address) -> UdpFlow:
        """The flow of a peer: the same object for the same peer while it is remembered."""
        flow = self._flows.get(address)
        if flow is not None:
            flow.seen_again = True
            return flow
        if len(self._flows) >= self._limits.udp_peers:
            self._forget_one()
        flow = self._flows[address] = UdpFlow(address, self)
        return flow

    async def run(self) -> None:
        """Hand on what arrives, in order, until the socket is closed."""
        queue = self._queue
        self._is_running = True
        while True:
            try:
                raw, address = await self._stream.recv()
            except asyncio_dgram.TransportClosed:
                return
            except OSError as error:  # of an earlier datagram; it comes out here
                self._socket_failed(error)
                continue
            self._work_off(raw, address)
            if not queue.empty():
                await asyncio.sleep(0)  # timers and other sockets have their turn

    async def watch_errors(self) -> None:
        """Take errors off asyncio-dgram's other queue as they come; nothing else bounds it."""
        errors: asyncio.Queue[Exception] = self._stream._excq
        while True:
            self._socket_failed(await errors.get())

    def send(self, data: bytes, flow: UdpFlow) -> None:
        """`UdpFlow.send`: whoever waits for the datagrams of a turn is woken once for all."""
        outbox = self._outbox
        if self._many is None or not self.is_open:
            self._send_at_once(data, flow)
            return
        if not flow.packed:
            flow.packed = pack_address(flow.address)
        if not outbox:
            self._loop.call_soon(self._empty_outbox)  # if nothing does it sooner
        outbox.append((data, flow.packed, flow))
        if len(outbox) == AT_ONCE:
            self._empty_outbox()

    def close(self) -> None:
        """Stop at once: UDP keeps nothing that could still be sent, but a full kernel buffer."""
        if self.is_open:
            self._empty_outbox()
            self.is_open = False
            if self._stream is None:
                self._socket.close()
            else:
                self._stream.close()
            self._flows.clear()
            self._flows_by_packed.clear()

    def _take_at_once(self, raw: bytes | None, address: Address) -> bool:
        """Hand a datagram on if it is its turn; False: it has to wait in the queue."""
        if raw is None or not self._is_running:
            return False
        turn_ends_at = self._turn_ends_at
        if turn_ends_at is None:
            turn_ends_at = self._turn_ends_at = self._clock.now() + BATCH_SECONDS
            self._in_turn = 0
            self._loop.call_soon(self._begin_turn)
        elif self._clock.now() >= turn_ends_at:
            return False
        self._hand_on(raw, self.flow(address))
        self._in_turn += 1
        if self._in_turn == SEVERAL and not self._backlog.is_filling:
            self._drain(turn_ends_at)
            self._empty_outbox()
            # Each datagram is a call of its own from libuv, which goes on reading up to 32.
            self._turn_ends_at = self._clock.now() + BATCH_SECONDS
        return True

    def _drain(self, ends_at: float) -> None:
        """Hand on what waits in the kernel, until none is left or the time is over.

        Only where none waits in the queue: it came before these.
        """
        now, left = self._clock.now, BATCH_PACKETS
        while left > 0 and self.is_open and now() < ends_at:
            most = min(left, AT_ONCE)
            try:
                found = self._read_some(most)
            except OSError as error:  # of an earlier datagram, as in `run`
                self._socket_failed(error)
                return
            arrived = Arrived(
                [
                    (raw, flow)
                    for raw, flow in found
                    if len(raw) > KEEP_ALIVE_BYTES or not self._is_keep_alive(raw)
                ]
            )
            self._read += len(found) - len(arrived.packets)
            self._delivery.take(arrived, ends_at)
            self._read += arrived.at
            late = arrived.packets[arrived.at :]
            if late:
                for raw, flow in late:
                    assert isinstance(flow, UdpFlow), "one of ours"
                    self._queue.wait(raw, flow.address)
                self._marks.append((self._read + len(late), now()))
            if late or len(found) < most:
                return
            left -= most

    def _read_some(self, most: int) -> list[tuple[bytes, Flow]]:
        """So many datagrams from the kernel, or as many as wait there."""
        if self._many is None:
            return [
                (raw, self.flow(address)) for raw, address in receive_singly(self._socket, most)
            ]
        flows, found = self._flows_by_packed, list[tuple[bytes, Flow]]()
        for raw, packed in self._many.receive(self._socket.fileno(), most):
            flow = flows.get(packed)
            if flow is None:
                flow = self.flow(unpack_address(packed))
                flow.packed = packed
                flows[packed] = flow
            else:
                flow.seen_again = True
            found.append((raw, flow))
        return found

    def _is_keep_alive(self, raw: bytes) -> bool:
        if len(raw) > KEEP_ALIVE_BYTES or raw.strip(b"\r\n\0 "):
            return False
        self._delivery.counts.keep_alives += 1
        return True

    def _empty_outbox(self) -> None:
        messages, at = self._outbox, 0
        if not messages or self._many is None:
            return
        self._outbox = []
        while at < len(messages):
            at, error = self._many.send_all(self._socket.fileno(), messages, at)
            if error:
                data, _, flow = messages[at]
                assert isinstance(flow, UdpFlow), "`send` put it there"
                self._send_failed(data, flow, OSError(error, os.strerror(error)))
                at += 1

    def _send_at_once(self, data: bytes, flow: UdpFlow) -> None:
        try:
            self._socket.sendto(data, flow.address)
        except OSError as error:
            self._send_failed(data, flow, error)

    def _send_failed(self, data: bytes, flow: UdpFlow, error: OSError) -> None:
        """What could not be sent waits in the transport, or is lost and told so."""
        if not self.is_open:
            self._delivery.counts.unsent += 1
            return
        if isinstance(error, BlockingIOError) and self._has_room_for(data):
            self._stream._transport.sendto(data, flow.address)
            return
        self._delivery.counts.unsent += 1
        if not flow.is_loss_due:
            flow.is_loss_due = True
            reason = (error.strerror or str(error)).lower()
            asyncio.get_running_loop().call_soon(self._tell_loss, flow, reason)

    def _hand_on(self, raw: bytes, flow: UdpFlow) -> None:
        self._read += 1
        if not self._is_keep_alive(raw):
            self._delivery.packet(raw, flow)

    def _begin_turn(self) -> None:
        self._turn_ends_at = None

    def _work_off(self, raw: bytes | None, address: Address) -> None:
        self._work_off_queue(raw, address)
        self._empty_outbox()

    def _work_off_queue(self, raw: bytes | None, address: Address) -> None:
        """Handle `raw` and what is queued behind it, as far as one turn of the loop allows."""
        queue, now, flows, delivery = self._queue, self._clock.now, self._flows, self._delivery
        length, limit = queue.qsize(), self._limits.udp_queue_packets
        to_shed = length - limit * 3 // 4 if length > limit else 0
        is_flooded = length > 4 * limit
        # What waited when it began is worked off first; what waits behind it is read the cheap way.
        ends_at = now() + (BUSY_SECONDS if length else BATCH_SECONDS)
        left = BATCH_PACKETS
        while raw is not None:
            self._read += 1
            if len(raw) <= KEEP_ALIVE_BYTES and not raw.strip(b"\r\n\0 "):
                delivery.counts.keep_alives += 1
            elif to_shed and (is_flooded or self._may_shed(raw)):
                to_shed -= 1
                delivery.counts.shed += 1
            else:
                flow = flows.get(address)
                if flow is None:
                    flow = self.flow(address)
                else:
                    flow.seen_again = True
                delivery.packet(raw, flow)
                left -= 1
            if queue.empty():
                self._marks.clear()
                if not self._backlog.is_filling:
                    self._drain(ends_at)
                return
            if left <= 0 or now() >= ends_at:
                self._drop_passed_marks()
                self._marks.append((self._read + queue.qsize(), now()))
                return
            raw, address = queue.get_nowait()

    def _drop_passed_marks(self) -> None:
        marks = self._marks
        while marks and marks[0][0] <= self._read:
            marks.popleft()

    def _forget_one(self) -> None:
        """Forget the peer that was remembered first, but not one that came again meanwhile.

        So a flood from made-up addresses pushes out itself and not the trunk.
        """
        flows = self._flows
        while True:
            address, flow = flows.popitem(last=False)
            if not flow.seen_again:
                self._flows_by_packed.pop(flow.packed, None)
                return
            flow.seen_again = False
            flows[address] = flow

    def _has_room_for(self, data: bytes) -> bool:
        waiting: int = self._stream._transport.get_write_buffer_size()
        return waiting + len(data) <= WAITING_BYTES

    def _tell_loss(self, flow: UdpFlow, reason: str) -> None:
        flow.is_loss_due = False
        if self.is_open:
            self._delivery.flow_lost(flow, reason)

    def _socket_failed(self, error: Exception) -> None:
        self._delivery.counts.udp_errors += 1  # it names no peer, so no flow is lost
        log.debug("udp_failed", listener=self.listener.name, error=str(error))


def _widen_receive_buffer(sock: socket.socket, wanted_bytes: int) -> int:
    """Ask for a receive buffer, past the system's limit where allowed; returns what is granted."""
    for option in (SO_RCVBUFFORCE, socket.SO_RCVBUF):
        try:
            sock.setsockopt(socket.SOL_SOCKET, option, wanted_bytes)
        except PermissionError:
            continue
        break
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2  # the kernel doubles it
