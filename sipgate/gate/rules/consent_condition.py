"""What a `consent` rule asks per attempt; apart from its shape, so that it can be compiled."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache

from sipgate.consent import Consent
from sipgate.counters import Definition, Seen, Value
from sipgate.gate.attempt import Attempt
from sipgate.gate.lists import Lookups

from .condition import Ask, Asked, SharedCounters

NONE_ON_RECORD = "none on record"
REVOKED = "revoked"
EXPIRED = "expired"
TOO_OLD = "too old"
NO_SOURCE = "no source"
SOURCE_NOT_ACCEPTED = "source not accepted"
BASIS_NOT_ACCEPTED = "basis not accepted"
UNREADABLE = "unreadable number"


class ConsentCondition:
    """Holds where the newest record doesn't allow the call, or where there is none.

    For a number that can't be read too; not for a short one, which is no stranger's.
    """

    def __init__(
        self,
        *,
        purpose: str,
        max_age_seconds: int | None,
        sources: frozenset[str] | None,
        needs_source: bool,
        bases: frozenset[str] | None,
        channel: str | None,
    ) -> None:
        self.purpose = purpose
        self.max_age_seconds = max_age_seconds
        self.sources = sources
        self.needs_source = needs_source
        self.bases = bases
        self.channel = channel
        self.placeholders = frozenset(("purpose", "why"))
        self.definitions: tuple[Definition, ...] = ()

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
