"""Which addresses mean the gate itself: each listener's, each advertised one, the aliases."""

from collections.abc import Iterable

from sipgate.net import Flow, Listener

SIP_PORT, SIPS_PORT = 5060, 5061
WILDCARDS = ("0.0.0.0", "::", "[::]")


class OwnAddresses:
    """Answers whether a host and port of a URI or a Via are the gate (design §6, Request-URI)."""

    def __init__(self, listeners: Iterable[Listener], aliases: Iterable[str]) -> None:
        self._own: set[tuple[bytes, int]] = set()
        self._wildcard_ports: set[int] = set()
        self._alias_hosts: set[bytes] = set()
        for listener in listeners:
            self._own.add((listener.advertised_host.lower(), listener.advertised_port))
            self._own.add((_host_bytes(listener.host), listener.port))
            if listener.host in WILDCARDS:
                self._wildcard_ports.add(listener.port)
            if listener.host in WILDCARDS or listener.host.startswith("127."):
                self._own.add((b"localhost", listener.port))
        for alias in aliases:
            host, port = _split_alias(alias)
            if port is None:
                self._alias_hosts.add(host)
            else:
                self._own.add((host, port))

    def is_own(self, host: bytes, port: int | None, flow: Flow) -> bool:
        """True when a message that came down `flow` means the gate by this host and port."""
        host = host.lower()
        if host in self._alias_hosts:
            return True
        number = SIP_PORT if port is None else port
        if (host, number) in self._own:
            return True
        if port is None and (host, SIPS_PORT) in self._own:
            return True  # as sips URIs mean it
        if number in self._wildcard_ports:
            # The peer reached a wildcard listener by the address that the kernel answers from.
            return flow.local_sent_by == (host if number == SIP_PORT and port is None else b"") or (
                flow.local_sent_by == b"%b:%d" % (host, number)
            )
        return False


def _host_bytes(host: str) -> bytes:
    return f"[{host}]".lower().encode() if ":" in host and host[0] != "[" else host.lower().encode()


def _split_alias(alias: str) -> tuple[bytes, int | None]:
    host, colon, port = alias.rpartition(":")
    if colon and port.isdigit() and (":" not in host or host.endswith("]")):
        return host.lower().encode(), int(port)
    return _host_bytes(alias), None
