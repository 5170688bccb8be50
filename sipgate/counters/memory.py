"""All counters of one process, in memory."""

from collections.abc import Iterable
from typing import Protocol, TypeAlias

from .calendar_window import CalendarCounter, CalendarDistinct
from .gauge import Gauge
from .question import Answer, Check, Definition, Key, Moves, Question, Seen, StepQuestion
from .sliding import SlidingCounter, SlidingDistinct
from .window import CalendarWindow, SlidingWindow


class Counter(Protocol):
    """One definition's counts for all its keys."""

    capacity: int

    def look(self, check: Check, now_us: int, time_us: int) -> tuple[bool, int]:
        """Whether the limit is reached, and the count, before this attempt."""
        ...

    def frees_us(self, check: Check, now_us: int, time_us: int) -> int | None:
        """So long until a check that holds now does no more; None: time alone won't do."""
        ...

    def count(self, check: Check, now_us: int, time_us: int) -> None:
        """Move the count by this attempt."""
        ...

    def grow(self, capacity: int) -> None:
        """Check higher limits from now on."""
        ...

    def __len__(self) -> int:
        """How many keys are remembered."""
        ...


Places: TypeAlias = list[tuple[str, Key]]


class MemoryCounters:
    """Answers and counts at once: between check and count nothing else can run.

    A counter comes into being with the first question about it. Calendar time is the highest that
    was ever seen here, so a clock that is set back doesn't open a day again.
    """

    def __init__(self) -> None:
        self._counters_by_name: dict[str, Counter] = {}
        self._time_us = -(2**62)

    def __len__(self) -> int:
        """How many keys are remembered in all counters."""
        return sum(len(counter) for counter in self._counters_by_name.values())

    def check_and_count(self, question: Question) -> Answer:
        """Walk the rules to the one that settles, then count the attempt for all of them."""
        now_us, time_us, steps = question
        time_us = self._latest(time_us)
        seen: list[Seen | None] = []
        settled: int | None = None
        for index, step in enumerate(steps):
            holds = step.holds
            if holds is None:
                sight = self._look(step, now_us, time_us)
                seen.append(sight)
                holds = sight.held
            else:
                seen.append(None)
            if holds and step.settles != "no":
                settled = index
                break
        is_admitted = settled is None or steps[settled].settles != "reject"
        return Answer(settled, seen, self._count(steps, is_admitted, now_us, time_us))

    def recount(self, question: Question, *, is_admitted: bool) -> Places:
        """Count an attempt that was decided before, whatever the limits say now."""
        time_us = self._latest(question.time_us)
        return self._count(question.steps, is_admitted, question.now_us, time_us)

    def release(self, places: Places) -> None:
        """Give places in gauges back; those of a gauge that is no more are passed over."""
        for name, key in places:
            gauge = self._counters_by_name.get(name)
            if isinstance(gauge, Gauge):
                gauge.release(key)

    def replace(self, definitions: Iterable[Definition], other: "MemoryCounters") -> None:
        """Keep the counters of these definitions only; one that `other` has is taken from there.

        One that needs a higher capacity and is not in `other` goes on with what it knows.
        """
        kept: dict[str, Counter] = {}
        for definition in definitions:
            name = definition.name
            counter = other._counters_by_name.get(name) or self._counters_by_name.get(name)
            if counter is not None:
                if counter.capacity < definition.capacity:
                    counter.grow(definition.capacity)
                kept[name] = counter
        self._counters_by_name = kept

    def _latest(self, time_us: int) -> int:
        if time_us > self._time_us:
            self._time_us = time_us
        return self._time_us

    def _look(self, step: StepQuestion, now_us: int, time_us: int) -> Seen:
        first: Seen | None = None
        for index, check in enumerate(step.checks):
            counter = self._counter(check.definition)
            held, count = counter.look(check, now_us, time_us)
            if held:
                return Seen(True, count, counter.frees_us(check, now_us, time_us), index)
            if first is None:
                first = Seen(False, count)
        assert first is not None, step
        return first

    def _count(
        self, steps: list[StepQuestion], is_admitted: bool, now_us: int, time_us: int
    ) -> Places:
        places: Places = []
        for step in steps:
            for check in step.checks:
                if not check.counts:
                    continue
                definition = check.definition
                if is_admitted or definition.moves is Moves.ATTEMPTS:
                    self._counter(definition).count(check, now_us, time_us)
                    if definition.moves is Moves.IN_PROGRESS:
                        places.append((definition.name, check.key))
        return places

    def _counter(self, definition: Definition) -> Counter:
        counter = self._counters_by_name.get(definition.name)
        if counter is None:
            counter = self._counters_by_name[definition.name] = _new_counter(definition)
        return counter


def _new_counter(definition: Definition) -> Counter:
    window, capacity = definition.window, definition.capacity
    is_distinct = definition.moves is Moves.DISTINCT_CALLEES
    match window:
        case None:
            return Gauge()
        case SlidingWindow():
            kind = SlidingDistinct if is_distinct else SlidingCounter
            return kind(window, capacity)
        case CalendarWindow():
            shape = CalendarDistinct if is_distinct else CalendarCounter
            return shape(window, capacity)
