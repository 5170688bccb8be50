"""`sipgate simulate FILE --virtual`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sipgate.cli.failure import BadInput
from sipgate.cli.program import program

ROOT = Path(__file__).resolve().parents[2]
ARTICLE = ROOT / "examples/scenarios/article.yaml"
QUICKSTART = ROOT / "examples/quickstart/sipgate.toml"
ROOM = """scenario: one agent
gate: 127.0.0.1:5060
transport: {transport}
calls: 12
rooms:
  - name: sales
    agents: {{extension: "4711"}}
    numbers: {{first: "+13055560000", count: 100}}
    every: 10s
    called: {{answered: 1.0, rings: 1s-2s}}
    talk: 2s-3s
"""
STRICT = """policy: strict
revision: 1
rules:
  - id: five
    rate: {per: caller, limit: 5, window: 1h}
    then: {reject: 603, reason: "five are enough"}
"""


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(program, ["simulate", *map(str, arguments), "--virtual"])
    return result.exit_code, result.output


@pytest.fixture
def room(tmp_path: Path) -> Path:
    file = tmp_path / "room.yaml"
    file.write_text(ROOM.format(transport="udp"))
    return file


def test_the_article_is_played_in_no_time_with_the_table_of_a_real_room() -> None:
    code, output = run(ARTICLE, "-c", QUICKSTART)
    assert code == 0
    assert "The report's rooms, in small → gate-1, simulated" in output
    assert "first refused at call 61: 403 limit of 60 calls in 1m reached." in output
    assert "2 other agents: every call let through." in output


def test_the_same_scenario_comes_to_the_same_again() -> None:
    first, again = (json.loads(run(ARTICLE, "-c", QUICKSTART, "--json")[1]) for _ in range(2))
    assert first == again


def test_what_the_room_saw_is_what_the_ledger_has() -> None:
    told = json.loads(run(ARTICLE, "-c", QUICKSTART, "--json")[1])
    by_verdict = {one["verdict"]: one["calls"] for one in told["decisions"]}
    totals = told["totals"]
    assert by_verdict == {
        "allow": totals["allowed"],
        "tag": totals["tagged"],
        "reject": totals["refused"],
    }
    assert totals["attempts"] == sum(by_verdict.values())
    assert totals["unclear"] == totals["open"] == 0


def test_another_policy_is_tried_without_touching_the_configuration(
    room: Path, tmp_path: Path
) -> None:
    strict = tmp_path / "strict.yaml"
    strict.write_text(STRICT)
    _, output = run(room, "-c", QUICKSTART, "--policy", strict)
    assert "first refused at call 6: 603 five are enough." in output
    assert sorted(tmp_path.iterdir()) == sorted([room, strict])  # nothing was written


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_room_calls_over_its_transport_and_ends_with_its_last_call(
    tmp_path: Path, transport: str
) -> None:
    file = tmp_path / "room.yaml"
    file.write_text(ROOM.format(transport=transport))
    told = json.loads(run(file, "-c", QUICKSTART, "--json")[1])
    assert (told["totals"]["attempts"], told["totals"]["answered"]) == (12, 12)
    assert 110 < told["elapsed_seconds"] < 130


def test_a_pace_of_ones_own_divides_the_time(room: Path) -> None:
    told = json.loads(run(room, "-c", QUICKSTART, "--json", "--pace", "10")[1])
    assert told["totals"]["attempts"] == 12
    assert 11 < told["elapsed_seconds"] < 17


@pytest.mark.parametrize(
    "arguments",
    [["--gate", "127.0.0.1:5060", "--virtual"], ["-c", "sipgate.toml"], ["--policy", "p.yaml"]],
    ids=["gate", "configuration", "policy"],
)
def test_what_does_not_go_together_is_said(room: Path, arguments: list[str]) -> None:
    result = CliRunner().invoke(program, ["simulate", str(room), *arguments])
    assert isinstance(result.exception, BadInput)


def test_a_gate_that_does_not_listen_on_the_rooms_transport_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(STRICT)
    config = tmp_path / "sipgate.toml"
    config.write_text(
        '[gate]\npolicy = "policy.yaml"\n[[listen]]\naddress = "127.0.0.1:5060"\n'
        '[[source]]\nname = "a"\nmatch = ["10.0.0.0/8"]\nidentity = ["from"]\n'
        '[[upstream]]\nname = "b"\ntargets = ["callee"]\n'
    )
    file = tmp_path / "room.yaml"
    file.write_text(ROOM.format(transport="tcp"))
    result = CliRunner().invoke(program, ["simulate", str(file), "--virtual", "-c", str(config)])
    assert "does not listen on tcp" in str(result.exception)
