"""Nonces of the gate's own challenges: made from the clock under a key, checked without a table.

RFC 7616 §3.3. Only those that were used are remembered, with the counts seen, so that credentials
that somebody overheard are good for nothing (§5.5). Of a nonce of before the restart nobody knows
any more which of its counts were used.
"""

from collections import OrderedDict
from enum import Enum, auto
from hashlib import blake2b
from hmac import compare_digest
from typing import Final

NONCE_SECONDS: Final = 300.0
MOST_REMEMBERED: Final = 100_000
WINDOW: Final = 64  # counts that may come out of order, as datagrams do

_TIME_DIGITS, _SERIAL_DIGITS, _HASH_DIGITS = 12, 8, 24


class Freshness(Enum):
    """What a nonce is worth."""

    FRESH = auto()
    STALE = auto()  # ours, but too old
    OF_BEFORE = auto()  # ours and not too old, but of before the restart
    REPLAYED = auto()  # ours, with a count that was used
    FOREIGN = auto()  # not ours, or given to another peer


class NonceMint:
    """Makes and checks nonces for one gate. `now` is clock seconds, which a boot begins anew."""

    def __init__(self, key: bytes, boot: str, started_at: float) -> None:
        self._key = key
        self._boot = boot  # the clock begins anew with it
        self._started_at = started_at
        self._serial = 0
        self._stale_through = 0.0  # what of older ones was used is not remembered any more
        self._seen: OrderedDict[str, tuple[int, int]] = OrderedDict()  # highest count, bits below

    def __len__(self) -> int:
        return len(self._seen)

    def make(self, peer: str, now: float) -> str:
        """A new one for this peer's address."""
        self._serial = (self._serial + 1) % 16**_SERIAL_DIGITS
        head = f"{int(now * 1000):012x}{self._serial:08x}"
        return head + self._hash(head, peer)

    def check(self, nonce: str, count: int, peer: str, now: float) -> Freshness:
        """Whether it may be used with this count; changes nothing."""
        head, digest = nonce[: _TIME_DIGITS + _SERIAL_DIGITS], nonce[-_HASH_DIGITS:]
        if len(nonce) != _TIME_DIGITS + _SERIAL_DIGITS + _HASH_DIGITS or not nonce.isascii():
            return Freshness.FOREIGN
        if not compare_digest(self._hash(head, peer), digest):
            return Freshness.FOREIGN
        made_at = int(head[:_TIME_DIGITS], 16) / 1000
        if made_at <= self._stale_through:
            return Freshness.STALE
        if not now - NONCE_SECONDS <= made_at <= now + 1.0:
            return Freshness.STALE
        if made_at + 0.001 < self._started_at:
            return Freshness.OF_BEFORE
        seen = self._seen.get(nonce)
        if seen is None:
            return Freshness.FRESH
        highest, bits = seen
        if count > highest:
            return Freshness.FRESH
        behind = highest - count
        if behind >= WINDOW or bits >> behind & 1:
            return Freshness.REPLAYED
        return Freshness.FRESH

    def use(self, nonce: str, count: int, now: float) -> None:
        """Its credentials were right: this count is spent. Forgets those that are stale anyway."""
        highest, bits = self._seen.pop(nonce, (0, 0))
        if count > highest:
            bits = (bits << min(count - highest, WINDOW)) & (2**WINDOW - 1)
            highest = count
        self._seen[nonce] = (highest, bits | 1 << (highest - count))
        while self._seen:  # the least recently used are the oldest, or nearly
            oldest = next(iter(self._seen))
            made_at = int(oldest[:_TIME_DIGITS], 16) / 1000
            if made_at >= now - NONCE_SECONDS:
                if len(self._seen) <= MOST_REMEMBERED:
                    return
                self._stale_through = max(self._stale_through, made_at)
            del self._seen[oldest]

    def _hash(self, head: str, peer: str) -> str:
        text = f"{self._boot} {head} {peer}".encode("utf-8", "surrogateescape")
        return blake2b(
            text, digest_size=_HASH_DIGITS // 2, key=self._key, person=b"nonce"
        ).hexdigest()
