"""All counters of one process, in memory."""

from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from .behaviour import Behaviour
from .calendar_window import CalendarCounter, CalendarDistinct
from .counter import Counter
from .gauge import Gauge
from .last_end import LastEndWatch
from .overruled import Overruled, overrule
from .question import (
    COUNTED_ALWAYS,
    COUNTED_LATER,
    DISTINCT,
    NO_FACTS,
    REFUSED_BY_CALLEE,
    Answer,
    Change,
    Check,
    Definition,
    Ended,
    Facts,
    Key,
    Moves,
    Question,
    Seen,
    StepQuestion,
    Value,
)
from .rotation import CalendarRotation, SlidingRotation
from .share import ShareWatch
from .sliding import SlidingCounter, SlidingDistinct
from .standing import Standing
from .watch import Watch
from .window import CalendarWindow, SlidingWindow

Places: TypeAlias = list[tuple[str, Key]]

WATCHES: Final[dict[Moves, Callable[[Definition], Watch]]] = {
    Moves.LAST_END: LastEndWatch,
    Moves.SHARE: ShareWatch,
    Moves.BEHAVIOUR: Behaviour,
    Moves.STANDING: Standing,
}
"""What watches there are: a new one is a module of its own and one line here."""


class MemoryCounters:
    """Answers and counts at once: between check and count nothing else can run.

    A counter comes into being with the first question about it. Calendar time is the highest that
    was ever seen here, so a clock that is set back doesn't open a day again.
    """

    def __init__(self) -> None:
        self._counters_by_name: dict[str, Counter] = {}
        self._watches_by_name: dict[str, Watch] = {}
        self._overruled_by_key: dict[Key, Overruled] = {}
        self._time_us = -(2**62)

    def __len__(self) -> int:
        """How many keys are remembered in all counters."""
        counted = sum(len(counter) for counter in self._counters_by_name.values())
        return counted + sum(len(watch) for watch in self._watches_by_name.values())

    def check_and_count(self, question: Question) -> Answer:
        """Walk the rules to the one that settles, then count the attempt for all of them."""
        now_us, steps, facts = question.now_us, question.steps, question.facts
        time_us = self._latest(question.time_us)
        seen: list[Seen | None] = []
        settled: int | None = None
        for index, step in enumerate(steps):
            holds = step.holds
            if holds is None:
                sight = self._look(step, facts, now_us, time_us)
                seen.append(sight)
                holds = sight.held
            else:
                seen.append(None)
            if holds and step.settles != "no":
                settled = index
                break
        is_admitted = settled is None or steps[settled].settles != "reject"
        rejected_by = None if is_admitted or settled is None else steps[settled]
        places, changes = self._count(steps, facts, is_admitted, rejected_by, now_us, time_us)
        return Answer(settled, seen, places, changes)

    def holds(self, step: StepQuestion, facts: Facts, now_us: int, time_us: int) -> bool:
        """Whether a step would hold now; nothing is counted."""
        return self._look(step, facts, now_us, max(time_us, self._time_us)).held

    def look(self, question: Question) -> list[Seen | None]:
        """What each step would see, also past one that settles; nothing is counted."""
        latest_us = max(question.time_us, self._time_us)
        return [
            self._look(step, question.facts, question.now_us, latest_us)
            if step.holds is None
            else None
            for step in question.steps
        ]

    def see(self, definition: Definition, key: Key, now_us: int, time_us: int) -> Seen:
        """What a watch says of a key; nothing is counted."""
        check = Check(definition, key, "", 0, False)
        return self._see(check, NO_FACTS, now_us, max(time_us, self._time_us))

    def overrule(self, key: Key, said: Overruled) -> None:
        """From now on watches say of a key what an operator has said, until its time is over."""
        overruled, latest_us = self._overruled_by_key, self._time_us
        for passed in [one for one, old in overruled.items() if old.until_us <= latest_us]:
            del overruled[passed]
        overruled[key] = said

    def forget(self, key: Key) -> None:
        """Let watches forget what they hold against a key, and what was said of it."""
        self._overruled_by_key.pop(key, None)
        for watch in self._watches_by_name.values():
            watch.forget(key)

    def recount(
        self, question: Question, *, is_admitted: bool, rejected_by: str | None = None
    ) -> Places:
        """Count an attempt that was decided before, whatever the limits say now.

        `rejected_by` is the id of the rule that refused it, which may be of another policy.
        """
        now_us, steps, facts = question.now_us, question.steps, question.facts
        time_us = self._latest(question.time_us)
        own = None
        if rejected_by is not None:
            own = next((step for step in steps if step.rule == rejected_by), None)
        return self._count(steps, facts, is_admitted, own, now_us, time_us)[0]

    def refused(self, question: Question) -> list[Change]:
        """Count an attempt that was refused before any rule; says which standings it moved."""
        time_us = self._latest(question.time_us)
        steps, facts = question.steps, question.facts
        return self._count(steps, facts, False, None, question.now_us, time_us)[1]

    def answered(self, question: Question) -> None:
        """An admitted call was answered, at the question's time."""
        now_us, steps = question.now_us, question.steps
        time_us = self._latest(question.time_us)
        for step in steps:
            for check in step.checks:
                if not check.counts:
                    continue
                moves = check.definition.moves
                if moves is Moves.ANSWERED:
                    self._counter(check.definition).count(check, now_us, time_us)
                elif check.definition.settings is not None:
                    self._watch(check.definition).answered(check, now_us, time_us)

    def ended(self, question: Question, ended: Ended) -> list[Change]:
        """An admitted call is over, at the question's time; says which standings it moved."""
        now_us, steps = question.now_us, question.steps
        time_us = self._latest(question.time_us)
        changes: list[Change] = []
        for step in steps:
            for check in step.checks:
                if not check.counts:
                    continue
                moves = check.definition.moves
                if moves is Moves.REFUSED:
                    if ended.kind == REFUSED_BY_CALLEE:
                        self._counter(check.definition).count(check, now_us, time_us)
                elif check.definition.settings is not None:
                    change = self._watch(check.definition).ended(check, ended, now_us, time_us)
                    if change is not None:
                        changes.append(change)
        return changes

    def dropped(self, question: Question) -> None:
        """An admitted attempt came to nothing, and never left; nobody will tell of an end."""
        now_us, steps = question.now_us, question.steps
        time_us = self._latest(question.time_us)
        for step in steps:
            for check in step.checks:
                if check.counts and check.definition.settings is not None:
                    self._watch(check.definition).dropped(check, now_us, time_us)

    def release(self, places: Places) -> None:
        """Give places in gauges back; those of a gauge that is no more are passed over."""
        for name, key in places:
            gauge = self._counters_by_name.get(name)
            if isinstance(gauge, Gauge):
                gauge.release(key)

    def replace(self, definitions: Iterable[Definition], other: "MemoryCounters") -> None:
        """Keep the counters of these definitions only; one that `other` has is taken from there.

        One that needs a higher capacity and is not in `other` goes on with what it knows. Where the
        calendar was set back, and `other` doesn't know from where, its days go on in those here.
        """
        if other._time_us < self._time_us:
            for rebuilt in other._counters_by_name.values():
                rebuilt.carry(self._time_us)
            for watch in other._watches_by_name.values():
                watch.carry(self._time_us)
        self._latest(other._time_us)
        known_watches = {**self._watches_by_name, **other._watches_by_name}
        known_counters = {**self._counters_by_name, **other._counters_by_name}
        kept: dict[str, Counter] = {}
        watches: dict[str, Watch] = {}
        for definition in definitions:
            name = definition.name
            known = known_watches.get(name)
            if known is not None:
                watches[name] = known
            counter = known_counters.get(name)
            if counter is not None:
                counter.resize(definition.capacity)
                kept[name] = counter
        self._counters_by_name = kept
        self._watches_by_name = watches

    def _latest(self, time_us: int) -> int:
        if time_us > self._time_us:
            self._time_us = time_us
        return self._time_us

    def _look(self, step: StepQuestion, facts: Facts, now_us: int, time_us: int) -> Seen:
        if step.needs_all:
            return self._look_at_all(step, facts, now_us, time_us)
        first: Seen | None = None
        for index, check in enumerate(step.checks):
            if check.definition.settings is not None:
                sight = self._see(check, facts, now_us, time_us)
                if sight.held:
                    sight.at = index
                    return sight
                if first is None:
                    first = sight
                continue
            counter = self._counter(check.definition)
            held, count = counter.look(check, now_us, time_us)
            if held:
                return Seen(True, count, self._frees_us(step, index, now_us, time_us), index)
            if first is None:
                first = Seen(False, count)
        assert first is not None, step
        return first

    def _see(self, check: Check, facts: Facts, now_us: int, time_us: int) -> Seen:
        seen = self._watch(check.definition).see(check, facts, now_us, time_us)
        if self._overruled_by_key:
            said = self._overruled_by_key.get(check.key)
            if said is not None and time_us < said.until_us:
                return overrule(seen, check, said, time_us)
        return seen

    def _look_at_all(self, step: StepQuestion, facts: Facts, now_us: int, time_us: int) -> Seen:
        held, counted = True, 0
        frees_us: int | None = None
        values: dict[str, Value] = {}
        for check in step.checks:
            one: Seen
            if check.definition.settings is not None:
                one = self._see(check, facts, now_us, time_us)
                values.update(one.values or {})
            else:
                counter = self._counter(check.definition)
                is_reached, count = counter.look(check, now_us, time_us)
                frees: int | None = None
                if is_reached:
                    is_counted = _is_counted(step, check.definition.moves)
                    frees = counter.frees_us(check, now_us, time_us, is_counted)
                one = Seen(is_reached, count, frees)
            held, counted = held and one.held, one.counted
            if one.frees_us is not None and (frees_us is None or one.frees_us < frees_us):
                frees_us = one.frees_us  # one that holds no more is enough
        return Seen(held, counted, frees_us if held else 0, 0, values)

    def _frees_us(self, step: StepQuestion, first: int, now_us: int, time_us: int) -> int | None:
        """So long until none of the step's counters holds; `first` is the first that does."""
        longest_us = 0
        for index in range(first, len(step.checks)):
            check = step.checks[index]
            definition = check.definition
            if definition.settings is not None:
                continue
            counter = self._counter(definition)
            if index > first and not counter.look(check, now_us, time_us)[0]:
                continue
            is_counted = _is_counted(step, definition.moves)
            frees_us = counter.frees_us(check, now_us, time_us, is_counted)
            if frees_us is None:
                return None
            longest_us = max(longest_us, frees_us)
        return longest_us

    def _count(
        self,
        steps: list[StepQuestion],
        facts: Facts,
        is_admitted: bool,
        rejected_by: StepQuestion | None,
        now_us: int,
        time_us: int,
    ) -> tuple[Places, list[Change]]:
        places: Places = []
        changes: list[Change] = []
        for step in steps:
            for check in step.checks:
                if not check.counts:
                    continue
                definition = check.definition
                moves = definition.moves
                if moves is Moves.ATTEMPTS or moves is Moves.DISTINCT_CLIS:
                    self._counter(definition).count(check, now_us, time_us)
                elif moves is Moves.IN_PROGRESS:
                    if is_admitted:
                        self._counter(definition).count(check, now_us, time_us)
                        places.append((definition.name, check.key))
                elif moves is Moves.REJECTED:
                    if not is_admitted:
                        self._counter(definition).count(check, now_us, time_us)
                elif definition.settings is not None:
                    is_own = rejected_by is not None and _looks_at(rejected_by, definition.name)
                    change = self._watch(definition).decided(
                        check, facts, is_admitted, is_own, now_us, time_us
                    )
                    if change is not None:
                        changes.append(change)
                elif is_admitted and moves not in COUNTED_LATER:
                    self._counter(definition).count(check, now_us, time_us)
        return places, changes

    def _watch(self, definition: Definition) -> Watch:
        watch = self._watches_by_name.get(definition.name)
        if watch is None:
            watch = WATCHES[definition.moves](definition)
            self._watches_by_name[definition.name] = watch
        return watch

    def _counter(self, definition: Definition) -> Counter:
        counter = self._counters_by_name.get(definition.name)
        if counter is None:
            counter = self._counters_by_name[definition.name] = _new_counter(definition)
        return counter


def _is_counted(step: StepQuestion, moves: Moves) -> bool:
    """Whether the attempt that the step speaks of will be in such a count."""
    return moves in COUNTED_ALWAYS or (moves is Moves.REJECTED and step.settles == "reject")


def _looks_at(step: StepQuestion, name: str) -> bool:
    return any(check.definition.name == name for check in step.checks)


def _new_counter(definition: Definition) -> Counter:
    window, capacity = definition.window, definition.capacity
    is_distinct, rotates = definition.moves in DISTINCT, definition.moves is Moves.DISTINCT_CLIS
    match window:
        case None:
            return Gauge()
        case SlidingWindow():
            if rotates:
                return SlidingRotation(window, capacity)
            kind = SlidingDistinct if is_distinct else SlidingCounter
            return kind(window, capacity)
        case CalendarWindow():
            if rotates:
                return CalendarRotation(window, capacity)
            shape = CalendarDistinct if is_distinct else CalendarCounter
            return shape(window, capacity)
