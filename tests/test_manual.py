"""What README and manual show as files is read as such a file."""

import re
from pathlib import Path

import pytest

from sipgate.config import load_config
from sipgate.gate import load_policy

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "docs/install.md", "docs/policy.md", "docs/configuration.md")
CONDITIONS = ("list:", "rate:", "concurrent:")
REJECT = 'then: {reject: 403, reason: "no"}'


def blocks(language: str) -> list[str]:
    """All fenced blocks of a language in the manual."""
    texts = [(ROOT / name).read_text() for name in PAGES]
    return [
        found for text in texts for found in re.findall(rf"```{language}\n(.*?)```", text, re.S)
    ]


def rules(condition: str, action: str) -> str:
    return f"policy: x\nrevision: 1\nrules:\n  - id: a\n    {condition}\n    {action}\n"


WHOLE = [text for text in blocks("yaml") if text.startswith("policy:")]
LINES = [line for text in blocks("yaml") if text not in WHOLE for line in text.splitlines()]


@pytest.mark.parametrize("text", blocks("toml"), ids=lambda text: text.split('name = "')[1][:8])
def test_every_configuration_in_the_manual_loads(tmp_path: Path, text: str) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies/quickstart.yaml").write_text("")
    (tmp_path / "sipgate.toml").write_text(text)

    assert load_config(tmp_path / "sipgate.toml", {}).source


@pytest.mark.parametrize("text", WHOLE, ids=lambda text: text.split("\n")[0])
def test_every_policy_in_the_manual_loads(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.yaml").write_text(text)

    assert load_policy(tmp_path / "policy.yaml").rules


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith(CONDITIONS)])
def test_every_condition_in_the_manual_is_one(tmp_path: Path, line: str) -> None:
    (tmp_path / "policy.yaml").write_text(rules(line, REJECT))

    load_policy(tmp_path / "policy.yaml")


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("then:")])
def test_every_action_in_the_manual_is_one(tmp_path: Path, line: str) -> None:
    (tmp_path / "policy.yaml").write_text(rules("rate: {per: caller, limit: 1, window: day}", line))

    load_policy(tmp_path / "policy.yaml")


def test_the_manual_shows_every_kind_of_block() -> None:
    assert len(blocks("toml")) >= 4
    assert len(WHOLE) >= 2
    assert len(LINES) >= 8


def test_the_refusal_on_the_first_screen_is_the_quickstarts() -> None:
    told = (ROOT / "README.md").read_text().split("SIP/2.0 403 ")[1]
    policy = load_policy(ROOT / "policies/quickstart.yaml")

    assert told.startswith("limit of 60 calls in 1m reached")
    assert re.findall("rule=([a-z-]+);", told)[0] in [rule.id for rule in policy.rules]
    assert "limit of {limit} calls in {window} reached" in policy.path.read_text()
