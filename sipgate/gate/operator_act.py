"""What operators do to a caller's standing and score, as acts that a rebuild does again.

`caller-exempted` and `caller-suspended` have `caller` and `until_us` (calendar microseconds) in
their detail, `caller-reset` has `caller`; all three the `reason`.
"""

from collections.abc import Mapping
from typing import Final

from sipgate.counters import Overruled, Overruling, Value
from sipgate.ledger import ActEntry

from .engine import Engine
from .policy import Policy
from .rules.judged import DialerCondition, TrustCondition

RESET: Final = "caller-reset"
SAYS: Final[dict[str, Overruling]] = {
    "caller-exempted": "exempt",
    "caller-suspended": "suspended",
}


def overrule_caller(engine: Engine, kind: str, detail: Mapping[str, Value]) -> None:
    """Do to the engine what an act says; acts of other kinds do nothing."""
    caller, until_us = detail.get("caller"), detail.get("until_us")
    if not isinstance(caller, str):
        return
    if kind == RESET:
        engine.reset(caller)
    elif kind in SAYS and isinstance(until_us, int):
        engine.overrule(caller, Overruled(SAYS[kind], until_us))


def reset_caller(act: ActEntry) -> str | None:
    """Whose faults and signs an act has forgotten; None: nobody's."""
    caller = act.detail.get("caller")
    return caller if act.kind == RESET and isinstance(caller, str) else None


def judged(engine: Engine, caller: str, now: float, time: float) -> list[dict[str, Value]]:
    """What the policy's `trust` and `dialer` rules `per: caller` see of a caller now."""
    rows: list[dict[str, Value]] = []
    for rule in engine.policy.rules:
        condition = rule.condition
        if not isinstance(condition, TrustCondition | DialerCondition):
            continue
        if condition.per != ("caller",):
            continue
        seen = engine.seen(condition.definitions[0], caller, now, time)
        needed = (
            {"below": condition.below}
            if isinstance(condition, TrustCondition)
            else {"limit": condition.score}
        )
        rows.append({"rule": rule.id, "kind": rule.kind, **(seen.values or {}), **needed})
    return rows


def judges_callers(policy: Policy) -> bool:
    """Whether it has a `trust` or `dialer` rule `per: caller`."""
    return any(
        isinstance(rule.condition, TrustCondition | DialerCondition)
        and rule.condition.per == ("caller",)
        for rule in policy.rules
    )
