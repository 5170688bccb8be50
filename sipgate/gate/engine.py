"""The engine: one attempt in, one decision out."""

from collections import OrderedDict
from collections.abc import Container

from sipgate.consent import ConsentLookup, MemoryConsents
from sipgate.counters import (
    Answer,
    Change,
    Definition,
    Ended,
    Key,
    MemoryCounters,
    Moves,
    Overruled,
    Seen,
    microseconds,
)

from .attempt import Attempt
from .compiled_policy import CompiledPolicy, CompiledRule, Prepared
from .decision import Charge, Decision, Step
from .lists import ListLookup, Lookups
from .policy import Policy

REMEMBERED_REFUSALS = 10_000  # about 2 MB


class Engine:
    """Decides attempts by a policy, and counts them in the same step.

    `lists` answers what `list` rules ask, `consents` what `consent` rules ask; None: nobody has
    consented to anything. `monitor` lets every call through and records what the
    policy would have done. Cost is linear in the number of rules, whatever has been counted.
    Of so many callers whose last attempt a count refused (`remembered_refusals`) it is known which
    rule that was, so that the same again costs less.
    """

    def __init__(
        self,
        policy: Policy,
        counters: MemoryCounters,
        lists: ListLookup,
        monitor: bool = False,
        consents: ConsentLookup | None = None,
        remembered_refusals: int = REMEMBERED_REFUSALS,
    ) -> None:
        self._counters = counters
        self._lookups = Lookups(lists, MemoryConsents() if consents is None else consents)
        self._compiled = CompiledPolicy(policy, is_monitored=monitor)
        self._drafts: list[Draft] = []
        self._remembered_refusals = remembered_refusals
        self._refused_by: OrderedDict[str, CompiledRule] = OrderedDict()  # by caller, latest last
        self._live: set[Charge] = set()  # of admitted calls that are not over

    @property
    def policy(self) -> Policy:
        """The policy that decides now."""
        return self._compiled.policy

    @property
    def calls_in_progress(self) -> int:
        """How many admitted calls have not been released."""
        return len(self._live)

    @property
    def refusals_remembered(self) -> int:
        """Of how many callers it is known which rule refused them last."""
        return len(self._refused_by)

    def decide(self, attempt: Attempt, now: float, time: float) -> tuple[Decision, Charge]:
        """Decide and count, in one turn. `now`: boot-time seconds; `time`: calendar seconds.

        An emergency call is allowed and counts nowhere; whoever looks first never gets here.
        """
        if attempt.callee_kind == "emergency":
            return self._compiled.allow_unasked(), _NOTHING
        likely = self._refused_by.pop(attempt.caller, None)
        prepared = self._compiled.prepare(attempt, self._lookups, now, time, likely, self._counters)
        answer = self._counters.check_and_count(prepared.question)
        settled = answer.settled
        if settled is not None and answer.seen[settled] is not None:
            rule = prepared.rules[settled]
            if rule.settles == "reject":
                self._remember(attempt.caller, rule)
        return self.settle(prepared, answer)

    def _remember(self, caller: str, rule: CompiledRule) -> None:
        """Counters settled it: for whoever calls again at once they are likely to again."""
        refused_by = self._refused_by
        refused_by[caller] = rule
        if len(refused_by) > self._remembered_refusals:
            refused_by.popitem(last=False)

    def look(self, attempt: Attempt, now: float, time: float) -> tuple[Decision, tuple[Step, ...]]:
        """How it would decide, and what every rule says, also past the one that settles.

        Nothing is counted: it is for explanations.
        """
        if attempt.callee_kind == "emergency":
            return self._compiled.allow_unasked(), ()
        prepared = self._compiled.prepare(attempt, self._lookups, now, time)
        steps = prepared.question.steps
        seen: list[Seen | None] = []
        settled: int | None = None
        for index, sight in enumerate(self._counters.look(prepared.question)):
            seen.append(sight)
            holds = steps[index].holds if sight is None else sight.held
            if holds and steps[index].settles != "no":
                settled = index
                break
        decision = self._compiled.settle(prepared, Answer(settled, seen, []))
        # In monitor mode no rule ends the walk.
        whole = CompiledPolicy(self._compiled.policy, is_monitored=True)
        prepared = whole.prepare(attempt, self._lookups, now, time)
        seen = self._counters.look(prepared.question)
        return decision, whole.settle(prepared, Answer(None, seen, [])).steps

    def refuse(self, attempt: Attempt, code: int, reason: str, now: float, time: float) -> Decision:
        """Refuse an attempt that is forbidden before any rule; it counts like a rejected one."""
        now_us, time_us = microseconds(now), microseconds(time)
        changes: list[Change] = []
        if attempt.callee_kind != "emergency":
            question = self._compiled.counts_of(
                attempt, now_us, time_us, only=self._compiled.counter_names, decided_time=time
            )
            changes = self._counters.refused(question)
        for draft in self._drafts:
            draft.note(Event(attempt, now_us, time_us, time, is_admitted=False))
        return self._compiled.refuse_unasked(code, reason, changes)

    def prepare(self, attempt: Attempt, now: float, time: float) -> Prepared:
        """The first half of `decide`, for counters that answer later."""
        return self._compiled.prepare(attempt, self._lookups, now, time)

    def settle(self, prepared: Prepared, answer: Answer) -> tuple[Decision, Charge]:
        """The second half: turn the counters' answer into the decision."""
        attempt, question, compiled = prepared.attempt, prepared.question, prepared.compiled
        decision = compiled.settle(prepared, answer)
        is_admitted = decision.verdict != "reject"
        charge = _NOTHING
        if is_admitted:
            charge = Charge(attempt, answer.places, question.time_us / 1_000_000)
            self._live.add(charge)
        for draft in self._drafts:
            now_us, time_us = question.now_us, question.time_us
            draft.note(
                Event(attempt, now_us, time_us, time_us / 1_000_000, is_admitted, decision.rule)
            )
        return decision, charge

    def answered(self, charge: Charge, now: float, time: float) -> None:
        """The first 2xx came to an admitted call."""
        if charge not in self._live or charge.attempt is None:
            return
        event = Event(
            charge.attempt, microseconds(now), microseconds(time), charge.time, is_answer=True
        )
        event.count(self._compiled, self._counters, self._compiled.later_names)
        for draft in self._drafts:
            draft.note(event)

    def ended(self, charge: Charge, ended: Ended | None, now: float, time: float) -> list[Change]:
        """The call is over: free what it held, count how it ended. A second time does no harm.

        `ended` is None where nothing became of the attempt, and no entry tells of it.
        """
        if charge not in self._live or charge.attempt is None:
            return []
        self._live.remove(charge)
        self._counters.release(charge.places)
        charge.places = []
        if not (self._compiled.later_names or self._drafts):
            return []
        event = Event(
            charge.attempt,
            microseconds(now),
            microseconds(time),
            charge.time,
            ended=ended,
            is_dropped=ended is None,
        )
        for draft in self._drafts:
            draft.note(event)
        return event.count(self._compiled, self._counters, self._compiled.later_names)

    def recount(
        self,
        attempt: Attempt,
        *,
        is_admitted: bool,
        now_us: int,
        time_us: int,
        rule: str | None = None,
    ) -> Charge:
        """Count an attempt that was decided before, in the order of decisions; for `Rebuild`.

        `rule` is the one that settled.
        """
        if attempt.callee_kind == "emergency":
            return _NOTHING
        compiled, time = self._compiled, time_us / 1_000_000
        question = compiled.counts_of(
            attempt, now_us, time_us, only=compiled.counter_names, decided_time=time
        )
        rejected_by = None if is_admitted else rule
        places = self._counters.recount(question, is_admitted=is_admitted, rejected_by=rejected_by)
        if not is_admitted:
            return _NOTHING
        charge = Charge(attempt, places, time)
        self._live.add(charge)
        return charge

    def seen(self, definition: Definition, key: Key, now: float, time: float) -> Seen:
        """What a watch of the policy says of a key; nothing is counted."""
        return self._counters.see(definition, key, microseconds(now), microseconds(time))

    def overrule(self, caller: str, said: Overruled) -> None:
        """An operator has exempted or suspended a caller for a time."""
        self._counters.overrule(caller, said)

    def reset(self, caller: str) -> None:
        """An operator wants a caller's past forgotten, and what was said of him taken back."""
        self._counters.forget(caller)
        for draft in self._drafts:
            draft.note(Reset(caller))

    def draft(self, policy: Policy, monitor: bool = False) -> "Draft":
        """Begin a reload; the old policy goes on deciding until `adopt`.

        A draft that `needs_history` is fed by a `Rebuild` with all that was decided before this
        call; what is decided after it, the engine tells it.
        """
        old, new = self._compiled.definitions, CompiledPolicy(policy, is_monitored=monitor)
        missing = frozenset(
            wanted.name
            for wanted in new.definitions
            if wanted.moves is not Moves.IN_PROGRESS and not any(d.serves(wanted) for d in old)
        )
        draft = Draft(new, missing)
        self._drafts.append(draft)
        return draft

    def drop(self, draft: "Draft") -> None:
        """Give a reload up; the old policy stays."""
        self._drafts.remove(draft)

    def adopt(self, draft: "Draft") -> None:
        """End a reload: from now on the draft's policy decides.

        Counters with equal definitions keep their counts, the others come from the draft, and
        calls in progress find their places in new gauges.
        """
        self._drafts.remove(draft)
        old_gauges, new = self._compiled.gauge_names, draft.compiled
        self._compiled = new
        self._refused_by.clear()
        self._counters.replace(new.definitions, draft.finish())
        for charge in self._live:
            assert charge.attempt is not None
            kept = [place for place in charge.places if place[0] in new.gauge_names]
            charge.places = kept + self._take(charge, new.gauge_names - old_gauges)

    def reload(self, policy: Policy, monitor: bool = False) -> None:
        """Swap the policy at once; counters that the old one did not have begin at zero."""
        self.adopt(self.draft(policy, monitor))

    def _take(self, charge: Charge, gauge_names: set[str]) -> list[tuple[str, Key]]:
        assert charge.attempt is not None
        question = self._compiled.counts_of(
            charge.attempt, 0, 0, only=gauge_names, decided_time=charge.time
        )
        return self._counters.recount(question, is_admitted=True)


class Event:
    """What happened to an attempt: it was decided, answered, dropped, or is over."""

    __slots__ = (
        "_attempt",
        "_decided_time",
        "_ended",
        "_is_admitted",
        "_is_answer",
        "_is_dropped",
        "_now_us",
        "_rule",
        "_time_us",
    )

    def __init__(
        self,
        attempt: Attempt,
        now_us: int,
        time_us: int,
        decided_time: float,
        is_admitted: bool = True,
        rule: str | None = None,
        is_answer: bool = False,
        ended: Ended | None = None,
        is_dropped: bool = False,
    ) -> None:
        """`rule` is the one that settled; `decided_time` is the decision's, calendar seconds."""
        self._attempt = attempt
        self._now_us = now_us
        self._time_us = time_us
        self._decided_time = decided_time
        self._is_admitted = is_admitted
        self._rule = rule
        self._is_answer = is_answer
        self._ended = ended
        self._is_dropped = is_dropped

    def count(
        self, compiled: CompiledPolicy, counters: MemoryCounters, names: Container[str]
    ) -> list[Change]:
        """Count it in the counters of these names."""
        question = compiled.counts_of(
            self._attempt, self._now_us, self._time_us, only=names, decided_time=self._decided_time
        )
        if self._ended is not None:
            return counters.ended(question, self._ended)
        if self._is_dropped:
            counters.dropped(question)
        elif self._is_answer:
            counters.answered(question)
        else:
            rejected_by = None if self._is_admitted else self._rule
            counters.recount(question, is_admitted=self._is_admitted, rejected_by=rejected_by)
        return []


class Reset:
    """A caller's past was forgotten."""

    __slots__ = ("_caller",)

    def __init__(self, caller: str) -> None:
        self._caller = caller

    def count(
        self, compiled: CompiledPolicy, counters: MemoryCounters, names: Container[str]
    ) -> list[Change]:
        """Forget it there too."""
        counters.forget(self._caller)
        return []


class Draft:
    """A policy that is about to decide: it gathers the counts that the old one doesn't keep."""

    def __init__(self, compiled: CompiledPolicy, missing: frozenset[str]) -> None:
        self.compiled = compiled
        self._missing = missing  # names of counters
        self._counters = MemoryCounters()
        self._noted: list[Event | Reset] = []

    @property
    def policy(self) -> Policy:
        return self.compiled.policy

    @property
    def needs_history(self) -> bool:
        """Whether some of its counts must be read from the ledger."""
        return bool(self._missing)

    def happened(self, event: Event | Reset) -> None:
        """Count what happened before the draft was made."""
        event.count(self.compiled, self._counters, self._missing)

    def note(self, event: Event | Reset) -> None:
        """Keep what happened after the draft was made, until `finish`."""
        if self._missing:
            self._noted.append(event)

    def finish(self) -> MemoryCounters:
        """The missing counters: the history, and after it what was noted."""
        for event in self._noted:
            self.happened(event)
        self._noted = []
        return self._counters


_NOTHING = Charge(None, [])
