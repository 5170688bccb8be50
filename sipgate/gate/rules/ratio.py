"""`ratio`: too large a share of the calls that ended in a window did so in one way."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from sipgate.counters import Definition, Moves, Seen, ShareSettings, Value, share_limit
from sipgate.gate.duration import spelled
from sipgate.gate.shape import SecondsField, Shape, WholeField, choice, reads, wrong
from sipgate.gate.text import percent
from sipgate.gate.yaml_document import Scalar

from .condition import Ask, Asked, BadCondition, SharedCounters, Surroundings
from .counted import CALENDAR_UNITS, ask_one
from .key import PerField, key_function, sorted_parts
from .rate import WindowField, window_of

UNDER_SECONDS = {
    "short": 6,  # what carriers bill as short calls
    "abandoned": 2,  # design §8, Outcomes
}
CALLS = {  # which calls the share is of
    "short": "answered",
    "abandoned": "answered",
    "unanswered": "ended",
    "cancelled": "ended",
}


def _share(value: object) -> object:
    """A share as the policy writes it, in per mille."""
    if isinstance(value, Scalar) and not value.is_quoted:
        found = re.fullmatch(r"0?\.([0-9]{1,3})|0", value.text)
        if found is not None:
            return int((found[1] or "0").ljust(3, "0"))
    raise wrong(f"found {value}", "a share from 0 to 0.999 with up to three decimals, such as 0.15")


class RatioShape(Shape):
    """What stands under `ratio`."""

    per: PerField = Field(description="Whose calls are counted together.")
    of: Annotated[Literal["short", "unanswered", "cancelled", "abandoned"], choice(*CALLS)] = Field(
        description=(
            "`short` and `abandoned` of the answered calls, `unanswered` and `cancelled` of all "
            "that were let through and ended."
        )
    )
    under: SecondsField | None = Field(
        None, description="How short such a call is; default: 6s for `short`, 2s for `abandoned`."
    )
    share: Annotated[int, reads(_share, type="number", minimum=0, maximum=0.999)] = Field(
        description="It holds above this share: `0.15`."
    )
    sample: WholeField = Field(100, description="It never holds for fewer calls than this.")
    window: WindowField = Field(
        description="`day`, `week`, `month` (of the policy's time zone) or a sliding duration."
    )


@dataclass(frozen=True, slots=True)
class RatioCondition:
    """Holds when the share is passed, over enough calls."""

    per: tuple[str, ...]
    of: str
    under_seconds: int
    share: int  # per mille
    sample: int
    window: str  # as the policy writes it
    definition: Definition

    placeholders: frozenset[str] = frozenset(("share", "limit", "count", "sample", "window"))

    @property
    def definitions(self) -> tuple[Definition, ...]:
        return (self.definition,)

    def compile(self, shared: SharedCounters) -> Ask:
        definition, counts = shared.claim(self.definition)
        limit = share_limit(self.share, self.sample)
        return ask_one(key_function(self.per), definition, counts, limit)

    def values(self, seen: Seen | None, asked: Asked) -> dict[str, Value]:
        assert seen is not None
        assert seen.values is not None
        return {**seen.values, "limit": self.share, "window": self.window}

    def explain(self, held: bool, values: Mapping[str, Value]) -> str:
        under = spelled(self.under_seconds)
        what = {
            "short": f"shorter than {under}",
            "abandoned": f"ended by the caller's side within {under}, inferred to be abandoned",
        }.get(self.of, self.of)
        window = values.get("window")
        within = f"this {window}" if window in CALENDAR_UNITS else f"in {window}"
        return (
            f"{values.get('count')} of {values.get('sample')} {CALLS[self.of]} calls {what} "
            f"({percent(values.get('share'))}) {within} per {', '.join(self.per)}; "
            f"at most {percent(values.get('limit'))} of {self.sample} calls or more"
        )


def ratio_condition(shape: RatioShape, surroundings: Surroundings) -> RatioCondition:
    per = sorted_parts(shape.per)
    if shape.under is not None and shape.of not in UNDER_SECONDS:
        raise BadCondition("under", f"under for calls that are {shape.of}", "no under")
    under = shape.under or UNDER_SECONDS.get(shape.of, 0)
    settings = ShareSettings(
        of=shape.of,
        under_ms=1000 * under,
        window=window_of(shape.window, surroundings.timezone),
    )
    definition = Definition(
        name=f"share per {','.join(per)} {settings!r} when {surroundings.when.name}",
        moves=Moves.SHARE,
        window=settings.horizon,
        capacity=0,
        settings=settings,
    )
    return RatioCondition(per, shape.of, under, shape.share, shape.sample, shape.window, definition)
