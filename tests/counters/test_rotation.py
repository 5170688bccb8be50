"""How many members rotate, against a slow model; and that the memory for it has an end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.counters import (
    NO_MEMBER,
    CalendarWindow,
    Check,
    Definition,
    MemoryCounters,
    Moves,
    Question,
    SlidingWindow,
    StepQuestion,
    Window,
)

SECOND = 1_000_000
TEN_SECONDS = SlidingWindow(10 * SECOND)
EVENTS = st.lists(
    st.tuples(st.integers(0, 4), st.sampled_from(("a", "b", "c", "d", "e", "f", "g"))), max_size=30
)


def wanted(window: Window, limit: int) -> Definition:
    return Definition(name="rotation", moves=Moves.DISTINCT_CLIS, window=window, capacity=limit)


def ask(counters: MemoryCounters, definition: Definition, member: str, us: int) -> tuple[bool, int]:
    check = Check(definition, "k", member, definition.capacity, True)
    steps = [StepQuestion("reject", None, (check,))]
    (seen,) = counters.check_and_count(Question(us, us, steps)).seen
    assert seen is not None
    return seen.held, seen.counted


@given(EVENTS, st.integers(0, 3))
def test_a_sliding_rotation_counts_the_members_in_the_window(
    events: list[tuple[int, str]], limit: int
) -> None:
    counters, definition, now, past = MemoryCounters(), wanted(TEN_SECONDS, limit), 0, []
    for seconds, member in events:
        now += seconds * SECOND
        members = {m for at, m in past if at > now - TEN_SECONDS.length_us} | {member}
        held, counted = ask(counters, definition, member, now)
        past.append((now, member))

        assert held is (len(members) > limit)
        assert counted == len(members) or 2 * limit <= counted <= len(members)


@given(EVENTS, st.integers(1, 3), st.sampled_from(("x", NO_MEMBER)))
def test_a_held_member_passes_when_the_counter_says_so(
    events: list[tuple[int, str]], limit: int, member: str
) -> None:
    counters, definition, now = MemoryCounters(), wanted(TEN_SECONDS, limit), 0
    for seconds, other in events:
        now += seconds * SECOND
        ask(counters, definition, other, now)
    check = Check(definition, "k", member, limit, False)
    question = Question(now, now, [StepQuestion("no", None, (check,))])
    (seen,) = counters.check_and_count(question).seen
    assert seen is not None
    assert seen.frees_us is not None

    later = [
        counters.check_and_count(
            Question(now + wait, now + wait, [StepQuestion("no", None, (check,))])
        ).seen[0]
        for wait in (max(0, seen.frees_us - 1), seen.frees_us)
    ]

    assert later[0] is not None
    assert later[1] is not None
    assert later[0].held is seen.held
    assert not later[1].held


@given(EVENTS, st.integers(1, 3))
def test_a_rotation_of_a_day_counts_the_members_of_the_day(
    events: list[tuple[int, str]], limit: int
) -> None:
    definition = wanted(CalendarWindow("day", "UTC"), limit)
    counters, now, past = MemoryCounters(), 0, []
    for quarters, member in events:
        now += quarters * 6 * 3600 * SECOND
        day = now // (86_400 * SECOND)
        members = {m for on, m in past if on == day} | {member}
        held, _ = ask(counters, definition, member, now)
        past.append((day, member))

        assert held is (len(members) > limit)


@pytest.mark.parametrize("window", [TEN_SECONDS, CalendarWindow("day", "UTC")])
def test_whoever_shows_none_is_held_for_those_that_were_shown(window: Window) -> None:
    counters, definition = MemoryCounters(), wanted(window, 2)
    check = Check(definition, "k", NO_MEMBER, 2, False)
    step = StepQuestion("no", None, (check,))

    for member, is_held in (("a", False), ("b", False), ("b", False), ("c", True)):
        ask(counters, definition, member, 1)
        (seen,) = counters.check_and_count(Question(1, 1, [step])).seen
        assert seen is not None
        assert seen.held is is_held


def test_whoever_rotates_through_thousands_is_remembered_by_a_few() -> None:
    counters, definition = MemoryCounters(), wanted(TEN_SECONDS, 3)
    for number in range(5000):
        ask(counters, definition, str(number), number)

    held, counted = ask(counters, definition, "0", 5000)

    assert held
    assert counted <= 2 * 3 + 1


def test_idle_callers_vanish() -> None:
    counters, definition = MemoryCounters(), wanted(TEN_SECONDS, 3)
    for number in range(100):
        check = Check(definition, f"k{number}", "m", 3, True)
        now = number * 11 * SECOND
        counters.check_and_count(Question(now, now, [StepQuestion("no", None, (check,))]))

    assert len(counters) <= 2
