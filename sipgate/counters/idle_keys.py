"""Forgetting the keys of a watch of which nothing can be said any more."""

from collections import OrderedDict
from typing import Final, TypeVar

from .question import Key

SWEPT: Final = 2  # at most one key is new per event, so the idle ones can't pile up


class Dated:
    """What is known of one key, and when something last happened to it; microseconds."""

    __slots__ = ("latest_us",)

    def __init__(self) -> None:
        self.latest_us = -(2**62)

    def happened(self, now_us: int) -> int:
        """Something happens now; gives the time, never before what was.

        A rebuild over a clock that jumped may say less.
        """
        if now_us > self.latest_us:
            self.latest_us = now_us
        return self.latest_us


DatedType = TypeVar("DatedType", bound=Dated)


def sweep(known: OrderedDict[Key, DatedType], out_us: int) -> None:
    """Forget some of those to which nothing has happened since; they stand in front."""
    for _ in range(SWEPT):
        if not known:
            return
        key = next(iter(known))
        if known[key].latest_us > out_us:
            return
        del known[key]
