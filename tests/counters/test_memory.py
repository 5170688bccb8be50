"""The counters against a slow and obvious model, and what a model can't say."""

import tracemalloc
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sipgate.counters import (
    CalendarWindow,
    Check,
    Definition,
    MemoryCounters,
    Moves,
    Question,
    Settles,
    SlidingWindow,
    StepQuestion,
    Window,
    microseconds,
)

ZONE = "America/New_York"
DST_MORNING = 1_793_509_200  # 2026-11-01T01:00:00-04:00, an hour before the clocks go back


def definition(moves: Moves, window: Window | None, limit: int) -> Definition:
    return Definition(name=f"{moves} {window}", moves=moves, window=window, capacity=limit)


def ask(
    wanted: Definition,
    key: str = "k",
    member: str = "m",
    *,
    limit: int | None = None,
    settles: Settles = "reject",
) -> StepQuestion:
    check = Check(wanted, key, member, wanted.capacity if limit is None else limit, True)
    return StepQuestion(settles, None, (check,))


@dataclass
class Model:
    """All events for ever, filtered for each question."""

    wanted: Definition
    limit: int
    events: list[tuple[int, int, str, str, bool]] = field(default_factory=list)

    def in_window(self, now: int, time: int, key: str) -> list[str]:
        window = self.wanted.window
        found = []
        for at, on, whose, member, _ in self.events:
            if isinstance(window, SlidingWindow):
                is_in = at > now - window.length_us
            else:
                assert isinstance(window, CalendarWindow)
                is_in = day(on, window) == day(time, window)
            if is_in and whose == key:
                found.append(member)
        return found

    def decide(self, now: int, time: int, key: str, member: str) -> tuple[bool, int]:
        found = self.in_window(now, time, key)
        if self.wanted.moves is Moves.DISTINCT_CALLEES:
            count = len(set(found))
            held = count >= self.limit and member not in found
        else:
            count = len(found)
            held = count >= self.limit
        moves = self.wanted.moves
        if moves is Moves.ATTEMPTS or held is (moves is Moves.REJECTED):
            self.events.append((now, time, key, member, not held))
        return held, count


def day(time_us: int, window: CalendarWindow) -> Any:
    local = datetime.fromtimestamp(time_us / 1e6, ZoneInfo(window.zone)).date()
    if window.unit == "week":
        return local - timedelta(days=local.weekday())
    return (local.year, local.month) if window.unit == "month" else local


WINDOWS = st.sampled_from(
    [
        SlidingWindow(10_000_000),
        SlidingWindow(1),
        CalendarWindow("day", ZONE),
        CalendarWindow("week", ZONE),
        CalendarWindow("month", ZONE),
    ]
)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 999_999, 1_000_000, 4_999_999, 10_000_000, 3600_000_000])
        | st.integers(0, 90_000_000_000),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["x", "y", "z"]),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([Moves.ATTEMPTS, Moves.ADMITTED, Moves.REJECTED, Moves.DISTINCT_CALLEES]),
    WINDOWS,
    st.integers(0, 4),
    EVENTS,
)
@example(Moves.ATTEMPTS, SlidingWindow(10_000_000), 1, [(0, "a", "x"), (10_000_000, "a", "x")])
@example(Moves.ATTEMPTS, SlidingWindow(10_000_000), 1, [(0, "a", "x"), (9_999_999, "a", "x")])
def test_memory_answers_as_a_list_of_all_events_would(
    moves: Moves, window: Window, limit: int, events: list[tuple[int, str, str]]
) -> None:
    wanted = definition(moves, window, limit)
    counters, model = MemoryCounters(), Model(wanted, limit)
    now, time = 5_000_000, DST_MORNING * 1_000_000
    for wait, key, member in events:
        now, time = now + wait, time + wait
        answer = counters.check_and_count(Question(now, time, [ask(wanted, key, member)]))
        seen = answer.seen[0]
        assert seen is not None
        held, count = model.decide(now, time, key, member)
        saturated = min(count, limit) if isinstance(window, SlidingWindow) else count
        assert (seen.held, seen.counted) == (held, saturated)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([Moves.ATTEMPTS, Moves.ADMITTED]),
    st.integers(1, 4),
    st.lists(st.integers(0, 6_000_000), max_size=80),
)
def test_no_window_ever_admits_more_than_the_limit(
    moves: Moves, limit: int, waits: list[int]
) -> None:
    window = SlidingWindow(10_000_000)
    wanted = definition(moves, window, limit)
    counters, admitted, now = MemoryCounters(), [], 0
    for wait in waits:
        now += wait
        if counters.check_and_count(Question(now, 0, [ask(wanted)])).settled is None:
            admitted.append(now)
    for end in admitted:
        assert sum(end - window.length_us < at <= end for at in admitted) <= limit


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([Moves.ATTEMPTS, Moves.ADMITTED, Moves.REJECTED]),
    st.integers(1, 4),
    st.lists(st.integers(0, 6), min_size=1, max_size=40),
)
@example(Moves.ATTEMPTS, 3, [0, 3, 3, 3])
@example(Moves.ATTEMPTS, 1, [0, 0])
def test_who_is_held_gets_through_at_the_opening_and_not_before(
    moves: Moves, limit: int, waits: list[int]
) -> None:
    wanted = definition(moves, SlidingWindow(10), limit)
    counters, now = MemoryCounters(), 0
    for wait in waits:
        now += wait
        seen = counters.check_and_count(Question(now, 0, [ask(wanted)])).seen[0]
    assert seen is not None
    if not seen.held:
        assert seen.frees_us == 0
        return
    assert seen.frees_us is not None
    early = counters.look(Question(now + seen.frees_us - 1, 0, [ask(wanted)]))[0]
    there = counters.look(Question(now + seen.frees_us, 0, [ask(wanted)]))[0]
    assert early is not None
    assert there is not None
    assert (early.held, there.held) == (True, False)


def test_a_test_that_is_held_says_when_it_is_free() -> None:
    wanted = definition(Moves.ADMITTED, SlidingWindow(10), 3)
    counters = MemoryCounters()
    for now in (1, 4, 6):
        counters.check_and_count(Question(now, 0, [ask(wanted)]))
    seen = counters.check_and_count(Question(7, 0, [ask(wanted)])).seen[0]
    assert seen is not None
    assert (seen.held, seen.frees_us) == (True, 4)
    lower = counters.check_and_count(Question(7, 0, [ask(wanted, limit=2)])).seen[0]
    assert lower is not None
    assert (lower.held, lower.frees_us) == (True, 7)


def test_a_calendar_limit_is_free_when_the_next_day_begins() -> None:
    wanted = definition(Moves.ATTEMPTS, CalendarWindow("day", ZONE), 1)
    counters = MemoryCounters()
    time = DST_MORNING * 1_000_000
    counters.check_and_count(Question(0, time, [ask(wanted)]))
    seen = counters.check_and_count(Question(0, time, [ask(wanted)])).seen[0]
    assert seen is not None
    assert seen.frees_us == 24 * 3600_000_000  # 01:00 to 24:00 in a day of 25 hours


def test_a_clock_that_is_set_back_opens_no_day_again() -> None:
    wanted = definition(Moves.ATTEMPTS, CalendarWindow("day", "UTC"), 1)
    counters = MemoryCounters()
    day_us = 86_400_000_000
    assert counters.check_and_count(Question(0, 10 * day_us, [ask(wanted)])).settled is None
    assert counters.check_and_count(Question(1, 9 * day_us, [ask(wanted)])).settled == 0
    assert counters.check_and_count(Question(2, 10 * day_us + 5, [ask(wanted)])).settled == 0
    assert counters.check_and_count(Question(3, 11 * day_us, [ask(wanted)])).settled is None


def test_idle_keys_vanish() -> None:
    wanted = definition(Moves.ATTEMPTS, SlidingWindow(1_000_000), 5)
    distinct = definition(Moves.DISTINCT_CALLEES, SlidingWindow(1_000_000), 5)
    counters = MemoryCounters()
    for number in range(20_000):
        key = str(number)
        steps = [ask(wanted, key), ask(distinct, key)]
        counters.check_and_count(Question(number * 10_000, 0, steps))
    assert len(counters) <= 2 * 101


def test_a_passed_day_s_keys_vanish() -> None:
    wanted = definition(Moves.ATTEMPTS, CalendarWindow("day", "UTC"), 5)
    counters = MemoryCounters()
    for number in range(1000):
        counters.check_and_count(Question(0, 0, [ask(wanted, str(number))]))
    counters.check_and_count(Question(0, 86_400_000_000, [ask(wanted, "new")]))
    assert len(counters) == 1


def test_a_key_that_is_refused_for_ever_needs_no_more_than_its_limit() -> None:
    wanted = definition(Moves.ATTEMPTS, SlidingWindow(10**12), 3)
    counters = MemoryCounters()
    for now in range(1000):
        answer = counters.check_and_count(Question(now, 0, [ask(wanted)]))
    seen = answer.seen[0]
    assert seen is not None
    assert seen.counted == 3


def test_places_in_a_gauge_are_given_back() -> None:
    wanted = definition(Moves.IN_PROGRESS, None, 1)
    counters = MemoryCounters()
    answer = counters.check_and_count(Question(0, 0, [ask(wanted)]))
    assert answer.places == [(wanted.name, "k")]
    assert counters.check_and_count(Question(0, 0, [ask(wanted)])).places == []
    counters.release(answer.places)
    assert len(counters) == 0
    counters.release([("gone", "k")])


def test_a_static_step_settles_without_a_count_and_later_counters_move() -> None:
    wanted = definition(Moves.ATTEMPTS, SlidingWindow(1_000_000), 1)
    counters = MemoryCounters()
    steps = [StepQuestion("no", True), StepQuestion("reject", True), ask(wanted)]
    answer = counters.check_and_count(Question(0, 0, steps))
    assert (answer.settled, answer.seen) == (1, [None, None])
    assert counters.check_and_count(Question(1, 0, [ask(wanted)])).settled == 0


def test_an_allow_admits_and_a_step_that_settles_nothing_goes_on() -> None:
    tagged = definition(Moves.ADMITTED, SlidingWindow(1_000_000), 5)
    allowed = definition(Moves.ADMITTED, SlidingWindow(2_000_000), 5)
    counters = MemoryCounters()
    steps = [
        ask(tagged, limit=0, settles="no"),
        ask(allowed, limit=0, settles="allow"),
        ask(tagged, "other"),
    ]
    answer = counters.check_and_count(Question(0, 0, steps))
    assert (answer.settled, len(answer.seen), len(counters)) == (1, 2, 3)


def test_a_counter_that_grows_keeps_what_it_knows() -> None:
    small = definition(Moves.ATTEMPTS, SlidingWindow(1_000_000), 2)
    counters = MemoryCounters()
    for now in range(5):
        counters.check_and_count(Question(now, 0, [ask(small)]))
    large = definition(Moves.ATTEMPTS, SlidingWindow(1_000_000), 4)
    counters.replace([large], MemoryCounters())
    verdicts = [counters.check_and_count(Question(9, 0, [ask(large)])).settled for _ in range(3)]
    assert verdicts == [None, None, 0]


def test_a_counter_with_a_lower_limit_needs_less_memory() -> None:
    large = definition(Moves.ATTEMPTS, SlidingWindow(10**9), 10_000)
    counters = MemoryCounters()
    tracemalloc.start()
    for now in range(10_000):
        counters.check_and_count(Question(now * 1000, 0, [ask(large)]))
    before, _ = tracemalloc.get_traced_memory()
    small = definition(Moves.ATTEMPTS, SlidingWindow(10**9), 2)
    counters.replace([small], MemoryCounters())
    assert counters.check_and_count(Question(10**7, 0, [ask(small)])).settled == 0
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert before - after > 300_000


def test_keys_whose_members_have_left_stand_in_nobody_s_way() -> None:
    wanted = definition(Moves.DISTINCT_CALLEES, SlidingWindow(10), 5)
    counters = MemoryCounters()
    counters.check_and_count(Question(0, 0, [ask(wanted, "often")]))
    for number in range(1, 1000):
        counters.check_and_count(Question(11 * number, 0, [ask(wanted, "often")]))
        counters.check_and_count(Question(11 * number, 0, [ask(wanted, str(number))]))
    assert len(counters) <= 4


def test_which_counter_serves_which_definition() -> None:
    sliding, daily = SlidingWindow(5), CalendarWindow("day", "UTC")
    cases = [
        (definition(Moves.ATTEMPTS, sliding, 2), definition(Moves.ATTEMPTS, sliding, 3), False),
        (definition(Moves.ATTEMPTS, sliding, 3), definition(Moves.ATTEMPTS, sliding, 2), True),
        (definition(Moves.ATTEMPTS, daily, 2), definition(Moves.ATTEMPTS, daily, 3), True),
        (
            definition(Moves.DISTINCT_CALLEES, daily, 2),
            definition(Moves.DISTINCT_CALLEES, daily, 3),
            False,
        ),
        (definition(Moves.IN_PROGRESS, None, 2), definition(Moves.IN_PROGRESS, None, 3), True),
        (definition(Moves.ATTEMPTS, daily, 2), definition(Moves.ADMITTED, daily, 2), False),
    ]
    assert [old.serves(new) for old, new, _ in cases] == [expected for *_, expected in cases]


def test_microseconds_come_back_from_seconds() -> None:
    values = [1, 1_234_567_891, 1_790_000_000_123_457]
    assert [microseconds(value / 1_000_000) for value in values] == values
