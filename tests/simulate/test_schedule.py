"""One timer for many sleepers."""

from sipgate.clock import VirtualClock
from sipgate.simulate.schedule import TIDY_LENGTH, Schedule


class Bell:
    """Rings at its deadline, then takes the next of its times."""

    def __init__(self, *times: float) -> None:
        self.deadline: float | None = times[0]
        self.queued_at: float | None = None
        self.rung: list[float] = []
        self._later = list(times[1:])

    def wake(self, now: float) -> None:
        self.rung.append(now)
        self.deadline = self._later.pop(0) if self._later else None


def test_each_sleeper_is_woken_once_at_each_deadline() -> None:
    schedule = Schedule(VirtualClock())
    early, late = Bell(1.0, 3.0), Bell(2.0)
    schedule.watch(late)
    schedule.watch(early)
    wakings = [schedule.wake(now) for now in (0.5, 1.0, 2.0, 2.5, 3.0)]
    assert wakings == [1.0, 2.0, 3.0, 3.0, None]
    assert (early.rung, late.rung) == ([1.0, 3.0], [2.0])


def test_an_earlier_deadline_counts_at_once() -> None:
    schedule = Schedule(VirtualClock())
    bell = Bell(9.0)
    schedule.watch(bell)
    bell.deadline = 1.0
    schedule.watch(bell)
    schedule.wake(1.0)
    schedule.wake(9.0)
    assert bell.rung == [1.0]


def test_a_deadline_that_moved_away_or_went_wakes_nobody() -> None:
    schedule = Schedule(VirtualClock())
    moved, gone = Bell(1.0), Bell(1.0)
    schedule.watch(moved)
    schedule.watch(gone)
    moved.deadline, gone.deadline = 5.0, None
    assert schedule.wake(1.0) == 5.0
    assert (moved.rung, gone.rung) == ([], [])
    assert schedule.wake(5.0) is None
    assert moved.rung == [5.0]


def test_sleepers_that_want_nothing_any_more_are_let_go_before_their_old_deadline() -> None:
    schedule = Schedule(VirtualClock())
    kept = Bell(5.0)
    schedule.watch(kept)
    for _ in range(10 * TIDY_LENGTH):
        bell = Bell(14_400.0)
        schedule.watch(bell)
        bell.deadline = None
    assert len(schedule) <= 2 * TIDY_LENGTH
    schedule.wake(5.0)
    assert kept.rung == [5.0]
