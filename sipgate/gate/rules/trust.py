"""`trust`: the caller's standing has fallen under a threshold: slow him, or stop him."""

from collections.abc import Collection
from typing import Annotated

from pydantic import Field

from sipgate.counters import Definition, Moves, SlidingWindow, StandingSettings
from sipgate.gate.opening import OpeningHours
from sipgate.gate.shape import (
    Inner,
    MilliPointsField,
    SecondsField,
    Shape,
    WholeField,
    spelled_duration,
)
from sipgate.numbers import Place

from .condition import BadCondition, Surroundings
from .counted import windowed_counter
from .hours import DaysField, HoursField, week_of
from .judged import Restricted, Slowed, TrustCondition
from .key import PerField, sorted_parts


class EventsShape(Shape):
    """How many points each event takes, or gives back."""

    refused: MilliPointsField = Field(
        4000, description="Taken when a callee refuses the call (607, 603 while it rings)."
    )
    rejected: MilliPointsField = Field(
        2000, description="Taken when another rule rejects an attempt."
    )
    short_call: MilliPointsField = Field(
        1000, description="Taken when an answered call is over within 6 s."
    )
    early_cancel: MilliPointsField = Field(
        1000, description="Taken when the caller gives up before 15 s of ringing."
    )
    good_call: MilliPointsField = Field(
        2000, description="Given back for an answered call of 30 s or more."
    )


class TrustShape(Shape):
    """What stands under `trust`."""

    per: PerField = Field(description="Whose standing it is.")
    below: WholeField = Field(description="It holds when the standing is under this, 1 to 100.")
    limit: WholeField | None = Field(
        None, description="And so many calls were let through in `window` already."
    )
    window: SecondsField | None = Field(None, description="In which `limit` calls may pass.")
    open: Annotated[dict[DaysField, HoursField], Inner] | None = Field(
        None,
        description=(
            "And it is outside these hours, by the clock of the policy's time zone: weekdays as "
            "under `hours`."
        ),
    )
    weights: Annotated[EventsShape, Inner] = Field(
        EventsShape(), description="Points per event; those not named keep theirs."
    )
    fast: SecondsField = Field(3600, description="In which three quarters of a fault are forgiven.")
    slow: SecondsField = Field(7 * 86_400, description="In which the last quarter is.")

    @classmethod
    def wrong_together(cls, present: Collection[str]) -> tuple[str, str] | None:
        if ("limit" in present) is not ("window" in present):
            return "only one of limit and window", "both or none"
        if "limit" in present and "open" in present:
            return "open beside limit", "one or the other: each grade is a rule"
        return None


def trust_condition(shape: TrustShape, surroundings: Surroundings) -> TrustCondition:
    if not 1 <= shape.below <= 100:
        raise BadCondition("below", f"found {shape.below}", "a standing from 1 to 100")
    events = shape.weights
    settings = StandingSettings(
        refused=events.refused,
        rejected=events.rejected,
        short_call=events.short_call,
        early_cancel=events.early_cancel,
        good_call=events.good_call,
        fast_us=shape.fast * 1_000_000,
        slow_us=shape.slow * 1_000_000,
    )
    per = sorted_parts(shape.per)
    standing = Definition(
        name=f"standing per {','.join(per)} by {settings!r} when {surroundings.when.name}",
        moves=Moves.STANDING,
        window=SlidingWindow(settings.horizon_us),
        capacity=1,
        settings=settings,
    )
    grade: Slowed | Restricted | None = None
    if shape.open is not None:
        hours = OpeningHours(week_of(shape.open), on_holidays=True, bans=())
        grade = Restricted(hours, Place(None, (), (surroundings.timezone,)))
    elif shape.limit is not None and shape.window is not None:
        window = SlidingWindow(shape.window * 1_000_000)
        admitted = windowed_counter(Moves.ADMITTED, per, window, shape.limit, surroundings.when)
        grade = Slowed(admitted, shape.limit, spelled_duration(shape.window))
    return TrustCondition(per, shape.below, standing, grade)
