"""Where a SIP URI leads: RFC 3263 §4, from records in, to places in order out. No I/O here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, NamedTuple

SIP_PORT: Final = 5060
SIPS_PORT: Final = 5061

_SERVICES: Final = {"sip+d2u": "udp", "sip+d2t": "tcp", "sips+d2t": "tls"}
_SRV_PREFIXES: Final = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "tls": "_sips._tcp."}


class Naptr(NamedTuple):
    """What a NAPTR record says (RFC 3403 §4.1), as far as SIP needs it."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


class Srv(NamedTuple):
    """What an SRV record says (RFC 2782); `target` "." means that there is no such service."""

    priority: int
    weight: int
    port: int
    target: str


class Srvs(NamedTuple):
    """SRV records to ask for, and the transport that they are for."""

    transport: str
    name: str


class Place(NamedTuple):
    """A transport address; `host` is numeric, IPv6 without brackets."""

    transport: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What a URI asks for: `transport` "" and `port` 0 are for DNS to say."""

    host: str  # a name, or a numeric address without brackets
    port: int = 0
    transport: str = ""  # udp, tcp, tls
    is_secure: bool = False  # a sips URI: nothing but TLS will do

    @property
    def fixed_transport(self) -> str:
        """The transport where the URI alone decides it, else "" (RFC 3263 §4.1)."""
        if self.is_secure:
            return "tls" if self.transport or self.port else ""
        if self.transport:
            return self.transport
        return "udp" if self.port else ""


def default_port(transport: str) -> int:
    """The port where neither URI nor SRV names one (RFC 3261 §19.1.2)."""
    return SIPS_PORT if transport == "tls" else SIP_PORT


def srv_name(host: str, transport: str) -> str:
    """The name whose SRV records list a host's servers for a transport (RFC 3263 §4.1)."""
    return _SRV_PREFIXES[transport] + host


def is_sip(row: Naptr) -> bool:
    """Whether a NAPTR record is about SIP at all; others speak of ENUM or of mail."""
    return row.service.lower().partition("+")[0] in ("sip", "sips")


def services(rows: Iterable[Naptr], spoken: Sequence[str], *, is_secure: bool) -> list[Srvs]:
    """The transports that NAPTR records offer and we speak, best first (RFC 3263 §4.1)."""
    found = []
    for row in sorted(rows, key=lambda row: (row.order, row.preference)):
        transport = _SERVICES.get(row.service.lower())
        if transport is None or transport not in spoken or row.flags.lower() != "s":
            continue
        if is_secure and transport != "tls":
            continue
        found.append(Srvs(transport, row.replacement))
    return found


def ordered(rows: Iterable[Srv], random: Random) -> list[Srv]:
    """SRV records in the order in which they are tried: RFC 2782, "Weight".

    The lowest priority first; among equal ones a random choice in proportion to the weights, so
    that load spreads and every one of them has its turn.
    """
    by_priority: dict[int, list[Srv]] = {}
    for row in rows:
        if row.target not in ("", "."):
            by_priority.setdefault(row.priority, []).append(row)
    tried = []
    for priority in sorted(by_priority):
        left = sorted(by_priority[priority], key=lambda row: row.weight)  # weight 0 comes first
        while left:
            mark = random.randint(0, sum(row.weight for row in left))
            passed = 0
            for index, row in enumerate(left):
                passed += row.weight
                if passed >= mark:
                    tried.append(left.pop(index))
                    break
    return tried
