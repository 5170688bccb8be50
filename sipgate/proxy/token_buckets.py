"""How many packets each address may send: a token bucket per address, in bounded memory.

A bucket is one number, the time at which it will be full again (the "theoretical arrival time" of
ITU-T I.371's generic cell rate algorithm, the same thing as a token bucket). One that is full says
nothing, so buckets that nobody has touched for as long as filling takes are thrown away.
"""


class TokenBuckets:
    """A bucket for each key that was seen lately; `most` bounds how many are remembered.

    Each holds one second's worth of tokens and begins full. When there are too many keys the ones
    that were not seen lately begin anew, full: nobody is refused because others came.
    """

    def __init__(self, per_second: int, *, most: int) -> None:
        self._token_seconds = 1.0 / per_second
        self._last_token = 1.0 - self._token_seconds  # so much in the future still leaves one token
        self._most = most
        self._full_at: dict[str, float] = {}
        self._full_at_before: dict[str, float] = {}  # those not touched since the last turn
        self._turn_at = 0.0

    def __len__(self) -> int:
        return len(self._full_at) + len(self._full_at_before)

    def take(self, key: str, now: float) -> bool:
        """Take a token; False when there is none."""
        if now >= self._turn_at or len(self._full_at) >= self._most:
            self._turn(now)
        full_at = self._full_at.get(key)
        if full_at is None:
            full_at = self._full_at_before.get(key, now)
        if full_at < now:
            full_at = now
        if full_at - now > self._last_token + 1e-9:
            return False
        self._full_at[key] = full_at + self._token_seconds
        return True

    def _turn(self, now: float) -> None:
        """Forget what was not touched since the last turn: a second ago, so it is full."""
        # After a pause both halves are older than a second.
        self._full_at_before = {} if now >= self._turn_at + 1.0 else self._full_at
        self._full_at = {}
        self._turn_at = now + 1.0
