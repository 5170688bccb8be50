"""Responses of the gate's own to an INVITE that it refuses."""

import re
from typing import Protocol

from sipgate.gate import Decision
from sipgate.sip import PHRASES, Request, build_response

NETWORK_BLOCKED = b"Network Blocked"
MAX_ID_CHARACTERS = 64
REJECTED = 608  # by a machine between caller and callee: RFC 8688


class RedressCard(Protocol):
    """What a 608 tells of whom to turn to: RFC 8688 §3.2."""

    def call_info(self) -> bytes | None:
        """Its Call-Info, the card behind it fresh; None when there is no card to show."""
        ...


def refusal(
    request: Request,
    decision: Decision,
    decision_id: str,
    to_tag: bytes,
    card: RedressCard | None = None,
) -> bytes:
    """The response that a `reject` decision asks for.

    The reason is the phrase, because softphones show that; rule and decision id are in the Reason
    header (RFC 3326), where the caller's log keeps them for whoever asks the gate's operator.
    A 603+ is told by its phrase and by what its Reason says; both are fixed (ATIS-1000099).
    """
    code = decision.code if decision.code is not None else 403
    phrase = _phrase(decision.reason, code)
    text, location = f"id={decision_id}", ""
    if decision.redress is not None:
        contact, _, location = decision.redress.rpartition(";location=")
        text, location = f"{contact};id={_plain(decision_id)}", f";location={location}"
        phrase = NETWORK_BLOCKED
    elif decision.rule is not None:  # else its source's own settings forbade it
        text = f"rule={decision.rule};{text}"
    headers = [b'Reason: SIP;cause=%d;text="%b"%b' % (code, _quoted(text), location.encode())]
    call_info = card.call_info() if code == REJECTED and card is not None else None
    if call_info is not None:
        headers.append(b"Call-Info: " + call_info)
    if decision.retry_after is not None:
        headers.append(b"Retry-After: %d" % decision.retry_after)
    return build_response(request, code, phrase, to_tag=to_tag, headers=tuple(headers))


def _plain(decision_id: str) -> str:
    """The id as a 603+ may have it: letters, digits, `-` and `_`, the last 64 of them."""
    return re.sub("[^A-Za-z0-9-]", "_", decision_id)[-MAX_ID_CHARACTERS:]


def _phrase(reason: str | None, code: int) -> bytes:
    """The reason as a Reason-Phrase (RFC 3261 §25.1 allows UTF-8), else the code's own phrase."""
    if reason:
        cleaned = " ".join(reason.split())
        if cleaned.isprintable():
            return cleaned.encode()
    return PHRASES.get(code, b"Forbidden")


def _quoted(text: str) -> bytes:
    printable = "".join(character if character.isprintable() else "?" for character in text)
    return printable.replace("\\", "\\\\").replace('"', '\\"').encode()
