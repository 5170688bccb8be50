"""What an operator has said of a key, whatever its score and standing say by themselves."""

from typing import Literal, NamedTuple, TypeAlias

from .question import Check, Moves, Seen, Value

Overruling: TypeAlias = Literal["exempt", "suspended"]

EXEMPT_STANDING = 100
SUSPENDED_STANDING = 0


class Overruled(NamedTuple):
    """Exempt: the best standing and no score. Suspended: no standing at all.

    It holds before `until_us`, in calendar microseconds.
    """

    says: Overruling
    until_us: int


def overrule(seen: Seen, check: Check, said: Overruled, time_us: int) -> Seen:
    """What a watch saw, as the operator wants it; the score of a suspended one is its own."""
    moves = check.definition.moves
    frees_us = said.until_us - time_us
    if moves is Moves.STANDING:
        is_exempt = said.says == "exempt"
        standing = EXEMPT_STANDING if is_exempt else SUSPENDED_STANDING
        values: dict[str, Value] = {"standing": standing, "overruled": said.says}
        return Seen(standing < check.limit, standing, frees_us, 0, values)
    if moves is Moves.BEHAVIOUR and said.says == "exempt":
        silent: dict[str, Value] = {"score": 0, "signs": "", "overruled": said.says}
        return Seen(check.limit <= 0, 0, frees_us, 0, silent)
    return seen
