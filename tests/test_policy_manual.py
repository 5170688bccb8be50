"""docs/policy.md tells all of each kind: example, values, costs; a test has all of them at work."""

import re
from pathlib import Path

import pytest

from sipgate.gate import load_policy, read_policy
from sipgate.gate.cases import Coverage, differences, load_cases, play
from sipgate.gate.rules import KINDS

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/policy.md").read_text()
EXAMPLE = (ROOT / "docs/policy-example.md").read_text()


def blocks(language: str, text: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def section(kind: str) -> str:
    """From its heading to the next one of its rank."""
    return re.split(r"\n### ", PAGE.split(f"\n### `{kind}`")[1])[0]


def rows(text: str) -> dict[str, str]:
    """The rows of a table about kinds: what follows each kind's name."""
    return dict(re.findall(r"^\| \[?`([a-z]+)`[^|]*\| (.*) \|$", text, re.M))


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example's policy and its tests as files."""
    policy, tests = blocks("yaml", EXAMPLE)
    (tmp_path / "every-kind.yaml").write_text(policy)
    (tmp_path / "every-kind.test.yaml").write_text(tests)
    return tmp_path


def test_the_example_has_every_kind(example: Path) -> None:
    policy = load_policy(example / "every-kind.yaml")

    assert {rule.kind for rule in policy.rules} == KINDS.keys()


def test_the_example_does_what_its_tests_say(example: Path) -> None:
    file = load_cases(example / "every-kind.test.yaml")
    policy = load_policy(file.policy)
    coverage = Coverage(policy)
    found = {}
    for case in file.cases:
        played = play(policy, case.given, case.attempt)
        coverage.note(played.decision)
        found[case.name] = [str(one) for one in differences(case, played)]

    assert found == {name: [] for name in found}
    assert [rule.rule for rule in coverage.rules if not rule.is_covered] == []


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_examples_keys_and_costs(kind: str) -> None:
    told = section(kind)

    assert [line for block in blocks("yaml", told) for line in block.splitlines()]
    assert "| key | value | default | |" in told
    assert re.search(r"\bcosts?\s", told)


def test_all_kinds_stand_in_the_table_of_kinds() -> None:
    assert rows(PAGE.split("And one condition:")[1].split("### `when`")[0]).keys() == KINDS.keys()


@pytest.mark.parametrize("kind", KINDS)
def test_the_values_of_each_kind_are_told(kind: str, tmp_path: Path) -> None:
    (tmp_path / "us-bans.csv").write_text(blocks("csv", PAGE)[0])
    told = rows(PAGE.split("### Texts")[1].split("## Redial storms")[0])
    has: set[str] = set()
    for line in "\n".join(blocks("yaml", section(kind))).splitlines():
        rule = f"  - id: a\n    {line}\n    then: reject\n"
        raw = f"policy: x\nrevision: 1\nrules:\n{rule}".encode()
        has |= read_policy(raw, tmp_path / "policy.yaml").rules[0].condition.placeholders

    assert set(re.findall(r"\{([a-z_]+)\}", told[kind])) == has
