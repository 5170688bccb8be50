"""Limits recounted the slow way: from the evidence alone, each decision against all before it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from sipgate.ledger import DecisionEntry, OutcomeEntry

from .evidence import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One rule that must never be exceeded by what it lets through."""

    name: str
    kind: Literal["rate", "concurrent"]
    per: tuple[str, ...]  # names of a decision's fields: caller, callee, source …
    limit: int
    window_seconds: float | None = None  # rate; None: the calendar day
    counts_refused: bool = True  # rate: every attempt, else those let through
    zone: str = "UTC"  # of the day


def exceeded(limits: Sequence[Limit], evidence: Evidence) -> Iterator[str]:
    """Every admitted decision that a limit should have stopped."""
    for limit in limits:
        if limit.kind == "concurrent":
            yield from _too_many_at_once(limit, evidence)
        else:
            yield from _too_many_in_a_while(limit, evidence)


def _too_many_in_a_while(limit: Limit, evidence: Evidence) -> Iterator[str]:
    seen: list[tuple[DecisionEntry, str]] = []
    day = ""  # never runs backwards, whatever the clock does (design §10, Time)
    for entry in evidence.decisions:
        if not _counts(entry):
            continue
        day = max(day, _day(limit, entry))
        if entry.verdict != "reject":
            before = [
                one
                for one, its_day in seen
                if _key(limit, one) == _key(limit, entry)
                and (limit.counts_refused or one.verdict != "reject")
                and (
                    its_day == day
                    if limit.window_seconds is None
                    else entry.boot_us - one.boot_us < limit.window_seconds * 1_000_000
                )
            ]
            if len(before) >= limit.limit:
                yield (
                    f"limit {limit.name} of {limit.limit} exceeded by {entry.id}, after "
                    + ", ".join(one.id for one in before)
                )
        seen.append((entry, day))


def _day(limit: Limit, entry: DecisionEntry) -> str:
    return (
        datetime.fromtimestamp(entry.time_us / 1_000_000, ZoneInfo(limit.zone)).date().isoformat()
    )


def _too_many_at_once(limit: Limit, evidence: Evidence) -> Iterator[str]:
    open_calls: dict[int, DecisionEntry] = {}
    for entry in evidence.entries:
        if isinstance(entry, OutcomeEntry):
            open_calls.pop(entry.decision, None)
        elif isinstance(entry, DecisionEntry) and _counts(entry) and entry.verdict != "reject":
            others = [one for one in open_calls.values() if _key(limit, one) == _key(limit, entry)]
            if len(others) >= limit.limit:
                yield (
                    f"limit {limit.name} of {limit.limit} at once exceeded by {entry.id}, beside "
                    + ", ".join(one.id for one in others)
                )
            open_calls[entry.seq] = entry


def _counts(entry: DecisionEntry) -> bool:
    return not entry.emergency and entry.direction == "outbound"


def _key(limit: Limit, entry: DecisionEntry) -> tuple[str | None, ...]:
    return tuple(getattr(entry, part) for part in limit.per)
