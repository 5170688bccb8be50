"""What every kind of rule offers: the one extension point of the policy."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

from sipgate.counters import Check, Definition, Seen, Value
from sipgate.gate.attempt import Attempt
from sipgate.gate.lists import Lookups
from sipgate.gate.when import When


class Asked:
    """What a condition says about one attempt: an answer, or the checks that it depends on.

    With `needs_all` it holds when all checks do, else when any does. `values` is what it saw
    itself. `frees_us`: so long until what holds now may hold no more; None: time alone won't do.
    """

    __slots__ = ("checks", "frees_us", "holds", "needs_all", "values")

    def __init__(
        self,
        holds: bool | None,
        checks: tuple[Check, ...] = (),
        values: dict[str, Value] | None = None,
        frees_us: int | None = None,
        needs_all: bool = False,
    ) -> None:
        self.needs_all = needs_all
        self.holds = holds
        self.checks = checks
        self.values = values
        self.frees_us = frees_us


Ask: TypeAlias = Callable[[Attempt, Lookups, float], Asked]
"""Attempt, where to look things up, calendar seconds."""

HOLDS = Asked(True)
DOES_NOT_HOLD = Asked(False)


class Condition(Protocol):
    """One rule's condition, ready to be compiled."""

    @property
    def placeholders(self) -> frozenset[str]:
        """Which values it has for texts, besides callee, caller and cli."""
        ...

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """The counters it needs."""
        ...

    def compile(self, shared: "SharedCounters") -> Ask:
        """The function that is called for each attempt that the rule selects."""
        ...

    def values(self, seen: Seen | None, asked: Asked) -> dict[str, Value]:
        """What the record says that the rule saw: of the checks, or by itself."""
        ...

    def explain(self, held: bool, values: Mapping[str, Value]) -> str:
        """In words, why it held or not; `values` are those of the record."""
        ...


class BadCondition(Exception):
    """What stands under a kind's name can't be used; `key` is where, None: all of it.

    `offset` is how many characters into the key's text it is wrong.
    """

    def __init__(
        self, key: str | None, text: str, expected: str | None = None, offset: int = 0
    ) -> None:
        super().__init__(text)
        self.key = key
        self.text = text
        self.expected = expected
        self.offset = offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a condition must know of its rule and policy.

    `region` is the policy's; `folder` is where its file stands, for files that it names.
    """

    when: When
    timezone: str
    region: str | None = None
    folder: Path = Path()


class SharedCounters:
    """The counters of a whole policy: rules with equal definitions share one.

    It has the highest capacity that any of them needs, and only the first rule that claims it
    moves it, so that an attempt is counted once.
    """

    def __init__(self, definitions: Iterable[Definition]) -> None:
        self._definitions_by_name: dict[str, Definition] = {}
        self._claimed: set[str] = set()
        for definition in definitions:
            known = self._definitions_by_name.get(definition.name, definition)
            capacity = max(known.capacity, definition.capacity)
            self._definitions_by_name[definition.name] = known.with_capacity(capacity)

    @property
    def definitions(self) -> Mapping[str, Definition]:
        return self._definitions_by_name

    def claim(self, definition: Definition) -> tuple[Definition, bool]:
        """The shared definition, and whether the claimant is the one that moves it."""
        is_first = definition.name not in self._claimed
        self._claimed.add(definition.name)
        return self._definitions_by_name[definition.name], is_first
