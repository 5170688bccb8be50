"""Calls in progress per key."""

from .counter import Counter
from .question import Check, Key


class Gauge(Counter):
    """A number per key that goes up with an admitted call and down when it is over."""

    def __init__(self) -> None:
        super().__init__(0)  # unlimited: it knows each call
        self._calls_by_key: dict[Key, int] = {}

    def __len__(self) -> int:
        return len(self._calls_by_key)

    def look(self, check: Check, now_us: int, time_us: int) -> tuple[bool, int]:
        count = self._calls_by_key.get(check.key, 0)
        return count >= check.limit, count

    def frees_us(self, check: Check, now_us: int, time_us: int, is_counted: bool) -> int | None:
        """No time alone frees a place."""
        return None

    def count(self, check: Check, now_us: int, time_us: int) -> None:
        self._calls_by_key[check.key] = self._calls_by_key.get(check.key, 0) + 1

    def release(self, key: Key) -> None:
        calls = self._calls_by_key[key] - 1
        if calls:
            self._calls_by_key[key] = calls
        else:
            del self._calls_by_key[key]
