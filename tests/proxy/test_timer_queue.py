"""All timers in a few deques: nothing early, nothing late, nothing kept."""

from hypothesis import given
from hypothesis import strategies as st

from sipgate.proxy import TimerQueue
from sipgate.proxy.timer_queue import TOLERANCE


class Item:
    """Due once, or as often as it has deadlines."""

    def __init__(self, *deadlines: float) -> None:
        self._left = list(deadlines)
        self.woken: list[float] = []

    @property
    def deadline(self) -> float | None:
        return self._left[0] if self._left else None

    def moves(self, *deadlines: float) -> None:
        self._left = list(deadlines)

    def wake(self, now: float) -> None:
        self.woken.append(now)
        self._left.pop(0)


def run(timers: TimerQueue, start: float, end: float) -> None:
    """Wake the queue whenever it asks for it."""
    due = timers.wake(start)
    while due is not None and due <= end:
        due = timers.wake(due)


@given(st.lists(st.floats(0, 300), min_size=1, max_size=20))
def test_each_is_woken_at_its_time(deadlines: list[float]) -> None:
    timers, items = TimerQueue(), [Item(1000 + deadline) for deadline in deadlines]
    for item in items:
        timers.add(item, 1000.0)
    run(timers, 1000.0, 1310.0)
    for item, deadline in zip(items, deadlines, strict=True):
        [woken] = item.woken
        assert -TOLERANCE <= woken - (1000 + deadline) <= 0.012
    assert len(timers) == 0


def test_a_deadline_that_moves_later_needs_no_second_add() -> None:
    timers, item = TimerQueue(), Item(1.0)
    timers.add(item, 0.0)
    item.moves(5.0)
    run(timers, 0.0, 4.9)
    assert item.woken == []
    run(timers, 4.9, 6.0)
    assert len(item.woken) == 1


def test_what_has_no_deadline_any_more_is_let_go() -> None:
    timers, item = TimerQueue(), Item(200.0)
    timers.add(item, 0.0)
    item.moves()
    run(timers, 0.0, 8.1)
    assert len(timers) == 0
    assert item.woken == []


def test_what_has_several_deadlines_is_woken_for_each() -> None:
    timers, item = TimerQueue(), Item(0.5, 1.5, 3.5)
    timers.add(item, 0.0)
    run(timers, 0.0, 4.0)
    assert [round(now, 1) for now in item.woken] == [0.5, 1.5, 3.5]


def test_the_owner_hears_only_of_what_is_due_before_all_else() -> None:
    heard: list[float] = []
    timers = TimerQueue(heard.append)
    for deadline in (8.0, 9.0, 0.5, 4.0):
        timers.add(Item(deadline), 0.0)
    assert heard == [8.0, 0.5]


def test_an_empty_queue_asks_for_nothing() -> None:
    assert TimerQueue().wake(1.0) is None
