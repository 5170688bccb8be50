"""The decision: what the gate answers to an attempt, and what it saw."""

from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from sipgate.counters import Change, Key, Value

from .attempt import Attempt

Verdict: TypeAlias = Literal["allow", "tag", "reject"]


class Step:
    """One rule that was asked: whether it held, and the values that it saw."""

    __slots__ = ("held", "rule", "values")

    def __init__(self, rule: str, held: bool, values: dict[str, Value]) -> None:
        self.rule = rule
        self.held = held
        self.values = values

    def record(self) -> dict[str, Value]:
        """The step as the ledger writes it."""
        return {"rule": self.rule, "held": self.held, **self.values}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Step) and self.record() == other.record()

    def __hash__(self) -> int:
        return hash((self.rule, self.held))

    def __repr__(self) -> str:
        return f"Step({self.record()!r})"


class Would(NamedTuple):
    """What would have been the verdict had the monitored rules counted."""

    verdict: Verdict
    rule: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A verdict with its grounds.

    `rule` settled the verdict, else was the first that tagged; None: no rule spoke. `code` and
    `reason` are there for a reject. `tags` are header names and values, in the order of the
    rules; they leave with a forwarded INVITE, also when a later rule allowed. `steps` has the
    rules whose `when` selected the attempt, up to the one that settled. `retry_after` is seconds.
    `redress` makes a 603 a 603+: whom the caller may turn to, as `Redress.told` says it.
    `changes` are the standings that the attempt has moved.
    """

    verdict: Verdict
    rule: str | None = None
    code: int | None = None
    reason: str | None = None
    retry_after: int | None = None
    redress: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    would: Would | None = None
    steps: tuple[Step, ...] = ()
    changes: tuple[Change, ...] = ()
    policy: str
    revision: str
    policy_sha256: str

    @property
    def is_admitted(self) -> bool:
        """Whether the call may leave."""
        return self.verdict != "reject"


class Charge:
    """What an admitted call holds until it is over: its places in the concurrency gauges.

    Made by `Engine.decide`, given back once by `Engine.ended`; a second time does no harm. `time`
    is the decision's, in calendar seconds: by it `when` has selected.
    """

    __slots__ = ("attempt", "places", "time")

    def __init__(
        self, attempt: Attempt | None, places: list[tuple[str, Key]], time: float = 0.0
    ) -> None:
        self.attempt = attempt  # None: nothing is held, and nothing will be
        self.places = places  # name of the gauge, key
        self.time = time
