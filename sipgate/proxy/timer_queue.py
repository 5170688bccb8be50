"""All timers of the proxy in a few deques: design §16, Timers.

A deque per duration, so that appending keeps each sorted. An item whose deadline has moved by the
time its entry comes up is put back; one that has none any more is forgotten. Nothing is searched,
nothing is removed from the middle.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from typing import Protocol

# The RFC's own short durations (multiples of T1, T4) and some between, in seconds. A later deadline
# is looked at again every 8 s, so that a finished item is held no longer than that.
DURATIONS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 5.0, 8.0)
TOLERANCE = 0.002  # seconds that an item may be woken early or an append may be out of order


class Timed(Protocol):
    """What the queue wakes: it says when in `deadline` (clock seconds; None: never again)."""

    @property
    def deadline(self) -> float | None: ...

    def wake(self, now: float) -> None: ...


class TimerQueue:
    """Wakes items at their deadlines, at most 10 ms late."""

    def __init__(self, on_earlier: Callable[[float], None] | None = None) -> None:
        self._queues: tuple[deque[tuple[float, Timed]], ...] = tuple(deque() for _ in DURATIONS)
        self._earliest = float("inf")
        self._on_earlier = on_earlier

    def __len__(self) -> int:
        return sum(len(queue) for queue in self._queues)

    def when_earlier(self, on_earlier: Callable[[float], None]) -> None:
        """Have the owner told when an item is due before all that it knows of."""
        self._on_earlier = on_earlier

    def add(self, item: Timed, now: float) -> None:
        """Watch an item; once is enough, however often its deadline moves later."""
        deadline = item.deadline
        if deadline is None:
            return
        slot = bisect_right(DURATIONS, deadline - now + TOLERANCE) - 1
        if slot < 0:
            slot = 0
        due = now + DURATIONS[slot]
        self._queues[slot].append((due, item))
        if due < self._earliest:
            self._earliest = due
            if self._on_earlier is not None:
                self._on_earlier(due)

    def wake(self, now: float) -> float | None:
        """Wake all that is due; gives when to come back, None for not before the next `add`."""
        limit = now + TOLERANCE
        for queue in self._queues:
            while queue and queue[0][0] <= limit:
                item = queue.popleft()[1]
                deadline = item.deadline
                if deadline is None:
                    continue
                if deadline <= limit:
                    item.wake(now if now > deadline else deadline)
                    if item.deadline is None:
                        continue
                self.add(item, now)
        earliest = min((queue[0][0] for queue in self._queues if queue), default=float("inf"))
        self._earliest = earliest
        return None if earliest == float("inf") else earliest
