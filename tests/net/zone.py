"""A name server on 127.0.0.1 with the records that a test gives it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset


class Zone(asyncio.DatagramProtocol):
    """`rrsets` are texts such as `a.example. 300 IN A 192.0.2.1`; anything else is NXDOMAIN."""

    def __init__(self, *rrsets: str) -> None:
        self.asked: list[str] = []
        self.is_silent = False
        self._rrsets = {}
        for text in rrsets:
            name, ttl, _, kind, *rdata = text.split(" ", 4)
            rrset = dns.rrset.from_text(name, int(ttl), "IN", kind, rdata[0])
            known = self._rrsets.setdefault((str(rrset.name).lower(), kind), rrset)
            if known is not rrset:
                known.update(rrset)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        question = dns.message.from_wire(data)
        [asked] = question.question
        kind = asked.to_text().split()[-1]
        name = str(asked.name).lower()
        self.asked.append(f"{name} {kind}")
        if self.is_silent:
            return
        answer = dns.message.make_response(question)
        answer.flags |= dns.flags.RA | dns.flags.AA
        found = self._rrsets.get((name, kind))
        if found is not None:
            answer.answer.append(found)
        elif not any(known == name for known, _ in self._rrsets):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(answer.to_wire(), peer)


@asynccontextmanager
async def serving(zone: Zone) -> AsyncIterator[dns.asyncresolver.Resolver]:
    """A resolver that asks this zone and nobody else."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: zone, local_addr=("127.0.0.1", 0))
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    resolver.timeout = 0.2
    try:
        yield resolver
    finally:
        transport.close()
