"""A policy as functions: the questions that it asks and the decisions that it makes."""

from collections.abc import Container
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sipgate.counters import (
    Answer,
    Moves,
    Question,
    Seen,
    Settles,
    StepQuestion,
    microseconds,
)

from .action import Allow, Reject, Tag
from .attempt import Attempt
from .decision import Decision, Step, Value, Verdict, Would
from .lists import ListLookup, MemoryLists
from .policy import Policy, Rule
from .rules.condition import SharedCounters
from .text import Text


class CompiledRule:
    """One rule, ready to be asked. `counts`: it has counters, so it matters past the settling."""

    __slots__ = (
        "action",
        "ask",
        "counts",
        "id",
        "is_monitored",
        "needs_values",
        "selects",
        "settles",
        "values",
    )

    def __init__(self, rule: Rule, shared: SharedCounters, is_monitored: bool) -> None:
        self.id = rule.id
        self.action = rule.action
        self.is_monitored = is_monitored
        self.selects = rule.when.compile()
        self.ask = rule.condition.compile(shared)
        self.values = rule.condition.values
        self.counts = bool(rule.condition.definitions)
        self.settles: Settles = "no"
        if not is_monitored and isinstance(rule.action, Reject):
            self.settles = "reject"
        elif not is_monitored and isinstance(rule.action, Allow):
            self.settles = "allow"


class Prepared(NamedTuple):
    """A question on its way, with what is needed to read the answer.

    It holds the policy and rules that asked, so a reload in between changes nothing for it.
    """

    attempt: Attempt
    question: Question
    rules: list[CompiledRule]
    compiled: "CompiledPolicy"


class CompiledPolicy:
    """Asks and decides by one policy; knows no state."""

    def __init__(self, policy: Policy, *, is_monitored: bool) -> None:
        self.policy = policy
        shared = SharedCounters(d for rule in policy.rules for d in rule.condition.definitions)
        everywhere = is_monitored or policy.is_monitored
        self.rules = tuple(
            CompiledRule(rule, shared, everywhere or rule.is_monitored) for rule in policy.rules
        )
        self.definitions = tuple(shared.definitions.values())
        self._has_monitored = any(rule.is_monitored for rule in self.rules)
        self.counter_names = {d.name for d in self.definitions}
        self.gauge_names = {d.name for d in self.definitions if d.moves is Moves.IN_PROGRESS}
        self._zone = ZoneInfo(policy.timezone)
        self._name, self._revision, self._sha256 = policy.name, policy.revision, policy.sha256

    def prepare(self, attempt: Attempt, lists: ListLookup, now: float, time: float) -> Prepared:
        """Evaluate what needs no count, and name the counters and limits in question."""
        rules: list[CompiledRule] = []
        steps: list[StepQuestion] = []
        is_settled = False
        for rule in self.rules:
            selects = rule.selects
            if selects is not None and not selects(attempt):
                continue
            if is_settled and not rule.counts:
                continue  # later rules are not evaluated, but they count
            holds, checks = rule.ask(attempt, lists, time)
            settles = rule.settles
            steps.append(StepQuestion(settles, holds, checks))
            rules.append(rule)
            if holds and settles != "no":
                is_settled = True
        question = Question(microseconds(now), microseconds(time), steps)
        return Prepared(attempt, question, rules, self)

    def counts_of(
        self, attempt: Attempt, now_us: int, time_us: int, *, only: Container[str]
    ) -> Question:
        """The question that recounts an attempt in the counters with these names."""
        steps = []
        for rule in self.rules:
            if rule.counts and (rule.selects is None or rule.selects(attempt)):
                checks = rule.ask(attempt, _NO_LISTS, 0.0).checks
                kept = tuple(check for check in checks if check.definition.name in only)
                steps.append(StepQuestion("no", None, kept))
        return Question(now_us, time_us, steps)

    def allow_unasked(self) -> Decision:
        """The decision on an emergency call."""
        return Decision(
            verdict="allow",
            policy=self._name,
            revision=self._revision,
            policy_sha256=self._sha256,
        )

    def refuse_unasked(self, code: int, reason: str) -> Decision:
        """The decision on a call that is forbidden before any rule."""
        return Decision(
            verdict="reject",
            code=code,
            reason=reason,
            policy=self._name,
            revision=self._revision,
            policy_sha256=self._sha256,
        )

    def settle(self, prepared: Prepared, answer: Answer) -> Decision:
        """Read the answer: what each rule saw, and what follows."""
        attempt, question, rules, _ = prepared
        settled, every_seen, _ = answer
        recorded: list[Step] = []
        tags: list[tuple[str, str]] = []
        verdict: Verdict = "allow"
        speaker: str | None = None
        refusal: Reject | None = None
        reason: str | None = None
        would = _Would() if self._has_monitored else None
        for index, seen in enumerate(every_seen):
            rule = rules[index]
            held = bool(question.steps[index].holds) if seen is None else seen.held
            values = rule.values(seen)
            recorded.append(Step(rule.id, held, values))
            if not held:
                continue
            action = rule.action
            said: str | None = None
            if isinstance(action, Tag):
                if not rule.is_monitored:
                    for name, text in action.headers:
                        shown = self._shown(text, attempt, values, seen, question.time_us)
                        tags.append((name, text.render(shown)))
                    if speaker is None:
                        verdict, speaker = "tag", rule.id
            elif isinstance(action, Reject):
                shown = self._shown(action.reason, attempt, values, seen, question.time_us)
                said = action.reason.render(shown)
                if index == settled:
                    verdict, speaker, refusal, reason = "reject", rule.id, action, said
            elif index == settled:
                verdict, speaker = "allow", rule.id
            if would is not None:
                would.speak(rule, said)
        return Decision(
            verdict=verdict,
            rule=speaker,
            code=None if refusal is None else refusal.code,
            reason=reason,
            retry_after=None if refusal is None else refusal.retry_after,
            tags=tuple(tags) if refusal is None else (),
            would=None if would is None else would.other_than(verdict, speaker),
            steps=tuple(recorded),
            policy=self._name,
            revision=self._revision,
            policy_sha256=self._sha256,
        )

    def _shown(
        self,
        text: Text,
        attempt: Attempt,
        values: dict[str, Value],
        seen: Seen | None,
        time_us: int,
    ) -> dict[str, Value]:
        """The values that the text may name."""
        shown = {
            **values,
            "callee": attempt.callee,
            "caller": attempt.caller,
            "cli": attempt.cli,
        }
        if "until" in text.names and seen is not None and seen.frees_us is not None:
            frees = -((time_us + seen.frees_us) // -1_000_000)  # not before it is true
            local = datetime.fromtimestamp(frees, self._zone)
            shown["until"] = local.strftime("%Y-%m-%d %H:%M:%S")
        return shown


class _Would:
    """Follows what the verdict would be if monitored rules counted."""

    def __init__(self) -> None:
        self._monitored_held = False
        self._first_tag: Would | None = None
        self._settled: Would | None = None

    def speak(self, rule: CompiledRule, reason: str | None) -> None:
        """A rule held."""
        if self._settled is not None:
            return
        if rule.is_monitored:
            self._monitored_held = True
        match rule.action:
            case Tag():
                self._first_tag = self._first_tag or Would("tag", rule.id, None)
            case Reject():
                self._settled = Would("reject", rule.id, reason)
            case Allow():
                self._settled = Would("allow", rule.id, None)

    def other_than(self, verdict: Verdict, rule: str | None) -> Would | None:
        """What it would be, unless no monitored rule held or it is the same."""
        would = self._settled or self._first_tag
        if not self._monitored_held or would is None:
            return None
        return None if (would.verdict, would.rule) == (verdict, rule) else would


_NO_LISTS = MemoryLists()
