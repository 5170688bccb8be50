"""`expression`: a CEL expression over the facts of the attempt is true."""

from pydantic import Field

from sipgate.gate.shape import Shape, TextField
from sipgate.numbers import country_place

from .condition import BadCondition, Surroundings
from .expression_condition import ExpressionCondition
from .expression_source import BadExpression


class ExpressionShape(Shape):
    """What stands under `expression`, which may be the text alone."""

    expression: TextField = Field(
        description="A CEL expression that is true or false, over the facts of attempt and callee."
    )


def expression_condition(shape: ExpressionShape, surroundings: Surroundings) -> ExpressionCondition:
    """Raises BadCondition."""
    zone = surroundings.timezone
    zones = country_place(surroundings.region).zones or (zone,)
    try:
        return ExpressionCondition(shape.expression, zones, zone)
    except BadExpression as error:
        raise BadCondition("expression", error.text, error.expected, error.offset) from error
