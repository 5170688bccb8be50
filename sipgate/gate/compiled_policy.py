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
            holds, tests = rule.ask(attempt, lists, time)
            settles = rule.settles
            steps.append(StepQuestion(settles, holds, tests))
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
                tests = rule.ask(attempt, _NO_LISTS, 0.0).tests
                kept = tuple(test for test in tests if test.definition.name in only)
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

    def settle(self, prepared: Prepared, answer: Answer) -> Decision:
        """Read the answer: what each rule saw, and what follows."""
        attempt, question, rules, _ = prepared
        recorded: list[Step] = []
        verdict: Verdict = "allow"
        speaker: str | None = None
        tags: list[tuple[str, str]] = []
        refusal: Reject | None = None
        reason: str | None = None
        would = _Would()
        for index, seen in enumerate(answer.seen):
            rule = rules[index]
            held = bool(question.steps[index].holds) if seen is None else seen.held
            values = rule.values(seen)
            recorded.append(Step(rule.id, held, values))
            if not held:
                continue
            action = rule.action
            match action:
                case Tag(headers):
                    would.speak(rule, "tag", None)
                    if not rule.is_monitored:
                        shown = self._shown(attempt, values, seen, question.time_us)
                        tags.extend((name, text.render(shown)) for name, text in headers)
                        if verdict == "allow":
                            verdict, speaker = "tag", rule.id
                case Reject():
                    shown = self._shown(attempt, values, seen, question.time_us)
                    said = action.reason.render(shown)
                    would.speak(rule, "reject", said)
                    if index == answer.settled:
                        verdict, speaker = "reject", rule.id
                        refusal, reason = action, said
                case Allow():
                    would.speak(rule, "allow", None)
                    if index == answer.settled:
                        verdict, speaker = "allow", rule.id
        return Decision(
            verdict=verdict,
            rule=speaker,
            code=None if refusal is None else refusal.code,
            reason=reason,
            retry_after=None if refusal is None else refusal.retry_after,
            tags=tuple(tags) if verdict != "reject" else (),
            would=would.other_than(verdict, speaker) if would.is_needed else None,
            steps=tuple(recorded),
            policy=self._name,
            revision=self._revision,
            policy_sha256=self._sha256,
        )

    def _shown(
        self, attempt: Attempt, values: dict[str, Value], seen: Seen | None, time_us: int
    ) -> dict[str, Value]:
        until = None
        if seen is not None and seen.frees_us is not None:
            frees = -((time_us + seen.frees_us) // -1_000_000)  # not before it is true
            until = datetime.fromtimestamp(frees, self._zone).strftime("%Y-%m-%d %H:%M:%S")
        return {
            **values,
            "callee": attempt.callee,
            "caller": attempt.caller,
            "cli": attempt.cli,
            "until": until,
        }


class _Would:
    """Follows what the verdict would be if monitored rules counted."""

    def __init__(self) -> None:
        self.is_needed = False  # a monitored rule held
        self._first_tag: Would | None = None
        self._settled: Would | None = None

    def speak(self, rule: CompiledRule, verdict: Verdict, reason: str | None) -> None:
        if self._settled is not None:
            return
        if rule.is_monitored:
            self.is_needed = True
        if verdict != "tag":
            self._settled = Would(verdict, rule.id, reason)
        elif self._first_tag is None:
            self._first_tag = Would(verdict, rule.id, reason)

    def other_than(self, verdict: Verdict, rule: str | None) -> Would | None:
        would = self._settled or self._first_tag
        if would is not None and (would.verdict, would.rule) == (verdict, rule):
            return None
        return would


_NO_LISTS = MemoryLists()
