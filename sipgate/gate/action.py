"""What a rule does when its condition holds."""

from dataclasses import dataclass
from typing import TypeAlias

from .text import Text

UNFIT_CODES = frozenset(
    # What a user agent retries or repairs by itself, so that a refusal would not end the attempt.
    (401, 407, 408, 413, 414, 415, 416, 420, 421, 422, 423, 481, 482, 484, 487, 488, 491, 494)
)


@dataclass(frozen=True, slots=True)
class Allow:
    """Let the call through; no later rule is asked."""


@dataclass(frozen=True, slots=True)
class Tag:
    """Add headers and go on."""

    headers: tuple[tuple[str, Text], ...]


@dataclass(frozen=True, slots=True)
class Reject:
    """Refuse the call; no later rule is asked.

    `retry_after` is in seconds; with `until_opening` it is when the condition holds no more.
    `redress` is what a 603 says that is a 603+ (`Redress.told`).
    """

    code: int
    reason: Text
    retry_after: int | None = None
    until_opening: bool = False
    redress: str | None = None


Action: TypeAlias = Allow | Tag | Reject


def is_refusal_code(code: int) -> bool:
    """Whether a policy may refuse with it: 4xx or 6xx, but nothing that invites a repair.

    No 5xx: that makes a PBX fail over to another trunk, past the gate.
    """
    return (400 <= code <= 499 or 600 <= code <= 699) and code not in UNFIT_CODES
