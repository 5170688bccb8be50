"""Overload: judged by waits that last, and over once they are short again."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.proxy.overload import (
    ASKED_SECONDS,
    CALM_SECONDS,
    INTERVAL,
    LEDGER_TARGET,
    QUEUE_TARGET,
    Overload,
)

STEP = 0.02
NOW = 1000.0
LONG, SHORT = QUEUE_TARGET * 2, QUEUE_TARGET / 2

waits = st.floats(0, 5, allow_nan=False)


@dataclass
class Watched:
    """An `Overload` with one queue, looked at every 20 ms."""

    queue: float = 0.0
    now: float = 100.0

    def __post_init__(self) -> None:
        self.overload = Overload(lambda: self.queue)

    def waits(self, seconds: float, queue: float, *, loop: float = 0.0, ledger: float = 0.0) -> int:
        """Measure the same for a while; how often it changed."""
        self.queue, changes = queue, 0
        for _ in range(round(seconds / STEP)):
            self.now += STEP
            changes += self.overload.observe(self.now, queue=queue, loop=loop, ledger=ledger)
        return changes


def test_a_burst_that_is_worked_off_within_the_interval_sheds_nothing() -> None:
    watched = Watched()
    watched.waits(INTERVAL - STEP, 1.0)
    assert not watched.overload.refuses(NOW)
    watched.waits(STEP, SHORT)
    watched.waits(INTERVAL - STEP, 1.0)
    assert not watched.overload.is_overloaded


def test_a_wait_that_stays_long_for_an_interval_sheds() -> None:
    watched = Watched()
    assert watched.waits(INTERVAL + 2 * STEP, LONG) == 1
    assert watched.overload.is_overloaded
    assert watched.overload.refuses(NOW)


@pytest.mark.parametrize(
    ("loop", "ledger"), [(LONG, 0.0), (0.0, LEDGER_TARGET * 1.5)], ids=["the loop", "the disk"]
)
def test_waiting_for_something_else_than_the_queue_sheds_too(loop: float, ledger: float) -> None:
    watched = Watched()
    watched.waits(2 * INTERVAL, 0.0, loop=loop, ledger=ledger)
    assert watched.overload.refuses(NOW)


def test_while_overloaded_calls_come_in_whenever_the_queue_is_short() -> None:
    watched = Watched()
    watched.waits(2 * INTERVAL, LONG)
    watched.queue = SHORT  # between two measurements
    assert not watched.overload.refuses(NOW)
    watched.queue = LONG
    assert watched.overload.refuses(NOW)


def test_a_long_queue_is_asked_once_in_a_while_and_a_short_one_for_each_call() -> None:
    asked = 0

    def ask() -> float:
        nonlocal asked
        asked += 1
        return queue

    queue = LONG
    overload = Overload(ask)
    for step in range(10):
        overload.observe(step * STEP, queue=queue, loop=0.0, ledger=0.0)
    answers = [overload.refuses(NOW + ASKED_SECONDS * tenth / 10) for tenth in range(20)]
    assert (asked, all(answers)) == (2, True)
    queue = SHORT
    answers = [overload.refuses(NOW + 1.0) for _ in range(5)]
    assert (asked, any(answers)) == (7, False)


def test_it_is_over_after_a_calm_while_and_one_long_wait_begins_the_while_anew() -> None:
    watched = Watched()
    watched.waits(2 * INTERVAL, LONG)
    watched.waits(CALM_SECONDS - STEP, 0.0)
    watched.waits(STEP, LONG)
    assert watched.waits(CALM_SECONDS, 0.0) == 0
    assert watched.overload.is_overloaded
    assert watched.waits(2 * STEP, 0.0) == 1
    assert not watched.overload.is_overloaded


def test_the_queue_is_not_asked_while_there_is_no_overload() -> None:
    def ask() -> float:
        raise AssertionError("asked")

    overload = Overload(ask)
    overload.observe(1.0, queue=1.0, loop=0.0, ledger=0.0)
    assert not overload.refuses(NOW)


@given(st.lists(st.tuples(waits, waits, waits), max_size=200))
def test_nothing_is_refused_while_all_waits_are_under_their_targets(
    measured: list[tuple[float, float, float]],
) -> None:
    queue = 0.0
    overload = Overload(lambda: queue)
    for at, (queue, loop, ledger) in enumerate(measured):
        overload.observe(at * STEP, queue=queue, loop=loop, ledger=ledger)
        is_short = queue <= QUEUE_TARGET and loop <= QUEUE_TARGET and ledger <= LEDGER_TARGET
        assert not (is_short and overload.refuses(at * STEP))


@given(st.lists(st.tuples(waits, waits, waits), max_size=100))
def test_whatever_came_before_it_recovers(measured: list[tuple[float, float, float]]) -> None:
    overload = Overload(lambda: 0.0)
    at = 0
    for queue, loop, ledger in measured:
        overload.observe(at * STEP, queue=queue, loop=loop, ledger=ledger)
        at += 1
    for _ in range(round(CALM_SECONDS / STEP) + 2):
        overload.observe(at * STEP, queue=0.0, loop=0.0, ledger=0.0)
        at += 1
    assert not overload.is_overloaded
    assert not overload.refuses(at * STEP)


SERVICE = 0.0005  # seconds that a call costs in the model, all in all: 2,000 calls a second
REFUSAL = 0.0000125


@pytest.mark.parametrize("times", [1.2, 2, 5])
def test_a_server_that_asks_it_stays_busy_with_calls_it_can_finish(times: float) -> None:
    """A queue with one server, on a virtual clock: goodput at several times its capacity."""
    backlog, finished, now, longest = 0.0, 0, 0.0, 0.0
    overload = Overload(lambda: backlog)
    between, next_look = SERVICE / times, 0.0
    seconds = 5.0
    while now < seconds:
        now += between
        backlog = max(0.0, backlog - between)
        if now >= next_look:
            overload.observe(now, queue=backlog, loop=0.0, ledger=0.0)
            next_look = now + STEP
        if overload.refuses(now):
            backlog += REFUSAL
        else:
            backlog += SERVICE
            finished += 1
        if now > 2.0:  # it needs its interval to notice, and then has a backlog
            longest = max(longest, backlog)
    assert finished * SERVICE / seconds >= 0.9
    assert longest < 0.1
