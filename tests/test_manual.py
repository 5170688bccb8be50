"""What README and manual show as files is read as such a file."""

import re
from pathlib import Path

import pytest

from sipgate.config import load_config
from sipgate.gate import load_policy
from sipgate.gate.cases import differences, play, read_cases, read_given
from sipgate.gate.cases.case_shape import (
    AttemptShape,
    CallShape,
    CaseFileShape,
    CaseShape,
    ConsentShape,
    ExpectShape,
    ListChangeShape,
)
from sipgate.gate.policy_file import PolicyShape, RuleShape
from sipgate.gate.policy_schema import shape_schema
from sipgate.gate.redress_shape import RedressShape
from sipgate.gate.rules import KINDS
from sipgate.gate.rules.dialer import WeightsShape
from sipgate.gate.rules.rate import COUNTS
from sipgate.gate.rules.trust import EventsShape
from sipgate.gate.shape import Shape
from sipgate.gate.then_shape import ThenShape
from sipgate.gate.when_shape import KEYS

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "docs/install.md", "docs/policy.md", "docs/configuration.md")
POLICY_PAGE = (ROOT / "docs/policy.md").read_text()
TESTS_PAGE = (ROOT / "docs/policy-tests.md").read_text()
CONDITIONS = tuple(f"{name}:" for name in KINDS)
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
    (tmp_path / "us-bans.csv").write_text(blocks("csv")[0])

    load_policy(tmp_path / "policy.yaml")


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("then:")])
def test_every_action_in_the_manual_is_one(tmp_path: Path, line: str) -> None:
    (tmp_path / "policy.yaml").write_text(rules("rate: {per: caller, limit: 1, window: day}", line))

    load_policy(tmp_path / "policy.yaml")


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("when:")])
def test_every_selection_in_the_manual_is_one(tmp_path: Path, line: str) -> None:
    rate = "rate: {per: caller, limit: 1, window: day}"
    (tmp_path / "policy.yaml").write_text(rules(f"{line}\n    {rate}", REJECT))

    load_policy(tmp_path / "policy.yaml")


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("redress:")])
def test_every_redress_in_the_manual_is_one(tmp_path: Path, line: str) -> None:
    whole = rules("rate: {per: caller, limit: 1, window: day}", "then: {reject: 603+}")
    (tmp_path / "policy.yaml").write_text(f"{line}\n{whole}")

    assert load_policy(tmp_path / "policy.yaml").redress


def test_no_line_of_a_policy_in_the_manual_is_left_out() -> None:
    known = (*CONDITIONS, "then:", "when:", "redress:")
    assert [line for line in LINES if not line.startswith(known)] == []


def keys_told(section: str, page: str = POLICY_PAGE) -> dict[str, str]:
    """The keys that a section of docs/policy.md describes, with their defaults if it has them."""
    part = re.split(rf"\n##+ {section}.*\n", page)[1]
    part = re.split(r"\n##", part)[0]
    rows = re.findall(r"^\| `([^|`]+)` \|(.*)\|$", part, re.M)
    return {key: (rest.split(" | ")[1:2] or [""])[0].strip() for key, rest in rows}


SHAPES = {
    "The file": PolicyShape,
    "`redress`": RedressShape,
    "A rule": RuleShape,
    "`then`": ThenShape,
    **{f"`{name}`": kind.shape for name, kind in KINDS.items()},
    "The signs of `dialer`": WeightsShape,
    "The events of `trust`": EventsShape,
}


@pytest.mark.parametrize(("section", "shape"), SHAPES.items(), ids=SHAPES)
def test_every_key_of_a_policy_is_in_the_manual_with_its_default(
    section: str, shape: type[Shape]
) -> None:
    told = keys_told(section)
    fields = {field.alias or "": field for field in shape.model_fields.values()}

    assert told.keys() == fields.keys()
    assert [key for key, default in told.items() if default == "required"] == [
        key for key in told if fields[key].is_required()
    ]
    written = {
        key: f"`{str(default).lower() if isinstance(default, bool) else default}`"
        for key, described in shape_schema(shape)["properties"].items()
        if isinstance(default := described.get("default"), str | int | float)
    }
    assert {key: told[key] for key in written} == written


def test_every_key_of_when_is_in_the_manual() -> None:
    assert keys_told("`when`").keys() == set(KEYS)


@pytest.mark.parametrize("count", COUNTS)
def test_every_way_to_count_is_in_the_manual(count: str) -> None:
    assert f"- `count: {count}` counts" in POLICY_PAGE or f"- `count: {count}` is" in POLICY_PAGE


CASE_SHAPES = {
    "The file": CaseFileShape,
    "A case": CaseShape,
    "An attempt": AttemptShape,
    "A list that is changed": ListChangeShape,
    "A consent": ConsentShape,
    "What is expected": ExpectShape,
}


@pytest.mark.parametrize(("section", "shape"), CASE_SHAPES.items(), ids=CASE_SHAPES)
def test_every_key_of_a_test_file_is_in_the_manual(section: str, shape: type[Shape]) -> None:
    told = keys_told(section, TESTS_PAGE)
    fields = {field.alias or "": field for field in shape.model_fields.values()}

    assert told.keys() == fields.keys()
    assert [key for key, default in told.items() if default == "required"] == [
        key for key in told if fields[key].is_required()
    ]


def test_every_key_of_a_given_call_is_in_the_manual() -> None:
    fields = CallShape.model_fields.keys() - AttemptShape.model_fields.keys()

    told = keys_told("A call that is given", TESTS_PAGE)

    assert told.keys() == {CallShape.model_fields[name].alias for name in fields}


def test_the_cases_in_the_manual_hold() -> None:
    text = next(t for t in re.findall(r"```yaml\n(.*?)```", TESTS_PAGE, re.S) if "cases:" in t)
    file = read_cases(text.encode(), ROOT / "policies/tests/manual.yaml")
    policy = load_policy(file.policy)

    assert [differences(case, play(policy, case.given, case.attempt)) for case in file.cases] == [
        (),
        (),
    ]


@pytest.mark.parametrize(
    "line", [line for line in TESTS_PAGE.splitlines() if line.startswith("- {at:")]
)
def test_every_line_of_history_in_the_manual_is_one(line: str) -> None:
    assert read_given(f"given:\n{line}\n".encode(), Path("h"), 2**51)


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
