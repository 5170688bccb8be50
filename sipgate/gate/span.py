"""A part of the day by the clock on the wall, as policies write it: `08:00-20:00`."""

import re
from typing import NamedTuple

ONE_SPAN = r"[0-9]{2}:[0-9]{2} *- *[0-9]{2}:[0-9]{2}"
MIDNIGHT = 86_400

_MINUTE = 60


class Span(NamedTuple):
    """Seconds since local midnight: `start` is in, `end` is out."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{clock_text(self.start)}-{clock_text(self.end)}"


def read_span(text: str, *, over_midnight: bool = False) -> tuple[Span, ...]:
    """The span that a text means, as it was written; empty for what means none.

    `over_midnight`: one that ends before it starts is two, `22:00-06:00` is what is left of the day
    and the beginning of the next.
    """
    if re.fullmatch(ONE_SPAN, text.strip()) is None:
        return ()
    hour, minute, end_hour, end_minute = map(int, re.findall(r"[0-9]{2}", text))
    start, end = (hour * 60 + minute) * _MINUTE, (end_hour * 60 + end_minute) * _MINUTE
    if minute > 59 or end_minute > 59 or end > MIDNIGHT or start >= MIDNIGHT or start == end:
        return ()
    if start < end:
        return (Span(start, end),)
    if not over_midnight:
        return ()
    late = Span(start, MIDNIGHT)
    return (Span(0, end), late) if end else (late,)


def clock_text(second: int) -> str:
    """Seconds since midnight as a clock shows them, without the seconds."""
    return f"{second // 3600:02d}:{second // 60 % 60:02d}"
