"""The policy: its rules as they were read, before an engine compiles them."""

from dataclasses import dataclass
from pathlib import Path

from sipgate.counters import COUNTED_LATER, CalendarWindow, Definition, SlidingWindow

from .action import Action
from .redress import Redress
from .rules.condition import Condition, SharedCounters
from .rules.identity_condition import NOT_OWNED, IdentityCondition
from .rules.list_rule import ListCondition
from .rules.open_hours import HoursCondition
from .when import When

LONGEST_PERIOD_SECONDS = {
    # With the longest change of clocks that a zone has made: a day skipped or doubled is longer
    # than any, but Samoa's never comes to more than one.
    "day": 2 * 86_400,
    "week": 8 * 86_400,
    "month": 32 * 86_400,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: for which attempts, on which condition, to do what.

    `line` is where it begins in its file.
    """

    id: str
    line: int
    kind: str
    when: When
    condition: Condition
    action: Action
    is_monitored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What a policy file says. `sha256` is of the file's bytes, in hexadecimal."""

    path: Path
    name: str
    revision: str
    sha256: str
    region: str | None
    timezone: str
    is_monitored: bool
    rules: tuple[Rule, ...]
    redress: Redress | None = None

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """The counters it needs, each once, with the capacity that all its rules need."""
        every = (d for rule in self.rules for d in rule.condition.definitions)
        return tuple(SharedCounters(every).definitions.values())

    @property
    def list_names(self) -> tuple[str, ...]:
        """The lists that its rules look up, sorted."""
        conditions = [rule.condition for rule in self.rules]
        names = {found.list_name for found in conditions if isinstance(found, ListCondition)}
        return tuple(sorted(names))

    @property
    def files(self) -> tuple[tuple[str, str], ...]:
        """The files that its rules name, each once, with the SHA-256 of their bytes; sorted."""
        conditions = [rule.condition for rule in self.rules]
        named = [found.files for found in conditions if isinstance(found, HoursCondition)]
        return tuple(sorted({one for files in named for one in files}))

    @property
    def cited(self) -> dict[str, str]:
        """What an act of the ledger says of it; `files` where its rules name any."""
        cited = {"policy": self.name, "revision": self.revision, "policy_sha256": self.sha256}
        if self.files:
            cited["files"] = "; ".join(f"{name} {sha256}" for name, sha256 in self.files)
        return cited

    @property
    def asks_for_consents(self) -> bool:
        """Whether a rule holds for all that is not consented to."""
        return any(rule.kind == "consent" for rule in self.rules)

    @property
    def asks_whose_numbers(self) -> bool:
        """Whether a rule holds for numbers that are not the caller's own."""
        return any(
            isinstance(rule.condition, IdentityCondition) and NOT_OWNED in rule.condition.signs
            for rule in self.rules
        )

    def list_subjects(self, name: str) -> frozenset[str]:
        """What its rules look up on a list: callee, caller, cli."""
        conditions = [rule.condition for rule in self.rules]
        return frozenset(
            condition.of
            for condition in conditions
            if isinstance(condition, ListCondition) and condition.list_name == name
        )

    @property
    def horizon_seconds(self) -> float:
        """How far back the ledger must be read to know all its counts."""
        longest = 0.0
        for definition in self.definitions:
            match definition.window:
                case SlidingWindow(length_us):
                    longest = max(longest, length_us / 1_000_000)
                case CalendarWindow(unit):
                    longest = max(longest, LONGEST_PERIOD_SECONDS[unit])
        return longest

    @property
    def needs_outcomes(self) -> bool:
        """Whether a count of it moves when a call is answered or ends."""
        return any(
            definition.moves in COUNTED_LATER or definition.settings is not None
            for definition in self.definitions
        )
