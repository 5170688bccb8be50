"""`dialer`: what it reads, when it holds, what it says."""

from collections.abc import Callable
from typing import Any

import pytest

from sipgate.gate import PolicyError

MakeGate = Callable[..., Any]

MACHINE = "MicroSIP/3.21.6"
REJECT = "{reject: 403, reason: '{score} by {signs}'}"


def with_dialer(gate: MakeGate, condition: str, then: str = REJECT) -> Any:
    return gate(f"- id: machine\n  dialer: {condition}\n  then: {then}\n")


def test_it_holds_from_its_score_on_and_says_which_signs_spoke(gate: MakeGate) -> None:
    g = with_dialer(gate, "{per: caller, score: 0.5, weights: {speed: 0}}")
    first, second = g.call(user_agent=MACHINE), g.call(user_agent=MACHINE)
    assert (first.verdict, second.verdict) == ("allow", "reject")
    assert second.steps[0].values == {"score": 500, "signs": "user-agent 1.0"}
    assert second.reason == "500 by user-agent 1.0"


def test_who_is_refused_is_judged_on(gate: MakeGate) -> None:
    g = with_dialer(gate, "{per: caller, weights: {user-agent: 0.9}}")
    assert g.calls(3, user_agent=MACHINE) == ["allow", "reject", "reject"]
    assert g.calls(1, caller="hq/4712", user_agent=MACHINE) == ["allow"]


def test_outcomes_speak_once_the_calls_have_ended(gate: MakeGate) -> None:
    g = with_dialer(gate, "{per: caller, score: 0.6, weights: {distinct: 0}}")
    for number in range(8):
        assert g.call(callee=f"+4930{number * 777:06d}").verdict == "allow"
        g.wait(60.0 + 37 * (number % 3))
    charges = [g.admit(callee=f"+4930{number * 555:06d}") for number in range(8)]
    assert g.call().verdict == "allow"
    for charge in charges:
        assert g.end(charge, "failed", status=404) == []
    decision = g.call(callee="+49301")
    assert decision.steps[0].values["signs"] == "speed 1.0, invalid 1.0"
    assert decision.verdict == "reject"


def test_a_window_later_nothing_is_held_against_anybody(gate: MakeGate) -> None:
    g = with_dialer(gate, "{per: caller, score: 0.5, window: 1m}")
    assert g.calls(2, user_agent=MACHINE) == ["allow", "reject"]
    g.wait(60.0)
    assert g.calls(1, user_agent=MACHINE) == ["allow"]


def test_rules_with_equal_signs_share_one_memory_whatever_their_scores(gate: MakeGate) -> None:
    g = gate(
        "- {id: a, dialer: {per: caller, score: 0.3}, then: {tag: {X-Machine: '{signs}'}}}\n"
        "- {id: b, dialer: {per: caller, score: 0.9}, then: reject}\n"
        "- {id: c, dialer: {per: caller, score: 0.9, user-agents: [X]}, then: reject}\n"
    )
    assert g.calls(2, user_agent=MACHINE) == ["allow", "tag"]
    assert len(g.counters) == 2


def test_it_explains_itself(gate: MakeGate) -> None:
    g = with_dialer(gate, "{per: [caller, campaign]}")
    condition = g.engine.policy.rules[0].condition
    values = {"score": 820, "signs": "speed 0.9, spacing 0.8"}
    said = "score 0.82 of 0.8 per caller, campaign: speed 0.9, spacing 0.8"
    assert condition.explain(True, values) == said
    silent = "score 0 of 0.8 per caller, campaign: no sign speaks"
    assert condition.explain(False, {"score": 0, "signs": ""}) == silent


@pytest.mark.parametrize(
    ("condition", "problem"),
    [
        ("{score: 0.8}", 'test.yaml:5:11: the key "per" is missing'),
        (
            "{per: caller, score: 80}",
            'test.yaml:5:32: found "80"; expected a share from 0 to 1, with up to three decimals'
            " such as 0.15",
        ),
        (
            "{per: caller, score: 1.001}",
            'test.yaml:5:32: found "1.001"; expected a share from 0 to 1, with up to three decimals'
            " such as 0.15",
        ),
        (
            "{per: caller, weights: {sped: 1}}",
            'test.yaml:5:35: unknown key "sped"; did you mean "speed"?',
        ),
        (
            f"{{per: caller, user-agents: [{'x' * 101}]}}",
            f'test.yaml:5:38: found "{"x" * 20}…"; expected at most 100 characters, four of them *',
        ),
    ],
    ids=["no key", "per cent", "above one", "a sign misspelled", "a long pattern"],
)
def test_what_is_wrong_is_said_with_its_place(gate: MakeGate, condition: str, problem: str) -> None:
    with pytest.raises(PolicyError) as raised:
        with_dialer(gate, condition, "reject")
    assert str(raised.value) == problem
