"""What looks wrong in a policy that can be read: rules that can never do anything.

A remark is certain: whatever is called and counted, the rule that it names never holds in a
decision, or a part of it never makes a difference. That all may be as it was meant is the reader's
to say, so a remark is a warning and never an error.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from .action import Allow, Reject
from .explanation import when_words
from .implication import always_holds, implies, never_holds, useless_limits
from .lists import REFUSALS
from .policy import Policy, Rule
from .rules.list_rule import ListCondition
from .selection import covers, plain_stars, selects_nothing, unknown_countries

Kind: TypeAlias = Literal["never-holds", "never-asked", "shadowed", "contradicts", "useless"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One warning. `line` is the rule's; `other` is the rule that makes this one idle."""

    file: Path
    line: int
    rule: str
    kind: Kind
    text: str
    other: str | None = None

    @property
    def means_never(self) -> bool:
        """Whether it says that the rule never holds in a decision."""
        return self.kind != "useless"

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def review(policy: Policy) -> tuple[Remark, ...]:
    """All that is certain, in the order of the rules; of one rule the first reason alone."""
    remarks: list[Remark] = []
    settling: list[Rule] = []
    for rule in policy.rules:
        remark = _idle(policy, rule, settling)
        if remark is not None:
            remarks.append(remark)
        else:
            remarks += _useless(policy, rule)
            if _settles(policy, rule):
                settling.append(rule)
    return tuple(remarks)


def _idle(policy: Policy, rule: Rule, settling: list[Rule]) -> Remark | None:
    """Why the rule never holds; None: it may."""
    if selects_nothing(rule.when):
        text = f'rule "{rule.id}" never holds: no call is selected by when {when_words(rule.when)}'
        return _remark(policy, rule, "never-holds", text)
    why = never_holds(rule)
    if why is not None:
        return _remark(policy, rule, "never-holds", f'rule "{rule.id}" never holds: {why}')
    for earlier in settling:
        if not covers(earlier.when, rule.when) or not implies(rule, earlier):
            continue
        first = f'rule "{earlier.id}" (line {earlier.line})'
        if always_holds(earlier):
            text = f'rule "{rule.id}" is never asked: {first} settles every call that it selects'
            return _remark(policy, rule, "never-asked", text, earlier)
        verb = "rejected" if isinstance(earlier.action, Reject) else "allowed"
        if isinstance(rule.action, Allow | Reject) and not isinstance(
            rule.action, type(earlier.action)
        ):
            text = f'rule "{rule.id}" contradicts {first}: that one has {verb} the call already'
            return _remark(policy, rule, "contradicts", text, earlier)
        text = (
            f'rule "{rule.id}" is shadowed by {first}: whenever it would hold, that one has'
            f" {verb} the call already"
        )
        return _remark(policy, rule, "shadowed", text, earlier)
    return None


def _useless(policy: Policy, rule: Rule) -> list[Remark]:
    """Parts of a rule that make no difference."""
    texts = []
    for country in unknown_countries(rule.when):
        hint = '; did you mean "GB"?' if country == "UK" else ""
        texts.append(f'rule "{rule.id}": no number has the country {country}{hint}')
    for key, value in plain_stars(rule.when):
        texts.append(
            f'rule "{rule.id}": {key} {value} is that very text; * is a wildcard in user-agent only'
        )
    for limit, other in useless_limits(rule.condition):
        texts.append(
            f'rule "{rule.id}": {limit.limit} in {limit.spelled} is never reached before'
            f" {other.limit} in {other.spelled}"
        )
    condition = rule.condition
    if (
        isinstance(condition, ListCondition)
        and condition.list_name == REFUSALS
        and condition.max_age_seconds is not None
    ):
        texts.append(f'rule "{rule.id}": max-age says nothing: {REFUSALS} has no age')
    return [_remark(policy, rule, "useless", text) for text in texts]


def _settles(policy: Policy, rule: Rule) -> bool:
    """Whether the rule ends a decision when it holds."""
    is_monitored = rule.is_monitored or policy.is_monitored
    return isinstance(rule.action, Allow | Reject) and not is_monitored


def _remark(policy: Policy, rule: Rule, kind: Kind, text: str, other: Rule | None = None) -> Remark:
    return Remark(
        file=policy.path,
        line=rule.line,
        rule=rule.id,
        kind=kind,
        text=text,
        other=None if other is None else other.id,
    )
