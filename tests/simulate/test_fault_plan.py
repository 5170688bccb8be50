"""What a seed draws: faults, weather and calls."""

from random import Random

import pytest

from sipgate.simulate.call_plan import Dialling, draw_calls
from sipgate.simulate.fault_plan import FAULTS_UNTIL, draw_faults

DIALLING = Dialling(("1", "2"), ("+13055550001", "+13055550002"), "911")
SEEDS = range(300)


def test_a_seed_draws_the_same_again() -> None:
    assert draw_faults(Random(7)) == draw_faults(Random(7))
    assert draw_calls(Random(7), DIALLING) == draw_calls(Random(7), DIALLING)


def test_every_kind_of_trouble_is_drawn_and_some_plays_have_none() -> None:
    plans = [draw_faults(Random(seed)) for seed in SEEDS]
    kinds = {trouble.kind for plan in plans for trouble in plan.troubles}
    assert kinds == {
        "gate killed",
        "callee cut off",
        "disk stalls",
        "disk fails",
        "clock steps",
    }
    assert any(not plan.troubles for plan in plans)


@pytest.mark.parametrize("seed", SEEDS[:50])
def test_troubles_of_a_kind_come_one_after_the_other(seed: int) -> None:
    plan = draw_faults(Random(seed))
    for trouble in plan.troubles:
        assert 0 <= trouble.at <= FAULTS_UNTIL
        following = [one for one in plan.of_kind(trouble.kind) if one.at > trouble.at]
        assert all(one.at > trouble.ends_at for one in following)


def test_calls_come_in_the_order_of_their_start_and_some_use_names_again() -> None:
    plans = [draw_calls(Random(seed), DIALLING) for seed in SEEDS]
    assert all(calls == sorted(calls, key=lambda call: call.at) for calls in plans)
    assert any(len({call.call_id for call in calls}) < len(calls) for calls in plans)
    assert any(call.is_emergency and call.number == "911" for calls in plans for call in calls)


def test_without_an_emergency_number_nobody_dials_one() -> None:
    quiet = Dialling(("1",), ("+13055550001",), None)
    calls = [call for seed in SEEDS for call in draw_calls(Random(seed), quiet)]
    assert not any(call.is_emergency for call in calls)
