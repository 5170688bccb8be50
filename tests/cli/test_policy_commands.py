"""`sipgate policy`: policy files by themselves."""

import json
from pathlib import Path

import pytest

from .conftest import RunCommand


@pytest.mark.usefixtures("folder")
def test_the_schema_is_printed_without_a_configuration(sipgate: RunCommand) -> None:
    ran = sipgate("policy", "schema")

    assert ran.exit_code == 0
    assert json.loads(ran.out)["title"] == "sipgate policy"


def test_the_schema_is_written_to_a_file(sipgate: RunCommand, folder: Path) -> None:
    ran = sipgate("policy", "schema", "-o", "policy.schema.json")

    assert (ran.exit_code, ran.out) == (0, "")
    assert json.loads((folder / "policy.schema.json").read_text())["title"] == "sipgate policy"


@pytest.mark.usefixtures("folder")
def test_a_schema_that_can_not_be_written_is_no_traceback(sipgate: RunCommand) -> None:
    ran = sipgate("policy", "schema", "-o", "no/such/folder.json")

    assert (ran.exit_code, ran.err) == (
        3,
        "sipgate: no/such/folder.json: No such file or directory\n",
    )


@pytest.mark.parametrize(("words", "code"), [([], 0), (["--strict"], 1)], ids=["usual", "strict"])
def test_a_rule_that_can_never_hold_is_a_warning(
    sipgate: RunCommand, folder: Path, words: list[str], code: int
) -> None:
    policy = folder / "policy.yaml"
    rule = policy.read_text().partition("rules:\n")[2]
    policy.write_text(policy.read_text() + rule.replace("id: ", "id: not-"))

    ran = sipgate("policy", "check", "policy.yaml", *words)

    assert ran.exit_code == code
    assert ran.err == (
        'warning: policy.yaml:7: rule "not-refused-means-refused" is shadowed by rule'
        ' "refused-means-refused" (line 4): whenever it would hold, that one has rejected the'
        " call already\n"
    )
    assert ran.out.startswith("policy.yaml: test, revision 7, 2 rules, sha256 ")


def test_warnings_are_objects_too(sipgate: RunCommand, folder: Path) -> None:
    policy = folder / "policy.yaml"
    policy.write_text(policy.read_text().replace("list:", "when: {country: UK}\n    list:"))

    row = json.loads(sipgate("policy", "check", "policy.yaml", "--json").out)

    assert (row["good"], [one["kind"] for one in row["warnings"]]) == (True, ["never-holds"])


def test_checking_the_configuration_warns_of_idle_rules_too(
    sipgate: RunCommand, folder: Path
) -> None:
    policy = folder / "policy.yaml"
    policy.write_text(policy.read_text().replace("list:", "when: {country: UK}\n    list:"))

    ran = sipgate("check", "--strict")

    assert ran.exit_code == 1
    assert f'warning: {folder}/policy.yaml:4: rule "refused-means-refused" never holds' in ran.err
