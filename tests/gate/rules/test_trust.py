"""`trust`: what it reads, when it holds, what moves a standing."""

from collections.abc import Callable
from typing import Any

import pytest

from sipgate.counters import Change
from sipgate.gate import PolicyError

MakeGate = Callable[..., Any]

REFUSALS = "- {id: refusals, list: {name: refusals}, then: {reject: 403}}\n"


def with_trust(gate: MakeGate, condition: str, before: str = "") -> Any:
    then = "{reject: 403, reason: 'standing {standing}'}"
    return gate(f"{before}- id: trust\n  trust: {condition}\n  then: {then}\n")


def refuse(g: Any, times: int, **fields: Any) -> list[Change]:
    changes: list[Change] = []
    for _ in range(times):
        changes += g.end(g.admit(**fields), "refused", status=603, ring_ms=4000)
        g.wait(60.0)
    return changes


def test_a_caller_whom_callees_refuse_is_suspended_until_it_is_forgiven(gate: MakeGate) -> None:
    g = with_trust(gate, "{per: caller, below: 90}")
    changes = refuse(g, 3)
    assert [one[:3] for one in changes] == [
        ("hq/4711", 100, 96),
        ("hq/4711", 96, 92),
        ("hq/4711", 92, 88),
    ]
    assert changes[0].reason == "refused by the callee"
    decision = g.call()
    assert (decision.verdict, decision.reason) == ("reject", "standing 88")
    assert decision.steps[0].values == {"standing": 88}
    assert g.call(caller="hq/4712").verdict == "allow"
    g.wait(3600.0)
    assert g.call().verdict == "allow"


def test_what_another_rule_rejects_is_a_fault_that_the_decision_tells_of(gate: MakeGate) -> None:
    g = with_trust(gate, "{per: caller, below: 97}", REFUSALS)
    g.lists.replace("refusals", {"+1"}, as_of=g.time)
    first = g.call(callee="+1")
    assert first.rule == "refusals"
    assert first.changes == (Change("hq/4711", 100, 98, "refused by a rule"),)
    assert g.call(callee="+2").verdict == "allow"
    assert g.call(callee="+1").changes[0].after == 96
    suspended = g.call(callee="+2")
    assert (suspended.rule, suspended.changes) == ("trust", ())  # a consequence is no fault


def test_an_attempt_that_is_forbidden_before_any_rule_is_a_fault_too(
    gate: MakeGate, attempt: Callable[..., Any]
) -> None:
    g = with_trust(gate, "{per: caller, below: 50}")
    decision = g.engine.refuse(attempt(), 403, "no", g.now, g.time)
    assert decision.changes == (Change("hq/4711", 100, 98, "refused by a rule"),)


def test_who_is_slowed_may_call_so_often_and_the_others_as_they_like(gate: MakeGate) -> None:
    g = with_trust(gate, "{per: caller, below: 97, limit: 2, window: 1h}")
    assert g.calls(5) == ["allow"] * 5
    g.wait(3600.0)
    refuse(g, 1)
    decisions = [g.call() for _ in range(3)]
    assert [one.verdict for one in decisions] == ["allow", "reject", "reject"]
    assert decisions[1].steps[0].values == {
        "standing": 96,
        "count": 2,
        "limit": 2,
        "window": "1h",
    }


def test_slowed_counts_those_let_through_so_it_stays_slow_and_never_shut(gate: MakeGate) -> None:
    g = with_trust(gate, "{per: caller, below: 99, limit: 2, window: 10m}")
    refuse(g, 2)
    verdicts = []
    for _ in range(30):
        verdicts += g.calls(1)
        g.wait(60.0)
    assert 4 <= verdicts.count("allow") <= 6


OFFICE = "{mon-fri: '10:00-16:00'}"  # the gate's clock begins on a Monday at 14:13:20


def test_whose_hours_are_restricted_may_call_in_them_only(gate: MakeGate) -> None:
    g = gate(
        f"- id: hours\n  trust: {{per: caller, below: 97, open: {OFFICE}, slow: 90d, fast: 90d}}\n"
        "  then: {reject: 403, reason: '{standing} at {local_time} until {until}'}\n"
    )
    refuse(g, 1)
    assert g.call().verdict == "allow"
    g.wait(2 * 3600.0)
    decision = g.call()
    assert decision.reason == "96 at 16:14 until 2026-09-22 10:00:00"
    assert decision.steps[0].values == {
        "standing": 96,
        "zone": "UTC",
        "local_time": "16:14",
        "open": "10:00-16:00",
    }
    assert g.call(caller="hq/4712").verdict == "allow"
    g.wait(18 * 3600.0)
    assert g.call().verdict == "allow"


def test_faults_count_within_the_restricted_hours_too(gate: MakeGate) -> None:
    g = with_trust(gate, f"{{per: caller, below: 97, open: {OFFICE}}}", REFUSALS)
    g.lists.replace("refusals", {"+1"}, as_of=g.time)
    assert [g.call(callee="+1").changes[0].after for _ in range(2)] == [98, 96]
    assert g.call().steps[-1].values["standing"] == 96


def test_rules_with_equal_weights_share_one_standing(gate: MakeGate) -> None:
    g = gate(
        "- {id: a, trust: {per: caller, below: 30}, then: reject}\n"
        "- {id: b, trust: {per: caller, below: 70, limit: 1, window: 1h}, then: reject}\n"
        "- {id: c, trust: {per: caller, below: 70, weights: {refused: 40}}, then: reject}\n"
    )
    assert [one.after for one in refuse(g, 1)] == [96, 60]


def test_reasons_may_say_when_a_place_is_free_again(gate: MakeGate) -> None:
    g = gate(
        "- id: slow\n  trust: {per: caller, below: 97, limit: 1, window: 1h}\n"
        "  then: {reject: 403, reason: '{standing}, {count}/{limit} in {window} until {until}'}\n"
    )
    refuse(g, 1)
    assert g.call().reason == "96, 1/1 in 1h until 2026-09-21 15:13:20"


def test_a_restart_counts_it_again_with_the_rules_that_rejected(
    gate: MakeGate, attempt: Callable[..., Any]
) -> None:
    g = with_trust(gate, "{per: caller, below: 97}")
    for rule in ("trust", "another", None):
        g.engine.recount(
            attempt(),
            is_admitted=False,
            now_us=round(g.now * 1e6),
            time_us=round(g.time * 1e6),
            rule=rule,
        )
    assert g.call().steps[0].values == {"standing": 96}


@pytest.mark.parametrize(
    ("condition", "values", "said"),
    [
        ("{per: caller, below: 30}", {"standing": 12}, "standing 12, 30 wanted, per caller"),
        (
            f"{{per: caller, below: 50, open: {OFFICE}}}",
            {"standing": 40, "zone": "UTC", "local_time": "16:14", "open": None},
            "standing 40, 50 wanted, per caller; 16:14 in UTC, open not today",
        ),
        (
            "{per: [caller, campaign], below: 70, limit: 10, window: 60m}",
            {"standing": 60, "count": 10, "limit": 10, "window": "1h"},
            "standing 60, 70 wanted, per caller, campaign; 10 of 10 let through in 1h",
        ),
    ],
)
def test_it_explains_itself(
    gate: MakeGate, condition: str, values: dict[str, Any], said: str
) -> None:
    made = with_trust(gate, condition).engine.policy.rules[0].condition
    assert made.explain(True, values) == said


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("{per: caller}", '5:10: the key "below" is missing'),
        ("{per: caller, below: 0}", "5:31: found 0; expected a standing from 1 to 100"),
        ("{per: caller, below: 101}", "5:31: found 101; expected a standing from 1 to 100"),
        (
            "{per: caller, below: 70, limit: 10}",
            "5:10: only one of limit and window; expected both or none",
        ),
        (
            f"{{per: caller, below: 70, limit: 10, window: 1h, open: {OFFICE}}}",
            "5:10: open beside limit; expected one or the other: each grade is a rule",
        ),
        (
            "{per: caller, below: 70, open: {moon: '10:00-16:00'}}",
            '5:48: found the day "moon"; did you mean "mon"?; expected a weekday such as sat, or'
            " several such as mon-fri",
        ),
        (
            "{per: caller, below: 70, weights: {refused: -4}}",
            '5:54: found "-4"; expected points from 0 to 100, such as 4 or 0.5',
        ),
        (
            "{per: caller, below: 70, weights: {refusd: 4}}",
            '5:45: unknown key "refusd"; did you mean "refused"?',
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_place(gate: MakeGate, condition: str, problem: str) -> None:
    with pytest.raises(PolicyError) as raised:
        gate(f"- id: trust\n  trust: {condition}\n  then: reject\n")
    assert str(raised.value) == f"test.yaml:{problem}"
