"""`consent`: there is no valid consent of the called person for the purpose."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

from pydantic import Field

from sipgate.consent import Consent, plain_word
from sipgate.counters import Definition, Seen, Value
from sipgate.gate.attempt import Attempt
from sipgate.gate.lists import Lookups
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

from .condition import Ask, Asked, SharedCounters, Surroundings

MAX_AGE_SECONDS = 3660 * 86_400  # ten years: consents outlive the windows of counters

NONE_ON_RECORD = "none on record"
REVOKED = "revoked"
EXPIRED = "expired"
TOO_OLD = "too old"
NO_SOURCE = "no source"
SOURCE_NOT_ACCEPTED = "source not accepted"
BASIS_NOT_ACCEPTED = "basis not accepted"
UNREADABLE = "unreadable number"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentCondition:
    """Holds where the newest record doesn't allow the call, or where there is none.

    For a number that can't be read too; not for a short one, which is no stranger's.
    """

    purpose: str
    max_age_seconds: int | None
    sources: frozenset[str] | None
    needs_source: bool
    bases: frozenset[str] | None
    channel: str | None

    placeholders: frozenset[str] = frozenset(("purpose", "why"))
    definitions: tuple[Definition, ...] = ()

    def compile(self, shared: SharedCounters) -> Ask:
        purpose, channel, why = self.purpose, self.channel, self._why
        exempt = Asked(False, (), _values(purpose, None, None))
        unreadable = Asked(True, (), _values(purpose, UNREADABLE, None))
        none_on_record = Asked(True, (), _values(purpose, NONE_ON_RECORD, None))

        def ask(attempt: Attempt, lookups: Lookups, time: float) -> Asked:
            kind = attempt.callee_kind
            if kind != "number":
                return unreadable if kind == "unreadable" else exempt
            found = lookups.consents.newest(
                attempt.callee, purpose, attempt.organisation, channel, time
            )
            if found is None:
                return none_on_record
            wrong_with_it = why(found, time)
            return Asked(wrong_with_it is not None, (), _values(purpose, wrong_with_it, found))

        return ask

    def _why(self, consent: Consent, time: float) -> str | None:
        """What is wrong with the newest record; None: nothing."""
        if consent.is_revoked(time) or consent.granted is None:
            return REVOKED
        if consent.is_expired(time):
            return EXPIRED
        if self.max_age_seconds is not None and time - consent.granted >= self.max_age_seconds:
            return TOO_OLD
        if consent.source is None and (self.needs_source or self.sources is not None):
            return NO_SOURCE
        if self.sources is not None and consent.source not in self.sources:
            return SOURCE_NOT_ACCEPTED
        if self.bases is not None and consent.basis not in self.bases:
            return BASIS_NOT_ACCEPTED
        return None

    def values(self, seen: Seen | None, asked: Asked) -> dict[str, Value]:
        assert asked.values is not None
        return asked.values

    def explain(self, held: bool, values: Mapping[str, Value]) -> str:
        why, purpose = values.get("why"), values.get("purpose")
        if why is None and values.get("consent") is None:
            return "a short number needs no consent"
        if why == UNREADABLE:
            return f"nobody can have consented to {purpose}: the number is unreadable"
        if why == NONE_ON_RECORD:
            return f"no consent to {purpose} on record"
        record = f"consent {values.get('consent')} to {purpose}"
        if why == REVOKED:
            return f"{record} was revoked at {values.get('revoked')}"
        record += f" of {values.get('granted')}"
        if why == EXPIRED:
            return f"{record} expired at {values.get('expires')}"
        if why == TOO_OLD:
            return f"{record} is too old"
        if why == NO_SOURCE:
            return f"{record} doesn't say from which source it is"
        if why == SOURCE_NOT_ACCEPTED:
            return f"{record} is from {values.get('source')}, which is not accepted"
        if why == BASIS_NOT_ACCEPTED:
            basis = values.get("basis")
            rests = "says no basis" if basis is None else f"rests on {basis}, which isn't accepted"
            return f"{record} {rests}"
        return f"{record} holds"


def consent_condition(shape: ConsentShape, surroundings: Surroundings) -> ConsentCondition:
    return ConsentCondition(
        purpose=shape.purpose,
        max_age_seconds=shape.max_age,
        sources=None if shape.sources is None else frozenset(shape.sources),
        needs_source=shape.source_required,
        bases=None if shape.basis is None else frozenset(shape.basis),
        channel=shape.channel,
    )


def _values(purpose: str, why: str | None, consent: Consent | None) -> dict[str, Value]:
    """What the record keeps: which consent it was, and of that what decided."""
    values: dict[str, Value] = {
        "purpose": purpose,
        "why": why,
        "consent": None if consent is None else consent.id,
    }
    if consent is None:
        return values
    if consent.granted is not None:
        values["granted"] = _rfc_3339(consent.granted)
    if why == REVOKED and consent.revoked is not None:
        values["revoked"] = _rfc_3339(consent.revoked)
    elif why == EXPIRED and consent.expires is not None:
        values["expires"] = _rfc_3339(consent.expires)
    elif why == SOURCE_NOT_ACCEPTED:
        values["source"] = consent.source
    elif why == BASIS_NOT_ACCEPTED:
        values["basis"] = consent.basis
    return values


@lru_cache(maxsize=4096)
def _rfc_3339(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
