"""When a refused caller is told to come back: never too early, and not all at once."""

from hypothesis import given
from hypothesis import strategies as st

from sipgate.gate.retry_after import LONGEST_SECONDS, MOST_SPREAD_SECONDS, seconds_to_opening


@given(st.integers(0, 400 * 86_400_000_000), st.text(), st.text())
def test_it_is_never_before_the_opening_nor_long_after(
    frees_us: int, call_id: str, caller: str
) -> None:
    seconds = seconds_to_opening(frees_us, call_id, caller)
    opening = min(frees_us / 1e6, LONGEST_SECONDS)

    assert max(1, opening) <= seconds < max(1, opening) + 1 + min(MOST_SPREAD_SECONDS, opening / 10)


def test_a_room_of_phones_is_spread_over_a_minute() -> None:
    told = [seconds_to_opening(3600_000_000, f"call-{n}", f"hq/{n}") for n in range(1000)]

    assert set(told) == set(range(3600, 3661))
    assert max(told.count(second) for second in set(told)) < 40


def test_the_same_call_is_told_the_same_again() -> None:
    assert len({seconds_to_opening(600_000_000, "a", "hq/1") for _ in range(10)}) == 1


def test_a_text_that_is_no_unicode_spreads_too() -> None:
    assert seconds_to_opening(1, "\udcff", "hq/1") == 1
