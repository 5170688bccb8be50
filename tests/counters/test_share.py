"""Shares of calls that ended, against a model that remembers every call for ever."""

import tracemalloc

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sipgate.counters import (
    CalendarWindow,
    Check,
    Definition,
    Ended,
    MemoryCounters,
    Moves,
    Question,
    Seen,
    ShareSettings,
    SlidingWindow,
    StepQuestion,
    Window,
    share_limit,
)

DAY = 86_400_000_000
WINDOW = SlidingWindow(720_000_000)  # so that a slice is a second
SLICE = 1_000_000


def question(
    now: int, key: str = "k", *, window: Window = WINDOW, share: int = 150, sample: int = 1
) -> Question:
    settings = ShareSettings("cancelled", 0, window)
    definition = Definition(
        name=repr(settings),
        moves=Moves.SHARE,
        window=settings.horizon,
        capacity=0,
        settings=settings,
    )
    check = Check(definition, key, "", share_limit(share, sample), True)
    return Question(now, now, [StepQuestion("reject", None, (check,))])


def seen(counters: MemoryCounters, asked: Question) -> Seen:
    found = counters.check_and_count(asked).seen[0]
    assert found is not None
    return found


def end(counters: MemoryCounters, now: int, is_part: bool, key: str = "k") -> None:
    counters.ended(question(now, key), Ended("cancelled" if is_part else "busy"))


EVENTS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, SLICE, 719_999_999, 720_000_000]) | st.integers(0, 400_000_000),
        st.sampled_from("ab"),
        st.booleans(),
    ),
    max_size=80,
)


@settings(max_examples=200, deadline=None)
@given(EVENTS, st.sampled_from([0, 150, 500, 999]), st.integers(0, 5))
@example([(0, "a", True), (719_999_999, "a", False)], 500, 2)
@example([(0, "a", True), (720_000_000, "a", False)], 500, 1)
def test_few_calls_are_counted_exactly(
    events: list[tuple[int, str, bool]], share: int, sample: int
) -> None:
    counters, now = MemoryCounters(), 5_000_000
    calls: list[tuple[int, str, bool]] = []
    for wait, key, is_part in events:
        now += wait
        inside = [part for at, whose, part in calls if whose == key and at > now - 720_000_000]
        found = seen(counters, question(now, key, share=share, sample=sample))
        assert found.values is not None
        assert (found.counted, found.values["sample"]) == (sum(inside), len(inside))
        is_passed = 1000 * sum(inside) > share * len(inside)
        assert found.held == (len(inside) >= sample and is_passed)
        end(counters, now, is_part, key)
        calls.append((now, key, is_part))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 400_000))
def test_many_calls_are_those_of_a_window_at_most_a_slice_longer(seed: int, step: int) -> None:
    counters, now = MemoryCounters(), 0
    ends: list[tuple[int, bool]] = []
    for number in range(2500):
        now += (seed * (number + 1)) % (2 * step) if number % 50 else 30 * step
        is_part = (seed >> number % 31) % 3 == 0
        end(counters, now, is_part)
        ends.append((now, is_part))
        if number % 250 == 249:
            found = seen(counters, question(now))
            assert found.values is not None
            total = found.values["sample"]
            assert isinstance(total, int)
            counted = ends[-total:]
            assert found.counted == sum(part for _, part in counted)
            within = sum(at > now - WINDOW.length_us for at, _ in ends)
            longer = sum(at > now - WINDOW.length_us - SLICE for at, _ in ends)
            assert within <= total <= longer


def test_a_key_needs_no_more_memory_however_many_calls_it_has() -> None:
    counters = MemoryCounters()
    tracemalloc.start()
    for number in range(30_000):  # 21 windows
        end(counters, number * 500_000, number % 3 == 0)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 400_000


def test_idle_keys_vanish() -> None:
    counters = MemoryCounters()
    for number in range(5000):
        end(counters, number * 7_200_000, True, str(number))
    assert len(counters) <= 101


def test_a_passed_day_s_keys_vanish() -> None:
    counters, window = MemoryCounters(), CalendarWindow("day", "UTC")
    for number in range(300):
        counters.ended(question(0, str(number), window=window), Ended("cancelled"))
    counters.ended(question(DAY, "new", window=window), Ended("busy"))
    assert len(counters) == 1
    assert not seen(counters, question(DAY, "5", window=window)).held


def test_a_day_is_free_when_the_next_begins() -> None:
    counters, window = MemoryCounters(), CalendarWindow("day", "UTC")
    counters.ended(question(5, window=window), Ended("cancelled"))
    found = seen(counters, question(DAY - 7, window=window))
    assert (found.held, found.frees_us) == (True, 7)


@pytest.mark.parametrize(
    ("part", "total", "share", "held", "written"),
    [(3, 20, 150, False, 150), (151, 1000, 150, True, 151), (1, 3, 333, True, 334)],
)
def test_a_share_is_rounded_up_so_that_a_passed_one_never_looks_equal(
    part: int, total: int, share: int, held: bool, written: int
) -> None:
    counters = MemoryCounters()
    for number in range(total):
        end(counters, 0, number < part)
    found = seen(counters, question(0, share=share))
    assert found.values is not None
    assert (found.held, found.values["share"]) == (held, written)
