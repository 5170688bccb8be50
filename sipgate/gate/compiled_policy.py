"""A policy as functions: the questions that it asks and the decisions that it makes."""

from collections.abc import Container
from datetime import datetime
from zoneinfo import ZoneInfo

from sipgate.consent import MemoryConsents
from sipgate.counters import (
    COUNTED_LATER,
    Answer,
    Change,
    Facts,
    MemoryCounters,
    Moves,
    Question,
    Seen,
    Settles,
    StepQuestion,
    Value,
    microseconds,
)

from .action import Allow, Reject, Tag
from .attempt import Attempt
from .decision import Decision, Step, Verdict, Would
from .lists import Lookups, MemoryLists
from .policy import Policy, Rule
from .retry_after import seconds_to_opening
from .rules.condition import Asked, SharedCounters
from .text import Text, percent


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


class Prepared:
    """A question on its way, with what is needed to read the answer.

    It holds the policy and rules that asked, so a reload in between changes nothing for it.
    `asked` is what each of the rules said.
    """

    __slots__ = ("asked", "attempt", "compiled", "question", "rules")

    def __init__(
        self,
        attempt: Attempt,
        question: Question,
        rules: list[CompiledRule],
        asked: list[Asked],
        compiled: "CompiledPolicy",
    ) -> None:
        self.attempt = attempt
        self.question = question
        self.rules = rules
        self.asked = asked
        self.compiled = compiled


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
        self.later_names = {  # of those that want to hear of answers and ends
            d.name for d in self.definitions if d.moves in COUNTED_LATER or d.settings is not None
        }
        self._has_watches = any(d.settings is not None for d in self.definitions)
        self._zone = ZoneInfo(policy.timezone)
        self._name, self._revision, self._sha256 = policy.name, policy.revision, policy.sha256

    def prepare(
        self,
        attempt: Attempt,
        lookups: Lookups,
        now: float,
        time: float,
        likely: CompiledRule | None = None,
        counters: MemoryCounters | None = None,
    ) -> Prepared:
        """Evaluate what needs no count, and name the counters and limits in question.

        `likely` is the rule that will refuse the attempt, by what `counters` said of the caller's
        last one: if they still say so, the rules after it are spared. With or without it the
        decision is the same.
        """
        rules: list[CompiledRule] = []
        steps: list[StepQuestion] = []
        every_asked: list[Asked] = []
        is_settled = False
        for rule in self.rules:
            selects = rule.selects
            if selects is not None and not selects(attempt, time):
                continue
            if is_settled and not rule.counts:
                continue  # later rules are not evaluated, but they count
            asked = rule.ask(attempt, lookups, time)
            holds, settles = asked.holds, rule.settles
            steps.append(StepQuestion(settles, holds, asked.checks, rule.id, asked.needs_all))
            rules.append(rule)
            every_asked.append(asked)
            if holds and settles != "no":
                is_settled = True
            elif rule is likely and holds is None and counters is not None:
                is_settled = counters.holds(
                    steps[-1], _facts_of(attempt), microseconds(now), microseconds(time)
                )
        now_us, time_us = microseconds(now), microseconds(time)
        if self._has_watches:
            question = Question(now_us, time_us, steps, _facts_of(attempt))
        else:
            question = Question(now_us, time_us, steps)
        return Prepared(attempt, question, rules, every_asked, self)

    def counts_of(
        self,
        attempt: Attempt,
        now_us: int,
        time_us: int,
        *,
        only: Container[str],
        decided_time: float,
    ) -> Question:
        """The question that recounts an attempt in the counters with these names.

        `decided_time` is the decision's, by which `when` has selected; calendar seconds.
        """
        steps = []
        for rule in self.rules:
            if rule.counts and (rule.selects is None or rule.selects(attempt, decided_time)):
                checks = rule.ask(attempt, _NOTHING_KNOWN, decided_time).checks
                kept = tuple([check for check in checks if check.definition.name in only])
                steps.append(StepQuestion("no", None, kept, rule.id))
        facts = _facts_of(attempt)
        return Question(now_us, time_us, steps, facts)

    def allow_unasked(self) -> Decision:
        """The decision on an emergency call."""
        return Decision(
            verdict="allow",
            policy=self._name,
            revision=self._revision,
            policy_sha256=self._sha256,
        )

    def refuse_unasked(self, code: int, reason: str, changes: list[Change]) -> Decision:
        """The decision on a call that is forbidden before any rule."""
        return Decision(
            verdict="reject",
            code=code,
            reason=reason,
            changes=tuple(changes),
            policy=self._name,
            revision=self._revision,
            policy_sha256=self._sha256,
        )

    def settle(self, prepared: Prepared, answer: Answer) -> Decision:
        """Read the answer: what each rule saw, and what follows."""
        attempt, question = prepared.attempt, prepared.question
        rules, every_asked = prepared.rules, prepared.asked
        settled, every_seen = answer.settled, answer.seen
        recorded: list[Step] = []
        tags: list[tuple[str, str]] = []
        verdict: Verdict = "allow"
        speaker: str | None = None
        refusal: Reject | None = None
        reason: str | None = None
        retry_after: int | None = None
        would = _Would() if self._has_monitored else None
        for index, seen in enumerate(every_seen):
            rule = rules[index]
            held = bool(question.steps[index].holds) if seen is None else seen.held
            asked = every_asked[index]
            values = rule.values(seen, asked)
            recorded.append(Step(rule.id, held, values))
            if not held:
                continue
            action = rule.action
            said: str | None = None
            if isinstance(action, Tag):
                if not rule.is_monitored:
                    for name, text in action.headers:
                        shown = self._shown(
                            text, attempt, values, _frees_us(seen, asked), question.time_us
                        )
                        tags.append((name, text.render(shown)))
                    if speaker is None:
                        verdict, speaker = "tag", rule.id
            elif isinstance(action, Reject):
                shown = self._shown(
                    action.reason, attempt, values, _frees_us(seen, asked), question.time_us
                )
                said = action.reason.render(shown)
                if index == settled:
                    verdict, speaker, refusal, reason = "reject", rule.id, action, said
                    retry_after = _retry_after(action, _frees_us(seen, asked), attempt)
            elif index == settled:
                verdict, speaker = "allow", rule.id
            if would is not None:
                would.speak(rule, said)
        return Decision(
            verdict=verdict,
            rule=speaker,
            code=None if refusal is None else refusal.code,
            reason=reason,
            retry_after=retry_after,
            redress=None if refusal is None else refusal.redress,
            tags=tuple(tags) if refusal is None else (),
            would=None if would is None else would.other_than(verdict, speaker),
            steps=tuple(recorded),
            changes=tuple(answer.changes),
            policy=self._name,
            revision=self._revision,
            policy_sha256=self._sha256,
        )

    def _shown(
        self,
        text: Text,
        attempt: Attempt,
        values: dict[str, Value],
        frees_us: int | None,
        time_us: int,
    ) -> dict[str, Value]:
        """The values that the text may name."""
        shown = {
            **values,
            "callee": attempt.callee,
            "caller": attempt.caller,
            "cli": attempt.cli,
        }
        if "share" in values:  # per mille, as the record keeps shares
            shown["share"], shown["limit"] = percent(values["share"]), percent(values.get("limit"))
        if "until" in text.names and frees_us is not None:
            frees = -((time_us + frees_us) // -1_000_000)  # not before it is true
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


def _frees_us(seen: Seen | None, asked: Asked) -> int | None:
    """The counters know, or the condition itself."""
    return asked.frees_us if seen is None or seen.frees_us is None else seen.frees_us


def _retry_after(action: Reject, frees_us: int | None, attempt: Attempt) -> int | None:
    if not action.until_opening:
        return action.retry_after
    if frees_us is None:
        return None  # time alone won't do
    return seconds_to_opening(frees_us, attempt.call_id, attempt.caller)


def _facts_of(attempt: Attempt) -> Facts:
    return Facts(
        attempt.callee,
        attempt.callee_kind,
        attempt.cli,
        attempt.user_agent,
        attempt.to_number is not None,
    )


_NOTHING_KNOWN = Lookups(MemoryLists(), MemoryConsents())
