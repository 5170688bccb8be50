"""Order, counting and monitor mode: what the engine makes of a policy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sipgate.counters import MemoryCounters
from sipgate.gate import Engine, MemoryLists, read_policy
from sipgate.gate.engine import Event

MakeGate = Callable[..., Any]

LIMIT_2 = """
- id: two
  rate: {per: caller, limit: 2, window: 1m}
  then: {reject: 403, reason: "limit of {limit} in {window}"}
"""


def test_a_policy_without_rules_allows(gate: MakeGate) -> None:
    decision = gate("  []").call()
    assert (decision.verdict, decision.rule, decision.steps) == ("allow", None, ())


def test_a_decision_cites_its_policy(gate: MakeGate) -> None:
    g = gate(LIMIT_2)
    decision = g.call()
    cited = (decision.policy, decision.revision, decision.policy_sha256)
    assert cited == ("test", "1", g.engine.policy.sha256)


def test_the_attempt_after_the_limit_is_refused_with_what_the_rule_saw(gate: MakeGate) -> None:
    g = gate(LIMIT_2)
    assert g.calls(2) == ["allow", "allow"]
    refused = g.call()
    assert (refused.verdict, refused.rule, refused.code) == ("reject", "two", 403)
    assert refused.reason == "limit of 2 in 1m"
    assert [step.record() for step in refused.steps] == [
        {"rule": "two", "held": True, "count": 2, "limit": 2, "window": "1m"}
    ]


def test_a_refusal_carries_its_reason_and_retry_after(gate: MakeGate) -> None:
    g = gate("""
- id: none
  rate: {per: caller, limit: 0, window: 1m}
  then: {reject: 480, reason: 'say "no" \\ once', retry-after: 1m}
""")
    refused = g.call()
    assert (refused.code, refused.reason, refused.retry_after) == (480, 'say "no" \\ once', 60)


def test_the_first_reject_or_allow_settles_and_later_rules_are_not_evaluated(
    gate: MakeGate,
) -> None:
    g = gate("""
- id: friends
  list: {name: friends}
  then: allow
- id: none
  rate: {per: caller, limit: 0, window: 1m}
  then: {reject: 403}
""")
    g.lists.replace("friends", {"+4930123456"}, as_of=0.0)
    decision = g.call()
    assert (decision.verdict, decision.rule) == ("allow", "friends")
    assert [step.rule for step in decision.steps] == ["friends"]
    assert g.call(callee="+4930999999").rule == "none"


def test_tags_add_up_and_the_first_tagging_rule_is_recorded(gate: MakeGate) -> None:
    g = gate("""
- id: one
  rate: {per: caller, limit: 0, window: 1m}
  then: {tag: {X-One: "{caller}"}}
- id: two
  rate: {per: caller, limit: 0, window: 1h}
  then: {tag: {X-Two: "{callee} {cli}", X-Three: "{{}}"}}
""")
    decision = g.call()
    assert (decision.verdict, decision.rule) == ("tag", "one")
    assert decision.tags == (
        ("X-One", "hq/4711"),
        ("X-Two", "+4930123456 none"),
        ("X-Three", "{}"),
    )


def test_tags_do_not_leave_with_a_refusal(gate: MakeGate) -> None:
    g = gate("""
- id: tagged
  rate: {per: caller, limit: 0, window: 1m}
  then: {tag: {X-One: x}}
- id: refused
  rate: {per: caller, limit: 0, window: 1h}
  then: reject
""")
    decision = g.call()
    assert (decision.verdict, decision.rule, decision.tags) == ("reject", "refused", ())


def test_a_later_allow_settles_but_the_tags_leave(gate: MakeGate) -> None:
    g = gate("""
- id: tagged
  rate: {per: caller, limit: 0, window: 1m}
  then: {tag: {X-One: x}}
- id: passed
  rate: {per: caller, limit: 0, window: 1h}
  then: allow
""")
    decision = g.call()
    assert (decision.verdict, decision.rule, decision.tags) == (
        "allow",
        "passed",
        (("X-One", "x"),),
    )


def test_refused_attempts_count_so_whoever_keeps_dialling_stays_out(gate: MakeGate) -> None:
    g = gate(LIMIT_2)
    g.calls(2)
    verdicts = []
    for _ in range(5):
        g.wait(29)
        verdicts.append(g.call().verdict)
    assert verdicts == ["reject"] * 5
    g.wait(60)
    assert g.call().verdict == "allow"


def test_exactly_the_window_ago_is_out(gate: MakeGate) -> None:
    g = gate(LIMIT_2)
    g.calls(2)
    g.wait(60 - 0.000001)
    assert g.call().verdict == "reject"
    h = gate(LIMIT_2)
    h.calls(2)
    h.wait(60)
    assert h.call().verdict == "allow"


def test_a_rule_counts_attempts_that_evaluation_never_brought_to_it(gate: MakeGate) -> None:
    g = gate("""
- id: refusals
  list: {name: refusals}
  then: reject
- id: two
  rate: {per: caller, limit: 2, window: 1m}
  then: {reject: 486}
""")
    g.lists.replace("refusals", {"+491"}, as_of=0.0)
    assert g.calls(2, callee="+491") == ["reject", "reject"]
    assert g.call(callee="+492").code == 486


def test_admitted_counts_only_what_was_let_through(gate: MakeGate) -> None:
    g = gate("""
- id: refusals
  list: {name: refusals}
  then: reject
- id: two
  rate: {per: caller, limit: 2, window: 1m, count: admitted}
  then: reject
""")
    g.lists.replace("refusals", {"+491"}, as_of=0.0)
    g.calls(5, callee="+491")
    assert g.calls(4, callee="+492") == ["allow", "allow", "reject", "reject"]


def test_a_rule_counts_only_what_its_when_selects(gate: MakeGate) -> None:
    g = gate("""
- id: one
  when: {campaign: loans}
  rate: {per: caller, limit: 1, window: 1m}
  then: reject
""")
    assert g.calls(3, campaign="courses") == ["allow"] * 3
    assert g.calls(2, campaign="loans") == ["allow", "reject"]


def test_two_rules_with_one_definition_count_an_attempt_once(gate: MakeGate) -> None:
    g = gate("""
- id: soon
  rate: {per: caller, limit: 2, window: 1m}
  then: {tag: {X-A: "{count}/{limit}"}}
- id: over
  rate: {per: [caller], limit: 4, window: 60s}
  then: reject
""")
    assert g.calls(5) == ["allow", "allow", "tag", "tag", "reject"]
    assert g.call().steps[0].values["count"] == 4


def test_several_limits_hold_when_any_is_reached(gate: MakeGate) -> None:
    g = gate("""
- id: both
  rate: {per: caller, limits: [{limit: 2, window: 1m}, {limit: 3, window: 1h}], count: admitted}
  then: {reject: 403, reason: "{count} of {limit} in {window}"}
""")
    assert g.calls(2) == ["allow", "allow"]
    assert g.call().reason == "2 of 2 in 1m"
    g.wait(60)
    assert g.call().verdict == "allow"
    assert g.call().reason == "3 of 3 in 1h"


def test_a_missing_key_part_is_shared_by_all_that_lack_it(gate: MakeGate) -> None:
    g = gate("""
- id: one
  rate: {per: [campaign, source], limit: 1, window: 1m}
  then: reject
""")
    assert g.call(caller="hq/1").verdict == "allow"
    assert g.call(caller="hq/2").verdict == "reject"
    assert g.call(caller="hq/2", campaign="x").verdict == "allow"


def test_distinct_callees_lets_a_known_one_pass_at_the_cap(gate: MakeGate) -> None:
    g = gate("""
- id: pool
  rate: {per: caller, limit: 2, window: 1h, count: distinct-callees}
  then: reject
""")
    assert [g.call(callee=c).verdict for c in ("+1", "+2", "+3", "+1", "+3", "+2")] == [
        "allow",
        "allow",
        "reject",
        "allow",
        "reject",
        "allow",
    ]


def test_until_says_when_a_place_is_free(gate: MakeGate) -> None:
    g = gate("""
- id: one
  rate: {per: caller, limit: 1, window: 1m}
  then: {reject: 403, reason: "{until}"}
- id: day
  rate: {per: source, limit: 0, window: day}
  then: {reject: 403, reason: "{until}"}
""")
    g.wait(0.5)
    assert g.call().reason == "none"
    assert g.call().reason == "2026-09-21 14:14:21"


def test_a_control_character_in_a_value_never_reaches_a_header(gate: MakeGate) -> None:
    g = gate("""
- id: none
  rate: {per: caller, limit: 0, window: 1m}
  then: {tag: {X-A: "to {callee}"}}
""")
    assert g.call(callee="a\r\nVia: b").tags == (("X-A", "to a  Via: b"),)


def test_concurrent_counts_calls_that_are_not_over(gate: MakeGate, attempt: Any) -> None:
    g = gate("""
- id: lines
  concurrent: {per: caller, limit: 2}
  then: {reject: 486, reason: "{count} of {limit} lines"}
""")
    charges = [g.engine.decide(attempt(), g.now, g.time)[1] for _ in range(2)]
    assert g.call().reason == "2 of 2 lines"
    g.engine.ended(charges[0], None, g.now, 0.0)
    g.engine.ended(charges[0], None, g.now, 0.0)
    assert g.calls(2) == ["allow", "reject"]


def test_an_emergency_call_is_allowed_and_counts_nowhere(gate: MakeGate) -> None:
    g = gate("""
- id: none
  rate: {per: caller, limit: 0, window: 1m}
  then: reject
""")
    decision = g.call(callee="112", callee_kind="emergency")
    assert (decision.verdict, decision.steps) == ("allow", ())
    assert (len(g.counters), g.engine.calls_in_progress) == (0, 0)


@pytest.mark.parametrize("where", ["rule", "gate"])
def test_a_monitored_rule_is_recorded_and_does_nothing(gate: MakeGate, where: str) -> None:
    mode = "  mode: monitor\n" if where == "rule" else ""
    g = gate(LIMIT_2 + mode, monitor=where == "gate")
    g.calls(2)
    decision = g.call()
    assert (decision.verdict, decision.rule, decision.code) == ("allow", None, None)
    assert decision.would == ("reject", "two", "limit of 2 in 1m")


def test_a_policy_in_monitor_mode_lets_all_through_as_admitted(attempt: Any, rules: Any) -> None:
    text = """policy: p
revision: 1
mode: monitor
rules:
- id: one
  rate: {per: caller, limit: 1, window: 1m, count: admitted}
  then: {reject: 403, reason: "{count}"}
- id: tagged
  rate: {per: caller, limit: 0, window: 1m}
  then: {tag: {X-A: x}}
"""
    engine = Engine(read_policy(text.encode(), Path("p")), MemoryCounters(), MemoryLists())
    seen = [engine.decide(attempt(), 1.0, 1.0)[0] for _ in range(3)]
    assert [d.verdict for d in seen] == ["allow"] * 3
    assert [d.tags for d in seen] == [()] * 3
    assert seen[0].would == ("tag", "tagged", None)
    assert seen[2].would == ("reject", "one", "1")


def test_a_monitored_rule_never_ends_evaluation(gate: MakeGate) -> None:
    g = gate("""
- id: watched
  mode: monitor
  rate: {per: caller, limit: 0, window: 1m}
  then: {reject: 486, reason: watched}
- id: real
  rate: {per: caller, limit: 0, window: 1h}
  then: {reject: 403, reason: real}
""")
    decision = g.call()
    assert (decision.rule, decision.reason) == ("real", "real")
    assert decision.would == ("reject", "watched", "watched")


def test_a_tag_before_an_enforced_reject_would_not_change_it(gate: MakeGate) -> None:
    g = gate("""
- id: watched
  mode: monitor
  rate: {per: caller, limit: 0, window: 1m}
  then: {tag: {X-A: x}}
- id: real
  rate: {per: caller, limit: 0, window: 1h}
  then: {reject: 403, reason: real}
""")
    assert g.call().would is None


def test_a_reload_keeps_counters_with_equal_definitions(gate: MakeGate, rules: Any) -> None:
    g = gate(LIMIT_2)
    g.calls(2)
    g.engine.reload(rules(LIMIT_2.replace("id: two", "id: other").replace("1m", "60s")))
    decision = g.call()
    assert (decision.verdict, decision.rule) == ("reject", "other")


def test_a_reload_with_a_higher_limit_keeps_the_count(gate: MakeGate, rules: Any) -> None:
    g = gate(LIMIT_2)
    g.calls(2)
    g.engine.reload(rules(LIMIT_2.replace("limit: 2", "limit: 3")))
    assert g.calls(2) == ["allow", "reject"]


def test_a_draft_has_its_history_and_what_happened_meanwhile(
    gate: MakeGate, rules: Any, attempt: Any
) -> None:
    g = gate(LIMIT_2)
    new = rules("""
- id: hour
  rate: {per: caller, limit: 5, window: 1h, count: admitted}
  then: reject
""")
    draft = g.engine.draft(new)
    assert draft.needs_history
    assert g.calls(3) == ["allow", "allow", "reject"]
    for _ in range(2):
        draft.happened(Event(attempt(), 900_000_000, 0, 0.0))
    assert g.engine.policy.name == "test"
    g.engine.adopt(draft)
    assert g.calls(2) == ["allow", "reject"]


def test_calls_in_progress_find_their_places_in_a_new_gauge(
    gate: MakeGate, rules: Any, attempt: Any
) -> None:
    line = "- id: line\n  concurrent: {per: caller, limit: 1}\n  then: reject\n"
    g = gate(LIMIT_2)
    charge = g.engine.decide(attempt(), g.now, g.time)[1]
    g.engine.reload(rules(line))
    assert g.call().verdict == "reject"
    g.engine.reload(rules(LIMIT_2))
    g.engine.reload(rules(line))
    assert g.call().verdict == "reject"
    g.engine.ended(charge, None, g.now, g.time)
    assert g.call().verdict == "allow"


def test_answered_calls_count_from_their_answer_on(gate: MakeGate) -> None:
    g = gate(
        "- id: a\n  rate: {per: caller, limit: 1, window: 1h, count: answered}\n  then: reject\n"
    )
    first, second = g.admit(), g.admit()
    g.answer(first)
    assert g.call().verdict == "reject"
    g.wait(3599.999)
    g.answer(second)
    g.wait(0.001)
    assert g.call().verdict == "reject"
    g.wait(3600.0)
    assert g.call().verdict == "allow"


def test_a_call_counts_once_however_it_is_answered_and_ended(gate: MakeGate) -> None:
    g = gate(
        "- id: a\n  rate: {per: caller, limit: 2, window: 1h, count: refused-by-callee}\n"
        "  then: reject\n"
    )
    charge = g.admit()
    g.answer(charge)
    g.end(charge, "refused", talk_ms=900)
    g.end(charge, "refused", talk_ms=900)
    other = g.admit()
    g.end(other, "busy")
    assert g.call().verdict == "allow"


def test_an_outcome_counts_where_when_selected_the_attempt(gate: MakeGate) -> None:
    g = gate(
        "- id: a\n  when: {campaign: pool}\n"
        "  rate: {per: source, limit: 1, window: 1h, count: answered}\n  then: reject\n"
    )
    g.answer(g.admit(campaign="other"))
    assert g.call(campaign="pool").verdict == "allow"
    g.answer(g.admit(campaign="pool"))
    assert g.call(campaign="pool").verdict == "reject"
    assert g.call(campaign="other").verdict == "allow"
