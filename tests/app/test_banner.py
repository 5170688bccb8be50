"""What a new user reads first."""

from pathlib import Path

import pytest

from sipgate.app.banner import announce, hints, is_trial
from sipgate.config import Config, load_config
from sipgate.gate import load_policy

ROOT = Path(__file__).parent.parent.parent
LOOK = ".venv/bin/sipgate calls -c examples/quickstart/sipgate.toml"


@pytest.fixture
def quickstart() -> Config:
    return load_config(ROOT / "examples/quickstart/sipgate.toml", {})


def test_the_hints_can_be_pasted(quickstart: Config) -> None:
    assert hints(quickstart, LOOK)[-1] == f"See what was decided:  {LOOK}"


def test_the_first_number_to_dial_is_one_that_answers(quickstart: Config) -> None:
    text = " ".join(hints(quickstart, LOOK))

    assert "port 5060" in text
    assert "dial any number: the test callee answers" in text


@pytest.mark.parametrize(("trial", "is_said"), [(True, True), (False, False)])
def test_off_a_terminal_only_a_trial_speaks_to_people(
    quickstart: Config, capsys: pytest.CaptureFixture[str], trial: bool, is_said: bool
) -> None:
    policy = load_policy(quickstart.gate.policy)

    announce("gate-1", [], policy, Path("var/x.db"), [], ["Try this."], is_trial=trial)

    assert ("  Try this." in capsys.readouterr().out) is is_said


def test_the_quickstart_is_a_trial(quickstart: Config) -> None:
    assert is_trial(quickstart)
