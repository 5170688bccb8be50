"""The only judge of what is an emergency call."""

from typing import Protocol

from .attempt import Attempt


class HasKind(Protocol):
    """A callee as `numbers` reads it."""

    @property
    def kind(self) -> str: ...


def is_emergency(subject: Attempt | HasKind | str) -> bool:
    """Whether this attempt, callee or kind of callee is an emergency call.

    Such a call is forwarded before any rule, and counts nowhere. Only the Request-URI, as the
    source's dial plan reads it, makes a call one: no other header, no prefix, no host.
    """
    if isinstance(subject, Attempt):
        return subject.callee_kind == "emergency"
    if isinstance(subject, str):
        return subject == "emergency"
    return subject.kind == "emergency"
