"""Conditions that hold when a count has reached its limit: `rate` and `concurrent`.

Apart from the shapes that are read from a policy, so that what runs per attempt can be compiled.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sipgate.counters import Check, Definition, Moves, Seen, Value, Window
from sipgate.gate.attempt import Attempt
from sipgate.gate.lists import Lookups
from sipgate.gate.when import When

from .condition import Ask, Asked, SharedCounters
from .key import KeyOf, key_function

CALENDAR_UNITS = ("day", "week", "month")


class Limit(NamedTuple):
    """One limit; `spelled` is its window as the policy writes it."""

    limit: int
    definition: Definition
    spelled: str


class RateCondition:
    """Holds when any of its limits is reached. `count` is what it counts, as the policy says it."""

    __slots__ = ("count", "definitions", "limits", "per", "placeholders")

    def __init__(self, per: tuple[str, ...], limits: tuple[Limit, ...], count: str) -> None:
        self.per = per
        self.limits = limits
        self.count = count
        self.definitions = tuple([limit.definition for limit in limits])
        self.placeholders = frozenset(("limit", "count", "window", "until"))

    def compile(self, shared: SharedCounters) -> Ask:
        claims = [(*shared.claim(one.definition), one.limit) for one in self.limits]
        key_of = key_function(self.per)
        if len(claims) > 1:
            return _several(key_of, claims)
        definition, counts, limit = claims[0]
        return ask_one(key_of, definition, counts, limit)

    def values(self, seen: Seen | None, asked: Asked) -> dict[str, Value]:
        assert seen is not None
        one = self.limits[seen.at]
        return {"count": seen.counted, "limit": one.limit, "window": one.spelled}

    def explain(self, held: bool, values: Mapping[str, Value]) -> str:
        counted = "" if self.count == "attempts" else f"{self.count} "
        window = values.get("window")
        within = f"this {window}" if window in CALENDAR_UNITS else f"in {window}"
        share = f"{values.get('count')} of {values.get('limit')}"
        return f"{share} {counted}{within} per {', '.join(self.per)}"


class ConcurrentCondition:
    """Holds when `limit` admitted calls of the key are not over."""

    __slots__ = ("definitions", "limit", "per", "placeholders")

    def __init__(self, per: tuple[str, ...], limit: int, definition: Definition) -> None:
        self.per = per
        self.limit = limit
        self.definitions = (definition,)
        self.placeholders = frozenset(("limit", "count"))

    def compile(self, shared: SharedCounters) -> Ask:
        definition, counts = shared.claim(self.definitions[0])
        return ask_one(key_function(self.per), definition, counts, self.limit)

    def values(self, seen: Seen | None, asked: Asked) -> dict[str, Value]:
        assert seen is not None
        return {"count": seen.counted, "limit": self.limit}

    def explain(self, held: bool, values: Mapping[str, Value]) -> str:
        return (
            f"{values.get('count')} of {values.get('limit')} in progress per {', '.join(self.per)}"
        )


def windowed_counter(
    moves: Moves, per: tuple[str, ...], window: Window, limit: int, when: When
) -> Definition:
    """The counter of what `when` selects, for a limit; rules that name the same one share it."""
    name = f"{moves.value} per {','.join(per)} in {window.name} when {when.name}"
    return Definition(name=name, moves=moves, window=window, capacity=limit)


def ask_one(key_of: KeyOf, definition: Definition, counts: bool, limit: int) -> Ask:
    """The question of a condition that looks at one count of the key, or at its callees."""

    def ask(attempt: Attempt, lookups: Lookups, time: float) -> Asked:
        check = Check(definition, key_of(attempt), attempt.callee, limit, counts)
        return Asked(None, (check,))

    return ask


def _several(key_of: KeyOf, claims: list[tuple[Definition, bool, int]]) -> Ask:
    def ask(attempt: Attempt, lookups: Lookups, time: float) -> Asked:
        key, member = key_of(attempt), attempt.callee
        return Asked(None, tuple([Check(d, key, member, n, moves) for d, moves, n in claims]))

    return ask
