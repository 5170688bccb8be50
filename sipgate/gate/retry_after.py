"""Retry-After of a refusal until the window opens again: RFC 3261 §20.33."""

from zlib import crc32

LONGEST_SECONDS = 86_400  # who waits longer than a day may well be told tomorrow
MOST_SPREAD_SECONDS = 60
SPREAD_PARTS = 10  # a tenth of the wait

_MICRO = 1_000_000


def seconds_to_opening(frees_us: int, call_id: str, caller: str) -> int:
    """Seconds to wait, never too few unless it is more than a day.

    Up to a tenth of the wait, at most a minute, is added: by Call-ID and caller, so that a room of
    phones that were all told to wait until 08:00 doesn't come back in the same second.
    """
    seconds = min(max(1, -(-frees_us // _MICRO)), LONGEST_SECONDS)
    spread = min(seconds // SPREAD_PARTS, MOST_SPREAD_SECONDS)
    return seconds + crc32(f"{call_id} {caller}".encode("utf-8", "replace")) % (spread + 1)
