"""The proxy's one loop timer."""

import asyncio

from sipgate.clock import Clock
from sipgate.proxy import Proxy

LONGEST_SLEEP = 0.25  # seconds; bounds how late a failing store is noticed
SHORTEST_SLEEP = 0.005  # deadlines that lie closer together than this are served in one turn


class Waker:
    """Wakes the proxy when its earliest deadline has come."""

    def __init__(self, proxy: Proxy, clock: Clock) -> None:
        self._proxy = proxy
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._due = float("inf")

    def start(self) -> None:
        """Begin; `stop` ends it."""
        self._arm(self._clock.now())

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def earlier(self, due: float) -> None:
        """Something is due before all else."""
        if self._handle is not None and due < self._due - SHORTEST_SLEEP:
            self._handle.cancel()
            self._arm(due)

    def _arm(self, due: float) -> None:
        delay = min(max(due - self._clock.now(), SHORTEST_SLEEP), LONGEST_SLEEP)
        self._due = due
        self._handle = self._loop.call_later(delay, self._wake)

    def _wake(self) -> None:
        due: float | None = None
        try:
            due = self._proxy.wake()
        finally:  # whatever one item did, the others have their time too
            self._arm(float("inf") if due is None else due)
