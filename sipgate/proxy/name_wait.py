"""The one owner of the wait for host names: requests whose next hop is a name are parked here."""

import asyncio
from collections.abc import Callable, Sequence

from sipgate.net import Place, ResolveError, Resolver, Wish

MOST_WAITING = 1000
MOST_AT_ONCE = 8


class NameWait:
    """Resolves names one after the other, a few at once, and calls back on the loop's thread."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._waiting: asyncio.Queue[tuple[Wish, Callable[[Sequence[Place]], None]]] = (
            asyncio.Queue(MOST_WAITING)
        )

    def ask(self, wish: Wish, use: Callable[[Sequence[Place]], None]) -> None:
        """Have `use` called with the places, best first; none: unknown, or too many wait."""
        try:
            self._waiting.put_nowait((wish, use))
        except asyncio.QueueFull:
            use(())

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(MOST_AT_ONCE):
                tasks.create_task(self._work())

    async def _work(self) -> None:
        while True:
            wish, use = await self._waiting.get()
            try:
                location = await self._resolver.locate(wish)
            except ResolveError:
                use(())
            else:
                use(location.places)
