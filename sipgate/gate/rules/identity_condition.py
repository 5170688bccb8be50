"""What an `identity` rule asks per attempt; apart from its shape, so that it can be compiled."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from sipgate.counters import NO_MEMBER, Check, Definition, Seen, Value
from sipgate.gate.attempt import Attempt
from sipgate.gate.lists import Lookups
from sipgate.numbers import is_possible_number

from .condition import Ask, Asked, SharedCounters

NOT_OWNED: Final = "not-owned"
MALFORMED: Final = "malformed"
ANONYMOUS: Final = "anonymous"
CONTRADICTED: Final = "contradicted"
SIGNS: Final = (NOT_OWNED, MALFORMED, ANONYMOUS, CONTRADICTED)
ROTATION: Final = "rotation"

NO_SIGN: Final = Asked(False, (), {"signs": None})


class IdentityCondition:
    """Holds by what is wrong with the number that the call shows, or with how many there were.

    `definition` counts the caller's numbers where `limit` of them may be shown in `window`, which
    is as the policy writes it.
    """

    def __init__(
        self, signs: frozenset[str], definition: Definition | None, limit: int, window: str
    ) -> None:
        self.signs = signs
        self.limit = limit
        self.window = window
        self.definitions: tuple[Definition, ...] = () if definition is None else (definition,)
        counted = ("rotation", "limit", "window", "until")
        self.placeholders = frozenset(("signs", *(() if definition is None else counted)))

    def compile(self, shared: SharedCounters) -> Ask:
        definition: Definition | None = None
        counts = False
        if self.definitions:
            definition, counts = shared.claim(self.definitions[0])
        wanted, limit = self.signs, self.limit

        def ask(attempt: Attempt, lookups: Lookups, time: float) -> Asked:
            spoke = signs_of(attempt, wanted)
            cli = attempt.cli
            checks: tuple[Check, ...] = ()
            if definition is not None:  # who shows none adds none, but may have shown too many
                is_shown = cli is not None
                checks = (
                    Check(definition, attempt.caller, cli or NO_MEMBER, limit, counts and is_shown),
                )
            if spoke:
                return Asked(True, checks, _values(attempt, spoke))
            return Asked(None, checks, None) if checks else NO_SIGN

        return ask

    def values(self, seen: Seen | None, asked: Asked) -> dict[str, Value]:
        if seen is None:
            assert asked.values is not None
            return asked.values
        return {
            "signs": ROTATION if seen.held else None,
            "rotation": seen.counted,
            "limit": self.limit,
            "window": self.window,
        }

    def explain(self, held: bool, values: Mapping[str, Value]) -> str:
        spoke = str(values.get("signs") or "").split(", ")
        cli = values.get("cli")
        told = []
        if NOT_OWNED in spoke:
            told.append(f"{cli} is none of the caller's numbers")
        if MALFORMED in spoke:
            told.append(f"{cli} is no possible number")
        if ANONYMOUS in spoke:
            told.append("it shows no number, or asks that none is shown")
        if CONTRADICTED in spoke:
            told.append(f"it shows {cli}, but {values.get('asserted')} is asserted")
        if values.get("rotation") is not None:
            rotation, limit = values.get("rotation"), values.get("limit")
            numbers = "number" if rotation == 1 else "numbers"
            told.append(f"{rotation} {numbers} shown in {values.get('window')}, {limit} may be")
        return "; ".join(told) or "nothing is wrong with the number that it shows"


def signs_of(attempt: Attempt, wanted: frozenset[str]) -> str:
    """What is wrong with the number that an attempt shows, of what is wanted: `a, b`, or empty."""
    cli, spoke = attempt.cli, ""
    if cli is None:
        return ANONYMOUS if ANONYMOUS in wanted else ""
    owned = attempt.owned_clis
    if owned is not None and NOT_OWNED in wanted and not _owns(owned, cli):
        spoke = NOT_OWNED
    if MALFORMED in wanted and not is_possible_number(cli):
        spoke = _and(spoke, MALFORMED)
    if attempt.is_anonymous and ANONYMOUS in wanted:
        spoke = _and(spoke, ANONYMOUS)
    asserted = attempt.asserted
    if (
        asserted is not None
        and asserted != cli
        and CONTRADICTED in wanted
        and asserted.startswith("+")
        and cli.startswith("+")
    ):
        spoke = _and(spoke, CONTRADICTED)
    return spoke


def _and(one: str, other: str) -> str:
    return f"{one}, {other}" if one else other


def _owns(owned: frozenset[str], cli: str) -> bool:
    return cli in owned or cli.startswith(_blocks(owned))


@lru_cache(maxsize=4096)
def _blocks(owned: frozenset[str]) -> tuple[str, ...]:
    """The first digits of the blocks among a caller's numbers."""
    return tuple(sorted(number[:-1] for number in owned if number.endswith("*")))


def _values(attempt: Attempt, spoke: str) -> dict[str, Value]:
    values: dict[str, Value] = {"signs": spoke, "cli": attempt.cli}
    if CONTRADICTED in spoke:
        values["asserted"] = attempt.asserted
    return values
