"""Events on a clock that jumps."""

from sipgate.clock import VirtualClock
from sipgate.simulate.agenda import Agenda, Alarm


class Day:
    """An agenda, and what happened on it."""

    def __init__(self) -> None:
        self.clock = VirtualClock(now=0.0)
        self.errors: list[Exception] = []
        self.agenda = Agenda(self.clock, self.errors.append)
        self.happened: list[tuple[float, str]] = []

    def note(self, what: str) -> None:
        self.happened.append((self.clock.now(), what))


def test_events_come_in_the_order_of_their_time_and_then_of_their_entry() -> None:
    day = Day()
    day.agenda.at(2.0, lambda: day.note("late"))
    day.agenda.at(1.0, lambda: day.note("first"))
    day.agenda.at(1.0, lambda: day.note("second"))
    assert day.agenda.run(10.0)
    assert day.happened == [(1.0, "first"), (1.0, "second"), (2.0, "late")]
    assert day.clock.now() == 2.0


def test_what_lies_behind_the_end_stays_for_later() -> None:
    day = Day()
    day.agenda.after(5.0, lambda: day.note("later"))
    assert not day.agenda.run(3.0)
    assert (day.clock.now(), day.happened) == (3.0, [])
    assert day.agenda.run(5.0)
    assert day.happened == [(5.0, "later")]


def test_an_event_that_fails_ends_no_other() -> None:
    day = Day()
    day.agenda.at(1.0, lambda: [][0])
    day.agenda.at(2.0, lambda: day.note("after"))
    day.agenda.run(9.0)
    assert [type(error) for error in day.errors] == [IndexError]
    assert day.happened == [(2.0, "after")]


def test_a_run_stops_where_it_is_told_to() -> None:
    day = Day()
    for at in (1.0, 2.0, 3.0):
        day.agenda.at(at, lambda: day.note("tick"))
    assert not day.agenda.run(9.0, stop=lambda: len(day.happened) == 2)
    assert len(day.agenda) == 1


def test_an_alarm_rings_for_the_earliest_and_asks_for_the_next() -> None:
    day = Day()
    following = iter((4.0, None))

    def wake() -> float | None:
        day.note("ring")
        return next(following)

    alarm = Alarm(day.agenda, wake)
    alarm.earlier(3.0)
    alarm.earlier(2.0)
    alarm.earlier(2.5)  # not earlier
    day.agenda.run(9.0)
    assert day.happened == [(2.0, "ring"), (4.0, "ring")]


def test_an_alarm_that_wants_to_ring_at_once_lets_time_pass() -> None:
    day = Day()
    following = iter((1.0, 1.0, None))

    def wake() -> float | None:
        day.note("ring")
        return next(following)

    Alarm(day.agenda, wake).earlier(1.0)
    day.agenda.run(9.0)
    times = [at for at, _ in day.happened]
    assert times == sorted(set(times))
    assert len(times) == 3
