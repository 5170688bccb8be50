"""What is measured, and what is told of it."""

import asyncio
from collections import Counter
from typing import cast

from structlog.testing import capture_logs

from sipgate.app.load_watch import QUIET_SECONDS, LoadWatch
from sipgate.clock import SystemClock, VirtualClock
from sipgate.proxy import Admission, Overload
from sipgate.proxy.overload import CALM_SECONDS


class Disk:
    """As much of `Admission` as is looked at."""

    oldest_waits_since: float | None = None


class Watched:
    """A watch that is moved by hand."""

    def __init__(self, *, ledger_counts: bool = True) -> None:
        self.clock = VirtualClock()
        self.counts: Counter[str] = Counter()
        self.overload = Overload()
        self.disk = Disk()
        self.queue = 0.0
        self.watch = LoadWatch(
            self.overload,
            lambda: self.queue,
            cast(Admission, self.disk),
            self.clock,
            self.counts,
            ledger_counts=ledger_counts,
        )

    def passes(self, seconds: float) -> None:
        """Let time pass with timers that are exactly in time."""
        for _ in range(round(seconds / 0.02)):
            self.watch._due = self.clock.now() + 0.02
            self.clock.advance(0.02)
            self.watch.look()


def test_overload_is_told_at_its_beginning_and_its_end() -> None:
    async def run() -> Watched:
        watched = Watched()
        watched.queue = 0.25
        watched.passes(0.4)
        assert watched.overload.refuses(watched.clock.now())
        watched.counts["invites_shed"] += 7
        watched.queue = 0.0
        watched.passes(CALM_SECONDS + 0.1)
        return watched

    with capture_logs() as logs:
        watched = asyncio.run(run())

    assert [line["event"] for line in logs] == ["overload_began", "overload_ended"]
    assert (logs[0]["queue_ms"], logs[0]["loop_ms"], logs[0]["ledger_ms"]) == (250, 0, 0)
    assert logs[1]["invites_shed"] == 7
    assert watched.counts["overloads"] == 1


def test_overload_that_comes_and_goes_is_told_once_a_minute() -> None:
    async def run() -> Watched:
        watched = Watched()
        for _ in range(5):
            watched.queue = 0.25
            watched.passes(0.4)
            watched.queue = 0.0
            watched.passes(CALM_SECONDS + 0.1)
        watched.clock.advance(QUIET_SECONDS)
        watched.queue = 0.25
        watched.passes(0.4)
        return watched

    with capture_logs() as logs:
        watched = asyncio.run(run())

    assert [line["event"] for line in logs] == [
        "overload_began",
        "overload_ended",
        "overload_began",
    ]
    assert watched.counts["overloads"] == 6


def test_a_late_timer_is_a_wait_too() -> None:
    async def run() -> Watched:
        watched = Watched()
        for _ in range(8):
            watched.watch._due = watched.clock.now()
            watched.clock.advance(0.08)
            watched.watch.look()
        return watched

    assert asyncio.run(run()).overload.is_overloaded


def test_a_decision_that_waits_for_the_disk_is_one_unless_calls_pass_then() -> None:
    async def run(*, ledger_counts: bool) -> bool:
        watched = Watched(ledger_counts=ledger_counts)
        watched.disk.oldest_waits_since = watched.clock.now()
        watched.passes(0.9)
        return watched.overload.is_overloaded

    assert asyncio.run(run(ledger_counts=True))
    assert not asyncio.run(run(ledger_counts=False))


def test_it_looks_by_itself_until_it_is_stopped() -> None:
    async def run() -> tuple[int, int]:
        asked = 0

        def ask() -> float:
            nonlocal asked
            asked += 1
            if asked == 3:
                seen.set()
            return 0.0

        seen = asyncio.Event()
        watch = LoadWatch(
            Overload(),
            ask,
            cast(Admission, Disk()),
            SystemClock(),
            Counter(),
            ledger_counts=True,
        )
        watch.start()
        async with asyncio.timeout(10):
            await seen.wait()
        watch.stop()
        before = asked
        await asyncio.sleep(0.06)
        return before, asked

    before, after = asyncio.run(run())
    assert before == after


def test_what_has_waited_before_the_first_look_is_no_overload() -> None:
    async def run() -> tuple[bool, bool]:
        watched = Watched()
        watched.watch = LoadWatch(
            watched.overload,
            lambda: 0.25,
            cast(Admission, watched.disk),
            SystemClock(),
            watched.counts,
            ledger_counts=True,
        )
        watched.watch.start(after=0.3)
        await asyncio.sleep(0.2)
        early = watched.overload.is_overloaded
        async with asyncio.timeout(10):
            while not watched.overload.is_overloaded:  # noqa: ASYNC110 - told by nobody
                await asyncio.sleep(0.02)
        watched.watch.stop()
        return early, watched.overload.is_overloaded

    with capture_logs():
        assert asyncio.run(run()) == (False, True)
