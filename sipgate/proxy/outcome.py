"""What became of an allowed call, in the words of design §8, Outcomes."""

from dataclasses import dataclass
from typing import Final

from sipgate.ledger import EndedBy, OutcomeKind

ANSWERED: Final = "answered"
CANCELLED: Final = "cancelled"
BUSY: Final = "busy"
REFUSED: Final = "refused"
BLOCKED: Final = "blocked"
UNANSWERED: Final = "unanswered"
FAILED: Final = "failed"

CALLER: Final = "caller"
CALLEE: Final = "callee"
GATE: Final = "gate"
LOST: Final = "lost"  # closed without its BYE


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of a call as the ledger keeps it; times in milliseconds."""

    kind: OutcomeKind
    status: int  # the final response to the INVITE, as the caller got it
    answered_time: float | None = None  # calendar seconds
    ring_ms: int | None = None  # first 18x to the final response
    talk_ms: int | None = None  # 2xx to BYE
    ended_by: EndedBy | None = None  # caller, callee, gate, lost
    cancelled: bool = False  # the caller sent CANCEL
    reason: str | None = None  # a Reason header seen, or why the gate ended it
    info_digits: int = (
        0  # that the caller dialled on in INFO: a calling card, a bridge (design §18)
    )


def kind_of_failure(status: int, phrase: bytes, reason: bytes | None, *, rang: bool) -> OutcomeKind:
    """The outcome of an INVITE that ended in this non-2xx response from upstream.

    603 has three readings: a caller's network that blocks (603+, or nothing rang before it), a
    person who declines while it rings.
    """
    if status in (486, 600):
        return BUSY
    if status == 607:
        return REFUSED
    if status == 608:
        return BLOCKED
    if status == 603:
        if phrase.strip().lower() == b"network blocked" or not rang:
            return BLOCKED
        return REFUSED if reason is None else BLOCKED
    if status in (408, 480, 487):
        return UNANSWERED
    return FAILED


def is_refusal(reason: bytes | None) -> bool:
    """True for a BYE whose Reason says that the called person does not want the call (RFC 8197)."""
    if reason is None:
        return False
    parts = [part.strip().lower() for part in reason.split(b";")]
    return parts[0] == b"sip" and b"cause=607" in [part.replace(b" ", b"") for part in parts[1:]]
