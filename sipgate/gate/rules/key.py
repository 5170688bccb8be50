"""The key that a count is kept by: one or several parts of an attempt."""

from collections.abc import Callable
from operator import attrgetter
from typing import Annotated, Literal, TypeAlias

from sipgate.counters import Key
from sipgate.gate.attempt import Attempt
from sipgate.gate.shape import Items, choice

PARTS = ("caller", "source", "campaign", "organisation", "callee", "cli")
ABSENT = "none"  # the value that all attempts share which lack a part

KeyOf: TypeAlias = Callable[[Attempt], Key]

PartField = Annotated[
    Literal["caller", "source", "campaign", "organisation", "callee", "cli"], choice(*PARTS)
]
PerField = Annotated[tuple[PartField, ...], Items]


def sorted_parts(per: tuple[str, ...]) -> tuple[str, ...]:
    """The parts in one order, each once: two keys of the same parts are the same key."""
    return tuple(part for part in PARTS if part in per)


def key_function(per: tuple[str, ...]) -> KeyOf:
    """The function that gives an attempt's key."""
    if len(per) == 1:
        part = per[0]
        if part in ("campaign", "cli"):
            return lambda attempt: getattr(attempt, part) or ABSENT
        return attrgetter(part)
    parts = attrgetter(*per)
    return lambda attempt: tuple([value or ABSENT for value in parts(attempt)])
