"""`concurrent`: the key already has as many calls in progress as it may."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from sipgate.counters import Check, Definition, Moves, Seen, Value
from sipgate.gate.attempt import Attempt
from sipgate.gate.lists import Lookups
from sipgate.gate.shape import Shape, WholeField

from .condition import Ask, Asked, SharedCounters, Surroundings
from .key import PerField, key_function, sorted_parts


class ConcurrentShape(Shape):
    """What stands under `concurrent`."""

    per: PerField = Field(description="Whose calls are counted together.")
    limit: WholeField = Field(
        description="How many calls may be in progress, ringing ones included."
    )


@dataclass(frozen=True, slots=True)
class ConcurrentCondition:
    """Holds when `limit` admitted calls of the key are not over."""

    per: tuple[str, ...]
    limit: int
    definition: Definition

    placeholders: frozenset[str] = frozenset(("limit", "count"))

    @property
    def definitions(self) -> tuple[Definition, ...]:
        return (self.definition,)

    def compile(self, shared: SharedCounters) -> Ask:
        key_of, limit = key_function(self.per), self.limit
        definition, counts = shared.claim(self.definition)

        def ask(attempt: Attempt, lookups: Lookups, time: float) -> Asked:
            return Asked(None, (Check(definition, key_of(attempt), "", limit, counts),))

        return ask

    def values(self, seen: Seen | None, asked: Asked) -> dict[str, Value]:
        assert seen is not None
        return {"count": seen.counted, "limit": self.limit}

    def explain(self, held: bool, values: Mapping[str, Value]) -> str:
        return (
            f"{values.get('count')} of {values.get('limit')} in progress per {', '.join(self.per)}"
        )


def concurrent_condition(shape: ConcurrentShape, surroundings: Surroundings) -> ConcurrentCondition:
    per = sorted_parts(shape.per)
    name = f"in-progress per {','.join(per)} when {surroundings.when.name}"
    definition = Definition(name=name, moves=Moves.IN_PROGRESS, window=None, capacity=shape.limit)
    return ConcurrentCondition(per, shape.limit, definition)
