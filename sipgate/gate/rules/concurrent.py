"""`concurrent`: the key already has as many calls in progress as it may."""

from pydantic import Field

from sipgate.counters import Definition, Moves
from sipgate.gate.shape import Shape, WholeField

from .condition import Surroundings
from .counted import ConcurrentCondition
from .key import PerField, sorted_parts


class ConcurrentShape(Shape):
    """What stands under `concurrent`."""

    per: PerField = Field(description="Whose calls are counted together.")
    limit: WholeField = Field(
        description="How many calls may be in progress, ringing ones included."
    )


def concurrent_condition(shape: ConcurrentShape, surroundings: Surroundings) -> ConcurrentCondition:
    per = sorted_parts(shape.per)
    name = f"in-progress per {','.join(per)} when {surroundings.when.name}"
    definition = Definition(name=name, moves=Moves.IN_PROGRESS, window=None, capacity=shape.limit)
    return ConcurrentCondition(per, shape.limit, definition)
