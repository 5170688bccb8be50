"""Where SIP comes from: the configured sources, and which of them an address belongs to."""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal

from sipgate.net import Flow
from sipgate.numbers import DialPlan

CACHED_HOSTS = 16_384  # about 2 MB; a flood with forged addresses only empties it

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Source:
    """A PBX, a trunk or a subnet of softphones, and what holds for it."""

    name: str
    networks: tuple[Network, ...]
    certificates: tuple[str, ...] = ()  # names that prove it by TLS, whatever its address
    upstream: str  # where its calls go
    dial_plan: DialPlan
    identity: tuple[str, ...] = ("p-asserted-identity", "from")  # schemes of `identity`, in order
    trusted: bool = False  # its asserted identities, campaign and lead headers are believed
    decide: bool = True  # False: calls come in by it and are only recorded
    realm: str | None = None  # of the digest that its callers prove themselves by
    organisation: str | None = None  # None: the source's name
    campaign_header: bytes | None = None  # in lower case
    lead_region_header: bytes | None = None  # the same: where the called person is
    lead_zone_header: bytes | None = None
    callers_listed: bool = False  # callers without an entry of their own are one caller
    registrations: Literal["pass", "refuse", "path", "contact"] = "pass"
    nat: bool = False
    routes: bool = False
    accept_tags: bool = False
    uri_lists: bool = False  # may name several callees in one request
    rejects_to_mismatch: bool = False  # refuses a To with another number than the Request-URI's
    strip: int = 0  # characters taken off before a number goes out
    prefix: str = ""  # what is put in front of it
    e164: bool = False  # it goes out as it was read: +4930…

    @property
    def takes_anybody(self) -> bool:
        """Whether it is whoever no other source matches: a stranger until a password is proven.

        Without a realm nobody is asked for one, and all of an open network are the source's own.
        """
        return self.realm is not None and any(one.prefixlen == 0 for one in self.networks)


class SourceTable:
    """Finds the source of an address: the most specific network wins.

    Two sources may not name the same network: ValueError says which.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self._sources_by_name: dict[str, Source] = {}
        self._sources_by_network: dict[tuple[int, int, int], Source] = {}
        for source in sources:
            if self._sources_by_name.setdefault(source.name, source) is not source:
                raise ValueError(f"two sources are named {source.name}")
            for network in source.networks:
                key = _key_of(network)
                other = self._sources_by_network.setdefault(key, source)
                if other is not source:
                    raise ValueError(f"{network} is in two sources: {other.name}, {source.name}")
        self._sources_by_certificate = {
            name.lower(): source
            for source in self._sources_by_name.values()
            for name in source.certificates
        }
        self.takes_anybody = any(one.takes_anybody for one in self._sources_by_name.values())
        self._prefix_lengths = {
            version: sorted({key[1] for key in self._sources_by_network if key[0] == version})[::-1]
            for version in (4, 6)
        }
        self._sources_by_host: dict[str, Source | None] = {}  # answers given before

    def find_flow(self, flow: Flow) -> Source | None:
        """The source at the end of a flow: by its certificate if it shows one, else by address."""
        if flow.peer_names and self._sources_by_certificate:
            for name in flow.peer_names:
                source = self._sources_by_certificate.get(name)
                if source is not None:
                    return source
        return self.find(flow.host)

    def find(self, host: str) -> Source | None:
        """The source of a numeric address; None for a stranger."""
        try:
            return self._sources_by_host[host]
        except KeyError:
            pass
        source = self._find(host)
        if len(self._sources_by_host) >= CACHED_HOSTS:
            self._sources_by_host.clear()
        self._sources_by_host[host] = source
        return source

    def named(self, name: str) -> Source | None:
        """The source of that name, which an entry of the ledger may outlive."""
        return self._sources_by_name.get(name)

    def _find(self, host: str) -> Source | None:
        try:
            address: IPv4Address | IPv6Address = ip_address(host.partition("%")[0].strip("[]"))
        except ValueError:
            return None
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        bits, number = address.max_prefixlen, int(address)
        for length in self._prefix_lengths[address.version]:
            network = number >> (bits - length) << (bits - length)
            source = self._sources_by_network.get((address.version, length, network))
            if source is not None:
                return source
        return None


def _key_of(network: Network) -> tuple[int, int, int]:
    """Version, prefix length and address; IPv4 in its IPv6 spelling is IPv4 (RFC 5118 §4.9)."""
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        if mapped is not None:
            return 4, network.prefixlen - 96, int(mapped)
    return network.version, network.prefixlen, int(network.network_address)
