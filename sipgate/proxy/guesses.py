"""Wrong passwords: counted, and answered later and later (design §6, Strangers).

Slowed is who guesses: one address with one user name, or one address with many. A phone that has
logged in from that address is never slowed for its neighbours' mistakes, and nobody can lock a user
out from elsewhere. A challenge is no failed log-in.
"""

from collections import OrderedDict
from typing import Final

FREE_GUESSES: Final = 5  # one user at one address: typing errors
FREE_GUESSES_AT_ADDRESS: Final = 50  # all users at one address: a PBX with many wrong phones
LONGEST_SECONDS: Final = 300.0
FORGOTTEN_AFTER: Final = 3600.0  # seconds without another wrong one
MOST_REMEMBERED: Final = 20_000


class Guesses:
    """Who has guessed wrong how often, and until when he waits."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()  # logged in from there

    def __len__(self) -> int:
        return len(self._wrong)

    def wait_seconds(self, address: str, user: str, now: float) -> float:
        """How long this user at this address has to wait; 0: not at all."""
        wait = self._wait((address, user), FREE_GUESSES, now)
        if (address, user) not in self._known:
            wait = max(wait, self._wait((address, ""), FREE_GUESSES_AT_ADDRESS, now))
        return wait

    def wrong(self, address: str, user: str, now: float) -> int:
        """A wrong one; gives how many this user at this address has had in a row."""
        self._count((address, ""), now)
        return self._count((address, user), now)

    def right(self, address: str, user: str) -> None:
        """The right one: this user is known there from now on."""
        self._wrong.pop((address, user), None)
        self._known.pop((address, user), None)
        self._known[address, user] = None
        while len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)

    def _count(self, key: tuple[str, str], now: float) -> int:
        count, last = self._wrong.pop(key, (0, now))
        count = 1 if last + FORGOTTEN_AFTER < now else count + 1
        self._wrong[key] = (count, now)
        while len(self._wrong) > MOST_REMEMBERED:
            self._wrong.popitem(last=False)
        return count

    def _wait(self, key: tuple[str, str], free: int, now: float) -> float:
        found = self._wrong.get(key)
        if found is None:
            return 0.0
        count, last = found
        if count < free or last + FORGOTTEN_AFTER < now:
            return 0.0
        pause = min(LONGEST_SECONDS, 2.0 ** min(count - free, 16))
        return max(0.0, last + pause - now)
