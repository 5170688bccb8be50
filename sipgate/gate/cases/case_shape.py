"""The shapes of a test file: what stands in `given`, `attempt` and `expect` (design §8)."""

import re
from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from sipgate.consent import plain_word
from sipgate.gate.policy_file import TimezoneField
from sipgate.gate.problem import Problems
from sipgate.gate.shape import (
    DURATION,
    TEXT_SCHEMA,
    Items,
    NodeField,
    Shape,
    TextField,
    choice,
    read_seconds,
    reads,
    wrong,
)
from sipgate.gate.yaml_document import Node, Scalar, Sequence
from sipgate.numbers import LIST_NAME, known_region, known_zone

OUTCOMES: Final = (
    *("answered", "cancelled", "busy", "refused", "blocked"),
    *("unanswered", "failed", "lost"),
)
IN_PROGRESS: Final = "in-progress"
MAX_REPEAT: Final = 100_000

EARLIEST: Final = datetime.fromisoformat("1971-01-01T00:00:00+00:00").timestamp()
LATEST: Final = datetime.fromisoformat("2200-01-01T00:00:00+00:00").timestamp()

_SPAN: Final = r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|[smhdw])"
_MILLISECONDS: Final = {
    "ms": 1,
    "s": 1000,
    "m": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
    "w": 604_800_000,
}
_MAX_MILLISECONDS: Final = 400 * 86_400_000


def _moment(value: object) -> object:
    """A time with its offset, as microseconds since 1970."""
    text = value.text if isinstance(value, Scalar) else ""
    expected = "a time with its offset such as 2026-11-20T14:00:00-05:00"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise wrong(f"found {value}", expected) from None
    if moment.tzinfo is None:
        raise wrong(f"found {value}, which has no offset", expected)
    if not EARLIEST <= moment.timestamp() < LATEST:
        raise wrong(f"found {value}", "a year from 1971 to 2199")
    return round(moment.timestamp() * 1_000_000)


def read_moment(node: Node, problems: Problems) -> int | None:
    """The time that stands there; None when it is none, which is then in `problems`."""
    try:
        moment = _moment(node)
    except PydanticCustomError as error:
        context = error.context or {}
        problems.add(node.place, str(context["text"]), context["expected"])
        return None
    assert isinstance(moment, int)
    return moment


def _span(value: object) -> object:
    """A time that something takes, in milliseconds; unlike a policy's it may be 0 or 9.6s."""
    found = re.fullmatch(_SPAN, value.text) if isinstance(value, Scalar) else None
    if found is None:
        raise wrong(f"found {value}", "a duration such as 4s, 9.6s, 40m or 7d")
    milliseconds = round(float(found[1]) * _MILLISECONDS[found[2]])
    if milliseconds > _MAX_MILLISECONDS:
        raise wrong(f"found {value}", "a duration of up to 400d")
    return milliseconds


def _caller(value: object) -> object:
    if isinstance(value, Scalar) and re.fullmatch(r"[^/]+/.+", value.text):
        return value.text
    raise wrong(f"found {value}", "source/identity such as hq/4711")


def _number(value: object) -> object:
    if isinstance(value, Scalar) and value.text.strip():
        return value.text
    raise wrong(f"found {value}", "a number as it is dialled, such as +13055550123")


def _word(value: object) -> object:
    word = plain_word(value.text) if isinstance(value, Scalar) and not value.is_empty else None
    if word is None:
        raise wrong(f"found {value}", "a word such as web-form")
    return word


def _list_name(value: object) -> object:
    if isinstance(value, Scalar) and LIST_NAME.fullmatch(value.text):
        return value.text
    raise wrong(f"found {value}", "a list's name: small letters, digits, - _ .")


def _whole_up_to(most: int, least: int = 0) -> BeforeValidator:
    def read(value: object) -> object:
        if isinstance(value, Scalar) and not value.is_quoted and value.text.isdecimal():
            number = int(value.text[:12])
            if least <= number <= most:
                return number
        raise wrong(f"found {value}", f"a whole number from {least} to {most}")

    return reads(read, type="integer", minimum=least, maximum=most)


def _text_or_none(value: object) -> object:
    """`~`: there must be none."""
    if isinstance(value, Scalar):
        return None if value.is_empty else value.text
    raise wrong(f"found {value}", "text, or ~ for none")


def _yes(value: object) -> object:
    if isinstance(value, Scalar) and value.text in ("true", "false") and not value.is_quoted:
        return value.text == "true"
    raise wrong(f"found {value}", "true or false")


def _lead_region(value: object) -> object:
    region = known_region(value.text) if isinstance(value, Scalar) else None
    if region is None:
        raise wrong(f"found {value}", "a region such as US-FL")
    return region


def _lead_zone(value: object) -> object:
    zone = known_zone(value.text) if isinstance(value, Scalar) else None
    if zone is None:
        raise wrong(f"found {value}", "a time zone such as America/New_York")
    return zone


def _retry_after(value: object) -> object:
    """One duration, or the shortest and the longest, in seconds; None for `~`."""
    if isinstance(value, Scalar) and value.is_empty:
        return None
    items = value.items if isinstance(value, Sequence) else [value]
    seconds = [read_seconds(one.text) if isinstance(one, Scalar) else None for one in items]
    first, last = seconds[0] if seconds else None, seconds[-1] if seconds else None
    if len(seconds) not in (1, 2) or first is None or last is None or first > last:
        raise wrong(f"found {value}", "a duration such as 60s, two such as [60s, 66s], or ~")
    return first, last


MomentField = Annotated[int, reads(_moment, type="string", pattern=r"^\d{4}-\d\d-\d\dT")]
SpanField = Annotated[int, reads(_span, type="string", pattern=f"^{_SPAN}$")]
CallerField = Annotated[str, reads(_caller, type="string", pattern="^[^/]+/.+")]
NumberField = Annotated[str, reads(_number, type=list(TEXT_SCHEMA))]
WordField = Annotated[str, reads(_word, type=list(TEXT_SCHEMA))]
LeadRegionField = Annotated[str, reads(_lead_region, type="string")]
LeadZoneField = Annotated[str, reads(_lead_zone, type="string")]
ListNameField = Annotated[str, reads(_list_name, type="string")]
YesField = Annotated[bool, reads(_yes, type="boolean")]
VerdictField = Annotated[Literal["allow", "tag", "reject"], choice("allow", "tag", "reject")]
OutcomeField = Annotated[str, choice(*OUTCOMES, IN_PROGRESS)]
RetryAfterField = Annotated[
    tuple[int, int] | None,
    reads(
        _retry_after,
        anyOf=[
            {"type": "string", "pattern": DURATION},
            {"type": "array", "items": {"type": "string", "pattern": DURATION}},
            {"type": "null"},
        ],
    ),
]
OptionalText = Annotated[str | None, reads(_text_or_none, type=[*TEXT_SCHEMA, "null"])]


class CaseFileShape(Shape):
    """A file with tests of one policy."""

    policy: TextField = Field(description="The policy's file, relative to this one.")
    timezone: TimezoneField | None = Field(
        None, description="In the place of the gate's, for a policy that names none; default: UTC."
    )
    given: NodeField = Field(None, description="What has happened before each case.")
    cases: NodeField = Field(description="The cases, each of which begins anew.")


class CaseShape(Shape):
    """One case: after all that is given, the attempt is decided as expected."""

    name: TextField = Field(description="What the case shows, in words.")
    given: NodeField = Field(
        None, description="What has happened before: calls, consents, changes of lists."
    )
    attempt: NodeField = Field(description="The attempt that is decided.")
    expect: NodeField = Field(description="Any part of the decision.")


class AttemptShape(Shape):
    """An attempt: what the gate knows of a call before it lets it out."""

    at: MomentField = Field(description="When, with the offset: 2026-11-20T14:00:00-05:00.")
    caller: CallerField = Field(description="Whose call it is: `hq/4711`; `hq` is the source.")
    callee: NumberField = Field(
        description="The number as dialled, read with the dial plan of the policy's region."
    )
    cli: TextField | None = Field(None, description="The number that the call presents.")
    campaign: TextField | None = Field(None, description="What it is for.")
    organisation: TextField | None = Field(
        None, description="On whose behalf; default: named like the source."
    )
    source: TextField | None = Field(
        None, description="Where it comes from; default: what stands before `/` in `caller`."
    )
    to: NumberField | None = Field(None, description="The number in To, if it is another one.")
    asserted: TextField | None = Field(None, description="The number that the network asserts.")
    anonymous: YesField = Field(False, description="The call shows no number.")
    owned_clis: Annotated[tuple[NumberField, ...] | None, Items] = Field(
        None, description="The caller's own numbers."
    )
    lead_region: LeadRegionField | None = Field(
        None, description="Where the source says that the callee is: `US-FL`."
    )
    lead_zone: LeadZoneField | None = Field(
        None, description="The time zone that the source says the callee is in."
    )
    user_agent: TextField | None = Field(None, description="The User-Agent header.")


class CallShape(AttemptShape):
    """A call of the past; admitted unless `verdict` says otherwise."""

    verdict: VerdictField = Field("allow", description="What was decided.")
    rule: TextField | None = Field(None, description="Of a `reject`: the rule that refused it.")
    outcome: OutcomeField | None = Field(
        None,
        description=(
            "What became of it; without one it was over at once, with nothing to tell;"
            " `in-progress`: it is still up."
        ),
    )
    status: Annotated[int, _whole_up_to(699, 100)] | None = Field(
        None, description="The final response; default: the usual one of the outcome."
    )
    ring: SpanField = Field(0, description="How long it rang.")
    talk: SpanField | None = Field(
        None, description="How long the two talked; of an answered call 0 unless given."
    )
    ended_by: Annotated[
        Literal["caller", "callee", "gate", "lost"] | None,
        choice("caller", "callee", "gate", "lost"),
    ] = Field(None, description="Who ended it; default: the callee.")
    cancelled: YesField = Field(False, description="The 2xx and the caller's CANCEL crossed.")
    info_digits: Annotated[int, _whole_up_to(1000)] = Field(
        0, description="How many digits the caller dialled on after the answer."
    )
    repeat: Annotated[int, _whole_up_to(MAX_REPEAT, 1)] = Field(
        1, description="How many such calls there were, the first at `at`."
    )
    every: SpanField | None = Field(None, description="Of a repeated call: how long apart.")
    callee_step: Annotated[int, _whole_up_to(1_000_000)] = Field(
        0, description="Of a repeated call: by how much each called number is higher."
    )
    cli_step: Annotated[int, _whole_up_to(1_000_000)] = Field(
        0, description="Of a repeated call: by how much each presented number is higher."
    )

    @classmethod
    def wrong_together(cls, present: Collection[str]) -> tuple[str, str] | None:
        if "repeat" in present and "every" not in present:
            return "a repeat without every", "every: how long the calls were apart"
        for key in ("every", "callee-step", "cli-step"):
            if key in present and "repeat" not in present:
                return f"{key} without repeat", "repeat: how many calls there were"
        return None


class ListChangeShape(Shape):
    """A list was changed, which also sets its date."""

    name: ListNameField = Field(description="The list's name.")
    add: Annotated[tuple[NumberField, ...] | None, Items] = Field(
        None, description="Numbers, callers or CLIs that came on it; `+4990*` is a prefix."
    )
    remove: Annotated[tuple[NumberField, ...] | None, Items] = Field(
        None, description="Those that were taken off it."
    )


class ConsentShape(Shape):
    """A consent that was given at `at`, or all that were, taken back."""

    callee: NumberField = Field(description="Who agreed to be called.")
    purpose: WordField = Field(description="To what.")
    organisation: TextField | None = Field(None, description="By whom; default: by all.")
    source: WordField | None = Field(None, description="Where it was got: `web-form`.")
    basis: WordField | None = Field(None, description="`explicit`, `existing-customer`, …")
    channel: WordField | None = Field(None, description="`voice`, …")
    expires: MomentField | None = Field(None, description="When it ends, with the offset.")
    revoked: YesField = Field(
        False, description="`true`: instead, all earlier ones for the purpose are taken back."
    )


class WouldShape(Shape):
    """What would have been decided without monitor mode."""

    verdict: VerdictField | None = Field(None, description="The verdict.")
    rule: OptionalText = Field(None, description="The rule.")
    reason: OptionalText = Field(None, description="The reason.")


class ExpectShape(Shape):
    """Any part of the decision; what isn't named may be anything."""

    verdict: VerdictField | None = Field(None, description="The verdict.")
    rule: OptionalText = Field(
        None, description="The rule that settled, else the first that tagged; `~`: none spoke."
    )
    code: Annotated[int | None, _whole_up_to(699, 400)] = Field(
        None, description="The refusal's code."
    )
    reason: OptionalText = Field(None, description="The refusal's text, whole.")
    retry_after: RetryAfterField = Field(
        None, description="The refusal's Retry-After, or `[from, to]`: an opening's is spread."
    )
    redress: OptionalText = Field(
        None, description="What stands in the contact of a 603+: `url=https://…`; `~`: none."
    )
    tags: NodeField = Field(
        None, description="Headers that the call gets, with their values; `{}`: none at all."
    )
    would: NodeField = Field(
        None, description="What monitor mode kept from happening; `~`: nothing."
    )
    explains: TextField | None = Field(
        None, description="What stands in the explanation of the rule that spoke: `3 of 3`."
    )
