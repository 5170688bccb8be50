"""Max-Breadth: how many branches of one request may be under way at once (RFC 5393 §5.3.3)."""

from sipgate.sip import BadMessage, Request

MOST_BREADTH = 60  # RFC 5393 §5.3.3: what is added, and the most that is let through
BREADTH_LINE = b"Max-Breadth: %d" % MOST_BREADTH
_KEPT_DIGITS = 9  # more are no number that anybody means


def read_breadth(request: Request) -> int | None:
    """What the request says, None if nothing; raises BadMessage unless it is one number."""
    indexes = request.indexes(b"max-breadth")
    if not indexes:
        return None
    digits = request.first(b"max-breadth") or b""
    if len(indexes) > 1 or not digits.isdigit():
        raise BadMessage(400, "a max-breadth that is none")
    return int(digits) if len(digits) <= _KEPT_DIGITS else 10**_KEPT_DIGITS


def is_too_broad(request: Request) -> bool:
    """Whether more is asked for than one hop allows."""
    try:
        breadth = read_breadth(request)
    except BadMessage:
        return False  # such a request was refused; an ACK, which can't be, goes on as it came
    return breadth is not None and breadth > MOST_BREADTH
