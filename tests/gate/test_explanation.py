"""An explanation says for each rule why it held or not, in words."""

from typing import Any

import pytest

from sipgate.gate import Decision, Policy, Step, explain, recorded
from sipgate.gate.explanation import mismatch
from sipgate.gate.when import When

RULES = """
- id: loans
  when: {campaign: [loans, courses], not: {caller: hq/4711}}
  list: {name: dnc}
  then: reject
- id: fast
  rate: {per: caller, limit: 2, window: 1m}
  then: {tag: {X-A: b}}
- id: watched
  mode: monitor
  rate: {per: caller, limit: 1, window: 1m}
  then: reject
- id: cap
  rate: {per: caller, limit: 1, window: day}
  then: {reject: 480}
- id: own
  list: {name: own, of: cli}
  then: allow
"""


def told(gate: Any, policy: Policy, attempt: Any, *, beyond: bool) -> list[str]:
    decision, steps = gate.engine.look(attempt, gate.now, gate.time)
    explained = explain(policy, attempt, gate.time, decision, steps if beyond else None)
    return [
        f"{one.rule}: {one.state}: {one.words}: {one.does}: past {one.after}" for one in explained
    ]


def test_each_rule_says_why_and_those_past_the_settling_one_that_they_were_not_asked(
    gate: Any, attempt: Any
) -> None:
    room = gate(RULES)
    room.call()

    assert told(room, room.engine.policy, attempt(), beyond=False) == [
        "loans: not selected: campaign is none, not courses or loans: reject 403: past None",
        "fast: did not hold: 1 of 2 in 1m per caller: tag X-A: past None",
        "watched: held: 1 of 1 in 1m per caller: reject 403, monitored: past None",
        "cap: held: 1 of 1 this day per caller: reject 480: past None",
        "own: not asked: : allow: past cap",
    ]


def test_the_rest_is_told_when_it_was_asked_too(gate: Any, attempt: Any) -> None:
    room = gate(RULES)
    room.call()

    assert told(room, room.engine.policy, attempt(), beyond=True)[-1] == (
        "own: did not hold: cli is not on list own: allow: past cap"
    )


def test_looking_counts_nothing_and_says_what_deciding_then_does(gate: Any, attempt: Any) -> None:
    room = gate(RULES)
    for _ in range(4):
        looked = [room.engine.look(attempt(), room.now, room.time)[0] for _ in range(3)]
        assert looked == [room.call()] * 3


def test_an_emergency_call_is_asked_nothing(gate: Any, attempt: Any) -> None:
    room = gate(RULES)
    call = attempt(callee="112", callee_kind="emergency")

    assert room.engine.look(call, room.now, room.time)[1] == ()


@pytest.mark.parametrize(
    ("when", "fields", "words"),
    [
        (When((("caller", ("hq/1",)),)), {}, "caller is hq/4711, not hq/1"),
        (When((("country", ("FR", "US")),)), {}, "country is DE, not FR or US"),
        (When((("callee", ("+1",)),)), {}, "callee is +4930123456, not +1"),
        (When((("user-agent", ("MicroSIP*",)),)), {}, "user-agent is none, not MicroSIP*"),
        (When((), When((("source", ("hq",)),))), {}, "not {source: hq}"),
        (When((), When()), {}, "it selects nothing"),
        (When((("source", ("hq",)),)), {}, ""),
        (When((), When((("kind", ("short",)), ("source", ("hq",))))), {}, ""),
    ],
)
def test_a_selection_says_why_it_leaves_an_attempt_out(
    attempt: Any, when: When, fields: dict[str, Any], words: str
) -> None:
    assert mismatch(when, attempt(**fields), 0.0) == words


def test_a_rule_that_selects_but_left_no_step_was_not_asked(attempt: Any, rules: Any) -> None:
    policy = rules("- id: a\n  list: {name: x}\n  then: reject\n")
    unasked = Decision(verdict="allow", policy="p", revision="1", policy_sha256="")

    (one,) = explain(policy, attempt(), 0.0, unasked)

    assert (one.state, one.words) == ("not asked", "")


def test_a_record_without_its_policy_has_the_values() -> None:
    step = Step("cap", True, {"count": 3, "limit": 3})
    decision = Decision(
        verdict="reject", rule="cap", steps=(step,), policy="p", revision="1", policy_sha256=""
    )

    (one,) = recorded(decision)

    assert (one.rule, one.state, one.words) == ("cap", "held", "count 3, limit 3")
