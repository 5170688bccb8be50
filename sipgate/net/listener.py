"""An address that the gate listens on, and what it is called towards each peer."""

import errno
import os
import socket

from .local_addresses import LocalAddresses

BACKLOG = 1024  # connections that the kernel completes before we take them
WILDCARDS = ("0.0.0.0", "::")


class ListenError(Exception):
    """An address can't be listened on; `address` as in `Listener.name`, `reason` for people."""

    def __init__(self, address: str, reason: str) -> None:
        super().__init__(f"{address}: {reason}")
        self.address = address
        self.reason = reason


class Listener:
    """One bound address. `host` may be a wildcard; `port` is the real one, never 0."""

    __slots__ = (
        "_local_addresses",
        "_sent_by_varies",
        "advertised_host",
        "advertised_port",
        "host",
        "name",
        "port",
        "transport",
        "via_sent_by",
    )

    def __init__(
        self,
        transport: str,
        host: str,
        port: int,
        *,
        advertise: str | None,
        local_addresses: LocalAddresses,
    ) -> None:
        self.transport = transport
        self.host = host
        self.port = port
        self.name = f"{transport}:{bracketed(host)}:{port}"
        advertised_host, advertised_port = split_host_port(advertise or host, port)
        self.advertised_host = bracketed(advertised_host).encode()  # IPv6 with brackets
        self.advertised_port = advertised_port
        self.via_sent_by = b"%s:%d" % (self.advertised_host, advertised_port)
        self._sent_by_varies = advertise is None and host in WILDCARDS
        self._local_addresses = local_addresses

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.host

    def sent_by_towards(self, peer_host: str) -> bytes:
        """What this listener is called towards a peer: by a wildcard, as the kernel routes."""
        if not self._sent_by_varies:
            return self.via_sent_by
        local = self._local_addresses.towards(peer_host)
        if local is None:
            return self.via_sent_by
        return b"%s:%d" % (bracketed(local).encode(), self.port)

    def __repr__(self) -> str:
        return f"<Listener {self.name}>"


def bracketed(host: str) -> str:
    """A host as it stands before a port: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def split_host_port(text: str, default_port: int) -> tuple[str, int]:
    """`gate.example.com:5060`, `[2001:db8::1]:5060`, `2001:db8::1` → host without brackets, port.

    Raises ValueError when there is no host or the port is none.
    """
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is no host and port")
        port = rest[1:]
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    number = int(port) if port else default_port
    if not host or not 0 <= number <= 65535:
        raise ValueError(f"{text!r} is no host and port")
    return host, number


def open_socket(transport: str, host: str, port: int) -> socket.socket:
    """A bound, non-blocking socket (TCP: one that already listens). Raises ListenError."""
    address = f"{transport}:{bracketed(host)}:{port}"
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    try:
        sock = socket.socket(family, kind)
    except OSError as error:
        raise ListenError(address, _reason(error, host, port)) from error
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:  # so that 0.0.0.0 and :: can both be listened on
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        if kind == socket.SOCK_STREAM:
            sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise ListenError(address, _reason(error, host, port)) from error
    return sock


def _reason(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is in use"
        case errno.EACCES | errno.EPERM:
            return f"not allowed to listen on port {port}"
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine"
        case errno.EAFNOSUPPORT:
            return f"this machine has no {'IPv6' if ':' in host else 'IPv4'}"
        case None:
            return f"{host} is no numeric address"
        case number:
            return os.strerror(number) if number > 0 else f"{host} is no numeric address"
