"""Conditions that hold by how a key has behaved: `dialer` and `trust`.

Apart from the shapes that are read from a policy, so that what runs per attempt can be compiled.
"""

from collections.abc import Mapping

from sipgate.counters import Check, Definition, Seen, Value, microseconds
from sipgate.gate.attempt import Attempt
from sipgate.gate.lists import Lookups
from sipgate.gate.opening import OpeningHours
from sipgate.numbers import Place

from .condition import Ask, Asked, SharedCounters
from .counted import ask_one
from .key import KeyOf, key_function


class DialerCondition:
    """Holds when the key's score has reached `score`, per mille."""

    __slots__ = ("definitions", "per", "placeholders", "score")

    def __init__(self, per: tuple[str, ...], score: int, definition: Definition) -> None:
        self.per = per
        self.score = score
        self.definitions = (definition,)
        self.placeholders = frozenset(("score", "signs"))

    def compile(self, shared: SharedCounters) -> Ask:
        definition, counts = shared.claim(self.definitions[0])
        return ask_one(key_function(self.per), definition, counts, self.score)

    def values(self, seen: Seen | None, asked: Asked) -> dict[str, Value]:
        assert seen is not None
        return seen.values or {}

    def explain(self, held: bool, values: Mapping[str, Value]) -> str:
        score, signs = values.get("score"), values.get("signs")
        shown = f"{score / 1000:g}" if isinstance(score, int) else "none"
        per = ", ".join(self.per)
        if "overruled" in values:
            return f"{values['overruled']} by an operator, per {per}"
        return f"score {shown} of {self.score / 1000:g} per {per}: {signs or 'no sign speaks'}"


class TrustCondition:
    """Holds when the key's standing is under `below`, and `grade` has nothing against it."""

    __slots__ = ("below", "definitions", "grade", "per", "placeholders")

    def __init__(
        self,
        per: tuple[str, ...],
        below: int,
        standing: Definition,
        grade: "Slowed | Restricted | None",
    ) -> None:
        self.per = per
        self.below = below
        self.grade = grade
        self.definitions: tuple[Definition, ...] = (standing,)
        self.placeholders = frozenset(("standing",))
        if isinstance(grade, Slowed):
            self.definitions = (standing, grade.definition)
            self.placeholders = frozenset(("standing", "limit", "count", "window", "until"))
        elif grade is not None:
            self.placeholders = frozenset(("standing", "local_time", "zone", "until"))

    def compile(self, shared: SharedCounters) -> Ask:
        key_of, grade = key_function(self.per), self.grade
        standing, counts = shared.claim(self.definitions[0])
        if grade is None:
            return ask_one(key_of, standing, counts, self.below)
        if isinstance(grade, Restricted):
            return _ask_when_closed(key_of, standing, self.below, counts, grade)
        admitted, counts_too = shared.claim(grade.definition)
        return _ask_both(key_of, standing, self.below, counts, admitted, grade.limit, counts_too)

    def values(self, seen: Seen | None, asked: Asked) -> dict[str, Value]:
        assert seen is not None
        values: dict[str, Value] = dict(seen.values or {})
        values.update(asked.values or {})
        if isinstance(self.grade, Slowed):
            values["count"] = seen.counted
            values["limit"] = self.grade.limit
            values["window"] = self.grade.spelled
        return values

    def explain(self, held: bool, values: Mapping[str, Value]) -> str:
        per = ", ".join(self.per)
        said = f"standing {values.get('standing')}, {self.below} wanted, per {per}"
        if "overruled" in values:
            return f"{said}: {values['overruled']} by an operator"
        if self.grade is None:
            return said
        if isinstance(self.grade, Restricted):
            there = f"{values.get('local_time')} in {values.get('zone')}"
            return f"{said}; {there}, open {values.get('open') or 'not today'}"
        admitted = f"{values.get('count')} of {values.get('limit')} let through"
        return f"{said}; {admitted} in {values.get('window')}"


class Slowed:
    """Who is under the threshold may call so often; `spelled` is the window as the policy says."""

    __slots__ = ("definition", "limit", "spelled")

    def __init__(self, definition: Definition, limit: int, spelled: str) -> None:
        self.definition = definition
        self.limit = limit
        self.spelled = spelled


class Restricted:
    """Who is under the threshold may call in these hours only, by the clock at `place`."""

    __slots__ = ("hours", "place")

    def __init__(self, hours: OpeningHours, place: Place) -> None:
        self.hours = hours
        self.place = place


def _ask_both(
    key_of: KeyOf,
    standing: Definition,
    below: int,
    counts: bool,
    admitted: Definition,
    limit: int,
    counts_too: bool,
) -> Ask:
    def ask(attempt: Attempt, lookups: Lookups, time: float) -> Asked:
        key = key_of(attempt)
        checks = (
            Check(standing, key, "", below, counts),
            Check(admitted, key, "", limit, counts_too),
        )
        return Asked(None, checks, None, None, True)

    return ask


def _ask_when_closed(
    key_of: KeyOf, standing: Definition, below: int, counts: bool, grade: Restricted
) -> Ask:
    hours, place = grade.hours, grade.place

    def ask(attempt: Attempt, lookups: Lookups, time: float) -> Asked:
        time_us = microseconds(time)
        state = hours.state(place, time_us)
        limit = 0 if state.is_open else below  # nobody stands under 0: then it is only looked at
        checks = (Check(standing, key_of(attempt), "", limit, counts),)
        return Asked(None, checks, state.values(time_us), state.frees_us(time_us))

    return ask
