"""`sipgate policy rooms`: the aim of detection, over a fixed set of seeds, and what it prints."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sipgate.cli.program import program
from sipgate.cli.rooms import RoomVerdict, own_config, play_room
from sipgate.gate import load_policy
from sipgate.simulate import load_scenario

ROOT = Path(__file__).resolve().parents[2]
DETECTION = ROOT / "policies/detection.yaml"
ROOMS = ROOT / "examples/scenarios/rooms"
SCENARIOS = sorted(ROOMS.glob("*.yaml"))
EXPECTED = {path.stem: load_scenario(path).expect for path in SCENARIOS}
ABUSIVE = sorted(name for name, expect in EXPECTED.items() if expect == "abusive")
LAWFUL = sorted(name for name, expect in EXPECTED.items() if expect == "lawful")
LONGEST = {"debt": None, "lawful-centre": 900.0}  # seconds that are played; others: ten minutes
SOON = 660.0


def played(name: str, seed: int, longest: float | None) -> RoomVerdict:
    scenario = load_scenario(ROOMS / f"{name}.yaml")
    assert scenario.duration is not None
    duration = scenario.duration if longest is None else min(scenario.duration, longest)
    seeded = scenario.model_copy(update={"seed": seed, "duration": duration})
    return play_room(seeded, own_config(), load_policy(DETECTION))


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(program, ["policy", "rooms", *map(str, arguments)])
    return result.exit_code, result.output


def test_there_are_rooms_of_both_kinds() -> None:
    assert len(ABUSIVE) >= 10
    assert len(LAWFUL) >= 4


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", ABUSIVE)
def test_an_abusive_room_is_flagged_within_30_attempts_or_10_minutes(name: str, seed: int) -> None:
    verdict = played(name, seed, LONGEST.get(name, SOON))
    assert verdict.expect == "abusive"
    assert verdict.is_as_expected, verdict


@pytest.mark.parametrize("name", LAWFUL)
def test_of_a_lawful_room_nothing_is_rejected(name: str) -> None:
    verdict = played(name, 1, LONGEST.get(name))
    assert (verdict.expect, verdict.rejected) == ("lawful", 0), verdict
    assert verdict.attempts > 100


def test_a_table_says_what_was_flagged_when_and_by_which_rule() -> None:
    code, output = run(DETECTION, ROOMS / "war-dial.yaml", "--seeds", 2)
    assert code == 0
    assert "a sequential war-dial  abusive" in output
    assert "machine" in output
    assert "2 of 2 abusive plays flagged within 30 attempts or 10 minutes" in output
    assert "2 plays of each: shown is the latest first flag, and the sum of calls" in output


def test_a_policy_that_sees_nothing_fails(tmp_path: Path) -> None:
    blind = tmp_path / "blind.yaml"
    blind.write_text(
        "policy: blind\nrevision: 1\nrules:\n"
        "- {id: a, rate: {per: caller, limit: 900, window: day}, then: reject}\n"
    )
    code, output = run(blind, ROOMS / "wangiri.yaml", "--json")
    told = json.loads(output)
    assert code == 1
    assert (told["flagged_at"], told["rejected"], told["as_expected"]) == (None, 0, False)


def test_a_policy_that_rejects_lawful_calls_fails(tmp_path: Path) -> None:
    harsh = tmp_path / "harsh.yaml"
    harsh.write_text(
        "policy: harsh\nrevision: 1\nrules:\n"
        "- {id: a, rate: {per: caller, limit: 5, window: day}, then: reject}\n"
    )
    code, output = run(harsh, ROOMS / "practice.yaml", "--json")
    told = json.loads(output)
    assert code == 1
    assert (told["rule"], told["flagged_at"] > 5, told["rejected"] > 0) == ("a", True, True)


def verdict(expect: str | None, flagged_at: int | None, minutes: float | None) -> RoomVerdict:
    return RoomVerdict(
        scenario="x",
        expect=expect,
        seed=1,
        attempts=100,
        callers=1,
        flagged_callers=0,
        tagged=0,
        rejected=0,
        flagged_at=flagged_at,
        flagged_minutes=minutes,
        rule=None,
        rejected_at=None,
    )


@pytest.mark.parametrize(
    ("flagged_at", "minutes", "is_soon"),
    [(30, 99.0, True), (31, 10.0, True), (31, 10.1, False), (None, None, False)],
)
def test_thirty_attempts_or_ten_minutes_are_soon_enough(
    flagged_at: int | None, minutes: float | None, is_soon: bool
) -> None:
    assert verdict("abusive", flagged_at, minutes).is_as_expected is is_soon


def test_a_room_of_which_nothing_is_expected_is_always_as_expected() -> None:
    assert verdict(None, None, None).is_as_expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((DETECTION, ROOT / "docs"), "no *.yaml in this folder"),
        ((DETECTION, ROOT / "nowhere.yaml"), "can't be read"),
        ((ROOMS / "wangiri.yaml", ROOMS), "unknown key"),
    ],
    ids=["an empty folder", "no file", "no policy"],
)
def test_bad_input_is_told(arguments: tuple[object, ...], said: str) -> None:
    result = CliRunner().invoke(program, ["policy", "rooms", *map(str, arguments)])
    assert result.exception is not None
    assert said in str(result.exception)
