"""Reading and sending past asyncio: many datagrams at once where the C part for it was built.

It has addresses packed, as the kernel has them: a peer that is known is found by its packed
address without anyone writing it out.
"""

import os
import socket
import sys
from typing import Any, NamedTuple, Protocol

Address = tuple[Any, ...]  # as the socket module has it: (host, port) or with flow and scope

AT_ONCE = 32  # the C part reads no more with one call
MOST_BYTES = 65535  # of a datagram


Message = tuple[bytes, bytes, object]  # a datagram, a packed address, and what the caller likes


class Receive(Protocol):
    """Up to `most` datagrams that wait there, each with its sender's packed address; never waits.

    OSError is what the kernel has to tell of an earlier one.
    """

    def __call__(self, descriptor: int, most: int, /) -> list[tuple[bytes, bytes]]: ...


class SendAll(Protocol):
    """Send these messages from `start` on; never waits.

    Gives the place of the first that could not leave and its errno, or the end and 0.
    """

    def __call__(
        self, descriptor: int, messages: list[Message], start: int, /
    ) -> tuple[int, int]: ...


class ManyAtOnce(NamedTuple):
    """The C part."""

    receive: Receive
    send_all: SendAll


def choose_many_at_once() -> ManyAtOnce | None:
    """The C part; None where it was not built or is not wanted."""
    if os.environ.get("SIPGATE_PURE") == "1":
        return None
    return build_many_at_once()


def build_many_at_once() -> ManyAtOnce | None:
    """The C part, with room of its own for what is received; None: it was not built."""
    try:
        from ._datagrams import build_receive, send_all
    except ImportError:
        return None
    return ManyAtOnce(build_receive(), send_all)


def receive_singly(sock: socket.socket, most: int) -> list[tuple[bytes, Address]]:
    """The same in Python, with addresses as the socket module gives them."""
    found: list[tuple[bytes, Address]] = []
    try:
        while len(found) < most:
            found.append(sock.recvfrom(MOST_BYTES))
    except BlockingIOError:
        return found
    except OSError:
        if not found:  # else the datagrams first; what the kernel has told is lost
            raise
    return found


def unpack_address(packed: bytes) -> Address:
    """A packed address (sockaddr_in, sockaddr_in6) as the socket module gives it."""
    family = int.from_bytes(packed[:2], sys.byteorder)
    port = int.from_bytes(packed[2:4], "big")
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, packed[4:8]), port
    assert family == socket.AF_INET6, "a socket of ours"
    return (
        socket.inet_ntop(socket.AF_INET6, packed[8:24]),
        port,
        int.from_bytes(packed[4:8], "big"),
        int.from_bytes(packed[24:28], sys.byteorder),
    )


def pack_address(address: Address) -> bytes:
    """What `unpack_address` reads; raises OSError for a host that is not numeric."""
    host: str = address[0]
    port: bytes = address[1].to_bytes(2, "big")
    if len(address) == 2:
        family = socket.AF_INET.to_bytes(2, sys.byteorder)
        return family + port + socket.inet_pton(socket.AF_INET, host) + bytes(8)
    family = socket.AF_INET6.to_bytes(2, sys.byteorder)
    flow_info: bytes = address[2].to_bytes(4, "big")
    scope: bytes = address[3].to_bytes(4, sys.byteorder)
    packed_host = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    return family + port + flow_info + packed_host + scope
