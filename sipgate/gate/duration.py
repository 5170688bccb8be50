"""Durations in words: as a policy writes them, and as people say them."""

import itertools

UNITS = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def spelled(seconds: int) -> str:
    """`7d` for 604,800 seconds: a whole number of the largest unit that fits."""
    for unit, length in UNITS:
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    raise AssertionError(seconds)


def roughly(milliseconds: int) -> str:
    """`3d 2h`: the largest unit and the next; under a minute to the millisecond, as `1.5s`."""
    if milliseconds < 60_000:
        whole, rest = divmod(milliseconds, 1000)
        return f"{whole}.{rest:03}".rstrip("0").rstrip(".") + "s"
    seconds = milliseconds // 1000
    for (unit, length), (next_unit, next_length) in itertools.pairwise(UNITS):
        if seconds >= length:
            rest = seconds % length // next_length
            return f"{seconds // length}{unit}" + (f" {rest}{next_unit}" if rest else "")
    raise AssertionError(milliseconds)
