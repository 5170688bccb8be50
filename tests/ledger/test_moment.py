"""Where to begin to read, over boots and calendars that were set."""

from bisect import bisect_left, bisect_right

import pytest

from sipgate.ledger import Moment, beginning

HOUR = 3600


class Entries:
    """Entries by number, some of which may be gone; a moment is (boot, its seconds, calendar)."""

    def __init__(self, moments: dict[int, tuple[str, int, int]]) -> None:
        self._moments = {seq: at(*moment) for seq, moment in moments.items()}
        self._seqs = sorted(moments)

    def at_or_after(self, seq: int) -> tuple[int, Moment] | None:
        place = bisect_left(self._seqs, seq)
        if place == len(self._seqs):
            return None
        return self._seqs[place], self._moments[self._seqs[place]]

    def at_or_before(self, seq: int) -> tuple[int, Moment] | None:
        place = bisect_right(self._seqs, seq) - 1
        return None if place < 0 else (self._seqs[place], self._moments[self._seqs[place]])


def at(boot: str, boot_seconds: int, seconds: int) -> Moment:
    return Moment(time_us=seconds * 1_000_000, boot=boot, boot_us=boot_seconds * 1_000_000)


def begin(moments: dict[int, tuple[str, int, int]], now: Moment, seconds: int) -> int:
    return beginning(Entries(moments), now, seconds * 1_000_000, max(moments, default=0)).seq


def test_nothing_is_read_of_an_empty_ledger() -> None:
    assert begin({}, at("b", 10, 10), 60) == 1


@pytest.mark.parametrize("set_by", [-40 * 24 * HOUR, -1, 0, 5, 40 * 24 * HOUR])
def test_a_calendar_that_was_set_within_a_boot_makes_nothing_older_or_younger(set_by: int) -> None:
    moments = {
        1: ("a", 100, 5000),
        2: ("a", 200, 5100),
        3: ("a", 300, 5200 + set_by),  # set between these two
        4: ("b", 10, 5260 + set_by),  # the machine was off for 60 s, the boot's 10 s included
    }
    now = at("b", 40, 5290 + set_by)
    found = beginning(Entries(moments), now, 250_000_000, 4)
    assert found.zeros_us == {"b": 0, "a": -350_000_000}
    assert found.seq == 2
    assert begin(moments, now, 290) == 1
    assert begin(moments, now, 289) == 2
    assert begin(moments, now, 90) == 3
    assert begin(moments, now, 89) == 4


def test_a_calendar_that_went_back_while_the_machine_was_off_makes_no_age_negative() -> None:
    moments = {1: ("a", 100, 9000), 2: ("b", 5, 1000)}
    found = beginning(Entries(moments), at("b", 6, 1001), 60_000_000, 2)
    assert found == (1, {"b": 0, "a": 5_000_000 - 100_000_000})


def test_before_this_boot_s_first_entry_the_calendar_of_now_counts() -> None:
    moments = {1: ("a", 100, 5000)}
    now = at("b", 7, 5030)
    assert (begin(moments, now, 30), begin(moments, now, 29)) == (1, 2)


def test_boots_that_are_too_old_are_left_out_whole() -> None:
    moments = {
        **{seq: ("a", seq, seq) for seq in range(1, 50)},
        **{seq: ("b", seq, 10 * HOUR + seq) for seq in range(50, 90)},
        **{seq: ("c", seq, 20 * HOUR + seq) for seq in range(90, 120, 3)},  # others were deleted
    }
    now = at("c", 200, 20 * HOUR + 200)
    assert begin(moments, now, HOUR) == 90
    assert begin(moments, now, 10 * HOUR + 145) == 55
    assert begin(moments, now, 103) == 99
    assert begin(moments, now, 30 * HOUR) == 1
