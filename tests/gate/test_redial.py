"""Who calls again after a refusal: the same decision as ever, for less work."""

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sipgate.counters import Ended, MemoryCounters
from sipgate.gate import Attempt, Decision, Engine, MemoryLists, read_policy

RULES = """policy: p
revision: 1
region: DE
timezone: Europe/Berlin
rules:
- id: storm
  when: {not: {campaign: office}}
  rate: {per: caller, limit: 3, window: 5s, count: rejected}
  then: {reject: 603, retry-after: opening}
- id: blocked
  list: {name: blocked, of: caller}
  then: reject
- id: lines
  concurrent: {per: caller, limit: 2}
  then: {reject: 486}
- id: pace
  rate: {per: caller, limits: [{limit: 2, window: 2s}, {limit: 5, window: 9s}]}
  then: {reject: 480, retry-after: opening, reason: "{count} {until}"}
- id: friends
  list: {name: friends, of: callee}
  then: allow
- id: again
  cooldown: {per: [organisation, callee], wait: 4s, after: [answered]}
  then: {reject: 403}
- id: standing
  trust: {per: caller, below: 60}
  then: {reject: 403, reason: "{standing}"}
- id: marked
  rate: {per: callee, limit: 1, window: 20s, count: admitted}
  then: {tag: {X-Again: "{count}"}}
"""
POLICY = read_policy(RULES.encode(), Path("p.yaml"))

CALLS = st.tuples(
    st.just("call"),
    st.sampled_from(["hq/1", "hq/2"]),
    st.sampled_from(["+4930111", "+4930222"]),
    st.sampled_from(["office", None]),
)
MOVES = st.lists(
    st.one_of(
        CALLS,
        CALLS,
        st.tuples(st.just("wait"), st.integers(0, 6_000_000)),
        st.tuples(st.just("end"), st.sampled_from(["answered", "refused", "cancelled"])),
        st.tuples(st.just("list"), st.sampled_from(["blocked", "friends"]), st.booleans()),
        st.tuples(st.just("reload")),
    ),
    max_size=80,
)


def attempt_of(caller: str, callee: str, campaign: str | None, number: int) -> Attempt:
    return Attempt(
        source="hq",
        caller=caller,
        organisation="acme",
        campaign=campaign,
        callee=callee,
        callee_kind="number",
        callee_spelled=callee,
        callee_country="DE",
        call_id=f"{number}@example.com",
        from_tag="t",
        cseq=1,
    )


def played(moves: list[Any], remembered_refusals: int) -> list[Decision]:
    """All decisions of one play of the moves."""
    lists = MemoryLists()
    engine = Engine(POLICY, MemoryCounters(), lists, remembered_refusals=remembered_refusals)
    now, up, made = 0.0, [], []
    for move in moves:
        match move:
            case ("call", caller, callee, campaign):
                attempt = attempt_of(caller, callee, campaign, len(made))
                decision, charge = engine.decide(attempt, now, 1_790_000_000.0 + now)
                made.append(decision)
                if decision.is_admitted:
                    up.append(charge)
            case ("wait", microseconds):
                now += microseconds / 1e6
            case ("end", kind) if up:
                charge = up.pop(0)
                if kind == "answered":
                    engine.answered(charge, now, 1_790_000_000.0 + now)
                engine.ended(charge, Ended(kind, talk_ms=1000), now, 1_790_000_000.0 + now)
            case ("list", name, is_on):
                entries = {"hq/1", "+4930111"} if is_on else set()
                lists.replace(name, entries, as_of=0.0)
            case ("reload",):
                engine.reload(POLICY)
            case _:
                pass
    return made


@settings(max_examples=300, deadline=None)
@given(MOVES)
def test_what_is_remembered_of_refusals_changes_no_decision(moves: list[Any]) -> None:
    assert played(moves, 10_000) == played(moves, 0)


class AskedLists:
    """Lists without anything on them that count how often they are asked."""

    def __init__(self) -> None:
        self.asked = 0

    def holds(self, name: str, value: str) -> bool:
        self.asked += 1
        return False

    def as_of(self, name: str) -> float | None:
        return None


def test_a_storm_asks_no_list_behind_its_rule() -> None:
    lists = AskedLists()
    engine = Engine(POLICY, MemoryCounters(), lists)
    rules = []
    for number in range(9):
        lists.asked = 0
        attempt = attempt_of("hq/1", "+4930111", None, number)
        decision, _ = engine.decide(attempt, 0.0, 1_790_000_000.0)
        rules.append((decision.rule, lists.asked))

    assert rules == [
        (None, 2),  # two calls pass by both lists
        ("marked", 2),
        ("lines", 2),
        *[("lines", 1)] * 2,  # the list in front of it only
        ("storm", 1),  # for the first time: `lines` is still expected
        *[("storm", 0)] * 3,
    ]


def test_callers_that_are_remembered_are_limited_in_number() -> None:
    engine = Engine(POLICY, MemoryCounters(), MemoryLists(), remembered_refusals=10)
    for number in range(50):
        for _ in range(3):
            attempt = attempt_of(f"hq/{number}", "+4930111", None, number)
            engine.decide(attempt, 0.0, 1_790_000_000.0)

    assert engine.refusals_remembered == 10
