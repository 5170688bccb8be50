"""The last end by a key to a callee, against a model that remembers every call for ever."""

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sipgate.counters import (
    Check,
    Definition,
    Ended,
    LastEndSettings,
    MemoryCounters,
    Moves,
    Question,
    SlidingWindow,
    StepQuestion,
)

WAIT = 10_000_000
UNDER_MS = 2000
KINDS = ("answered", "cancelled", "busy", "refused", "unanswered", "failed")


def definition(after: tuple[str, ...]) -> Definition:
    settings = LastEndSettings(WAIT, after, UNDER_MS)
    return Definition(
        name=repr(settings),
        moves=Moves.LAST_END,
        window=SlidingWindow(WAIT),
        capacity=0,
        settings=settings,
    )


def question(after: tuple[str, ...], now: int, key: str, member: str) -> Question:
    check = Check(definition(after), key, member, 0, True)
    return Question(now, 0, [StepQuestion("reject", None, (check,))])


@dataclass
class Call:
    """One call that was let through."""

    key: str
    member: str
    answered: int | None = None
    ended: int | None = None
    end: Ended | None = None

    def kinds(self) -> set[str]:
        """Everything that its end can be called."""
        assert self.end is not None
        kinds = {self.end.kind}
        if self.answered is not None:
            kinds.add("answered")
            talk_ms = self.end.talk_ms
            if self.end.ended_by == "caller" and talk_ms is not None and talk_ms < UNDER_MS:
                kinds.add("abandoned")
        return kinds

    def holds(self, after: tuple[str, ...], now: int) -> bool:
        if self.ended is not None:
            is_one = not after or bool(self.kinds() & set(after))
            return is_one and now - self.ended < WAIT
        if not after:
            return True
        if self.answered is None:
            return False
        if {"answered", "refused"} & set(after):
            return True
        return "abandoned" in after and now - self.answered < 1000 * UNDER_MS


AFTER = st.sets(st.sampled_from((*KINDS, "abandoned")), max_size=3).map(
    lambda kinds: tuple(sorted(kinds))
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.sampled_from([0, 1, 999_999, 1_999_999, 2_000_000, WAIT])),
        st.tuples(st.just("call"), st.sampled_from("ab"), st.sampled_from(["", "x", "y"])),
        st.tuples(st.just("answer"), st.integers(0, 9)),
        st.tuples(
            st.just("end"),
            st.integers(0, 9),
            st.sampled_from(KINDS),
            st.sampled_from(["caller", "callee", "lost"]),
        ),
        st.tuples(st.just("drop"), st.integers(0, 9)),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(AFTER, STEPS)
def test_it_holds_as_a_list_of_all_calls_says(
    after: tuple[str, ...], steps: list[tuple[Any, ...]]
) -> None:
    counters, now = MemoryCounters(), 5_000_000
    calls: list[Call] = []
    for what, *how in steps:
        open_calls = [call for call in calls if call.ended is None]
        if what == "wait":
            now += how[0]
        elif what == "call":
            key, member = how
            answer = counters.check_and_count(question(after, now, key, member))
            same = [call for call in calls if (call.key, call.member) == (key, member)]
            seen = answer.seen[0]
            assert seen is not None
            assert seen.held == any(call.holds(after, now) for call in same)
            left = [now - call.ended for call in same if call.ended and call.holds(after, now)]
            if seen.held and not any(call.holds(after, now) and not call.ended for call in same):
                assert seen.frees_us == WAIT - min(left)
            elif seen.held:
                assert seen.frees_us is None
            if not seen.held:
                calls.append(Call(key, member))
        elif not open_calls:
            continue
        elif what == "answer":
            call = open_calls[how[0] % len(open_calls)]
            if call.answered is None:
                call.answered = now
                counters.answered(question(after, now, call.key, call.member))
        elif what == "drop":
            call = open_calls[how[0] % len(open_calls)]
            if call.answered is None:
                calls.remove(call)
                counters.dropped(question(after, now, call.key, call.member))
        else:
            call = open_calls[how[0] % len(open_calls)]
            talk_ms = None if call.answered is None else (now - call.answered) // 1000
            kind = how[1]
            if (talk_ms is None) == (kind == "answered"):
                kind = "failed" if talk_ms is None else "refused"
            call.ended, call.end = now, Ended(kind, talk_ms=talk_ms, ended_by=how[2])
            counters.ended(question(after, now, call.key, call.member), call.end)


def test_nothing_is_remembered_of_a_passed_end() -> None:
    counters = MemoryCounters()
    for number in range(1000):
        asked = question((), number * 1_000_000, "k", str(number))
        counters.check_and_count(asked)
        counters.ended(asked, Ended("busy"))
    assert len(counters) <= 11


def test_ends_that_do_not_matter_are_not_remembered() -> None:
    counters = MemoryCounters()
    asked = question(("answered",), 0, "k", "m")
    counters.check_and_count(asked)
    assert len(counters) == 0
    counters.answered(asked)
    assert len(counters) == 1
    counters.ended(asked, Ended("answered", talk_ms=5))
    assert len(counters) == 1


def test_an_end_whose_beginning_is_not_known_does_no_harm() -> None:
    counters = MemoryCounters()
    asked = question((), 0, "k", "m")
    counters.ended(asked, Ended("busy"))
    counters.dropped(asked)
    assert counters.check_and_count(question((), WAIT - 1, "k", "m")).settled == 0
    assert counters.check_and_count(question((), WAIT, "k", "m")).settled is None
