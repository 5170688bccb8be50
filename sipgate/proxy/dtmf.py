"""Digits that a caller dials on in INFO after the answer: a calling card, a bridge (design §18).

Two forms are in use: `application/dtmf-relay` with a line `Signal=5`, and `application/dtmf`, whose
body is the digit.
"""

from sipgate.sip import Request

DIGITS = b"0123456789"
_MOST_BODY_BYTES = 256


def info_digits(request: Request) -> int:
    """How many digits this INFO carries."""
    content = (request.first(b"content-type") or b"").partition(b";")[0].strip().lower()
    body = request.body[:_MOST_BODY_BYTES]
    if content == b"application/dtmf-relay":
        for line in body.splitlines():
            name, _, value = line.partition(b"=")
            if name.strip().lower() == b"signal":
                return _count(value)
        return 0
    return _count(body) if content == b"application/dtmf" else 0


def _count(text: bytes) -> int:
    return sum(byte in DIGITS for byte in text)
