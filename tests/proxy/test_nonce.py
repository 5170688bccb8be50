"""Nonces: made from the clock, used once a count (RFC 7616 §3.3, §5.5)."""

from hypothesis import example, given
from hypothesis import strategies as st

from sipgate.proxy.nonce import MOST_REMEMBERED, NONCE_SECONDS, WINDOW, Freshness, NonceMint

KEY = b"k" * 32


def mint(started_at: float = 0.0, boot: str = "b") -> NonceMint:
    return NonceMint(KEY, boot, started_at)


def test_a_nonce_is_fresh_for_its_time_and_stale_then() -> None:
    nonces = mint()
    nonce = nonces.make("10.0.0.1", 100.0)
    assert nonces.check(nonce, 1, "10.0.0.1", 100.0) is Freshness.FRESH
    assert nonces.check(nonce, 1, "10.0.0.1", 100.0 + NONCE_SECONDS - 1) is Freshness.FRESH
    assert nonces.check(nonce, 1, "10.0.0.1", 101.0 + NONCE_SECONDS) is Freshness.STALE


def test_a_nonce_is_for_one_address() -> None:
    nonces = mint()
    assert nonces.check(nonces.make("10.0.0.1", 1.0), 1, "10.0.0.2", 1.0) is Freshness.FOREIGN


def test_a_nonce_of_before_the_restart_is_known_as_such_and_of_another_boot_foreign() -> None:
    nonce = mint().make("10.0.0.1", 100.0)
    assert mint(120.0).check(nonce, 1, "10.0.0.1", 130.0) is Freshness.OF_BEFORE
    late = 101.0 + NONCE_SECONDS
    assert mint(120.0).check(nonce, 1, "10.0.0.1", late) is Freshness.STALE
    assert mint(120.0).check(nonce, 1, "10.0.0.2", 130.0) is Freshness.FOREIGN
    assert mint(0.0, "c").check(nonce, 1, "10.0.0.1", 130.0) is Freshness.FOREIGN


def test_two_nonces_of_one_moment_differ() -> None:
    nonces = mint()
    assert nonces.make("10.0.0.1", 1.0) != nonces.make("10.0.0.1", 1.0)


def test_a_nonce_from_the_future_is_stale() -> None:
    nonces = mint()
    assert nonces.check(nonces.make("h", 500.0), 1, "h", 100.0) is Freshness.STALE


@given(st.text(max_size=60))
def test_nothing_made_up_is_ours(nonce: str) -> None:
    assert mint().check(nonce, 1, "h", 1.0) is Freshness.FOREIGN


@given(st.lists(st.integers(0, 200), max_size=60))
@example([0, 1, 0])
def test_no_count_is_good_twice_and_reordering_within_the_window_is(counts: list[int]) -> None:
    nonces = mint()
    nonce = nonces.make("h", 1.0)
    used: set[int] = set()
    for count in counts:
        freshness = nonces.check(nonce, count, "h", 2.0)
        if count in used:
            assert freshness is Freshness.REPLAYED
        elif not used or count > max(used) - WINDOW:
            assert freshness is Freshness.FRESH
        if freshness is Freshness.FRESH:
            nonces.use(nonce, count, 2.0)
            used.add(count)


def test_what_is_remembered_is_bounded_and_forgotten_with_time() -> None:
    nonces = mint()
    for _ in range(MOST_REMEMBERED + 10):
        nonces.use(nonces.make("h", 1.0), 1, 1.0)
    assert len(nonces) == MOST_REMEMBERED
    later = 2.0 + NONCE_SECONDS
    nonces.use(nonces.make("h", later), 1, later)
    assert len(nonces) == 1


def test_a_nonce_that_had_to_be_forgotten_is_stale_and_its_counts_are_not_good_again() -> None:
    nonces = mint()
    first = nonces.make("h", 1.0)
    nonces.use(first, 1, 1.0)
    for _ in range(MOST_REMEMBERED):
        nonces.use(nonces.make("h", 2.0), 1, 2.0)
    assert nonces.check(first, 1, "h", 2.0) is Freshness.STALE
    assert nonces.check(nonces.make("h", 3.0), 1, "h", 3.0) is Freshness.FRESH
