"""The two clocks of the gate: `now` for durations, `time` for the calendar.

`now` is the kernel's boot-time clock (it goes on during suspend), so that a sliding window means
the same before and after a restart of the process within one boot.
"""

import time
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """What everything above `sip` and `gate` reads the time from."""

    boot_id: str  # which boot `now` belongs to

    def now(self) -> float:
        """Seconds on a clock that never goes backwards."""
        ...

    def time(self) -> float:
        """Calendar seconds since 1970-01-01 UTC; an administrator may move it."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def __init__(self) -> None:
        self.boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()

    def now(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def time(self) -> float:
        return time.time()


class VirtualClock:
    """A clock that stands still until it is told to move: for tests and simulations."""

    def __init__(self, now: float = 1000.0, time: float = 1_790_000_000.0) -> None:
        self.boot_id = "00000000-0000-4000-8000-000000000000"
        self._now = now
        self._time = time

    def now(self) -> float:
        return self._now

    def time(self) -> float:
        return self._time

    def advance(self, seconds: float) -> None:
        """Let both clocks move on together."""
        assert seconds >= 0, seconds
        self._now += seconds
        self._time += seconds

    def reach(self, now: float) -> None:
        """Let both clocks move on together until `now`; a moment that is past changes nothing."""
        if now > self._now:
            self._time += now - self._now
            self._now = now

    def jump(self, seconds: float) -> None:
        """Move the calendar alone, as an administrator or NTP does."""
        self._time += seconds
