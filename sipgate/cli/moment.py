"""Moments as people write them: `2h` (ago), `2026-11-24`, `2026-11-24T09:00:00+01:00`."""

import re
import time
from datetime import UTC, datetime

from .failure import BadInput

_AGO = re.compile(r"(\d+)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_moment(text: str, option: str) -> float:
    """Calendar seconds; a time without an offset is UTC, as everything on record is."""
    match = _AGO.fullmatch(text)
    if match is not None:
        return time.time() - int(match[1]) * _SECONDS[match[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput(
            f"{option}: {text!r} is no time; expected one like 2h, 2026-11-24 or"
            " 2026-11-24T09:00:00+01:00"
        ) from error
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


def rfc_3339(seconds: float) -> str:
    """In UTC, to the second."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
