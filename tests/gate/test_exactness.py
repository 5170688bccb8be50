"""A limit is a limit: never does a window hold more than it, whatever happens to the gate.

Policies of any key and count are played through restarts, reboots, reloads, clocks that are set
and a ledger that writes late. Before each decision a model that reads all that ever happened says
whether a limit is reached; then nothing may be let through. Where no clock was set and nothing was
written late, the gate must decide as the model does, to the microsecond.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipgate.counters import (
    Check,
    Definition,
    Moves,
    Seen,
    Value,
)
from sipgate.gate import Attempt, Policy, read_policy
from sipgate.gate.lists import Lookups
from sipgate.gate.policy import LONGEST_PERIOD_SECONDS, Rule
from sipgate.gate.rules.condition import Ask, Asked, SharedCounters
from sipgate.gate.rules.key import PARTS, key_function
from sipgate.gate.rules.rate import window_of
from sipgate.ledger import ActEntry, AnsweredEntry, DecisionEntry, OutcomeEntry

from .gate_life import SECOND, Life

ZONE = "Europe/Berlin"
SLIDING = {"10s": 10, "1m": 60, "1h": 3600, "2d": 2 * 86_400}
COUNTS = ("attempts", "admitted", "answered", "refused-by-callee", "distinct-callees")
KINDS = (*COUNTS, "in-progress", "distinct-clis")


@dataclass(frozen=True)
class Promise:
    """A rule as the model knows it: limits with their windows."""

    per: tuple[str, ...]
    kind: str
    limits: tuple[tuple[int, str], ...]
    pool_only: bool = False

    @property
    def text(self) -> str:
        """As a policy has it; other than what no rule kind counts yet."""
        per = f"per: [{', '.join(self.per)}]"
        when = "\n  when: {campaign: pool}" if self.pool_only else ""
        if self.kind == "in-progress":
            condition = f"concurrent: {{{per}, limit: {self.limits[0][0]}}}"
        else:
            limits = ", ".join(f"{{limit: {n}, window: {w}}}" for n, w in self.limits)
            condition = f"rate: {{{per}, limits: [{limits}], count: {self.kind}}}"
        return f"{when}\n  {condition}\n  then: reject\n"

    def refusals(self, life: Life, attempt: Attempt) -> tuple[bool, bool]:
        """Whether this attempt must be refused, by all that has happened, and whether it may."""
        if self.pool_only and attempt.campaign != "pool":
            return False, False
        found = [self._refusal(limit, life, attempt) for limit in self.limits]
        return any(must for must, _ in found), any(may for _, may in found)

    def _refusal(self, limit: tuple[int, str], life: Life, attempt: Attempt) -> tuple[bool, bool]:
        most, window = limit
        calendars: list[tuple[int | None, bool, bool]] = [(None, False, False)]
        if window not in SLIDING and self.kind != "in-progress":
            calendars += product(life.first_read, (False, True), (False, True))
        found = [
            self._is_reached(most, attempt, self._inside(window, life, *calendar))
            for calendar in calendars
        ]
        return all(must for must, _ in found), any(may for _, may in found)

    def _is_reached(self, most: int, attempt: Attempt, inside: list[Attempt]) -> tuple[bool, bool]:
        key = self._key(attempt)
        found = [one for one in inside if self._key(one) == key]
        if self.kind == "distinct-callees":
            callees = {one.callee for one in found}
            is_new = attempt.callee not in callees
            # Where another policy has let more of them through, not all are remembered.
            return is_new and len(callees) >= most, len(callees) + is_new > most
        if self.kind == "distinct-clis":
            is_reached = len({one.cli for one in found} | {attempt.cli}) > most
        else:
            is_reached = len(found) >= most
        return is_reached, is_reached

    def _key(self, attempt: Attempt) -> tuple[str, ...]:
        return tuple(getattr(attempt, part) or "none" for part in self.per)

    def _inside(
        self,
        window: str,
        life: Life,
        first_read: int | None,
        hears_ends: bool,
        is_endless: bool,
    ) -> list[Attempt]:
        """The attempts that this promise counts and whose moment lies in the window.

        The calendar is that of the stamps (`first_read` None) or one that never runs backwards and
        hears of decisions from a place on, and of answers and ends if anybody counts them; set back
        its period may be endless, or as long as one can be. The gate may keep to any of them.
        """
        attempts = {entry.seq: entry for entry in life.happened if isinstance(entry, DecisionEntry)}
        known: set[int] = set()
        if first_read is not None:
            known = {
                entry.seq
                for entry in life.happened[first_read:]
                if isinstance(entry, DecisionEntry)
            }
        answered: set[int] = set()
        latest_us = -(2**62)
        counted: list[tuple[Attempt, int, int]] = []  # how old, and when by that calendar
        for entry in life.happened:
            if isinstance(entry, ActEntry):
                continue
            is_decision = isinstance(entry, DecisionEntry)
            seq = entry.seq if isinstance(entry, DecisionEntry) else entry.decision
            time_us = max(latest_us, entry.time_us)
            if seq in known and (is_decision or hears_ends):
                latest_us = time_us
            if self.kind == "in-progress":
                counts = is_decision and seq in life.open
            elif self.kind == "answered":
                counts = isinstance(entry, AnsweredEntry) and seq not in answered
                answered |= {seq} if counts else set()
            elif self.kind == "refused-by-callee":
                counts = isinstance(entry, OutcomeEntry) and entry.kind == "refused"
            else:
                is_all = self.kind in ("attempts", "distinct-clis")
                counts = is_decision and (is_all or attempts[seq].verdict != "reject")
            if counts and not (self.pool_only and attempts[seq].campaign != "pool"):
                counted.append((attempts[seq], life.age(entry), time_us))  # type: ignore[arg-type]  # it has an attempt's fields
        now_us = max(latest_us, life.time_us)
        if self.kind == "in-progress":
            return [one for one, _, _ in counted]
        if window in SLIDING:
            return [one for one, age, _ in counted if age < SLIDING[window] * SECOND]
        longest = LONGEST_PERIOD_SECONDS[window] * SECOND
        return [
            one
            for one, age, time_us in counted
            if (is_endless or age < longest) and period(time_us, window) == period(now_us, window)
        ]


def period(time_us: int, unit: str) -> tuple[int, ...]:
    day = datetime.fromtimestamp(time_us // SECOND, ZoneInfo(ZONE))
    if unit == "day":
        return (day.year, day.month, day.day)
    return tuple(day.isocalendar()[:2]) if unit == "week" else (day.year, day.month)


class CliCondition:
    """Too many numbers shown: what `identity` counts."""

    placeholders: frozenset[str] = frozenset()

    def __init__(self, promise: Promise) -> None:
        self._per = promise.per
        self._limits = [
            (limit, self._definition(limit, spelled, promise)) for limit, spelled in promise.limits
        ]
        self.definitions = tuple(definition for _, definition in self._limits)

    def _definition(self, limit: int, spelled: str, promise: Promise) -> Definition:
        window = window_of(spelled, ZONE)
        name = f"clis per {promise.per} in {spelled} {promise.pool_only}"
        return Definition(name=name, moves=Moves.DISTINCT_CLIS, window=window, capacity=limit)

    def compile(self, shared: SharedCounters) -> Ask:
        claims = [(*shared.claim(definition), limit) for limit, definition in self._limits]
        key_of = key_function(self._per)

        def ask(attempt: Attempt, lookups: Lookups, time: float) -> Asked:
            key, member = key_of(attempt), attempt.cli or "none"
            return Asked(None, tuple(Check(d, key, member, n, moves) for d, moves, n in claims))

        return ask

    def values(self, seen: Seen | None, asked: Asked) -> dict[str, Value]:
        return {}

    def explain(self, held: bool, values: Mapping[str, Value]) -> str:
        return ""


def policy_of(promises: tuple[Promise, ...]) -> Policy:
    texts = [f"- id: r{index}{one.text}" for index, one in enumerate(promises) if in_rules(one)]
    head = f"policy: p\nrevision: 1\ntimezone: {ZONE}\nrules:"
    body = "\n" + "".join(texts) if texts else " []\n"
    policy = read_policy((head + body).encode(), Path("p.yaml"))
    model = read_policy(
        f"{head}\n- id: m\n  rate: {{per: caller, limit: 1, window: 1m}}\n  then: reject\n"
        f"- id: n\n  when: {{campaign: pool}}\n"
        "  rate: {per: caller, limit: 1, window: 1m}\n  then: reject\n".encode(),
        Path("p.yaml"),
    ).rules
    more: tuple[Rule, ...] = tuple(
        replace(model[one.pool_only], id=f"c{index}", condition=CliCondition(one))
        for index, one in enumerate(promises)
        if not in_rules(one)
    )
    return replace(policy, rules=policy.rules + more)


def in_rules(promise: Promise) -> bool:
    return promise.kind != "distinct-clis"


def raised(promise: Promise) -> Promise:
    """The same with higher limits, so that its counters go on."""
    return replace(promise, limits=tuple((most + 1, window) for most, window in promise.limits))


def make(
    source: str,
    caller: str,
    organisation: str,
    campaign: str | None,
    callee: str,
    cli: str | None,
) -> Attempt:
    return Attempt(
        source=source,
        caller=f"{source}/{caller}",
        organisation=organisation,
        campaign=campaign,
        cli=cli,
        callee=callee,
        callee_kind="number",
        callee_spelled=callee,
        call_id="c",
        from_tag="f",
        cseq=1,
    )


ATTEMPTS = [
    make("hq", "1", "acme", "pool", "+1", "+49"),
    make("hq", "1", "acme", "pool", "+2", "+44"),
    make("hq", "1", "acme", "pool", "+3", None),
    make("hq", "2", "acme", None, "+1", "+49"),
    make("lab", "1", "other", None, "+4", "+33"),
]
LIMITS = st.tuples(
    st.sampled_from([1, 1, 2, 2, 3, 4]), st.sampled_from([*SLIDING, "day", "week", "month"])
)
PROMISES = st.builds(
    Promise,
    st.lists(st.sampled_from(PARTS), min_size=1, max_size=3, unique=True).map(
        lambda parts: tuple(part for part in PARTS if part in parts)
    ),
    st.sampled_from(KINDS),
    st.lists(LIMITS, min_size=1, max_size=3).map(tuple),
    st.booleans(),
).map(lambda one: replace(one, limits=one.limits[:1]) if one.kind == "in-progress" else one)
POLICIES = st.lists(PROMISES, min_size=1, max_size=2).map(tuple)
TWO_POLICIES = st.one_of(  # before and after a reload
    st.tuples(POLICIES, POLICIES),
    POLICIES.map(lambda promises: (promises, tuple(map(raised, promises)))),
    POLICIES.map(lambda promises: (tuple(map(raised, promises)), promises)),
)
Step: TypeAlias = tuple[Any, ...]  # a method of `Life` with its arguments

HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
WAITS = [0, 1, 999_999, 5 * SECOND, 10 * SECOND, 59_999_999, 60 * SECOND, HOUR, 7 * HOUR, DAY - 1]
SET = [by * way for by in (1, 5 * SECOND, HOUR, DAY, 40 * DAY) for way in (1, -1)]
CALM: list[Step] = [
    *(8 * [("call", index) for index in range(len(ATTEMPTS))]),
    *[("wait", by) for by in [*WAITS, 5 * DAY]],
    *(2 * [("wait_for_midnight", by) for by in (-1, 0)]),
    *(2 * [("answer", index) for index in range(3)]),
    *[("end", index, kind) for index in range(3) for kind in ("refused", "refused", "answered")],
    *(2 * [("restart",), ("draft", 0), ("draft", 1), ("adopt",), ("adopt",)]),
    *[("reboot", gap) for gap in (0, 1, 10 * SECOND, DAY)],
]
WILD: list[Step] = [
    *(2 * CALM),
    *[("set_clock", by) for by in SET],
    *[("reboot", 5 * SECOND, by) for by in SET],
    *(4 * [("late", True), ("late", False)]),
]


def play(policies: list[tuple[Promise, ...]], steps: list[Step], *, exactly: bool) -> Life:
    life = Life(policy_of(policies[0]))
    promises_by_rules = {id(life.policy): policies[0]}
    read = [life.policy, policy_of(policies[1])]
    promises_by_rules[id(read[1])] = policies[1]
    for what, *how in steps:
        if what == "call":
            attempt, promises = ATTEMPTS[how[0]], promises_by_rules[id(life.policy)]
            refusals = [promise.refusals(life, attempt) for promise in promises]
            is_admitted = life.call(attempt).is_admitted
            assert not (is_admitted and any(must for must, _ in refusals)), "one too many"
            if exactly:
                assert is_admitted or any(may for _, may in refusals), "refused without need"
        elif what == "draft":
            life.draft(read[how[0]])
        elif what == "late":
            life.is_writing_late = how[0]
            if not how[0]:
                life.write()
        else:
            getattr(life, what)(*how)
    return life


@settings(max_examples=200, deadline=None)
@given(TWO_POLICIES, st.lists(st.sampled_from(CALM), min_size=30, max_size=60))
def test_with_true_clocks_the_gate_decides_exactly(
    policies: tuple[tuple[Promise, ...], ...], steps: list[Step]
) -> None:
    play(list(policies), steps, exactly=True)


@settings(max_examples=200, deadline=None)
@given(TWO_POLICIES, st.lists(st.sampled_from(WILD), min_size=30, max_size=60))
def test_no_window_holds_more_than_its_limit_whatever_clocks_and_ledger_do(
    policies: tuple[tuple[Promise, ...], ...], steps: list[Step]
) -> None:
    play(list(policies), steps, exactly=False)


@settings(max_examples=20, deadline=None)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("window", ["10s", "day"])
@given(st.data())
def test_every_count_is_exact_for_its_key(kind: str, window: str, data: st.DataObject) -> None:
    per = data.draw(st.sampled_from(PARTS))
    limit = data.draw(st.integers(1, 3))
    promises = (Promise((per,), kind, ((limit, window),)),)
    play(
        [promises, promises],
        data.draw(st.lists(st.sampled_from(CALM), min_size=20, max_size=40)),
        exactly=True,
    )


FOUND: dict[str, tuple[Promise, list[Step]]] = {  # what went wrong once
    "the calendar was set within an earlier boot": (
        Promise(("caller",), "attempts", ((1, "1h"),)),
        [("call", 0), ("set_clock", 40 * DAY), ("restart",), ("reboot", 5 * SECOND), ("call", 0)],
    ),
    "the calendar went back and forth before a reboot": (
        Promise(("source",), "in-progress", ((1, ""),)),
        [
            *[("call", 0), ("set_clock", -40 * DAY), ("call", 0), ("set_clock", 40 * DAY)],
            *[("answer", 0), ("reboot", 5 * SECOND), ("call", 0)],
        ],
    ),
    "a reload after the calendar went back": (
        Promise(("caller",), "distinct-clis", ((2, "day"),)),
        [
            *[("call", 3), ("reboot", 5 * SECOND, -40 * DAY), ("wait", 5 * DAY), ("call", 0)],
            *[("draft", 1), ("call", 1), ("wait", 60 * SECOND), ("adopt",), ("call", 2)],
        ],
    ),
    "an answer long after the call": (
        Promise(("caller",), "answered", ((1, "10s"),)),
        [("call", 0), ("wait", HOUR - 1), ("answer", 0), ("wait", 1), ("restart",), ("call", 0)],
    ),
}


@pytest.mark.parametrize(("promise", "steps"), FOUND.values(), ids=FOUND)
@pytest.mark.parametrize("first", [True, False])
def test_what_was_found_once_stays_mended(promise: Promise, steps: list[Step], first: bool) -> None:
    play([(promise,) if first else (), (promise,)], steps, exactly=False)
