"""How an explanation is shown: rule by rule, for people and for machines."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sipgate.gate import Decision, Explained


def explained_rows(explained: "Iterable[Explained]") -> list[dict[str, Any]]:
    """Each rule as an object."""
    return [
        {
            "rule": one.rule,
            "kind": one.kind,
            "line": one.line,
            "state": one.state.replace(" ", "_"),
            "does": one.does,
            "words": one.words,
            "values": dict(one.values),
            "after": one.after,
        }
        for one in explained
    ]


def explained_lines(explained: "Sequence[Explained]") -> list[str]:
    """Each rule in a line, in columns."""
    if not explained:
        return ["no rule was asked"]
    widest = max(len(one.rule) for one in explained)
    lines = []
    for one in explained:
        told = [one.words] if one.words else []
        if one.state == "held":
            told.append(f"so {one.does}")
        if one.after is not None:
            told.append(f"past {one.after}, which settled it")
        lines.append(f"{one.rule:<{widest}}  {one.state:<12}  {'; '.join(told)}".rstrip())
    return lines


def decision_row(decision: "Decision") -> dict[str, Any]:
    """A decision as an object, without its steps."""
    would = decision.would
    return {
        "verdict": decision.verdict,
        "rule": decision.rule,
        "code": decision.code,
        "reason": decision.reason,
        "retry_after": decision.retry_after,
        "tags": dict(decision.tags),
        "would": None if would is None else would._asdict(),
        "policy": decision.policy,
        "revision": decision.revision,
    }


def decision_line(decision: "Decision") -> str:
    """A decision in one sentence."""
    told: str = decision.verdict
    if decision.code is not None:
        told += f" {decision.code}"
    if decision.rule is not None:
        told += f" by {decision.rule}"
    if decision.reason is not None:
        told += f": {decision.reason}"
    if decision.retry_after is not None:
        told += f" (Retry-After {decision.retry_after} s)"
    for name, value in decision.tags:
        told += f"; {name}: {value}"
    if decision.would is not None:
        told += f"; without monitor mode: {decision.would.verdict} by {decision.would.rule}"
        if decision.would.reason is not None:
            told += f": {decision.would.reason}"
    return told
