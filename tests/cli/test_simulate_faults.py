"""`sipgate simulate --faults`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sipgate.cli import fault_plays
from sipgate.cli.failure import BadInput
from sipgate.cli.program import program
from sipgate.cli.settings import read_config
from sipgate.cli.simulated_landscape import stage_of
from sipgate.gate import load_policy
from sipgate.simulate import Limit, NetworkPlay

POLICY = """policy: shop
revision: 1
region: DE
rules:
  - id: vip
    list: {name: vip, of: callee}
    then: {reject: 403}
  - id: lines
    concurrent: {per: caller, limit: 2}
    then: {reject: 486}
  - id: sales-only
    when: {campaign: sales}
    rate: {per: caller, limit: 1, window: 1h}
    then: {reject: 403}
  - id: watched
    mode: monitor
    rate: {per: caller, limit: 1, window: 1h}
    then: {reject: 403}
  - id: warned
    rate: {per: caller, limit: 1, window: 1h}
    then: {tag: {X-Fast: "{count}"}}
  - id: daily
    rate: {per: [caller, callee], limits: [{limit: 3, window: 10m}, {limit: 9, window: day}], count: admitted}
    then: {reject: 603}
"""  # noqa: E501
CONFIG = """[gate]
policy = "policy.yaml"
timezone = "Europe/Berlin"
max-call = "5m"
[[listen]]
transport = "udp"
address = "127.0.0.1:5070"
advertise = "gate.example.com:5070"
[[source]]
name = "all"
match = ["127.0.0.0/8"]
identity = ["from"]
upstream = "trunk"
[[source]]
name = "one"
match = ["127.0.0.1"]
identity = ["from"]
upstream = "trunk"
[[source]]
name = "trunk"
match = ["192.0.2.9"]
decide = false
upstream = "trunk"
[[upstream]]
name = "trunk"
targets = ["sip:trunk.example.com:5080;transport=tcp"]
"""


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    file = tmp_path / "sipgate.toml"
    file.write_text(CONFIG)
    return file


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(program, ["simulate", "--faults", *arguments])
    return result.exit_code, result.output


def test_so_many_seeds_are_played_from_the_first_on() -> None:
    code, output = run("--seed", "1", "--seeds", "5")
    assert code == 0
    assert "Seeds 1 to 5" in output
    assert "5 plays" in output
    assert "every promise held" in output


def test_one_seed_is_told_from_beginning_to_end() -> None:
    code, output = run("--seed", "3")
    assert code == 0
    assert output.startswith("seed 3: Weather(")
    assert "INVITE sip:" in output
    assert output.rstrip().endswith("seed 3: every promise held")


def test_what_was_played_can_be_read_by_a_program() -> None:
    _, output = run("--seed", "1", "--seeds", "5", "--json")
    told = json.loads(output)
    assert (told["first_seed"], told["seeds"], told["failed"]) == (1, 5, 0)
    _, output = run("--seed", "3", "--json")
    assert json.loads(output)["broken"] == []


def test_fresh_seeds_begin_where_they_were_drawn_and_say_so() -> None:
    code, output = run("--seeds", "2", "--json")
    assert code == 0
    first = json.loads(output)["first_seed"]
    assert run("--seed", str(first), "--seeds", "2")[0] == 0


def test_a_broken_promise_is_told_with_its_seed_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = fault_plays.own_plays()

    def too_strict(seed: int) -> NetworkPlay:
        play = own(seed)
        limit = Limit(name="none", kind="rate", per=("caller",), limit=0, window_seconds=1.0)
        object.__setattr__(play.landscape, "limits", (limit,))
        return play

    monkeypatch.setattr(fault_plays, "own_plays", lambda: too_strict)
    code, output = run("--seed", "3", "--seeds", "3")
    assert code == 1
    assert "seed 3: limit none of 0 exceeded by gate-1-" in output
    assert "3 broke a promise" in output or "2 broke a promise" in output
    assert "sipgate simulate --faults --seed NUMBER" in output
    assert run("--seed", "3")[0] == 1


def test_a_configuration_of_ones_own_is_played(config_file: Path) -> None:
    code, output = run("-c", str(config_file), "--seed", "1", "--seeds", "20")
    assert (code, "every promise held" in output) == (0, True), output


def test_callers_sit_in_sources_that_decide_and_limits_that_bind_all_are_recounted(
    config_file: Path,
) -> None:
    config = read_config(config_file)
    stage = stage_of(config, load_policy(config.gate.policy, timezone=config.gate.timezone))
    assert stage.landscape.callers == [
        ("127.0.0.0", "udp"),
        ("127.0.0.2", "udp"),
        ("127.0.0.1", "udp"),
    ]
    assert [(limit.name, limit.limit) for limit in stage.landscape.limits] == [
        ("lines", 2),
        ("daily", 3),
        ("daily", 9),
    ]
    assert stage.landscape.dialling.emergency == "112"
    assert stage.targets["trunk"][0].uri_hostport == b"trunk.example.com:5080"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--faults", "room.yaml"],
        ["--faults", "--pace", "2"],
        ["--faults", "--seeds", "0"],
        ["room.yaml", "--seed", "1"],
        [],
    ],
    ids=["scenario", "pace", "no seeds", "seed without faults", "nothing"],
)
def test_what_does_not_go_together_is_said(arguments: list[str]) -> None:
    result = CliRunner().invoke(program, ["simulate", *arguments])
    assert isinstance(result.exception, BadInput)
