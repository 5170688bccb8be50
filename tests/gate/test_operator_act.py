"""What an operator says of a caller counts more than the caller's past, for a while."""

from collections.abc import Callable
from typing import Any

import pytest

from sipgate.gate import RESET, judged, judges_callers, overrule_caller

MakeGate = Callable[..., Any]

RULES = (
    "- {id: suspended, trust: {per: caller, below: 90}, then: reject}\n"
    "- {id: machine, dialer: {per: caller, score: 0.5}, then: {tag: {X-Machine: '{signs}'}}}\n"
)
CALLER = "hq/4711"
MACHINE = {"user_agent": "MicroSIP/3.21.6"}


def overrule(g: Any, kind: str, seconds: float = 0.0) -> None:
    until_us = round((g.time + seconds) * 1_000_000)
    overrule_caller(g.engine, kind, {"caller": CALLER, "until_us": until_us, "reason": "x"})


def refuse(g: Any, times: int) -> None:
    for charge in [g.admit() for _ in range(times)]:
        g.end(charge, "refused", status=603)
        g.wait(60.0)


def test_who_is_suspended_stands_at_0_until_then(gate: MakeGate) -> None:
    g = gate(RULES)
    overrule(g, "caller-suspended", 60.0)
    decision = g.call()
    assert decision.rule == "suspended"
    assert decision.steps[0].values == {"standing": 0, "overruled": "suspended"}
    assert g.call(caller="hq/4712").verdict == "allow"
    g.wait(60.0)
    assert g.call().verdict == "allow"


def test_who_is_exempt_stands_at_100_and_scores_nothing_but_is_still_watched(
    gate: MakeGate,
) -> None:
    g = gate(RULES)
    refuse(g, 4)
    assert g.call(**MACHINE).rule == "suspended"
    overrule(g, "caller-exempted", 600.0)
    decision = g.call(**MACHINE)
    assert decision.verdict == "allow"
    assert [step.values["overruled"] for step in decision.steps] == ["exempt", "exempt"]
    g.wait(600.0)
    assert g.call(**MACHINE).rule == "suspended"


def test_a_reset_forgets_faults_and_signs_and_what_was_said(gate: MakeGate) -> None:
    g = gate(RULES)
    refuse(g, 4)
    overrule(g, "caller-suspended", 600.0)
    overrule(g, RESET)
    decision = g.call(**MACHINE)
    assert decision.verdict == "allow"
    assert [step.values for step in decision.steps] == [
        {"standing": 100},
        {"score": 0, "signs": ""},
    ]


def test_acts_of_other_kinds_and_broken_ones_do_nothing(gate: MakeGate) -> None:
    g = gate(RULES)
    overrule(g, "policy-loaded", 60.0)
    overrule_caller(g.engine, "caller-suspended", {"caller": CALLER})
    overrule_caller(g.engine, RESET, {})
    assert g.call().verdict == "allow"


def test_what_is_over_is_not_kept(gate: MakeGate) -> None:
    g = gate(RULES)
    for number in range(10):
        until_us = round((g.time + 1) * 1_000_000)
        detail = {"caller": f"hq/{number}", "until_us": until_us}
        overrule_caller(g.engine, "caller-exempted", detail)
        g.wait(2.0)
        g.call()
    assert len(g.counters._overruled_by_key) == 1


def test_a_reload_keeps_what_was_said_and_forgets_what_was_reset(
    gate: MakeGate, rules: Callable[[str], Any]
) -> None:
    g = gate(RULES)
    refuse(g, 4)
    draft = g.engine.draft(rules(RULES.replace("below: 90", "below: 90, fast: 2h")))
    overrule(g, RESET)
    g.engine.adopt(draft)
    assert g.call().steps[0].values == {"standing": 100}
    overrule(g, "caller-suspended", 60.0)
    g.engine.reload(rules(RULES))
    assert g.call().rule == "suspended"


def test_it_is_shown_rule_by_rule(gate: MakeGate) -> None:
    g = gate(
        f"{RULES}- {{id: rest, trust: {{per: source, below: 50}}, then: reject}}\n"
        "- {id: cap, rate: {per: caller, limit: 500, window: day}, then: reject}\n"
    )
    refuse(g, 1)
    assert judged(g.engine, CALLER, g.now, g.time) == [
        {"rule": "suspended", "kind": "trust", "standing": 96, "below": 90},
        {"rule": "machine", "kind": "dialer", "score": 0, "signs": "", "limit": 500},
    ]
    overrule(g, "caller-suspended", 60.0)
    assert judged(g.engine, CALLER, g.now, g.time)[0]["overruled"] == "suspended"


@pytest.mark.parametrize(
    ("text", "judges"),
    [
        (RULES, True),
        ("- {id: a, trust: {per: source, below: 50}, then: reject}\n", False),
        ("- {id: a, rate: {per: caller, limit: 5, window: day}, then: reject}\n", False),
    ],
)
def test_a_policy_judges_callers_or_does_not(gate: MakeGate, text: str, judges: bool) -> None:
    assert judges_callers(gate(text).engine.policy) is judges


def test_the_words_say_that_it_was_an_operator(gate: MakeGate) -> None:
    g = gate(RULES)
    trust, dialer = (rule.condition for rule in g.engine.policy.rules)
    said = "standing 0, 90 wanted, per caller: suspended by an operator"
    assert trust.explain(True, {"standing": 0, "overruled": "suspended"}) == said
    assert dialer.explain(False, {"score": 0, "overruled": "exempt"}) == (
        "exempt by an operator, per caller"
    )
