"""When calls are permitted at a place: opening hours, public holidays, bans.

All of it in local time: an instant is open in a zone when the clock there shows a time within the
hours of its weekday, on a day that is neither a holiday nor banned. That is exact on days with 23
and 25 hours: a time that the clocks show twice is open twice, one that they skip never. A place
with several candidate zones is open when all of them are.
"""

from collections.abc import Iterator
from typing import NamedTuple

from sipgate.counters import Value
from sipgate.numbers import Place, holiday

from .span import Span, clock_text
from .zone_clock import DAY, run_at

EPOCH_ORDINAL = 719_163  # of 1970-01-01
MAX_STEPS = 500  # of looking ahead for an opening, a few milliseconds; with one zone months
MAX_PLACES = 4096  # whose state is kept; about 400 bytes each
MICRO = 1_000_000

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Ban(NamedTuple):
    """Local times (seconds since 1970 as if in UTC) at which nobody in a region may be called.

    `region` is a country or a region by ISO 3166-2. `end` is out.
    """

    region: str
    start: int
    end: int
    reason: str
    source: str


class Piece(NamedTuple):
    """A part of a local day, in seconds since midnight; `why` is None where it is open."""

    start: int
    end: int
    why: "Why | None"


class Why(NamedTuple):
    """Why it is closed: `reason` is None outside the hours, else the holiday or the ban."""

    reason: str | None
    source: str | None


OUTSIDE = Why(None, None)


class State(NamedTuple):
    """What holds at a place from `since` to before `until` (microseconds since 1970).

    `zone` is the candidate that says no, or of an open place the one that closes first; `offset` is
    its difference to UTC in seconds. `spans` are the hours of the day there, None on a day without.
    `opens` is when all candidates are open again, None for an open place and for one that isn't
    within sight.
    """

    since: int
    until: int
    is_open: bool
    zone: str
    offset: int
    spans: str | None
    why: Why
    opens: int | None

    def values(self, time_us: int) -> dict[str, Value]:
        """What the record keeps: the zone that decides, what its clocks show, the day's hours."""
        values: dict[str, Value] = {
            "zone": self.zone,
            "local_time": clock_text((time_us // MICRO + self.offset) % DAY),
            "open": self.spans,
        }
        if self.why.reason is not None:
            values["closed_for"] = self.why.reason
            if self.why.source is not None:
                values["source"] = self.why.source
        return values

    def frees_us(self, time_us: int) -> int | None:
        """So long until it is open; None when that is not in sight, or now."""
        return None if self.opens is None else self.opens - time_us


class OpeningHours:
    """Says whether a place may be called now, and when it may be next.

    `week` has the spans of each weekday from Monday, sorted and without overlaps. Answers are kept
    until they change, so asking again costs about a microsecond.
    """

    def __init__(
        self, week: tuple[tuple[Span, ...], ...], *, on_holidays: bool, bans: tuple[Ban, ...]
    ) -> None:
        self._week = week
        self._on_holidays = on_holidays
        self._bans = bans
        self._spelled = tuple(", ".join(map(str, spans)) or None for spans in week)
        self._states: dict[Place, State] = {}

    def state(self, place: Place, time_us: int) -> State:
        """What holds at a place, which must have zones."""
        state = self._states.get(place)
        if state is None or not state.since <= time_us < state.until:
            state = self._find_state(place, time_us // MICRO)
            if len(self._states) >= MAX_PLACES:
                self._states.clear()
            self._states[place] = state
        return state

    @property
    def is_always_open(self) -> bool:
        """Whether no place is ever closed."""
        return self._on_holidays and not self._bans and all(map(_is_whole_day, self._week))

    def is_open_whenever(self, other: "OpeningHours") -> bool:
        """Whether every place that is open by the other hours is open by these too."""
        if self._on_holidays < other._on_holidays or not set(self._bans) <= set(other._bans):
            return False
        days = zip(self._week, other._week, strict=True)
        return all(_contains(wide, narrow) for wide, narrow in days)

    def _find_state(self, place: Place, utc: int) -> State:
        days = _Days(self._week, self._on_holidays, _bans_at(self._bans, place), place)
        until = 2**40
        zone, end, why = "", 2**40, None
        for one in place.zones:
            one_end, one_why = days.at(one, utc)
            until = min(until, one_end)
            if why is None and (one_why is not None or one_end < end):
                zone, end, why = one, one_end, one_why
        offset = run_at(zone, utc).offset
        return State(
            since=utc * MICRO,
            until=until * MICRO,
            is_open=why is None,
            zone=zone,
            offset=offset,
            spans=self._spelled[weekday((utc + offset) // DAY)],
            why=why or OUTSIDE,
            opens=None if why is None else _next_opening(days, place.zones, utc),
        )


class _Days:
    """The local days of one place."""

    def __init__(
        self,
        week: tuple[tuple[Span, ...], ...],
        on_holidays: bool,
        bans: list[Ban],
        place: Place,
    ) -> None:
        self._week = week
        self._bans = bans
        self._place = place
        self._on_holidays = on_holidays
        self._pieces_by_day: dict[int, list[Piece]] = {}

    def at(self, zone: str, utc: int) -> tuple[int, Why | None]:
        """Until when (UTC seconds) a zone stays as it is at an instant, and why it is closed."""
        run = run_at(zone, utc)
        local = utc + run.offset
        day, second = divmod(local, DAY)
        for piece in self._pieces(day):
            if second < piece.end:
                return min(run.end, utc + piece.end - second), piece.why
        raise AssertionError(local)  # the pieces of a day fill it

    def _pieces(self, day: int) -> list[Piece]:
        pieces = self._pieces_by_day.get(day)
        if pieces is None:
            pieces = self._pieces_by_day[day] = list(self._made(day))
        return pieces

    def _made(self, day: int) -> Iterator[Piece]:
        """The day's pieces in order; a ban says more than a holiday, that more than the hours."""
        named = None if self._on_holidays else _holiday_at(self._place, day + EPOCH_ORDINAL)
        spans = self._week[weekday(day)]
        start = day * DAY
        edges = {0, DAY}
        for span in spans:
            edges.update(span)
        bans = [ban for ban in self._bans if ban.start < start + DAY and ban.end > start]
        for ban in bans:
            edges.update((max(0, ban.start - start), min(DAY, ban.end - start)))
        ordered = sorted(edges)
        for index, first in enumerate(ordered[:-1]):
            why: Why | None = OUTSIDE
            if any(span.start <= first < span.end for span in spans):
                why = None
            if named is not None:
                why = Why(named, None)
            for ban in bans:
                if ban.start <= start + first < ban.end:
                    why = Why(ban.reason, ban.source)
                    break
            yield Piece(first, ordered[index + 1], why)


def _joined(spans: tuple[Span, ...]) -> list[Span]:
    """Spans that touch as one; they are sorted and without overlaps."""
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].end == span.start:
            joined[-1] = Span(joined[-1].start, span.end)
        else:
            joined.append(span)
    return joined


def _is_whole_day(spans: tuple[Span, ...]) -> bool:
    return _joined(spans) == [Span(0, DAY)]


def _contains(wide: tuple[Span, ...], narrow: tuple[Span, ...]) -> bool:
    """Whether each of the narrow spans lies in one of the wide ones."""
    joined = _joined(wide)
    return all(
        any(one.start <= span.start and span.end <= one.end for one in joined) for span in narrow
    )


def _next_opening(days: _Days, zones: tuple[str, ...], utc: int) -> int | None:
    """The first instant from `utc` on at which all zones are open, in microseconds."""
    distinct = _unlike(zones, utc)
    steps = 0
    cursor = utc
    while True:
        latest = cursor
        for zone in distinct:
            at = latest
            while True:
                steps += 1
                if steps > MAX_STEPS:
                    return None
                end, why = days.at(zone, at)
                if why is None:
                    break
                at = end
            latest = at
        if latest == cursor:
            return cursor * MICRO
        cursor = latest


def _unlike(zones: tuple[str, ...], utc: int) -> list[str]:
    """One of each group of zones whose clocks go alike in the weeks to come."""
    ahead = range(utc, utc + 42 * DAY, 3 * DAY)
    found: dict[tuple[int, ...], str] = {}
    for zone in zones:
        found.setdefault(tuple([run_at(zone, at).offset for at in ahead]), zone)
    return list(found.values())


def _bans_at(bans: tuple[Ban, ...], place: Place) -> list[Ban]:
    """Those that may hold at a place; a number whose region nobody knows may be in any."""
    return [ban for ban in bans if _may_be_in(place, ban.region)]


def _may_be_in(place: Place, region: str) -> bool:
    if region == place.country or region in place.regions:
        return True
    if any(one.startswith(region + "-") for one in place.regions):
        return True  # US for a number in US-PR, whose country is PR
    return (
        not place.regions and place.country is not None and region.startswith(place.country + "-")
    )


def _holiday_at(place: Place, ordinal: int) -> str | None:
    """The holiday of any candidate region; of the country where nobody knows the region."""
    for region in place.regions or ((place.country,) if place.country is not None else ()):
        name = holiday(region, ordinal)
        if name is not None:
            return name
    return None


def weekday(day: int) -> int:
    """The weekday of a day counted from 1970-01-01; 0 is Monday."""
    return (day + 3) % 7
