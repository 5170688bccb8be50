"""Why an attempt was decided as it was: rule by rule, in words, with the values seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from sipgate.counters import Value

from .action import Action, Allow, Reject, Tag
from .attempt import Attempt
from .decision import Step
from .policy import Policy, Rule
from .when import FIELDS, When

State: TypeAlias = Literal["held", "did not hold", "not selected", "not asked"]

SHOWN_FIELDS = {**FIELDS, "callee": "callee", "user-agent": "user_agent"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """What one rule had to say.

    `line` is the rule's in the policy file. `after` is the id of the rule that had settled before
    this one's turn came, None: it was asked. `words` say why it held or not.
    """

    rule: str
    kind: str
    line: int
    state: State
    does: str
    words: str
    values: Mapping[str, Value]
    after: str | None = None


def explain(
    policy: Policy,
    attempt: Attempt,
    time: float,
    steps: Sequence[Step],
    settled: str | None,
    beyond: Sequence[Step] | None = None,
) -> tuple[Explained, ...]:
    """Each rule of the policy in its order.

    `steps` are a decision's, `settled` is the rule that ended it, None: none did. `beyond` are
    the steps of rules past that one, as `Engine.look` gives them; None: they were not asked.
    `time` is the decision's, calendar seconds.
    """
    steps_by_rule = {step.rule: step for step in steps}
    if beyond is not None:
        steps_by_rule = {step.rule: step for step in beyond} | steps_by_rule
    after: str | None = None
    explained = []
    for rule in policy.rules:
        step = steps_by_rule.get(rule.id)
        explained.append(_explained(rule, attempt, time, step, after, beyond is not None))
        if rule.id == settled:
            after = settled
    return tuple(explained)


def settled_by(policy: Policy, steps: Sequence[Step], is_monitored: bool = False) -> str | None:
    """The rule that ended a decision: the last that was asked, if it held and may end one."""
    rules_by_id = {rule.id: rule for rule in policy.rules}
    for step in steps:
        rule = rules_by_id.get(step.rule)
        if rule is None or not step.held or isinstance(rule.action, Tag):
            continue
        if not (rule.is_monitored or policy.is_monitored or is_monitored):
            return rule.id
    return None


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
    rule: Rule,
    attempt: Attempt,
    time: float,
    step: Step | None,
    after: str | None,
    looked_beyond: bool,
) -> Explained:
    state: State
    words, values = "", dict[str, Value]()
    if step is not None:
        state = "held" if step.held else "did not hold"
        words, values = rule.condition.explain(step.held, step.values), step.values
    elif after is not None and not looked_beyond:
        state = "not asked"
    else:
        state = "not selected"
        words = mismatch(rule.when, attempt, time)
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
