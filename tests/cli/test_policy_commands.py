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
