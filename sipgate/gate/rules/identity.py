"""`identity`: something is wrong with the number that the call shows."""

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import Field

from sipgate.counters import Moves
from sipgate.gate.shape import Inner, Items, Shape, choice, reads, wrong
from sipgate.gate.yaml_document import Scalar

from .condition import Surroundings
from .counted import windowed_counter
from .identity_condition import SIGNS, IdentityCondition
from .rate import WindowField, window_of

MAX_ROTATION = 10_000


def _limit(value: object) -> object:
    text = value.text if isinstance(value, Scalar) and not value.is_quoted else ""
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= MAX_ROTATION):
        raise wrong(f"found {value}", f"a whole number from 0 to {MAX_ROTATION}")
    return int(text)


class RotationShape(Shape):
    """How many numbers a caller may show."""

    limit: Annotated[int, reads(_limit, type="integer", minimum=0, maximum=MAX_ROTATION)] = Field(
        description="So many different numbers."
    )
    window: WindowField = Field(
        description="`day`, `week`, `month` (of the policy's time zone) or a sliding duration."
    )


class IdentityShape(Shape):
    """What stands under `identity`: `any`, `rotation`, or both."""

    any: (
        Annotated[
            tuple[
                Annotated[
                    Literal["not-owned", "malformed", "anonymous", "contradicted"], choice(*SIGNS)
                ],
                ...,
            ],
            Items,
        ]
        | None
    ) = Field(None, description="What must not be: it holds when any is.")
    rotation: Annotated[RotationShape, Inner] | None = Field(
        None, description="How many different numbers a caller may show, in which window."
    )

    @classmethod
    def wrong_together(cls, present: Collection[str]) -> tuple[str, str] | None:
        if not set(present) & {"any", "rotation"}:
            return "an identity without any or rotation", "one of them, or both"
        return None


def identity_condition(shape: IdentityShape, surroundings: Surroundings) -> IdentityCondition:
    signs = frozenset(shape.any or ())
    if shape.rotation is None:
        return IdentityCondition(signs, None, 0, "")
    limit, spelled = shape.rotation.limit, shape.rotation.window
    window = window_of(spelled, surroundings.timezone)
    definition = windowed_counter(
        Moves.DISTINCT_CLIS, ("caller",), window, limit, surroundings.when
    )
    return IdentityCondition(signs, definition, limit, spelled)
