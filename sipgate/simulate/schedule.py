"""One timer for many machines: each says by its `deadline` when it wants to be woken."""

import asyncio
import heapq
from collections.abc import Callable
from typing import Protocol

from sipgate.clock import Clock

TIDY_LENGTH = 1024  # a shorter queue isn't worth looking through


class Sleeper(Protocol):
    """Something with one deadline, in seconds of the clock; None: it wants nothing any more."""

    deadline: float | None
    queued_at: float | None  # written by the Schedule alone

    def wake(self, now: float) -> None:
        """The deadline has come; afterwards `deadline` is a later one, or None."""
        ...


class Schedule:
    """Wakes each watched sleeper at its deadline; O(log n) each."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queue: list[tuple[float, int, Sleeper]] = []
        self._pushed = 0
        self._tidy_at = TIDY_LENGTH
        self._moved = asyncio.Event()  # something is due earlier than `run` knows
        self._on_earlier: Callable[[float], None] | None = None

    def __len__(self) -> int:
        """Wakings in the queue, those included that nobody wants any more."""
        return len(self._queue)

    def when_earlier(self, on_earlier: Callable[[float], None]) -> None:
        """Have the owner of a clock that jumps told what is due before all that it knows of."""
        self._on_earlier = on_earlier

    def watch(self, sleeper: Sleeper) -> None:
        """Look at its deadline, new or changed; call it after every event that may change it."""
        deadline = sleeper.deadline
        if deadline is None or (sleeper.queued_at is not None and sleeper.queued_at <= deadline):
            return  # the queued waking comes first and looks again
        self._push(sleeper, deadline)

    def wake(self, now: float) -> float | None:
        """Wake all that are due; the next deadline, which may be too early but never too late."""
        while self._queue and self._queue[0][0] <= now:
            at, _, sleeper = heapq.heappop(self._queue)
            if sleeper.queued_at != at:
                continue  # queued again for an earlier time, and that was done
            sleeper.queued_at = None
            if sleeper.deadline is not None and sleeper.deadline <= now:
                sleeper.wake(now)
            if sleeper.deadline is not None and sleeper.queued_at is None:
                self._push(sleeper, max(sleeper.deadline, now + 0.001))
        return self._queue[0][0] if self._queue else None

    async def run(self) -> None:
        """Wake sleepers until cancelled."""
        while True:
            self._moved.clear()
            next_at = self.wake(self._clock.now())
            wait = None if next_at is None else max(0.0, next_at - self._clock.now())
            try:
                async with asyncio.timeout(wait):
                    await self._moved.wait()
            except TimeoutError:
                continue

    def _push(self, sleeper: Sleeper, at: float) -> None:
        if len(self._queue) >= self._tidy_at:
            self._tidy()
        sleeper.queued_at = at
        self._pushed += 1
        heapq.heappush(self._queue, (at, self._pushed, sleeper))
        if self._queue[0][2] is sleeper:
            self._moved.set()
            if self._on_earlier is not None:
                self._on_earlier(at)

    def _tidy(self) -> None:
        """Drop who wants nothing any more: an ended call's far deadline would stay for hours."""
        kept = []
        for at, order, sleeper in self._queue:
            if sleeper.queued_at != at:
                continue
            if sleeper.deadline is None:
                sleeper.queued_at = None
                continue
            kept.append((at, order, sleeper))
        heapq.heapify(kept)
        self._queue = kept
        self._tidy_at = max(TIDY_LENGTH, 2 * len(kept))
