"""Sockets that were open before this process began: handed over by its predecessor, or by systemd.

The way is that of sd_listen_fds(3): they lie from descriptor 3 on, LISTEN_FDS says how many, and
LISTEN_PID for whom. Whatever arrived meanwhile waits in them.
"""

import fcntl
import os
import socket
from collections.abc import Iterable, MutableMapping
from ipaddress import ip_address

FIRST_DESCRIPTOR = 3
MOST_DESCRIPTORS = 256  # more than anybody listens on
COUNT, FOR_WHOM = "LISTEN_FDS", "LISTEN_PID"


class InheritedSockets:
    """Gives each socket once, to the listener of its transport and address."""

    def __init__(self, sockets: Iterable[socket.socket] = ()) -> None:
        self._sockets = list(sockets)

    def __len__(self) -> int:
        return len(self._sockets)

    def take(self, transport: str, host: str, port: int) -> socket.socket | None:
        """The socket that is bound there; None: it has to be opened."""
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        for sock in self._sockets:
            if sock.type == kind and _is_bound_to(sock, host, port):
                self._sockets.remove(sock)
                return sock
        return None

    def close(self) -> None:
        """Close those that nobody took: their addresses are not listened on any more."""
        for sock in self._sockets:
            sock.close()
        self._sockets.clear()


def inherit(environ: MutableMapping[str, str]) -> InheritedSockets:
    """What this process was given; `environ` says so no longer, for that isn't for its children."""
    count, pid = environ.pop(COUNT, ""), environ.pop(FOR_WHOM, "")
    if pid != str(os.getpid()) or not count.isdecimal():
        return InheritedSockets()
    sockets = []
    for descriptor in range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + min(int(count), MOST_DESCRIPTORS)):
        try:
            sock = socket.socket(fileno=descriptor)
        except OSError:
            continue  # a pipe, or nothing at all
        sock.setblocking(False)
        sock.set_inheritable(False)
        sockets.append(sock)
    return InheritedSockets(sockets)


def bequeathed(descriptor: int) -> int:
    """A copy of a descriptor that outlives it, out of the way of where `bequeath` puts it."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, FIRST_DESCRIPTOR + MOST_DESCRIPTORS)


def bequeath(descriptors: Iterable[int], environ: MutableMapping[str, str]) -> None:
    """Lay them where the program finds them that this process becomes; exec must follow."""
    count = 0
    for count, descriptor in enumerate(descriptors, 1):
        os.dup2(descriptor, FIRST_DESCRIPTOR + count - 1, inheritable=True)
    environ[COUNT], environ[FOR_WHOM] = str(count), str(os.getpid())


def _is_bound_to(sock: socket.socket, host: str, port: int) -> bool:
    address = sock.getsockname()
    if not isinstance(address, tuple) or address[1] != port:
        return False
    return ip_address(address[0].partition("%")[0]) == ip_address(host.partition("%")[0])
