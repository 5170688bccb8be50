"""What happens when, on a clock that jumps from one event to the next."""

import heapq
from collections.abc import Callable
from functools import partial

from sipgate.clock import VirtualClock

NEVER = float("inf")
SHORTEST_SLEEP = 0.0005  # seconds; a machine that wants to be woken sooner is served in one turn


class Agenda:
    """Events in the order of their time, and of their entry where that is equal.

    `failed` gets what an event raised; the others go on, as in a gate.
    """

    def __init__(self, clock: VirtualClock, failed: Callable[[Exception], None]) -> None:
        self.clock = clock
        self.failed = failed
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._entered = 0

    def __len__(self) -> int:
        return len(self._events)

    def at(self, time: float, do: Callable[[], object]) -> None:
        """Enter an event, in seconds of the clock; one that is past comes next."""
        self._entered += 1
        heapq.heappush(self._events, (time, self._entered, do))

    def after(self, seconds: float, do: Callable[[], object]) -> None:
        """Enter an event that is so far away."""
        self.at(self.clock.now() + seconds, do)

    def run(self, until: float, *, stop: Callable[[], bool] | None = None) -> bool:
        """Let things happen up to a time, or until `stop`; True when nothing is left to happen.

        The clock stands at `until` afterwards only if something was left.
        """
        events, clock = self._events, self.clock
        while events:
            if events[0][0] > until:
                clock.reach(until)
                return False
            if stop is not None and stop():
                return False
            at, _, do = heapq.heappop(events)
            clock.reach(at)
            try:
                do()
            except Exception as error:  # noqa: BLE001  the work for one event: the others go on
                self.failed(error)
        return True


class Alarm:
    """Wakes a machine with many timers at its earliest one, and asks it for the next."""

    def __init__(self, agenda: Agenda, wake: Callable[[], float | None]) -> None:
        self._agenda = agenda
        self._wake = wake
        self._due = NEVER

    def earlier(self, due: float) -> None:
        """Something is due before all that this alarm knows of."""
        if due < self._due:
            self._due = due
            self._agenda.at(due, partial(self._ring, due))

    def _ring(self, due: float) -> None:
        if due != self._due:
            return  # an earlier one took its place
        self._due = NEVER
        next_at: float | None = None
        try:
            next_at = self._wake()
        finally:
            if next_at is not None:
                self.earlier(max(next_at, self._agenda.clock.now() + SHORTEST_SLEEP))
