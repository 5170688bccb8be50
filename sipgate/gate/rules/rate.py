"""`rate`: the count before this attempt has already reached a limit in its window."""

from collections.abc import Collection
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from sipgate.counters import (
    CalendarUnit,
    CalendarWindow,
    Definition,
    Moves,
    SlidingWindow,
    Window,
)
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

from .condition import Surroundings
from .counted import Limit, RateCondition, windowed_counter
from .key import PerField, sorted_parts

CALENDAR_UNITS: tuple[CalendarUnit, ...] = ("day", "week", "month")
COUNTS = ("attempts", "admitted", "rejected", "answered", "refused-by-callee", "distinct-callees")


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
        Literal[
            "attempts",
            "admitted",
            "rejected",
            "answered",
            "refused-by-callee",
            "distinct-callees",
        ],
        BeforeValidator(_count),
    ] = Field(
        "attempts",
        description=(
            "`attempts`: every decided one, refused ones included, so with a sliding window "
            "whoever keeps dialling stays out; `admitted`: those let through; `rejected`: those "
            "that the gate refused; `answered`: those let through that were answered, from then "
            "on; `refused-by-callee`: those whose callee refused them, from then on; "
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


def rate_condition(shape: RateShape, surroundings: Surroundings) -> RateCondition:
    per = sorted_parts(shape.per)
    pairs = [(one.limit, one.window) for one in shape.limits or ()]
    if shape.limit is not None and shape.window is not None:
        pairs = [(shape.limit, shape.window)]
    moves = Moves(shape.count)

    def definition(limit: int, spelled: str) -> Definition:
        window = window_of(spelled, surroundings.timezone)
        return windowed_counter(moves, per, window, limit, surroundings.when)

    limits = tuple(Limit(n, definition(n, w), w) for n, w in pairs)
    return RateCondition(per, limits, shape.count)


def window_of(spelled: str, timezone: str) -> Window:
    """The window that a policy writes so."""
    for unit in CALENDAR_UNITS:
        if spelled == unit:
            return CalendarWindow(unit, timezone)
    seconds = read_seconds(spelled)
    assert seconds is not None, spelled
    return SlidingWindow(seconds * 1_000_000)
