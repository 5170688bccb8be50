"""Guessing passwords gets slow; logging in doesn't."""

import pytest

from sipgate.proxy.guesses import (
    FORGOTTEN_AFTER,
    FREE_GUESSES,
    FREE_GUESSES_AT_ADDRESS,
    LONGEST_SECONDS,
    MOST_REMEMBERED,
    Guesses,
)


def test_typing_errors_cost_nothing_and_guessing_ever_more() -> None:
    guesses, waits = Guesses(), []
    for _ in range(FREE_GUESSES + 12):
        guesses.wrong("10.0.0.1", "4711", 0.0)
        waits.append(guesses.wait_seconds("10.0.0.1", "4711", 0.0))
    assert waits[: FREE_GUESSES - 1] == [0.0] * (FREE_GUESSES - 1)
    assert waits[FREE_GUESSES - 1 :] == sorted(waits[FREE_GUESSES - 1 :])
    assert waits[-1] == LONGEST_SECONDS


def test_nobody_locks_a_user_out_from_elsewhere() -> None:
    guesses = Guesses()
    for _ in range(100):
        guesses.wrong("192.0.2.66", "4711", 0.0)
    assert guesses.wait_seconds("10.0.0.1", "4711", 0.0) == 0.0


def test_many_users_from_one_address_are_slowed_but_not_who_is_known_there() -> None:
    guesses = Guesses()
    guesses.right("10.0.0.1", "4711")
    for number in range(FREE_GUESSES_AT_ADDRESS + 5):
        guesses.wrong("10.0.0.1", f"u{number}", 0.0)
    assert guesses.wait_seconds("10.0.0.1", "4712", 0.0) > 0
    assert guesses.wait_seconds("10.0.0.1", "4711", 0.0) == 0.0


def test_a_phone_that_keeps_trying_an_old_password_slows_no_other() -> None:
    guesses = Guesses()
    for minute in range(24 * 60):
        now = minute * 60.0
        if guesses.wait_seconds("10.0.0.1", "old", now) == 0:
            guesses.wrong("10.0.0.1", "old", now)
    assert guesses.wait_seconds("10.0.0.1", "old", now) > 0
    assert guesses.wait_seconds("10.0.0.1", "new", now) == 0


def test_an_address_that_tries_ever_more_users_stays_slow() -> None:
    guesses, tried = Guesses(), 0
    for second in range(3600):
        if guesses.wait_seconds("10.0.0.1", f"u{tried}", float(second)) == 0:
            guesses.wrong("10.0.0.1", f"u{tried}", float(second))
            tried += 1
    assert tried < FREE_GUESSES_AT_ADDRESS + 3600 / LONGEST_SECONDS + 10


def test_all_of_an_ipv6_64_is_one_address() -> None:
    guesses = Guesses()
    for number in range(FREE_GUESSES + 3):
        guesses.wrong(f"2001:db8::{number:x}", "4711", 0.0)
    assert guesses.wait_seconds("2001:db8::ffff", "4711", 0.0) > 0
    assert guesses.wait_seconds("2001:db8:0:1::1", "4711", 0.0) == 0


@pytest.mark.parametrize("spelling", ["::ffff:192.0.2.1", "[::ffff:c000:201]"])
def test_an_ipv4_address_in_ipv6_spelling_is_itself(spelling: str) -> None:
    guesses = Guesses()
    for _ in range(FREE_GUESSES + 3):
        guesses.wrong(spelling, "4711", 0.0)
    assert guesses.wait_seconds("192.0.2.1", "4711", 0.0) > 0


def test_the_right_password_ends_the_count() -> None:
    guesses = Guesses()
    for _ in range(FREE_GUESSES + 3):
        guesses.wrong("h", "u", 0.0)
    guesses.right("h", "u")
    assert guesses.wrong("h", "u", 1.0) == 1


def test_wrong_ones_are_forgotten_after_an_hour() -> None:
    guesses = Guesses()
    for _ in range(FREE_GUESSES + 8):
        guesses.wrong("h", "u", 0.0)
    assert guesses.wait_seconds("h", "u", FORGOTTEN_AFTER + 1) == 0.0
    assert guesses.wrong("h", "u", FORGOTTEN_AFTER + 1) == 1


def test_what_is_remembered_is_bounded() -> None:
    guesses = Guesses()
    for number in range(MOST_REMEMBERED + 100):
        guesses.wrong(f"h{number}", "u", 0.0)
    assert len(guesses) <= MOST_REMEMBERED
