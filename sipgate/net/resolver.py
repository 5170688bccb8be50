"""Where SIP URIs lead, found by DNS (RFC 3263) and kept as long as DNS says.

Nobody waits for a name that is known, and a name that is not known holds up only who needs it.
While the name servers are silent, what they said last goes on being used (RFC 8767).
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from sipgate.clock import Clock

from .location import Place, Srvs, Wish, default_port, is_sip, ordered, services, srv_name
from .name_records import Answer, LookupFailed, MachineRecords, NameRecords

LEAST_SECONDS, MOST_SECONDS = 5.0, 86_400.0  # that an answer is kept, whatever its TTL says
KEPT_FAILED_SECONDS = 5.0
STALE_SECONDS = 30.0  # that an outdated answer is used again when there is no new one
KEPT_NAMES = 4096
MOST_PLACES = 32  # of one URI; who lists more servers lists too many
LOCATE_SECONDS = 12.0  # NAPTR, SRV, addresses, each with its own deadline

Found = TypeVar("Found")


class ResolveError(Exception):
    """A host name leads nowhere now; `host`, and `reason` for people."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(f"{host}: {reason}")
        self.host = host
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Location:
    """The places of a URI, best first, never none; good until `valid_until` (clock seconds)."""

    places: tuple[Place, ...]
    valid_until: float


class Resolver:
    """Locates SIP servers. `spoken` are the transports that the gate can send by, best first."""

    def __init__(
        self,
        clock: Clock,
        records: NameRecords | None = None,
        *,
        spoken: Sequence[str] = ("udp", "tcp"),
        random: Random | None = None,
    ) -> None:
        self._clock = clock
        self._records = records if records is not None else MachineRecords()
        self._spoken = tuple(spoken)
        self._random = random if random is not None else Random()
        self._kept: dict[Wish, Location | _Failure] = {}  # oldest first
        self._asking: dict[Wish, asyncio.Event] = {}

    def lookup(self, host: str) -> str | None:
        """The numeric address if it is known without asking; IPv6 without brackets."""
        found = self.located(Wish(host, 1, "udp"))
        return None if found is None else found.places[0].host

    async def resolve(self, host: str) -> str:
        """The first numeric address of a name, no SRV asked. Raises ResolveError."""
        return (await self.locate(Wish(host, 1, "udp"))).places[0].host

    def located(self, wish: Wish) -> Location | None:
        """The places if they are known without asking."""
        found = self._find(wish)
        return found if isinstance(found, Location) else None

    async def locate(self, wish: Wish) -> Location:
        """The places that a URI leads to. Raises ResolveError, which is kept for 5 seconds."""
        while True:
            found = self._find(wish)
            if isinstance(found, Location):
                return found
            if found is not None:
                raise ResolveError(wish.host, found.reason)
            asking = self._asking.get(wish)
            if asking is None:
                return await self._ask(wish)
            await asking.wait()

    def _find(self, wish: Wish) -> "Location | _Failure | None":
        kept = self._kept.get(wish)
        if kept is not None and self._clock.now() < kept.valid_until:
            return kept
        address = numeric(wish.host)
        if address is None:
            return None
        transport = wish.fixed_transport or ("tls" if wish.is_secure else "udp")
        place = Place(transport, address, wish.port or default_port(transport))
        return Location((place,), float("inf"))

    async def _ask(self, wish: Wish) -> Location:
        asked = self._asking[wish] = asyncio.Event()
        try:
            async with asyncio.timeout(LOCATE_SECONDS):
                search = _Search(self._records, self._spoken, self._random)
                places = await search.places(wish)
        except (LookupFailed, TimeoutError) as error:
            return self._stale(wish, str(error) or "no answer from a name server in time")
        finally:
            del self._asking[wish]
            asked.set()
        if not places:
            return self._failed(wish, "no such host name, or no server by a transport of ours")
        seconds = min(max(search.seconds, LEAST_SECONDS), MOST_SECONDS)
        location = Location(tuple(places[:MOST_PLACES]), self._clock.now() + seconds)
        self._keep(wish, location)
        return location

    def _stale(self, wish: Wish, reason: str) -> Location:
        """The name servers are silent: what they said last, else a failure."""
        kept = self._kept.get(wish)
        if not isinstance(kept, Location):
            return self._failed(wish, reason)
        location = Location(kept.places, self._clock.now() + STALE_SECONDS)
        self._keep(wish, location)
        return location

    def _failed(self, wish: Wish, reason: str) -> Location:
        self._keep(wish, _Failure(reason, self._clock.now() + KEPT_FAILED_SECONDS))
        raise ResolveError(wish.host, reason)

    def _keep(self, wish: Wish, found: "Location | _Failure") -> None:
        self._kept.pop(wish, None)
        while len(self._kept) >= KEPT_NAMES:
            del self._kept[next(iter(self._kept))]
        self._kept[wish] = found


@dataclass(frozen=True, slots=True)
class _Failure:
    reason: str
    valid_until: float


class _Search:
    """One location: asks what RFC 3263 §4 says, and notes for how long the answers hold."""

    def __init__(self, records: NameRecords, spoken: tuple[str, ...], random: Random) -> None:
        self.seconds = MOST_SECONDS
        self._records = records
        self._spoken = spoken
        self._random = random

    async def places(self, wish: Wish) -> list[Place]:
        host, transport = wish.host.rstrip("."), wish.fixed_transport
        if wish.port:
            return await self._at(host, transport, wish.port)
        if transport:
            return await self._by_srv([Srvs(transport, srv_name(host, transport))]) or (
                await self._at(host, transport, default_port(transport))
            )
        rows = await self._noted(self._records.naptr, host)
        offered = services(rows, self._spoken, is_secure=wish.is_secure)
        if not offered and any(map(is_sip, rows)):
            return []  # they say by what they are reached, and it is nothing that we speak
        if offered:
            return await self._by_srv(offered)
        wanted = ["tls"] if wish.is_secure else [name for name in self._spoken if name != "tls"]
        found = await self._by_srv([Srvs(name, srv_name(host, name)) for name in wanted])
        fallback = "tls" if wish.is_secure else "udp"
        return found or await self._at(host, fallback, default_port(fallback))

    async def _by_srv(self, offered: list[Srvs]) -> list[Place]:
        found: list[Place] = []
        for transport, name in offered:
            rows = await self._noted(self._records.srv, name)
            for row in ordered(rows, self._random)[:MOST_PLACES]:
                found += await self._at(row.target, transport, row.port)
        return found

    async def _at(self, host: str, transport: str, port: int) -> list[Place]:
        address = numeric(host)
        addresses = [address] if address else await self._noted(self._records.addresses, host)
        return [Place(transport, address, port) for address in addresses]

    async def _noted(
        self, ask: Callable[[str], Awaitable[Answer[Found]]], name: str
    ) -> list[Found]:
        rows, seconds = await ask(name)
        self.seconds = min(self.seconds, seconds)
        return rows


def numeric(host: str) -> str | None:
    """The address in the kernel's own spelling if `host` is one (brackets allowed), else None."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return None
