"""Which attempts a rule is for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from sipgate.counters import microseconds, wildcard_pattern

from .attempt import Attempt
from .callee_place import callee_place
from .span import MIDNIGHT, Span, read_span
from .zone_clock import offsets_at

Selects: TypeAlias = Callable[[Attempt, float], bool]
"""Attempt, calendar seconds."""

FIELDS = {
    "caller": "caller",
    "source": "source",
    "campaign": "campaign",
    "organisation": "organisation",
    "cli": "cli",
    "country": "callee_country",
    "kind": "callee_kind",
}  # key of `when` → the attempt's field that must equal one of the values


@dataclass(frozen=True, slots=True)
class When:
    """Keys with the values that select; all keys must match, any value of a key does.

    `values_by_key` is sorted by key, its values sorted and without doubles, so that two that
    select the same are equal. `unless` is what `not` holds.
    """

    values_by_key: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unless: "When | None" = None

    @property
    def name(self) -> str:
        """A text that two have in common only when they are equal."""
        written = repr(self.values_by_key)
        return written if self.unless is None else f"{written} not {self.unless.name}"

    @property
    def callers(self) -> tuple[str, ...]:
        """Every caller that it names, those that it leaves out too."""
        named = dict(self.values_by_key).get("caller", ())
        return named if self.unless is None else named + self.unless.callers

    def compile(self) -> Selects | None:
        """The function that says whether an attempt is selected; None: every one is."""
        checks = [_check(key, values) for key, values in self.values_by_key]
        if self.unless is not None:
            checks.append(_negation(self.unless.compile()))
        if not checks:
            return None
        if len(checks) == 1:
            return checks[0]
        return _all_of(tuple(checks))


def _all_of(checks: tuple[Selects, ...]) -> Selects:
    def selects(attempt: Attempt, time: float) -> bool:
        for check in checks:  # noqa: SIM110  a generator costs half as much again
            if not check(attempt, time):
                return False
        return True

    return selects


def _negation(selects: Selects | None) -> Selects:
    if selects is None:
        return lambda attempt, time: False
    return lambda attempt, time: not selects(attempt, time)


def _check(key: str, values: tuple[str, ...]) -> Selects:
    if key == "callee":
        return _leading_digits(values)
    if key == "user-agent":
        return _wildcards(values)
    if key == "region":
        return _candidate_region(frozenset(values))
    if key == "local-time":
        return _local_time(
            [span for text in values for span in read_span(text, over_midnight=True)]
        )
    name, allowed = FIELDS[key], frozenset(values)
    return lambda attempt, time: getattr(attempt, name) in allowed


def _leading_digits(values: tuple[str, ...]) -> Selects:
    international = tuple(value for value in values if value.startswith("+"))
    digits = tuple(value for value in values if not value.startswith("+"))

    def selects(attempt: Attempt, time: float) -> bool:
        callee = attempt.callee
        return callee.startswith(international) or callee.removeprefix("+").startswith(digits)

    return selects


def _wildcards(values: tuple[str, ...]) -> Selects:
    pattern = wildcard_pattern(values)
    assert pattern is not None, values

    def selects(attempt: Attempt, time: float) -> bool:
        return attempt.user_agent is not None and bool(pattern.fullmatch(attempt.user_agent))

    return selects


def _candidate_region(allowed: frozenset[str]) -> Selects:
    """Any region that the callee may be in."""

    def selects(attempt: Attempt, time: float) -> bool:
        for region in callee_place(attempt).regions:  # noqa: SIM110  a generator costs more
            if region in allowed:
                return True
        return False

    return selects


def _local_time(spans: list[Span]) -> Selects:
    """The clocks of any zone that the callee may be in show such a time."""

    def selects(attempt: Attempt, time: float) -> bool:
        zones = callee_place(attempt).zones
        if not zones or attempt.callee_kind == "short":
            return False
        utc = microseconds(time) // 1_000_000
        for offset in offsets_at(zones, utc):
            second = (utc + offset) % MIDNIGHT
            for span in spans:
                if span.start <= second < span.end:
                    return True
        return False

    return selects
