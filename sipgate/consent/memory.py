"""All consents in memory: which record decides for a call, at once."""

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol, TypeAlias

from .record import Consent

Key: TypeAlias = tuple[str, str, str | None]  # callee, purpose, organisation


class ConsentLookup(Protocol):
    """Where a `consent` rule finds what it asks for; must answer at once, from memory."""

    def newest(
        self, callee: str, purpose: str, organisation: str, channel: str | None, time: float
    ) -> Consent | None:
        """The record that decides at a calendar time; None: nobody has ever said anything.

        It may be revoked, expired, or nothing but a revocation. `channel` None: any.
        """
        ...


class _Event(NamedTuple):
    """Something that a record says has happened; the newest decides.

    Sorted as it stands: at the same instant a revocation is the later, else what was recorded
    later. Silence is no consent, and doubt neither.
    """

    instant: float
    is_revocation: bool
    id: int
    consent: Consent


class MemoryConsents:
    """Consents by callee, purpose and organisation; a look-up costs two microseconds.

    May be filled in a thread while another looks up: a callee's records change in one step.
    """

    def __init__(self, consents: Iterable[Consent] = ()) -> None:
        self._events_by_key: dict[Key, list[_Event]] = {}
        self._size = 0
        self.add(consents)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Consent]:
        """Each record once, in no order."""
        for events in self._events_by_key.values():
            for event in events:
                if event.is_revocation is (event.consent.granted is None):
                    yield event.consent

    def __contains__(self, consent: Consent) -> bool:
        """Whether the very same is on record, whatever its `id`."""
        instant = consent.granted if consent.granted is not None else consent.revoked
        assert instant is not None
        events = self._events_by_key.get(_key(consent), [])
        start = bisect_right(events, (instant, False, -1), key=_order)
        for event in events[start:]:
            if event.instant != instant:
                return False
            if event.consent == consent:
                return True
        return False

    def add(self, consents: Iterable[Consent]) -> None:
        """Put records in, in the order in which they were recorded."""
        for consent in consents:
            key = _key(consent)
            events = list(self._events_by_key.get(key, ()))
            if consent.granted is not None:
                insort(events, _Event(consent.granted, False, consent.id, consent), key=_order)
            if consent.revoked is not None:
                insort(events, _Event(consent.revoked, True, consent.id, consent), key=_order)
            self._events_by_key[key] = events
            self._size += 1

    def newest(
        self, callee: str, purpose: str, organisation: str | None, channel: str | None, time: float
    ) -> Consent | None:
        """As `ConsentLookup` says; `organisation` None: only what holds for all."""
        own = self._newest_event((callee, purpose, organisation), channel, time)
        general = self._newest_event((callee, purpose, None), channel, time)
        if own is None or (general is not None and _order(general) > _order(own)):
            own = general
        return None if own is None else own.consent

    def _newest_event(self, key: Key, channel: str | None, time: float) -> _Event | None:
        events = self._events_by_key.get(key)
        if events is not None:
            for event in reversed(events):  # what lies in the future is rare
                if event.instant <= time and (
                    channel is None or event.consent.channel in (None, channel)
                ):
                    return event
        return None


def _key(consent: Consent) -> Key:
    return consent.callee, consent.purpose, consent.organisation


def _order(event: _Event) -> tuple[float, bool, int]:
    return event[:3]
