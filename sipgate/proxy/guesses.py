"""Wrong passwords: counted, and answered later and later (design §6, Strangers).

Slowed is who guesses: one address with one user name, or one address with many. A phone that has
logged in from that address is never slowed for its neighbours' mistakes, nor is a new one for a
neighbour that keeps trying an old password, and nobody can lock a user out from elsewhere. A
challenge is no failed log-in. Of IPv6 a /64 is one address: who has one has all of them.
"""

from collections import OrderedDict
from ipaddress import IPv6Address
from typing import Final

FREE_GUESSES: Final = 5  # one user at one address: typing errors
FREE_GUESSES_AT_ADDRESS: Final = 50  # all users at one address, each one's first FREE_GUESSES
LONGEST_SECONDS: Final = 300.0
FORGOTTEN_AFTER: Final = 3600.0  # seconds without another wrong one
MOST_REMEMBERED: Final = 20_000


class Guesses:
    """Who has guessed wrong how often, and until when he waits."""

    def __init__(self) -> None:
        self._wrong: OrderedDict[tuple[str, str], tuple[int, float]] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()  # logged in from there
        self._known_addresses: OrderedDict[str, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._wrong)

    def wait_seconds(self, address: str, user: str, now: float) -> float:
        """How long this user at this address has to wait; 0: not at all."""
        address = _place(address)
        wait = self._wait((address, user), FREE_GUESSES, now)
        if (address, user) not in self._known:
            wait = max(wait, self._wait((address, ""), FREE_GUESSES_AT_ADDRESS, now))
        return wait

    def has_logged_in(self, address: str) -> bool:
        """Whether anybody has shown the right password from there since the start."""
        return _place(address) in self._known_addresses

    def wrong(self, address: str, user: str, now: float) -> int:
        """A wrong one; gives how many this user at this address has had in a row."""
        address = _place(address)
        count = self._count((address, user), now)
        if count <= FREE_GUESSES:  # beyond, it is slowed by itself, and no news of the address
            self._count((address, ""), now)
        return count

    def right(self, address: str, user: str) -> None:
        """The right one: this user is known there from now on."""
        address = _place(address)
        self._wrong.pop((address, user), None)
        self._known.pop((address, user), None)
        self._known[address, user] = None
        while len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        self._known_addresses.pop(address, None)
        self._known_addresses[address] = None
        while len(self._known_addresses) > MOST_REMEMBERED:
            self._known_addresses.popitem(last=False)

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


def _place(address: str) -> str:
    """What counts as one address: of IPv6 its /64, of IPv4 (in IPv6 spelling too) itself."""
    if ":" not in address:
        return address
    try:
        found = IPv6Address(address.partition("%")[0].strip("[]"))
    except ValueError:
        return address
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return f"{int(found) >> 64:x}::/64"
