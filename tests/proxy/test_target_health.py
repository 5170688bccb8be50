"""When a target is dead, and what revives it (design §6, Targets)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.proxy.target_health import Change, TargetHealth


def test_a_transport_error_kills_and_any_response_but_503_revives() -> None:
    health = TargetHealth(is_probed=True)
    assert health.failed(1.0) is Change.DIED
    assert health.failed(2.0) is Change.NONE
    assert health.heard(503) is Change.NONE
    assert health.is_dead(1e9)
    assert health.heard(100) is Change.REVIVED
    assert not health.is_dead(3.0)


def test_three_missed_probes_in_a_row_kill_who_has_ever_answered_one() -> None:
    health = TargetHealth(is_probed=True)
    health.probe_answered(200)
    assert [health.probe_missed(1.0) for _ in range(3)] == [
        Change.NONE,
        Change.NONE,
        Change.DIED,
    ]


def test_who_never_answered_a_probe_is_not_killed_by_silence() -> None:
    health = TargetHealth(is_probed=True)
    assert {health.probe_missed(1.0) for _ in range(20)} == {Change.NONE}
    assert not health.is_dead(2.0)


@pytest.mark.parametrize("status", [200, 404, 503])
def test_any_answer_ends_a_row_of_misses(status: int) -> None:
    health = TargetHealth(is_probed=True)
    health.probe_answered(200)
    health.probe_missed(1.0)
    health.probe_missed(2.0)
    health.probe_answered(status)
    health.probe_missed(3.0)
    assert not health.is_dead(4.0)


def test_a_503_to_a_probe_revives_nobody() -> None:
    health = TargetHealth(is_probed=True)
    health.failed(1.0)
    assert health.probe_answered(503) is Change.NONE
    assert health.is_dead(2.0)
    assert health.probe_answered(200) is Change.REVIVED


def test_without_probes_a_dead_target_has_another_chance_after_a_minute() -> None:
    health = TargetHealth(is_probed=False)
    health.failed(100.0)
    assert health.is_dead(159.9)
    assert not health.is_dead(160.0)


@given(st.lists(st.sampled_from(["heard", "503", "failed", "answered", "missed"])))
def test_it_dies_and_revives_in_turn(reports: list[str]) -> None:
    health, now, changes = TargetHealth(is_probed=True), 0.0, list[Change]()
    for report in reports:
        now += 1.0
        match report:
            case "heard":
                changes.append(health.heard(200))
            case "503":
                changes.append(health.heard(503))
            case "failed":
                changes.append(health.failed(now))
            case "answered":
                changes.append(health.probe_answered(200))
            case _:
                changes.append(health.probe_missed(now))
    turns = [change for change in changes if change is not Change.NONE]
    assert turns[::2] == [Change.DIED] * len(turns[::2])
    assert turns[1::2] == [Change.REVIVED] * len(turns[1::2])
    assert health.is_dead(now) is (len(turns) % 2 == 1)
