"""What a counter is that only counts: one definition's counts for all its keys."""

from .question import Check


class Counter:
    """How often a key was counted, as the subclass says: in a window, or now."""

    __slots__ = ("capacity",)

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity

    def look(self, check: Check, now_us: int, time_us: int) -> tuple[bool, int]:
        """Whether the limit is reached, and the count, before this attempt."""
        raise NotImplementedError

    def frees_us(self, check: Check, now_us: int, time_us: int, is_counted: bool) -> int | None:
        """So long until a check that holds now does no more; None: time alone won't do.

        `is_counted`: this attempt is about to be counted too.
        """
        raise NotImplementedError

    def count(self, check: Check, now_us: int, time_us: int) -> None:
        """Move the count by this attempt."""
        raise NotImplementedError

    def resize(self, capacity: int) -> None:
        """Check limits up to this one from now on."""
        self.capacity = capacity

    def carry(self, time_us: int) -> None:
        """Go on in the calendar's period at this time with what was counted in an earlier one."""

    def __len__(self) -> int:
        """How many keys are remembered."""
        raise NotImplementedError
