"""Keeps each upstream's targets where DNS says that they are now."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence

import structlog

from sipgate.clock import Clock
from sipgate.config import Config
from sipgate.config import Target as TargetSettings
from sipgate.net import Location, ResolveError, Resolver, Wish
from sipgate.proxy import Change, Prober, Target, Upstream

RETRY_SECONDS = 5.0  # after a name that could not be resolved
AHEAD_SECONDS = 2.0  # asked again so long before the answer ends
LONGEST_SECONDS = 3600.0

log = structlog.get_logger()


class UpstreamWatch:
    """Resolves the names of targets at the start, and again before their time is up.

    A name that can't be resolved costs its own target, never the start of the gate. Tells the log
    when a target dies or revives.
    """

    def __init__(
        self,
        config: Config,
        upstreams: Mapping[str, Upstream],
        resolver: Resolver,
        prober: Prober,
        clock: Clock,
    ) -> None:
        self._settings = {
            one.name: one.targets
            for one in config.upstream
            if any(target.is_name for target in one.targets)
        }
        self._upstreams = upstreams
        self._resolver = resolver
        self._prober = prober
        self._clock = clock
        self._unresolved: set[str] = set()
        self._asked_once = asyncio.Event()
        for upstream in upstreams.values():
            upstream.on_change(_tell)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            wait = await self.resolve()
            self._asked_once.set()
            await asyncio.sleep(wait)

    async def wait_first(self, seconds: float) -> None:
        """Wait until every name was asked for once, but no longer than that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked_once.wait()

    async def resolve(self) -> float:
        """Ask for every name once; gives how long that holds, in seconds."""
        waits = await asyncio.gather(
            *(self._resolve(name, targets) for name, targets in self._settings.items())
        )
        return max(1.0, min(waits, default=LONGEST_SECONDS))

    async def _resolve(self, name: str, settings: Sequence[TargetSettings]) -> float:
        found: list[Target] = []
        wait = LONGEST_SECONDS
        for one in settings:
            try:
                location = await self._resolver.locate(wish_of(one))
            except ResolveError as error:
                wait = min(wait, RETRY_SECONDS)
                self._unlocated(name, one, error.reason)
                found += self._before(name, one)
                continue
            self._unresolved.discard(f"{name} {one}")
            if one.is_name:
                wait = min(wait, location.valid_until - self._clock.now() - AHEAD_SECONDS)
            found += targets_at(one, location)
        self._adopt(name, found)
        return wait

    def _unlocated(self, name: str, settings: TargetSettings, reason: str) -> None:
        known = f"{name} {settings}"
        if known not in self._unresolved:
            self._unresolved.add(known)
            log.warning("target_unresolved", upstream=name, target=str(settings), error=reason)

    def _before(self, name: str, settings: TargetSettings) -> list[Target]:
        """Where its name led before: better than nowhere."""
        authority = settings.authority.encode()
        return [one for one in self._upstreams[name].targets if one.uri_hostport == authority]

    def _adopt(self, name: str, found: Sequence[Target]) -> None:
        upstream, now = self._upstreams[name], self._clock.now()
        targets = unique(found)
        if [one.key for one in targets] == [one.key for one in upstream.targets]:
            return
        upstream.adopt(targets, now)
        self._prober.follow(upstream, now)
        log.info("targets_found", upstream=name, targets=[one.key.decode() for one in targets])


def wish_of(settings: TargetSettings) -> Wish:
    """What DNS is asked for a configured target."""
    return Wish(settings.host, settings.port, settings.transport, settings.is_secure)


def targets_known(settings: Iterable[TargetSettings], resolver: Resolver) -> list[Target]:
    """The places of configured targets that are known without asking: numeric ones."""
    return unique(
        target
        for one in settings
        if (location := resolver.located(wish_of(one))) is not None
        for target in targets_at(one, location)
    )


def targets_at(settings: TargetSettings, location: Location) -> list[Target]:
    """The places of one configured target."""
    return [
        Target(
            transport=place.transport,
            host=place.host,
            port=place.port,
            uri_hostport=settings.authority.encode(),
            server_name=settings.host,
        )
        for place in location.places
    ]


def unique(targets: Iterable[Target]) -> list[Target]:
    """Each place once, at its first turn."""
    return list({target.key: target for target in targets}.values())


def _tell(upstream: Upstream, target: Target, change: Change) -> None:
    if change is Change.DIED:
        log.warning("target_died", upstream=upstream.name, target=target.key.decode())
    else:
        log.info("target_revived", upstream=upstream.name, target=target.key.decode())
