"""Upstreams: where allowed calls go. One target each for now; failover comes with DNS."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One place that carries calls."""

    transport: str  # "udp" or "tcp"
    host: str  # numeric address, resolved before the target is made
    port: int
    uri_hostport: bytes  # what a rewritten Request-URI says: host, and port where it was given

    @property
    def key(self) -> bytes:
        """The target with its transport, as branches and the ledger name it."""
        return f"{self.transport}:{self.host}:{self.port}".encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """A named group of targets (design §12)."""

    name: str
    target: Target
    trusted: bool = True  # False: P-Asserted-Identity is withheld when Privacy says `id`
    tags: str = "id"  # what X-SipGate-Verdict says: "id", "full" or "none"
