"""Host names to numeric addresses, without asking twice within a minute."""

import asyncio
import ipaddress
import socket

from sipgate.clock import Clock

KEPT_SECONDS = 60.0
KEPT_FAILED_SECONDS = 5.0
KEPT_HOSTS = 4096
ASK_SECONDS = 5.0


class ResolveError(Exception):
    """A host name has no address now; `host`, and `reason` for people."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(f"{host}: {reason}")
        self.host = host
        self.reason = reason


class Resolver:
    """Asks the system's resolver; of several addresses it takes IPv4 first.

    Only names from the configuration come here, so one address per name is enough until RFC 3263.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[float, str | ResolveError]] = {}  # until when; oldest first
        self._asking: dict[str, asyncio.Event] = {}

    def lookup(self, host: str) -> str | None:
        """The numeric address if it is known without asking; IPv6 without brackets."""
        found = self._find(host)
        return found if isinstance(found, str) else None

    async def resolve(self, host: str) -> str:
        """The numeric address. Raises ResolveError; a failure too is kept, for 5 seconds."""
        while True:
            found = self._find(host)
            if isinstance(found, str):
                return found
            if found is not None:
                raise ResolveError(found.host, found.reason)
            asking = self._asking.get(host)
            if asking is None:
                return await self._ask(host)
            await asking.wait()

    def _find(self, host: str) -> str | ResolveError | None:
        kept = self._kept.get(host)
        if kept is not None and self._clock.now() < kept[0]:
            return kept[1]
        return numeric(host)

    async def _ask(self, host: str) -> str:
        asked = self._asking[host] = asyncio.Event()
        try:
            async with asyncio.timeout(ASK_SECONDS):
                rows = await asyncio.get_running_loop().getaddrinfo(
                    host, None, type=socket.SOCK_DGRAM
                )
            address = str(min(rows, key=lambda row: row[0] != socket.AF_INET)[4][0])
        except (OSError, UnicodeError, ValueError) as error:  # TimeoutError is an OSError
            failure = ResolveError(host, _reason(error))
            self._keep(host, KEPT_FAILED_SECONDS, failure)
            raise failure from error
        else:
            self._keep(host, KEPT_SECONDS, address)
            return address
        finally:
            del self._asking[host]
            asked.set()

    def _keep(self, host: str, seconds: float, found: str | ResolveError) -> None:
        self._kept.pop(host, None)
        while len(self._kept) >= KEPT_HOSTS:
            del self._kept[next(iter(self._kept))]
        self._kept[host] = (self._clock.now() + seconds, found)


def numeric(host: str) -> str | None:
    """The address in the kernel's own spelling if `host` is one (brackets allowed), else None."""
    try:
        return str(ipaddress.ip_address(host.strip("[]")))
    except ValueError:
        return None


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer from the resolver within {ASK_SECONDS:.0f} s"
    if isinstance(error, socket.gaierror) and error.strerror:
        return error.strerror.lower()
    return "is no host name"
