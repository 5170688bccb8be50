"""What a counter is that learns more of calls than that they were."""

from .question import Change, Check, Ended, Facts, Key, Seen


class Watch:
    """The state of one definition for all its keys.

    It hears of each attempt that its rule selects when that is decided, and of an admitted one
    again when it is answered and when it has ended. Memory per key must be bounded, and keys that
    nothing can be said of any more must vanish. All times are microseconds of the two clocks;
    `now_us` may stand still or, after a rebuild, jump, but is never taken for less than before.
    """

    def see(self, check: Check, facts: Facts, now_us: int, time_us: int) -> Seen:
        """What it says of the key before this attempt counts."""
        raise NotImplementedError

    def decided(
        self,
        check: Check,
        facts: Facts,
        is_admitted: bool,
        is_own: bool,
        now_us: int,
        time_us: int,
    ) -> Change | None:
        """An attempt was decided; `is_own`: rejected by a rule that looks at this watch.

        Says whether that moved a standing.
        """
        return None

    def answered(self, check: Check, now_us: int, time_us: int) -> None:
        """A 2xx came to an admitted call."""

    def ended(self, check: Check, ended: Ended, now_us: int, time_us: int) -> Change | None:
        """An admitted call is over; says whether that moved a standing."""
        return None

    def dropped(self, check: Check, now_us: int, time_us: int) -> None:
        """An admitted attempt never left, for it could not be recorded; no end will be told."""

    def forget(self, key: Key) -> None:
        """An operator wants a key's past forgotten, where it is held against it."""

    def carry(self, time_us: int) -> None:
        """Go on in the calendar's period at this time with what was counted in an earlier one."""

    def __len__(self) -> int:
        """How many keys are remembered."""
        raise NotImplementedError
