"""What waits in a socket's receive buffer, where asyncio can't see it.

libuv reads at most 32 datagrams in a turn of the loop, so under load the kernel's buffer is the
longest queue there is. Linux says how many bytes it accounts for there (SO_MEMINFO, 0.5 µs); how
long those will take is told by how fast datagrams were handled lately. Elsewhere it is always 0.
"""

import socket
import struct

SO_MEMINFO = 55  # include/uapi/asm-generic/socket.h, Linux 4.12
_MEMINFO = struct.Struct("=9I")  # SK_MEMINFO_RMEM_ALLOC comes first
DATAGRAM_BYTES = 1536  # accounted for one: 1,280 up to 600 bytes of SIP, 2,304 above (measured)
FIRST_GUESS = 0.00005  # seconds that a datagram takes, until it has been measured
LEARNING_SECONDS = 0.005  # measured over no less
SMOOTHING = 0.3


class KernelBacklog:
    """Says how long a datagram that arrives now will wait in the kernel."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._datagram_seconds = FIRST_GUESS
        self._asked_at = 0.0
        self._handled_then = 0
        self._was_waiting = False
        self._is_told = True

    def seconds(self, handled: int, now: float) -> float:
        """`handled`: how many datagrams were ever taken from the socket and dealt with."""
        waiting = self._bytes()
        since = now - self._asked_at
        if since >= LEARNING_SECONDS:
            done = handled - self._handled_then
            if self._was_waiting and waiting and done > 0:  # so it was busy all the time
                self._datagram_seconds += SMOOTHING * (since / done - self._datagram_seconds)
            self._asked_at = now
            self._handled_then = handled
            self._was_waiting = waiting > 0
        return waiting / DATAGRAM_BYTES * self._datagram_seconds

    def _bytes(self) -> int:
        if not self._is_told:
            return 0
        try:
            told = self._socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, _MEMINFO.size)
        except OSError:  # another kernel, or the socket is closed
            self._is_told = False
            return 0
        if len(told) < _MEMINFO.size:
            self._is_told = False
            return 0
        return int(_MEMINFO.unpack(told)[0])
