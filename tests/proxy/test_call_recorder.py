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
