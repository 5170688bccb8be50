"""Token buckets: exact, and bounded whoever comes."""

from hypothesis import given
from hypothesis import strategies as st

from sipgate.proxy.token_buckets import TokenBuckets


def taken(buckets: TokenBuckets, key: str, now: float, tries: int) -> int:
    """How many of so many tries at one time got a token."""
    return sum(buckets.take(key, now) for _ in range(tries))


def test_a_bucket_holds_a_seconds_worth_and_no_more() -> None:
    buckets = TokenBuckets(50, most=10)
    assert taken(buckets, "a", 1000.0, 200) == 50
    assert taken(buckets, "a", 5000.0, 200) == 50


def test_it_fills_at_its_rate() -> None:
    buckets = TokenBuckets(50, most=10)
    taken(buckets, "a", 1000.0, 200)
    assert taken(buckets, "a", 1000.1, 200) == 5
    assert taken(buckets, "a", 1000.6, 200) == 25


def test_one_token_a_second_is_possible() -> None:
    buckets = TokenBuckets(1, most=10)
    assert [buckets.take("a", now) for now in (10.0, 10.5, 11.0, 11.5, 12.0)] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_one_address_takes_nothing_from_another() -> None:
    buckets = TokenBuckets(5, most=10)
    taken(buckets, "a", 1000.0, 100)
    assert taken(buckets, "b", 1000.0, 100) == 5


def test_a_flood_of_addresses_fills_no_memory_and_shuts_nobody_out() -> None:
    buckets = TokenBuckets(5, most=100)
    for number in range(10_000):
        assert buckets.take(f"forged {number}", 1000.0)
    assert len(buckets) <= 200
    assert buckets.take("an honest one", 1000.0)


def test_buckets_that_nobody_touches_are_forgotten() -> None:
    buckets = TokenBuckets(5, most=100)
    for number in range(50):
        buckets.take(str(number), 1000.0)
    buckets.take("a", 1003.0)
    assert len(buckets) == 1


@given(
    st.integers(1, 20),
    st.lists(st.floats(0, 0.6, allow_nan=False), min_size=1, max_size=300),
)
def test_no_second_gives_more_than_a_burst_and_a_seconds_worth(
    per_second: int, pauses: list[float]
) -> None:
    buckets = TokenBuckets(per_second, most=10)
    now, times = 1000.0, []
    for pause in pauses:
        now += pause
        if buckets.take("a", now):
            times.append(now)
    for first in times:
        assert sum(first <= time <= first + 1.0 for time in times) <= 2 * per_second


@given(st.integers(1, 20), st.integers(2, 100))
def test_whoever_stays_under_the_rate_is_never_refused(per_second: int, packets: int) -> None:
    buckets = TokenBuckets(per_second, most=10)
    assert all(buckets.take("a", 1000.0 + number / per_second) for number in range(packets))
