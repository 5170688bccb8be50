"""`cooldown`: after the end of a call, and while one may yet end so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sipgate.counters import Ended, MemoryCounters
from sipgate.gate import Engine, MemoryLists, PolicyError, read_policy

MakeGate = Callable[..., Any]
WEEK = 604_800.0


def with_cooldown(
    gate: MakeGate, condition: str, then: str = "{reject: 403, reason: 'until {until}'}"
) -> Any:
    return gate(f"- id: c\n  cooldown: {condition}\n  then: {then}\n")


def test_it_holds_from_the_end_until_the_exact_instant(gate: MakeGate) -> None:
    g = with_cooldown(gate, "{per: [organisation, callee], wait: 7d}")
    charge = g.admit()
    g.wait(100.0)
    g.end(charge, "busy")
    g.wait(WEEK - 0.000_001)
    assert g.call(caller="hq/2").verdict == "reject"
    g.wait(0.000_001)
    assert g.call(caller="hq/2").verdict == "allow"


def test_it_holds_for_this_callee_and_key_only(gate: MakeGate) -> None:
    g = with_cooldown(gate, "{per: [organisation, callee], wait: 7d}")
    g.end(g.admit())
    assert g.call(callee="+4930999").verdict == "allow"
    assert g.call(organisation="other").verdict == "allow"
    assert g.call().verdict == "reject"


def test_without_callee_in_its_key_it_is_still_about_the_callee(gate: MakeGate) -> None:
    g = with_cooldown(gate, "{per: caller, wait: 7d}")
    g.end(g.admit())
    assert g.call(callee="+4930999").verdict == "allow"
    assert g.call(caller="hq/2").verdict == "allow"
    assert g.call().verdict == "reject"


def test_it_holds_while_any_call_is_in_progress(gate: MakeGate) -> None:
    g = with_cooldown(gate, "{per: callee, wait: 1s}")
    first = g.admit()
    decision = g.call()
    assert (decision.verdict, decision.reason) == ("reject", "until none")
    g.wait(WEEK)
    assert g.call().verdict == "reject"
    g.end(first, "unanswered")
    g.wait(1.0)
    assert g.call().verdict == "allow"


def test_two_calls_that_a_tag_let_through_must_both_end(gate: MakeGate) -> None:
    g = with_cooldown(gate, "{per: callee, wait: 1s}", "{tag: {X-A: x}}")
    first, second = g.admit(), g.admit()
    g.end(first)
    g.wait(1.0)
    assert g.call().verdict == "tag"
    g.end(second)
    charge = g.admit()
    g.engine.ended(charge, None, g.now, g.time)


def test_an_attempt_that_was_refused_begins_nothing(gate: MakeGate) -> None:
    g = gate(
        "- id: r\n  when: {caller: hq/9}\n  concurrent: {per: callee, limit: 0}\n  then: reject\n"
        "- id: c\n  cooldown: {per: callee, wait: 7d}\n  then: reject\n"
    )
    assert g.call(caller="hq/9").rule == "r"
    assert g.call().verdict == "allow"


def test_an_attempt_that_never_left_begins_nothing(gate: MakeGate) -> None:
    g = with_cooldown(gate, "{per: callee, wait: 7d}")
    g.engine.ended(g.admit(), None, g.now, g.time)
    assert g.call().verdict == "allow"


@pytest.mark.parametrize(
    ("after", "kind", "fields", "expected"),
    [
        ("answered", "answered", {"talk_ms": 5000, "ended_by": "callee"}, "reject"),
        ("answered", "answered", {}, "reject"),
        ("answered", "refused", {"talk_ms": 900}, "reject"),
        ("answered", "refused", {}, "allow"),
        ("answered", "busy", {}, "allow"),
        ("refused", "refused", {"talk_ms": 900}, "reject"),
        ("[busy, unanswered]", "unanswered", {}, "reject"),
        ("[busy, unanswered]", "cancelled", {}, "allow"),
        ("abandoned", "answered", {"talk_ms": 1999, "ended_by": "caller"}, "reject"),
        ("abandoned", "answered", {"talk_ms": 2000, "ended_by": "caller"}, "allow"),
        ("abandoned", "answered", {"talk_ms": 1999, "ended_by": "callee"}, "allow"),
        ("abandoned", "answered", {"talk_ms": 1999, "ended_by": "lost"}, "allow"),
        ("abandoned", "answered", {"ended_by": "caller"}, "allow"),
    ],
)
def test_it_holds_after_the_given_ends_only(
    gate: MakeGate, after: str, kind: str, fields: dict[str, Any], expected: str
) -> None:
    g = with_cooldown(gate, f"{{per: callee, wait: 72h, after: {after}}}")
    charge = g.admit()
    if kind == "answered" or "talk_ms" in fields:
        g.answer(charge)
    g.end(charge, kind, **fields)
    assert g.call().verdict == expected


def test_how_short_an_abandoned_call_is_can_be_said(gate: MakeGate) -> None:
    g = with_cooldown(gate, "{per: callee, wait: 72h, after: [abandoned], under: 5s}")
    charge = g.admit()
    g.answer(charge)
    g.end(charge, talk_ms=4999, ended_by="caller")
    decision = g.call()
    assert decision.verdict == "reject"
    assert decision.steps[0].values["last"] == "abandoned"


def test_a_later_call_that_ended_otherwise_lifts_nothing(gate: MakeGate) -> None:
    g = with_cooldown(gate, "{per: callee, wait: 7d, after: [answered]}", "{tag: {X-A: x}}")
    first = g.admit()
    g.answer(first)
    g.end(first)
    g.end(g.admit(), "busy")
    assert g.call().verdict == "tag"


def test_with_given_ends_a_ringing_call_holds_nobody_up_but_one_that_is_up_does(
    gate: MakeGate,
) -> None:
    g = with_cooldown(gate, "{per: callee, wait: 7d, after: [answered]}")
    first, second = g.admit(), g.admit()
    g.answer(first)
    assert g.call().verdict == "reject"
    g.wait(WEEK)
    g.end(second, "cancelled")
    assert g.call().verdict == "reject"
    g.end(first, talk_ms=1)
    g.wait(WEEK)
    assert g.call().verdict == "allow"


def test_a_call_that_is_up_holds_nobody_up_who_waits_after_busy(gate: MakeGate) -> None:
    g = with_cooldown(gate, "{per: callee, wait: 7d, after: [busy]}")
    charge = g.admit()
    g.answer(charge)
    assert g.call().verdict == "allow"
    g.end(charge)
    assert g.call().verdict == "allow"


def test_a_call_that_is_up_can_only_be_abandoned_while_it_is_short(gate: MakeGate) -> None:
    g = with_cooldown(gate, "{per: callee, wait: 72h, after: [abandoned]}")
    g.answer(g.admit())
    g.wait(1.999)
    assert g.call().verdict == "reject"
    g.wait(0.001)
    assert g.call().verdict == "allow"


def test_the_refusal_says_until_when(gate: MakeGate) -> None:
    g = with_cooldown(gate, "{per: callee, wait: 7d}")
    g.end(g.admit())
    g.wait(3600.0)
    assert g.call().reason == "until 2026-09-28 14:13:20"


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        (0.0, "the last call ended 0s ago (busy), wait 7d, per organisation, callee"),
        (1.25, "the last call ended 1.25s ago (busy), wait 7d, per organisation, callee"),
        (7200.0, "the last call ended 2h ago (busy), wait 7d, per organisation, callee"),
        (93_700.0, "the last call ended 1d 2h ago (busy), wait 7d, per organisation, callee"),
        (WEEK, "no such call in 7d, per organisation, callee"),
    ],
)
def test_it_explains_itself(gate: MakeGate, wait: float, expected: str) -> None:
    g = with_cooldown(gate, "{per: [callee, organisation], wait: 7d}")
    g.end(g.admit(), "busy")
    g.wait(wait)
    step = g.call().steps[0]
    assert g.engine.policy.rules[0].condition.explain(step.held, step.values) == expected


def test_it_explains_a_call_in_progress(gate: MakeGate) -> None:
    g = with_cooldown(gate, "{per: callee, wait: 7d}", "{tag: {X-A: x}}")
    explain = g.engine.policy.rules[0].condition.explain
    g.admit()
    assert explain(True, g.call().steps[0].values) == "a call is still up, per callee"
    assert explain(True, g.call().steps[0].values) == "2 calls are still up, per callee"


def test_a_reload_keeps_what_it_knows_unless_it_waits_longer(gate: MakeGate, rules: Any) -> None:
    rule = "- id: c\n  cooldown: {per: callee, wait: 7d}\n  then: reject\n"
    g = gate(rule)
    g.end(g.admit())
    assert not g.engine.draft(rules(rule.replace("id: c", "id: d"))).needs_history
    assert g.engine.draft(rules(rule.replace("7d", "8d"))).needs_history


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{per: callee}", "wait"),
        ("{per: callee, wait: 7}", "a duration"),
        ("{per: callee, wait: 7d, after: [anwsered]}", 'did you mean "answered"'),
        ("{per: callee, wait: 7d, after: []}", "at least one value"),
        ("{per: callee, wait: 7d, under: 2s}", "after: [abandoned]"),
        ("{per: callee, wait: 7d, after: busy, under: 2s}", "after: [abandoned]"),
    ],
)
def test_a_mistake_is_told_with_its_place(condition: str, expected: str) -> None:
    text = f"policy: p\nrevision: 1\nrules:\n- id: c\n  cooldown: {condition}\n  then: reject\n"
    with pytest.raises(PolicyError, match=r"^p\.yaml:5:") as caught:
        read_policy(text.encode(), Path("p.yaml"))
    assert expected in str(caught.value)


def test_memory_is_that_of_the_callees_in_the_window(rules: Any, attempt: Any) -> None:
    counters = MemoryCounters()
    policy = rules("- id: c\n  cooldown: {per: caller, wait: 10s}\n  then: reject\n")
    engine = Engine(policy, counters, MemoryLists())
    for number in range(2000):
        _, charge = engine.decide(attempt(callee=f"+49{number}"), float(number), 0.0)
        engine.ended(charge, None if number % 7 == 0 else Ended("busy"), float(number), 0.0)
    assert len(counters) <= 11
