"""Records of host names, from /etc/hosts and the machine's name servers. The one user of dnspython.

Every question has a deadline and every answer the seconds for which it may be kept.
"""

import asyncio
import ipaddress
from pathlib import Path
from typing import Protocol, TypeVar

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

from .location import Naptr, Srv

HOSTS_FILE = Path("/etc/hosts")
ASK_SECONDS = 5.0
HOSTS_SECONDS = 10.0  # what /etc/hosts says is read again after that
NEGATIVE_SECONDS = 30.0  # that there is no such record

Row = TypeVar("Row")
Answer = tuple[list[Row], float]  # rows, seconds for which they hold


class LookupFailed(Exception):
    """The name servers gave no answer, which is not the answer that there is nothing."""


class NameRecords(Protocol):
    """What is asked of DNS; no rows: there are none. All raise LookupFailed."""

    async def naptr(self, name: str) -> Answer[Naptr]: ...

    async def srv(self, name: str) -> Answer[Srv]: ...

    async def addresses(self, name: str) -> Answer[str]:
        """IPv4 first."""
        ...


class MachineRecords:
    """The name servers of this machine's resolver configuration."""

    def __init__(
        self, hosts_file: Path = HOSTS_FILE, resolver: dns.asyncresolver.Resolver | None = None
    ) -> None:
        self._hosts_file = hosts_file
        self._resolver = resolver  # None: made at the first question, for it reads files

    async def naptr(self, name: str) -> Answer[Naptr]:
        answer = await self._ask(name, dns.rdatatype.NAPTR)
        if answer is None:
            return [], NEGATIVE_SECONDS
        rows = [
            Naptr(
                row.order,
                row.preference,
                row.flags.decode("ascii", "replace"),
                row.service.decode("ascii", "replace"),
                _name(row.replacement),
            )
            for row in answer
        ]
        return rows, _seconds(answer)

    async def srv(self, name: str) -> Answer[Srv]:
        answer = await self._ask(name, dns.rdatatype.SRV)
        if answer is None:
            return [], NEGATIVE_SECONDS
        rows = [Srv(row.priority, row.weight, row.port, _name(row.target)) for row in answer]
        return rows, _seconds(answer)

    async def addresses(self, name: str) -> Answer[str]:
        listed = await asyncio.to_thread(hosts_in, self._hosts_file, name)
        if listed:
            return listed, HOSTS_SECONDS
        answers = await asyncio.gather(
            self._ask(name, dns.rdatatype.A, search=True),
            self._ask(name, dns.rdatatype.AAAA, search=True),
            return_exceptions=True,
        )
        found: list[str] = []
        seconds = float("inf")
        for answer in answers:
            if isinstance(answer, dns.resolver.Answer):
                found += [str(row.address) for row in answer]
                seconds = min(seconds, _seconds(answer))
        if found:
            return found, seconds
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [], NEGATIVE_SECONDS

    async def _ask(
        self, name: str, kind: dns.rdatatype.RdataType, *, search: bool = False
    ) -> dns.resolver.Answer | None:
        try:
            if self._resolver is None:
                self._resolver = dns.asyncresolver.Resolver()
            return await self._resolver.resolve(name, kind, lifetime=ASK_SECONDS, search=search)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return None
        except dns.resolver.NoResolverConfiguration as error:
            raise LookupFailed("no name server is configured on this machine") from error
        except dns.exception.Timeout as error:
            raise LookupFailed(f"no answer from a name server in {ASK_SECONDS:.0f} s") from error
        except (dns.exception.DNSException, OSError, UnicodeError, ValueError) as error:
            raise LookupFailed(str(error) or type(error).__name__) from error


def hosts_in(path: Path, name: str) -> list[str]:
    """The addresses of a name in a hosts file, IPv4 first; none when it can't be read."""
    try:
        text = path.read_text("utf-8", "replace")
    except OSError:
        return []
    wanted, found = name.rstrip(".").lower(), []
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        if wanted in (known.lower() for known in names):
            try:
                found.append(ipaddress.ip_address(address))
            except ValueError:
                continue
    return [str(address) for address in sorted(found, key=lambda address: address.version)]


def _name(name: object) -> str:
    text = str(name)
    return text if text == "." else text.rstrip(".")


def _seconds(answer: dns.resolver.Answer) -> float:
    rrset = answer.rrset
    return float(rrset.ttl) if rrset is not None else NEGATIVE_SECONDS
