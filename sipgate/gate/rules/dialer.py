"""`dialer`: the attempts look machine-made. Hints, no proof: what each weighs is the policy's."""

from typing import Annotated

from pydantic import Field

from sipgate.counters import SIGNS, BehaviourSettings, Definition, Moves, SlidingWindow
from sipgate.gate.shape import Inner, Items, PerMilleField, SecondsField, Shape, TextField

from .condition import BadCondition, Surroundings
from .judged import DialerCondition
from .key import PerField, sorted_parts

MAX_PATTERNS = 100
MAX_PATTERN_CHARACTERS = 100

MACHINES = (
    # MicroSIP is what web pages dial through (facts of the report); the others say what they are.
    "MicroSIP*",
    "*autodial*",
    "*auto-dial*",
    "*auto dial*",
    "*vicidial*",
)


class WeightsShape(Shape):
    """How sure each sign alone makes us, from 0 to 1."""

    user_agent: PerMilleField = Field(500, description="A user agent of `user-agents`.")
    speed: PerMilleField = Field(
        500, description="Attempts a minute, over the latest 8: from 3 on, wholly at 6."
    )
    spacing: PerMilleField = Field(
        400,
        description=(
            "The same time between attempts, or from a call's end to the next attempt: coefficient "
            "of variation under 0.5, wholly at 0.15."
        ),
    )
    consecutive: PerMilleField = Field(
        700,
        description="Callees one after the other: over a fifth of steps up to 3, wholly at 60 %.",
    )
    redials: PerMilleField = Field(
        700, description="The same callee within 5 s: over 30 % of attempts, wholly at 70 %."
    )
    distinct: PerMilleField = Field(
        150, description="Always somebody else: over 85 % different callees, wholly at 95 %."
    )
    clis: PerMilleField = Field(600, description="Different CLIs: more than 2, wholly at 6.")
    neighbour: PerMilleField = Field(
        600,
        description=(
            "CLI and callee alike but for their last four digits: over 30 %, wholly at 80 %."
        ),
    )
    to: PerMilleField = Field(
        300, description="Another number in To: over a tenth of attempts, wholly at half."
    )
    invalid: PerMilleField = Field(
        600, description="404, 484, 604 from the callee's side: over 8 % of calls, wholly at 20 %."
    )
    cancels: PerMilleField = Field(
        300,
        description=(
            "Calls given up after the same ringing: a standard deviation under 2.5 s, wholly at "
            "0.7 s, where more than 30 % are given up, wholly at 60 %."
        ),
    )
    early_cancels: PerMilleField = Field(
        500, description="Given up before 15 s of ringing: over 30 % of calls, wholly at 70 %."
    )
    short_calls: PerMilleField = Field(
        800, description="Answered and over within 6 s: over 30 % of the answered, wholly at 70 %."
    )
    abandoned: PerMilleField = Field(
        850,
        description=(
            "Answered, and hung up within 4 s by the caller's side: over 6 % of 40 or more "
            "answered calls, wholly at 14 %."
        ),
    )
    digits: PerMilleField = Field(
        500, description="Seven digits or more sent on in INFO: over 20 % of the answered."
    )


class DialerShape(Shape):
    """What stands under `dialer`."""

    per: PerField = Field(description="Whose attempts are judged together.")
    score: PerMilleField = Field(800, description="From which score on it holds, 0 to 1.")
    window: SecondsField = Field(600, description="What is older says nothing.")
    weights: Annotated[WeightsShape, Inner] = Field(
        WeightsShape(), description="How much each sign counts; those not named keep their weight."
    )
    user_agents: Annotated[tuple[TextField, ...], Items] = Field(
        MACHINES, description="User agents that dial by themselves, with `*` for anything."
    )


def dialer_condition(shape: DialerShape, surroundings: Surroundings) -> DialerCondition:
    if len(shape.user_agents) > MAX_PATTERNS:
        found = f"found {len(shape.user_agents)} patterns"
        raise BadCondition("user-agents", found, f"at most {MAX_PATTERNS}")
    for pattern in shape.user_agents:
        if len(pattern) > MAX_PATTERN_CHARACTERS or pattern.count("*") > 4:
            expected = f"at most {MAX_PATTERN_CHARACTERS} characters, four of them *"
            raise BadCondition("user-agents", f'found "{pattern[:20]}…"', expected)
    weights = tuple(getattr(shape.weights, sign.replace("-", "_")) for sign in SIGNS)
    settings = BehaviourSettings(weights=weights, user_agents=tuple(sorted(shape.user_agents)))
    window = SlidingWindow(shape.window * 1_000_000)
    per = sorted_parts(shape.per)
    told = f"{settings!r} when {surroundings.when.name}"
    definition = Definition(
        name=f"behaviour per {','.join(per)} in {window.name} by {told}",
        moves=Moves.BEHAVIOUR,
        window=window,
        capacity=1,
        settings=settings,
    )
    return DialerCondition(per, shape.score, definition)
