"""Session timers as a proxy asks for them and sees them: RFC 4028 §8.

A call whose BYE was lost would be counted until `max-call`. Where its ends refresh the session, the
gate hears that they live, and ends the call in its table when they no longer say so.
"""

from dataclasses import dataclass
from typing import Final

from sipgate.sip import Request, Response, Splice, parse_message

DEFAULT_MIN_SECONDS: Final = 90  # RFC 4028 §5
GRACE_SECONDS: Final = 32.0  # 64 × T1: a refresh that was sent at the last moment may be on its way
REFRESHES: Final = frozenset((b"INVITE", b"UPDATE"))  # RFC 4028 §7.4


@dataclass(frozen=True, slots=True)
class TimerEdit:
    """What asking for a session timer changes in a request."""

    remove: tuple[int, ...]  # line indexes
    append: tuple[bytes, ...]  # whole lines
    promised: int  # seconds; what a 2xx without a timer gets for a caller that knows timers, or 0


def session_interval(message: Request | Response) -> int | None:
    """Session-Expires in seconds (RFC 4028 §4); None without one, or when it can't be read."""
    return _seconds(message.first(b"session-expires"))


def asked_timer(request: Request, wanted: int) -> TimerEdit:
    """Ask for a session of at most `wanted` seconds (RFC 4028 §8.1).

    An interval that is asked for already is only ever made shorter, and never shorter than Min-SE.
    """
    least = _seconds(request.first(b"min-se")) or DEFAULT_MIN_SECONDS
    indexes = request.indexes(b"session-expires")
    asked = session_interval(request) if indexes else None
    interval = max(wanted, least)
    if asked is not None and (asked <= interval or len(indexes) > 1):
        return TimerEdit((), (), asked if _knows_timers(request) else 0)
    line = b"Session-Expires: %d" % interval
    if indexes:
        line += _parameters(request.lines[indexes[0]])
    return TimerEdit(indexes, (line,), interval if _knows_timers(request) else 0)


def promised_timer(response: Response, promised: int) -> tuple[bytes, ...]:
    """The lines that a 2xx lacks when its sender knows no timers and the caller does.

    RFC 4028 §8.2; `promised` is that of `asked_timer`.
    """
    if not promised or not 200 <= response.status < 300:
        return ()
    if response.index(b"session-expires") is not None:
        return ()
    lines = [b"Session-Expires: %d;refresher=uac" % promised]
    required = response.values(b"require")
    if b"timer" not in (value.lower() for value in required):
        lines.append(b"Require: timer")
    return tuple(lines)


def timed_response(response: Response, request: Request, wanted: int) -> Response:
    """The 2xx as it goes up when a timer was asked for (RFC 4028 §8.2)."""
    lines = promised_timer(response, asked_timer(request, wanted).promised)
    if not lines:
        return response
    splice = Splice(response)
    for line in lines:
        splice.append(line)
    timed = parse_message(splice.to_bytes())
    assert isinstance(timed, Response)
    return timed


def _knows_timers(request: Request) -> bool:
    return any(value.lower() == b"timer" for value in request.values(b"supported"))


def _seconds(value: bytes | None) -> int | None:
    if value is None:
        return None
    digits = value.partition(b";")[0].strip()
    return int(digits) if digits.isdigit() and len(digits) < 10 else None


def _parameters(line: bytes) -> bytes:
    _, semicolon, parameters = line.partition(b";")
    return semicolon + parameters
