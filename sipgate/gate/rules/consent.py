"""`consent`: there is no valid consent of the called person for the purpose."""

from typing import Annotated

from pydantic import Field

from sipgate.consent import plain_word
from sipgate.gate.shape import (
    DURATION,
    TEXT_SCHEMA,
    FlagField,
    Items,
    Shape,
    read_seconds,
    reads,
    wrong,
)
from sipgate.gate.yaml_document import Scalar

from .condition import Surroundings
from .consent_condition import ConsentCondition

MAX_AGE_SECONDS = 3660 * 86_400  # ten years: consents outlive the windows of counters


def _word(value: object) -> object:
    text = value.text if isinstance(value, Scalar) and not value.is_empty else ""
    word = plain_word(text)
    if word is None:
        raise wrong(f"found {value}", "a word of up to 64 characters")
    if word != text:
        raise wrong(f"found {value}", f'"{word}", as it stands on record')
    return word


def _max_age(value: object) -> object:
    seconds = read_seconds(value.text) if isinstance(value, Scalar) else None
    if seconds is None or not 1 <= seconds <= MAX_AGE_SECONDS:
        raise wrong(f"found {value}", "a duration from 1s to 3660d such as 180d")
    return seconds


WordField = Annotated[str, reads(_word, type=list(TEXT_SCHEMA))]
AgeField = Annotated[int, reads(_max_age, type="string", pattern=DURATION)]


class ConsentShape(Shape):
    """What stands under `consent`."""

    purpose: WordField = Field(description="What the call is for, as it stands in the consent.")
    max_age: AgeField | None = Field(
        None, description="How old a consent may be, from the time when it was granted."
    )
    sources: Annotated[tuple[WordField, ...], Items] | None = Field(
        None, description="From which kinds of source a consent is accepted; without it, from any."
    )
    source_required: FlagField = Field(
        False, description="Whether a consent must say from which source it is."
    )
    basis: Annotated[tuple[WordField, ...], Items] | None = Field(
        None, description="On what it may rest; without it, on anything."
    )
    channel: WordField | None = Field(
        None, description="The channel that it must be for; one without a channel is for all."
    )


def consent_condition(shape: ConsentShape, surroundings: Surroundings) -> ConsentCondition:
    return ConsentCondition(
        purpose=shape.purpose,
        max_age_seconds=shape.max_age,
        sources=None if shape.sources is None else frozenset(shape.sources),
        needs_source=shape.source_required,
        bases=None if shape.basis is None else frozenset(shape.basis),
        channel=shape.channel,
    )
