"""When entries were made: the clocks of earlier boots on the clock of this one.

Within a boot its own clock counts, which nobody can set; between two boots only the calendar can
say how long the machine was off. So a calendar that was set in one of them makes no entry older or
younger, unless it was set while the machine was off.
"""

from typing import NamedTuple, Protocol

import msgspec


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A moment by both clocks, as every entry is stamped with one; microseconds."""

    time_us: int
    boot: str
    boot_us: int


class Beginning(NamedTuple):
    """Where to begin to read, and where the zero of each boot's clock lies on this boot's."""

    seq: int
    zeros_us: dict[str, int]


class EntryMoments(Protocol):
    """Where entries are looked up by number."""

    def at_or_after(self, seq: int) -> tuple[int, Moment] | None:
        """The first entry from this number on, and its number."""
        ...

    def at_or_before(self, seq: int) -> tuple[int, Moment] | None:
        """The last entry up to this number, and its number."""
        ...


def beginning(entries: EntryMoments, now: Moment, age_us: int, last_seq: int) -> Beginning:
    """The first entry up to `last_seq` that is no older; `last_seq` + 1 when all are.

    Entries that were written late are looked over: of two places that the age lies between, either
    may be found. About 50 look-ups for each boot that is younger, however many entries it has.
    """
    since_us = now.boot_us - age_us
    zeros_us = {now.boot: 0}
    newer, newer_us = now, now.boot_us  # what is known of the boot after, and when that was
    high = last_seq
    while True:
        found = entries.at_or_before(high)
        if found is None:
            return Beginning(high + 1, zeros_us)
        last_seq_of_boot, last = found
        boot = last.boot
        if boot not in zeros_us:
            off_us = max(0, newer.time_us - last.time_us)
            zeros_us[boot] = newer_us - off_us - last.boot_us
        zero_us = zeros_us[boot]
        first_seq, first = _first(entries, last_seq_of_boot, boot, -(2**62))
        if first.boot_us + zero_us < since_us:
            if last.boot_us + zero_us < since_us:
                return Beginning(last_seq_of_boot + 1, zeros_us)
            seq, _ = _first(entries, last_seq_of_boot, boot, since_us - zero_us)
            return Beginning(seq, zeros_us)
        newer, newer_us = first, first.boot_us + zero_us
        high = first_seq - 1


def _first(entries: EntryMoments, last_seq: int, boot: str, boot_us: int) -> tuple[int, Moment]:
    """The first entry of a boot that is not before a moment of it; the last one surely isn't."""
    low, high = 1, last_seq
    best = entries.at_or_after(last_seq)
    assert best is not None, last_seq
    while low < high:
        middle = (low + high) // 2
        found = entries.at_or_after(middle)
        assert found is not None, middle
        seq, moment = found
        if moment.boot == boot and moment.boot_us >= boot_us:
            best, high = found, middle
        else:
            low = seq + 1
    return best
