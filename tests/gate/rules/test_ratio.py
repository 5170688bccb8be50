"""`ratio`: shares of the calls that ended, strictly passed, over enough of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sipgate.counters import Ended, MemoryCounters
from sipgate.gate import Engine, MemoryLists, PolicyError, read_policy

MakeGate = Callable[..., Any]
DAY = 86_400.0
SHORT = "{per: campaign, of: short, under: 6s, share: 0.15, sample: 20, window: 30d}"


def with_ratio(gate: MakeGate, condition: str, then: str = "{reject: 403}") -> Any:
    return gate(f"- id: r\n  ratio: {condition}\n  then: {then}\n")


def answered(g: Any, count: int, talk_ms: int = 60_000, ended_by: str = "callee") -> None:
    for _ in range(count):
        charge = g.admit()
        g.answer(charge)
        g.end(charge, talk_ms=talk_ms, ended_by=ended_by)


def ended(g: Any, count: int, kind: str, **fields: Any) -> None:
    for _ in range(count):
        g.end(g.admit(), kind, **fields)


def test_it_holds_when_the_share_is_passed_not_when_it_is_reached(gate: MakeGate) -> None:
    g = with_ratio(gate, SHORT)
    answered(g, 17)
    answered(g, 3, talk_ms=5999)
    assert g.call().verdict == "allow"  # 3 of 20 are 15 %
    answered(g, 1, talk_ms=5999)
    assert g.call().verdict == "reject"


def test_a_short_call_is_shorter_than_under(gate: MakeGate) -> None:
    g = with_ratio(gate, SHORT)
    answered(g, 40, talk_ms=6000)
    assert g.call().steps[0].values["count"] == 0


def test_it_never_holds_before_the_sample_is_reached(gate: MakeGate) -> None:
    g = with_ratio(gate, SHORT)
    answered(g, 19, talk_ms=0)
    assert g.call().verdict == "allow"
    answered(g, 1, talk_ms=60_000)
    assert g.call().verdict == "reject"


@pytest.mark.parametrize("of", ["short", "abandoned"])
def test_of_answered_calls_only(gate: MakeGate, of: str) -> None:
    g = with_ratio(gate, f"{{per: caller, of: {of}, share: 0, sample: 1, window: 1d}}")
    ended(g, 5, "busy")
    ended(g, 5, "cancelled", cancelled=True)
    ended(g, 5, "refused")
    assert g.call().steps[0].values["sample"] == 0
    answered(g, 1, talk_ms=1, ended_by="caller")
    values = g.call().steps[0].values
    assert (values["count"], values["sample"], values["share"]) == (1, 1, 1000)


def test_a_call_that_was_answered_and_then_refused_was_answered(gate: MakeGate) -> None:
    g = with_ratio(gate, "{per: caller, of: short, share: 0.5, sample: 1, window: 1d}")
    charge = g.admit()
    g.answer(charge)
    g.end(charge, "refused", talk_ms=900, ended_by="callee")
    assert g.call().verdict == "reject"


@pytest.mark.parametrize("of", ["unanswered", "cancelled"])
def test_of_all_calls_that_were_let_through_and_ended(gate: MakeGate, of: str) -> None:
    g = gate(
        "- id: out\n  when: {campaign: no}\n  concurrent: {per: caller, limit: 0}\n  then: reject\n"
        f"- id: r\n  ratio: {{per: caller, of: {of}, share: 0.499, sample: 1, window: 1d}}\n"
        "  then: {tag: {X-A: x}}\n"
    )
    g.calls(3, campaign="no")  # refused: not let through
    g.admit()  # in progress: not ended
    answered(g, 1)
    ended(g, 1, "failed")
    ended(g, 2, of)
    values = g.call().steps[-1].values
    assert (values["count"], values["sample"], values["share"]) == (2, 4, 500)
    assert g.call().verdict == "tag"


@pytest.mark.parametrize(
    ("of", "kind", "fields"),
    [
        ("short", "answered", {"talk_ms": 1}),
        ("abandoned", "answered", {"talk_ms": 1}),
        ("unanswered", "unanswered", {}),
        ("cancelled", "cancelled", {}),
    ],
)
def test_a_call_whose_end_was_lost_is_in_no_numerator(
    gate: MakeGate, of: str, kind: str, fields: dict[str, Any]
) -> None:
    g = with_ratio(gate, f"{{per: caller, of: {of}, share: 0, sample: 1, window: 1d}}")
    ended(g, 1, kind, ended_by="lost", **fields)
    values = g.call().steps[0].values
    assert (values["count"], values["sample"]) == (0, 1)


@pytest.mark.parametrize(
    ("talk_ms", "by", "count"), [(1999, "caller", 1), (2000, "caller", 0), (5, "callee", 0)]
)
def test_an_abandoned_call_was_ended_at_once_by_the_callers_side(
    gate: MakeGate, talk_ms: int, by: str, count: int
) -> None:
    g = with_ratio(gate, "{per: caller, of: abandoned, share: 0.03, sample: 1, window: 24h}")
    answered(g, 1, talk_ms=talk_ms, ended_by=by)
    assert g.call().steps[0].values["count"] == count


def test_a_call_is_in_the_window_by_the_time_it_ended(gate: MakeGate) -> None:
    g = with_ratio(gate, "{per: caller, of: short, share: 0, sample: 1, window: 30d}")
    charge = g.admit()
    g.answer(charge)
    g.wait(30 * DAY)
    g.end(charge, talk_ms=1)
    g.wait(30 * DAY - 0.000_001)
    assert g.call().verdict == "reject"
    g.wait(0.000_001)
    assert g.call().verdict == "allow"


def test_a_calendar_window_begins_anew(gate: MakeGate) -> None:
    g = with_ratio(
        gate,
        "{per: caller, of: short, share: 0.05, sample: 1, window: month}",
        "{tag: {X-A: '{share} {limit} {count} {sample} {window}'}}",
    )
    answered(g, 1, talk_ms=1)
    answered(g, 2)
    decision = g.call()
    assert decision.tags == (("X-A", "33.4 % 5.0 % 1 3 month"),)
    assert decision.steps[0].values["since"] == 1_788_220_800  # 2026-09-01T00:00Z
    g.wait(10 * DAY)
    assert g.call().verdict == "allow"


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (
            "short, under: 6s",
            "2 of 3 answered calls shorter than 6s (66.7 %) in 30d per campaign; "
            "at most 15.0 % of 2 calls or more",
        ),
        (
            "abandoned",
            "1 of 3 answered calls ended by the caller's side within 2s, inferred to be "
            "abandoned (33.4 %) in 30d per campaign; at most 15.0 % of 2 calls or more",
        ),
        (
            "cancelled",
            "1 of 4 ended calls cancelled (25.0 %) in 30d per campaign; "
            "at most 15.0 % of 2 calls or more",
        ),
    ],
)
def test_it_explains_itself(gate: MakeGate, of: str, expected: str) -> None:
    g = with_ratio(
        gate,
        f"{{per: campaign, of: {of}, share: 0.15, sample: 2, window: 30d}}",
        "{tag: {X-A: x}}",
    )
    answered(g, 1)
    answered(g, 1, talk_ms=1000, ended_by="caller")
    answered(g, 1, talk_ms=3000, ended_by="caller")
    ended(g, 1, "cancelled")
    step = g.call().steps[0]
    assert g.engine.policy.rules[0].condition.explain(step.held, step.values) == expected


def test_the_record_keeps_whole_numbers(gate: MakeGate) -> None:
    g = with_ratio(gate, SHORT)
    answered(g, 20, talk_ms=0)
    decision = g.call()
    assert decision.steps[0].record() == {
        "rule": "r",
        "held": True,
        "count": 20,
        "sample": 20,
        "share": 1000,
        "limit": 150,
        "window": "30d",
        "since": 1_787_408_000,
    }


def test_rules_that_differ_in_share_and_sample_share_their_counts(
    gate: MakeGate, rules: Any
) -> None:
    low = SHORT.replace("0.15", "0.1").replace("sample: 20", "sample: 10")
    g = gate(
        f"- id: low\n  ratio: {low}\n  then: {{tag: {{X-A: '{{share}}'}}}}\n"
        f"- id: high\n  ratio: {SHORT}\n  then: reject\n"
    )
    answered(g, 17)
    answered(g, 2, talk_ms=1)
    decision = g.call()
    assert (decision.verdict, decision.rule) == ("tag", "low")
    assert len(g.counters) == 1
    stricter = rules(f"- id: r\n  ratio: {SHORT.replace('0.15', '0.01')}\n  then: reject\n")
    assert not g.engine.draft(stricter).needs_history


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{per: caller, of: short, window: 1d}", '"share"'),
        ("{per: caller, of: shrt, share: 0.1, window: 1d}", 'did you mean "short"'),
        ("{per: caller, of: short, share: 15, window: 1d}", "from 0 to 0.999"),
        ("{per: caller, of: short, share: 1, window: 1d}", "from 0 to 0.999"),
        ("{per: caller, of: short, share: 0.1234, window: 1d}", "up to three decimals"),
        ("{per: caller, of: short, share: '0.1', window: 1d}", "up to three decimals"),
        ("{per: caller, of: busy, share: 0.1, window: 1d}", "short, abandoned"),
        ("{per: caller, of: cancelled, under: 2s, share: 0.1, window: 1d}", "no under"),
        ("{per: caller, of: short, share: 0.1, window: 0s}", "a duration from 1s"),
    ],
)
def test_a_mistake_is_told_with_its_place(condition: str, expected: str) -> None:
    text = f"policy: p\nrevision: 1\nrules:\n- id: c\n  ratio: {condition}\n  then: reject\n"
    with pytest.raises(PolicyError, match=r"^p\.yaml:5:") as caught:
        read_policy(text.encode(), Path("p.yaml"))
    assert expected in str(caught.value)


def test_idle_keys_vanish(rules: Any, attempt: Any) -> None:
    counters = MemoryCounters()
    policy = rules(
        "- id: r\n  ratio: {per: caller, of: cancelled, share: 0.5, window: 10s}\n  then: reject\n"
    )
    engine = Engine(policy, counters, MemoryLists())
    for number in range(2000):
        _, charge = engine.decide(attempt(caller=f"hq/{number}"), float(number), 0.0)
        engine.ended(charge, Ended("cancelled"), float(number), 0.0)
    assert len(counters) <= 11
