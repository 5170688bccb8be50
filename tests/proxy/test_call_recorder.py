"""Calls end, and in the end nothing of them is left."""

import pytest

from .house import House

SHORT = 'max-call = "1m"'


def test_a_call_that_an_operator_ended_is_forgotten_when_it_could_not_last_longer() -> None:
    house = House(gate=SHORT)
    house.call_up()
    [call] = house.parts.calls
    now = house.clock.now()
    outcome = call.outcome("answered", 200, now, ended_by="gate", reason="ended by an operator")
    house.parts.recorder.ended(call, outcome, now, keep=True)

    house.waits(50)
    assert len(house.parts.calls) == 1  # its tags still open the dialog
    house.waits(50)
    assert len(house.parts.calls) == 0


@pytest.mark.parametrize("lasts", [30, 130])
def test_two_calls_in_one_dialog_that_nobody_ends_are_both_forgotten(lasts: int) -> None:
    house = House(gate=SHORT)
    house.call_up()
    house.waits(1)
    house.phone.in_dialog(
        "INVITE",
        branch="r1",
        uri="sip:+13055550002@10.9.0.9:5080",
        headers=["Contact: <sip:4711@10.1.0.7>"],
    )
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.heard()
    assert len(house.parts.calls) == 2

    house.waits(lasts)

    assert len(house.parts.calls) == (2 if lasts == 30 else 0)


ONE_ANSWER = (
    "[{id: talked, rate: {per: [caller, callee], limit: 1, window: 1h, count: answered},"
    " then: {reject: 480}},"
    " {id: no, rate: {per: callee, limit: 1, window: day, count: refused-by-callee},"
    " then: {reject: 403}}]"
)


def test_a_call_counts_as_answered_when_its_2xx_comes() -> None:
    house = House(rules=ONE_ANSWER)
    house.phone.calls(call_id="1")
    house.phone.calls(call_id="2", branch="b2")  # rings at the same time: nobody has talked yet
    house.writes()
    house.heard()
    house.trunk.answers(180)
    house.trunk.answers(200)
    house.heard()
    house.phone.calls(call_id="3", branch="b3")
    house.writes()
    assert [entry.rule for entry in house.decisions] == [None, None, "talked"]


def test_a_callee_who_has_refused_is_counted_also_after_a_restart() -> None:
    house = House(rules=ONE_ANSWER)
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(607)
    house.heard()
    house.phone.calls(call_id="2", branch="b2")
    house.writes()
    assert house.decisions[-1].rule == "no"
    house = house.restarts()
    house.waits(40)
    house.phone.calls(call_id="3", branch="b3")
    house.writes()
    assert house.decisions[-1].rule == "no"
    house.waits(90_000)
    house.phone.calls(call_id="4", branch="b4")
    house.writes()
    assert house.decisions[-1].verdict == "allow"


TRUST = (
    "[{id: barred, list: {name: refusals, of: caller}, then: {reject: 403}},"
    " {id: suspended, trust: {per: caller, below: 95}, then: {reject: 403}}]"
)


def test_each_change_of_a_standing_is_an_act_with_its_reason_and_the_call() -> None:
    house = House(rules=TRUST)
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(607)
    house.heard()
    house.writes()
    [changed] = [act for act in house.acts if act.kind == "standing_changed"]
    assert changed.detail == {
        "subject": "hq/4711",
        "before": 100,
        "after": 96,
        "reason": "refused by the callee",
        "decision": house.decisions[0].seq,
    }


def test_a_standing_is_the_same_after_a_restart() -> None:
    house = House(rules=TRUST)
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(607)
    house.heard()
    house.lists.replace("refusals", {"hq/4711"}, as_of=0.0)
    house.phone.calls(call_id="2", branch="b2")
    house.writes()
    assert [act.detail["after"] for act in house.acts if act.kind == "standing_changed"] == [96, 94]
    house = house.restarts()
    house.waits(40)
    house.phone.calls(call_id="3", branch="b3")
    house.writes()
    assert house.decisions[-1].rule == "suspended"
    assert house.decisions[-1].steps[-1]["standing"] == 94
