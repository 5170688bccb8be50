"""`rate`: the count before this attempt has already reached a limit in its window."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from sipgate.counters import (
    CalendarUnit,
    CalendarWindow,
    Check,
    Definition,
    Moves,
    Seen,
    SlidingWindow,
    Value,
    Window,
)
from sipgate.gate.attempt import Attempt
from sipgate.gate.lists import Lookups
from sipgate.gate.problem import nearest
from sipgate.gate.shape import (
    MAX_SECONDS,
    Inner,
    Items,
    Shape,
    WholeField,
    listed,
    read_seconds,
    wrong,
)
from sipgate.gate.yaml_document import Scalar

from .condition import Ask, Asked, SharedCounters, Surroundings
from .key import PerField, key_function, sorted_parts

CALENDAR_UNITS: tuple[CalendarUnit, ...] = ("day", "week", "month")
COUNTS = ("attempts", "admitted", "answered", "refused-by-callee", "distinct-callees")


def _window(value: object) -> object:
    text = value.text if isinstance(value, Scalar) else ""
    if text in CALENDAR_UNITS:
        return text
    seconds = read_seconds(text)
    if seconds is None or not 1 <= seconds <= MAX_SECONDS:
        found = f"found {value}{nearest(text, CALENDAR_UNITS)}"
        raise wrong(found, "day, week, month, or a duration from 1s to 400d such as 40m")
    return text


def _count(value: object) -> object:
    text = value.text if isinstance(value, Scalar) else ""
    if text not in COUNTS:
        raise wrong(f"found {value}{nearest(text, COUNTS)}", listed(COUNTS))
    return text


WindowField = Annotated[str, BeforeValidator(_window)]


class LimitShape(Shape):
    """One of several limits."""

    limit: WholeField = Field(description="How many the window may hold.")
    window: WindowField = Field(
        description="`day`, `week`, `month` (of the policy's time zone) or a sliding duration."
    )


class RateShape(Shape):
    """What stands under `rate`: `limit` and `window`, or `limits`."""

    per: PerField = Field(description="Whose attempts are counted together.")
    limit: WholeField | None = Field(None, description="How many the window may hold.")
    window: WindowField | None = Field(
        None, description="`day`, `week`, `month` (of the policy's time zone) or a duration."
    )
    limits: Annotated[tuple[Annotated[LimitShape, Inner], ...], Items] | None = Field(
        None, description="Several limits with their windows; it holds when any is reached."
    )
    count: Annotated[
        Literal["attempts", "admitted", "answered", "refused-by-callee", "distinct-callees"],
        BeforeValidator(_count),
    ] = Field(
        "attempts",
        description=(
            "`attempts`: every decided one, refused ones included, so with a sliding window "
            "whoever keeps dialling stays out; `admitted`: those let through; `answered`: those "
            "of them that were answered, from then on; `refused-by-callee`: those whose callee "
            "refused them, from then on; "
            "`distinct-callees`: different callees let through, of which one that is in the "
            "window already passes even at the limit."
        ),
    )

    @classmethod
    def wrong_together(cls, present: Collection[str]) -> tuple[str, str] | None:
        if "limits" in present:
            if "limit" in present or "window" in present:
                return "limits beside limit or window", "one or the other"
        elif "limit" not in present or "window" not in present:
            return "a rate without limit or window", "limit and window, or limits"
        return None


class Limit(NamedTuple):
    """One limit; `spelled` is its window as the policy writes it."""

    limit: int
    definition: Definition
    spelled: str


@dataclass(frozen=True, slots=True)
class RateCondition:
    """Holds when any of its limits is reached."""

    per: tuple[str, ...]
    limits: tuple[Limit, ...]
    count: str = "attempts"

    placeholders: frozenset[str] = frozenset(("limit", "count", "window", "until"))

    @property
    def definitions(self) -> tuple[Definition, ...]:
        return tuple(limit.definition for limit in self.limits)

    def compile(self, shared: SharedCounters) -> Ask:
        key_of = key_function(self.per)
        claims = [(*shared.claim(one.definition), one.limit) for one in self.limits]
        if len(claims) == 1:
            definition, counts, limit = claims[0]

            def ask_one(attempt: Attempt, lookups: Lookups, time: float) -> Asked:
                check = Check(definition, key_of(attempt), attempt.callee, limit, counts)
                return Asked(None, (check,))

            return ask_one

        def ask(attempt: Attempt, lookups: Lookups, time: float) -> Asked:
            key, member = key_of(attempt), attempt.callee
            return Asked(None, tuple([Check(d, key, member, n, moves) for d, moves, n in claims]))

        return ask

    def values(self, seen: Seen | None, asked: Asked) -> dict[str, Value]:
        assert seen is not None
        limit, _, window = self.limits[seen.at]
        return {"count": seen.counted, "limit": limit, "window": window}

    def explain(self, held: bool, values: Mapping[str, Value]) -> str:
        counted = "" if self.count == "attempts" else f"{self.count} "
        window = values.get("window")
        within = f"this {window}" if window in CALENDAR_UNITS else f"in {window}"
        share = f"{values.get('count')} of {values.get('limit')}"
        return f"{share} {counted}{within} per {', '.join(self.per)}"


def rate_condition(shape: RateShape, surroundings: Surroundings) -> RateCondition:
    per = sorted_parts(shape.per)
    pairs = [(one.limit, one.window) for one in shape.limits or ()]
    if shape.limit is not None and shape.window is not None:
        pairs = [(shape.limit, shape.window)]
    moves = Moves(shape.count)

    def definition(limit: int, spelled: str) -> Definition:
        window = _window_of(spelled, surroundings.timezone)
        name = f"{moves.value} per {','.join(per)} in {window.name} when {surroundings.when.name}"
        return Definition(name=name, moves=moves, window=window, capacity=limit)

    limits = tuple(Limit(n, definition(n, w), w) for n, w in pairs)
    return RateCondition(per, limits, shape.count)


def _window_of(spelled: str, timezone: str) -> Window:
    for unit in CALENDAR_UNITS:
        if spelled == unit:
            return CalendarWindow(unit, timezone)
    seconds = read_seconds(spelled)
    assert seconds is not None, spelled
    return SlidingWindow(seconds * 1_000_000)
