"""Why an attempt was decided as it was: rule by rule, in words, with the values seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sipgate.counters import Value

from .action import Action, Allow, Reject, Tag
from .attempt import Attempt
from .decision import Decision, Step
from .policy import Policy, Rule
from .when import FIELDS, When

State: TypeAlias = Literal["held", "did not hold", "not selected", "not asked"]

SHOWN_FIELDS = {**FIELDS, "callee": "callee", "user-agent": "user_agent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What one rule had to say.

    `line` is the rule's in the policy file, 0 where only the record is known. `after` is the id of
    the rule that had settled before this one's turn came, None: it was asked. `words` say why it
    held or not.
    """

    rule: str
    kind: str
    line: int
    state: State
    does: str
    words: str
    values: Mapping[str, Value]
    after: str | None = None

    def row(self) -> dict[str, object]:
        """As an object for machines."""
        return {
            "rule": self.rule,
            "kind": self.kind,
            "line": self.line,
            "state": self.state.replace(" ", "_"),
            "does": self.does,
            "words": self.words,
            "values": dict(self.values),
            "after": self.after,
        }


def explain(
    policy: Policy,
    attempt: Attempt,
    time: float,
    decision: Decision,
    beyond: Sequence[Step] | None = None,
) -> tuple[Explained, ...]:
    """Each rule of the policy that decided, in its order.

    `beyond` are the steps of all rules, those past the settling one too, as `Engine.look` gives
    them; None: they were not asked. `time` is the decision's, calendar seconds.
    """
    steps_by_rule = {step.rule: step for step in beyond or ()}
    steps_by_rule |= {step.rule: step for step in decision.steps}
    settled = settled_rule(decision)
    after: str | None = None
    explained = []
    for rule in policy.rules:
        step = steps_by_rule.get(rule.id)
        explained.append(_explained(rule, attempt, time, step, after))
        if rule.id == settled:
            after = settled
    return tuple(explained)


def recorded(decision: Decision) -> tuple[Explained, ...]:
    """What is on record of a decision whose policy is not at hand: the values, without words."""
    return tuple(
        Explained(
            rule=step.rule,
            kind="",
            line=0,
            state="held" if step.held else "did not hold",
            does="",
            words=", ".join(f"{name} {value}" for name, value in step.values.items()),
            values=step.values,
        )
        for step in decision.steps
    )


def decision_row(decision: Decision) -> dict[str, object]:
    """A decision as an object for machines, without its steps."""
    would = decision.would
    return {
        "verdict": decision.verdict,
        "rule": decision.rule,
        "code": decision.code,
        "reason": decision.reason,
        "retry_after": decision.retry_after,
        "redress": decision.redress,
        "tags": dict(decision.tags),
        "would": None if would is None else would._asdict(),
        "policy": decision.policy,
        "revision": decision.revision,
        "policy_sha256": decision.policy_sha256,
    }


def settled_rule(decision: Decision) -> str | None:
    """The rule that ended a decision, so that no later one was asked; None: none did."""
    return None if decision.verdict == "tag" else decision.rule


def action_words(action: Action) -> str:
    """What a rule does, as its `then` says it."""
    match action:
        case Allow():
            return "allow"
        case Reject():
            return f"reject {action.code}"
        case Tag():
            return "tag " + ", ".join(name for name, _ in action.headers)


def mismatch(when: When, attempt: Attempt, time: float) -> str:
    """Why a selection leaves an attempt out; empty when it doesn't."""
    for key, values in when.values_by_key:
        selects = When(((key, values),)).compile()
        if selects is not None and not selects(attempt, time):
            wanted = " or ".join(values)
            field = SHOWN_FIELDS.get(key)
            if field is None:
                return f"{key} is not {wanted}"
            value = getattr(attempt, field)
            return f"{key} is {'none' if value is None else value}, not {wanted}"
    if when.unless is not None:
        selects = when.unless.compile()
        if selects is None or selects(attempt, time):
            return f"not {when_words(when.unless)}" if selects else "it selects nothing"
    return ""


def when_words(when: When) -> str:
    """A selection as a policy writes it, in short."""
    parts = [f"{key}: {' or '.join(values)}" for key, values in when.values_by_key]
    if when.unless is not None:
        parts.append(f"not: {when_words(when.unless)}")
    return "{" + ", ".join(parts) + "}"


def _explained(
    rule: Rule, attempt: Attempt, time: float, step: Step | None, after: str | None
) -> Explained:
    state: State
    words, values = "", dict[str, Value]()
    if step is not None:
        state = "held" if step.held else "did not hold"
        words, values = rule.condition.explain(step.held, step.values), step.values
    else:
        words = mismatch(rule.when, attempt, time)
        state = "not selected" if words else "not asked"
    return Explained(
        rule=rule.id,
        kind=rule.kind,
        line=rule.line,
        state=state,
        does=action_words(rule.action) + (", monitored" if rule.is_monitored else ""),
        words=words,
        values=values,
        after=after if state != "not selected" else None,
    )
