"""Comparing a decision with what a case expects."""

from collections.abc import Sequence
from dataclasses import dataclass

from sipgate.gate.decision import Decision
from sipgate.gate.explanation import Explained
from sipgate.gate.problem import Place

from .case_file import Case, Expected
from .play import Played

NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A part of a decision that isn't as expected; `got` is None where there is none."""

    place: Place
    part: str
    expected: str | int | None
    got: str | int | None

    def __str__(self) -> str:
        if self.part == "explains":
            return f'expected an explanation with "{self.expected}", got "{_told(self.got)}"'
        return f"expected {self.part} {_told(self.expected)}, got {_told(self.got)}"


def differences(case: Case, played: Played) -> tuple[Difference, ...]:
    """What is not as the case expects, in the order of the file."""
    found = (_difference(one, played) for one in case.expected)
    return tuple(one for one in found if one is not None)


def _difference(wanted: Expected, played: Played) -> Difference | None:
    decision = played.decision
    value = wanted.value
    got: str | int | None
    if isinstance(value, tuple) or wanted.part == "retry-after":
        return _retry_after(wanted, decision.retry_after)
    if wanted.part == "redress":
        got = decision.redress
        if got == value or (got is not None and value is not None and str(value) in got):
            return None
    elif wanted.part == "explains":
        got = _words_of_speaker(decision, played.explained)
        if str(value) in got:
            return None
    else:
        got = _part(wanted.part, decision)
        if got == value:
            return None
    return Difference(place=wanted.place, part=wanted.part, expected=value, got=got)


def _retry_after(wanted: Expected, got: int | None) -> Difference | None:
    value = wanted.value
    told: str | None = None
    if isinstance(value, tuple):
        first, last = value
        if got is not None and first <= got <= last:
            return None
        told = f"{first}s" if first == last else f"{first}s to {last}s"
    elif got is None:
        return None
    seconds = None if got is None else f"{got}s"
    return Difference(place=wanted.place, part=wanted.part, expected=told, got=seconds)


def _part(part: str, decision: Decision) -> str | int | None:
    would = decision.would
    name, _, inner = part.partition(" ")
    match name:
        case "verdict":
            return decision.verdict
        case "rule":
            return decision.rule
        case "code":
            return decision.code
        case "reason":
            return decision.reason
        case "tags" if inner:
            tags = {header.lower(): value for header, value in decision.tags}
            return tags.get(inner.lower())
        case "tags":
            return ", ".join(f"{header}: {value}" for header, value in decision.tags) or None
        case "would" if inner:
            return None if would is None else getattr(would, inner)
        case "would":
            return None if would is None else f"{would.verdict} by {would.rule}"
    raise AssertionError(part)


def _words_of_speaker(decision: Decision, explained: Sequence[Explained]) -> str:
    """The words of the rule that spoke, or would have; of all rules where none did."""
    speaker = decision.rule
    if decision.would is not None and decision.would.rule is not None:
        speaker = decision.would.rule
    if speaker is None:
        return "; ".join(one.words for one in explained if one.words)
    return next(one.words for one in explained if one.rule == speaker)


def _told(value: str | int | None) -> str:
    return NONE if value is None else str(value)
