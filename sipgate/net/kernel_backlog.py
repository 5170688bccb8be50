"""What waits in a socket's receive buffer, where asyncio can't see it.

libuv reads at most 32 datagrams in a turn of the loop, so under load the kernel's buffer is the
longest queue there is. Linux says how many bytes it accounts for there (SO_MEMINFO, 0.5 µs); how
long those will take is told by how fast datagrams were handled lately. Elsewhere it is always 0.
"""

import socket
import struct

SO_MEMINFO = 55  # include/uapi/asm-generic/socket.h, Linux 4.12
_MEMINFO = struct.Struct("=9I")  # SK_MEMINFO_RMEM_ALLOC and SK_MEMINFO_RCVBUF come first
DATAGRAM_BYTES = 1536  # accounted for one: 1,280 up to 600 bytes of SIP, 2,304 above (measured)
FIRST_GUESS = 0.00005  # seconds that a datagram takes, until it has been measured
LEARNING_SECONDS = 0.005  # measured over no less
SMOOTHING = 0.3
ASKED_SECONDS = 0.001  # not more often than this


class KernelBacklog:
    """Says how long a datagram that arrives now will wait in the kernel."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._datagram_seconds = FIRST_GUESS
        self._waiting_bytes = 0
        self._buffer_bytes = 0
        self._asked_at = -ASKED_SECONDS
        self._learnt_at = 0.0
        self._handled_then = 0
        self._was_waiting = False
        self._is_told = True

    @property
    def is_filling(self) -> bool:
        """Whether the buffer was more than half full when `seconds` was last asked for."""
        return self._waiting_bytes > self._buffer_bytes // 2

    def seconds(self, handled: int, now: float) -> float:
        """`handled`: how many datagrams were ever taken from the socket and dealt with."""
        if now - self._asked_at >= ASKED_SECONDS:
            self._asked_at = now
            self._ask()
        waiting = self._waiting_bytes
        since = now - self._learnt_at
        if since >= LEARNING_SECONDS:
            done = handled - self._handled_then
            if self._was_waiting and waiting and done > 0:  # so it was busy all the time
                self._datagram_seconds += SMOOTHING * (since / done - self._datagram_seconds)
            self._learnt_at = now
            self._handled_then = handled
            self._was_waiting = waiting > 0
        return waiting / DATAGRAM_BYTES * self._datagram_seconds

    def _ask(self) -> None:
        self._waiting_bytes = 0
        if not self._is_told:
            return
        try:
            told = self._socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _MEMINFO.size)
        except OSError:  # another kernel, or the socket is closed
            self._is_told = False
            return
        if len(told) < _MEMINFO.size:
            self._is_told = False
            return
        self._waiting_bytes, self._buffer_bytes = _MEMINFO.unpack(told)[:2]
