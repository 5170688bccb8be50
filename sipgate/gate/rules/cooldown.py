"""`cooldown`: the last call to the callee by this key ended too short a while ago, or hasn't."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from sipgate.counters import (
    Definition,
    LastEndSettings,
    Moves,
    Seen,
    SlidingWindow,
    Value,
)
from sipgate.gate.duration import roughly, spelled
from sipgate.gate.shape import Items, SecondsField, Shape, choice

from .condition import Ask, Asked, BadCondition, SharedCounters, Surroundings
from .counted import ask_one
from .key import PerField, key_function, sorted_parts

ENDS = (
    *("answered", "cancelled", "busy", "refused", "blocked", "unanswered", "failed"),
    "abandoned",
)
ABANDONED_SECONDS = 2  # design §8, Outcomes; 47 CFR 64.1200(a)(7) gives an agent as long

EndField = Annotated[
    Literal[
        "answered",
        "cancelled",
        "busy",
        "refused",
        "blocked",
        "unanswered",
        "failed",
        "abandoned",
    ],
    choice(*ENDS),
]


class CooldownShape(Shape):
    """What stands under `cooldown`."""

    per: PerField = Field(
        description="Whose calls to the callee are meant; without `callee` it is added."
    )
    wait: SecondsField = Field(description="How long after its end no other call may follow.")
    after: Annotated[tuple[EndField, ...], Items] | None = Field(
        None, description="Only after calls that ended so; default: after any."
    )
    under: SecondsField | None = Field(
        None, description="With `abandoned`: how short such a call is; default: 2s."
    )

    @classmethod
    def wrong_together(cls, present: Collection[str]) -> tuple[str, str] | None:
        if "under" in present and "after" not in present:
            return "under without after", "after: [abandoned]"
        return None


@dataclass(frozen=True, slots=True)
class CooldownCondition:
    """Holds for `wait` after a call's end, and while one is up that may yet end so."""

    per: tuple[str, ...]
    wait_seconds: int
    definition: Definition

    placeholders: frozenset[str] = frozenset(("window", "until"))

    @property
    def definitions(self) -> tuple[Definition, ...]:
        return (self.definition,)

    def compile(self, shared: SharedCounters) -> Ask:
        definition, counts = shared.claim(self.definition)
        return ask_one(key_function(self.per), definition, counts, 0)

    def values(self, seen: Seen | None, asked: Asked) -> dict[str, Value]:
        assert seen is not None
        assert seen.values is not None
        return {**seen.values, "window": spelled(self.wait_seconds)}

    def explain(self, held: bool, values: Mapping[str, Value]) -> str:
        wait, ended_ms, calls = (
            values.get("window"),
            values.get("ended_ms"),
            values.get("in_progress"),
        )
        said = f"no such call in {wait}"
        if isinstance(ended_ms, int):
            ago = roughly(ended_ms)
            said = f"the last call ended {ago} ago ({values.get('last')}), wait {wait}"
        if calls:
            said = "a call is still up" if calls == 1 else f"{calls} calls are still up"
        return f"{said}, per {', '.join(self.per)}"


def cooldown_condition(shape: CooldownShape, surroundings: Surroundings) -> CooldownCondition:
    per = sorted_parts(shape.per)
    after = tuple(sorted(set(shape.after or ())))
    if shape.under is not None and "abandoned" not in after:
        raise BadCondition("under", "under, but no abandoned calls are meant", "after: [abandoned]")
    settings = LastEndSettings(
        wait_us=shape.wait * 1_000_000,
        after=after,
        under_ms=1000 * (shape.under or ABANDONED_SECONDS),
    )
    definition = Definition(
        name=f"last-end per {','.join(per)} {settings!r} when {surroundings.when.name}",
        moves=Moves.LAST_END,
        window=SlidingWindow(settings.wait_us),
        capacity=0,
        settings=settings,
    )
    return CooldownCondition(per, shape.wait, definition)
