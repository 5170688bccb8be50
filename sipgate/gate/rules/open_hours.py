"""The condition of an `hours` rule: it is closed where the callee is.

Apart from the shape that is read from a policy, so that what runs per attempt can be compiled.
"""

from collections.abc import Mapping

from sipgate.counters import Definition, Seen, Value, microseconds
from sipgate.gate.attempt import Attempt
from sipgate.gate.callee_place import callee_place
from sipgate.gate.lists import Lookups
from sipgate.gate.opening import OpeningHours
from sipgate.numbers import Place

from .condition import Ask, Asked, SharedCounters

NOT_SUBJECT = Asked(False, (), {"kind": "short"})


class HoursCondition:
    """Holds when it is closed in any zone that the callee may be in.

    `fallback` is where a callee is whose country nobody knows. `files` are those that its bans
    come from, with the SHA-256 of each.
    """

    __slots__ = ("_fallback", "_hours", "definitions", "files", "placeholders")

    def __init__(
        self, hours: OpeningHours, fallback: Place, files: tuple[tuple[str, str], ...] = ()
    ) -> None:
        self._hours = hours
        self._fallback = fallback
        self.files = files
        self.definitions: tuple[Definition, ...] = ()
        self.placeholders = frozenset(("local_time", "zone", "until"))

    @property
    def is_always_open(self) -> bool:
        """Whether it can hold nowhere and never."""
        return self._hours.is_always_open

    def is_open_whenever(self, other: "HoursCondition") -> bool:
        """Whether all that the other permits, this one does too; both are of one policy."""
        return self._hours.is_open_whenever(other._hours)

    def compile(self, shared: SharedCounters) -> Ask:
        hours, fallback = self._hours, self._fallback

        def ask(attempt: Attempt, lookups: Lookups, time: float) -> Asked:
            kind = attempt.callee_kind
            if kind == "short" or kind == "emergency":
                return NOT_SUBJECT
            place = callee_place(attempt)
            time_us = microseconds(time)
            state = hours.state(place if place.zones else fallback, time_us)
            return Asked(not state.is_open, (), state.values(time_us), state.frees_us(time_us))

        return ask

    def values(self, seen: Seen | None, asked: Asked) -> dict[str, Value]:
        return asked.values or {}

    def explain(self, held: bool, values: Mapping[str, Value]) -> str:
        if "zone" not in values:
            return f"{values.get('kind')} numbers have no hours"
        there = f"{values.get('local_time')} in {values.get('zone')}"
        if values.get("closed_for") is not None:
            return f"{there}, closed: {values['closed_for']}"
        hours = values.get("open")
        return f"{there}, open {hours}" if hours is not None else f"{there}, closed on that day"
