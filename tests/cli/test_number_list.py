"""`sipgate list`."""

import json
from pathlib import Path

import pytest

from sipgate.ledger import ActEntry, LedgerReader

from .conftest import RunCommand
from .running_gate import running_gate

NUMBERS = "phone,name\n305-555-0123,Ann\n+4930901820,Bob\n4711,Cid\nnobody,Dan\n"


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "refused.csv"
    path.write_text(NUMBERS)
    return path


def entries(sipgate: RunCommand) -> list[str]:
    return sipgate("list", "show", "refusals", "--entries").out.split()


@pytest.mark.usefixtures("file")
def test_a_file_becomes_the_list_without_a_gate(sipgate: RunCommand) -> None:
    ran = sipgate("list", "import", "refusals", "refused.csv", "--column", "phone")

    assert ran.exit_code == 0
    assert entries(sipgate) == ["+13055550123", "+4930901820", "4711"]


@pytest.mark.usefixtures("file")
def test_bad_lines_go_to_the_rejects_file_with_their_numbers(
    sipgate: RunCommand, folder: Path
) -> None:
    ran = sipgate("list", "import", "refusals", "refused.csv", "--column", "phone")

    assert "1 bad line is in" in ran.err
    assert f"{folder}/refused.csv:5: no digits: nobody,Dan" in ran.err
    assert (folder / "refused.csv.rejects.csv").read_text().splitlines()[1].startswith("5,")


@pytest.mark.usefixtures("file")
def test_an_import_is_an_act_on_record(sipgate: RunCommand, folder: Path) -> None:
    sipgate("list", "import", "refusals", "refused.csv", "--column", "1", "--as-of", "2026-09-01")

    with LedgerReader(folder / "var/sipgate.db") as reader:
        (act,) = list(reader.entries())
    assert isinstance(act, ActEntry)
    assert act.kind == "list-imported"
    assert act.detail["size"] == 3
    assert act.detail["as_of"] == "2026-09-01T00:00:00+00:00"


@pytest.mark.usefixtures("file")
def test_a_file_with_bad_lines_only_changes_nothing(sipgate: RunCommand, folder: Path) -> None:
    sipgate("list", "import", "refusals", "refused.csv", "--column", "phone")
    (folder / "wrong.txt").write_text("Ann\nBob\n")

    ran = sipgate("list", "import", "refusals", "wrong.txt", "--rejects", "bad.csv")

    assert ran.exit_code == 2
    assert "every line is bad, so nothing was changed: line 2: no digits: Bob" in ran.err
    assert len(entries(sipgate)) == 3


@pytest.mark.usefixtures("file")
def test_callers_are_taken_as_text(sipgate: RunCommand, folder: Path) -> None:
    (folder / "callers.txt").write_text("hq/4711\nhq/4712\n")

    sipgate("list", "import", "refusals", "callers.txt", "--kind", "text")

    assert entries(sipgate) == ["hq/4711", "hq/4712"]


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["import", "refusals", "none.csv"], "none.csv: there is no such file"),
        (["import", "refusals", "."], ".: this is a directory"),
        (["import", "refusals", "/dev/null"], "/dev/null: this is no regular file"),
        (
            ["import", "Refusals", "refused.csv", "--column", "1"],
            '"Refusals" is no name for a list',
        ),
        (["import", "refusals", "refused.csv", "--column", "tel"], "no column 'tel'"),
        (["import", "refusals", "refused.csv", "--as-of", "soon"], "--as-of: 'soon' is no time"),
        (["import", "refusals", "refused.csv", "--as-of", "2999-01-01"], "is in the future"),
        (["import", "refusals", "refused.csv", "--region", "XX"], "XX"),
        (["show", "--entries"], "--entries needs the name of a list"),
    ],
    ids=["no file", "directory", "device", "name", "column", "date", "future", "region", "no name"],
)
def test_bad_input_exits_with_2(sipgate: RunCommand, words: list[str], told: str) -> None:
    ran = sipgate("list", *words)

    assert ran.exit_code == 2
    assert told in ran.err


@pytest.mark.usefixtures("file")
def test_a_bad_line_cannot_write_to_the_terminal(sipgate: RunCommand, folder: Path) -> None:
    (folder / "evil.txt").write_text("4711\nx\x1b]0;owned\x07y\x9b\n")

    ran = sipgate("list", "import", "refusals", "evil.txt")
    answer = json.loads(sipgate("list", "import", "refusals", "evil.txt", "--json").out)

    assert "evil.txt:2: letters in the number: " in ran.err
    assert ran.err.replace("\n", "").isprintable()
    assert r"x\x1b]0;owned\x07y\x9b" in ran.err
    assert answer["first_reject"].isprintable()


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize("text", ["", "\n \n", "# nobody yet\n"], ids=["empty", "blank", "comment"])
def test_a_file_without_an_entry_empties_no_list_unless_asked(
    sipgate: RunCommand, folder: Path, text: str
) -> None:
    sipgate("list", "import", "refusals", "refused.csv", "--column", "phone")
    (folder / "empty.txt").write_text(text)

    refused = sipgate("list", "import", "refusals", "empty.txt")
    left = entries(sipgate)
    allowed = sipgate("list", "import", "refusals", "empty.txt", "--allow-empty")

    assert refused.exit_code == 2
    assert "empty.txt: there is no entry in it, so nothing was changed" in refused.err
    assert "--allow-empty" in refused.err
    assert len(left) == 3
    assert allowed.exit_code == 0
    assert "refusals: 0 entries" in allowed.out
    assert entries(sipgate) == []


@pytest.mark.usefixtures("file")
def test_one_entry_is_an_entry(sipgate: RunCommand, folder: Path) -> None:
    (folder / "one.txt").write_text("4711\n")

    assert "refusals: 1 entry as of" in sipgate("list", "import", "refusals", "one.txt").out


@pytest.mark.usefixtures("file")
def test_a_running_gate_is_asked_to_import(sipgate: RunCommand, store: Path, folder: Path) -> None:
    answer = {
        "name": "refusals",
        "version": 4,
        "size": 3,
        "rejected": 0,
        "as_of": "2026-09-21T00:00:00+00:00",
        "rejects": None,
        "first_reject": None,
    }
    with running_gate(store, {"list-import": answer}) as requests:
        ran = sipgate("list", "import", "refusals", "refused.csv", "--column", "phone", "--json")

    assert json.loads(ran.out) == answer
    assert requests[0]["file"] == str(folder / "refused.csv")
    assert requests[0]["region"] == "US"
    assert requests[0]["internal"] == ["47xx"]
    assert requests[0]["allow_empty"] is False


@pytest.mark.usefixtures("file")
def test_lists_are_shown_with_size_and_date(sipgate: RunCommand) -> None:
    sipgate("list", "import", "refusals", "refused.csv", "--column", "1", "--as-of", "2026-09-01")

    facts = json.loads(sipgate("list", "show", "--json").out)

    assert (facts["name"], facts["size"], facts["as_of"]) == ("refusals", 3, "2026-09-01T00:00:00Z")
    assert "2026-09-01" in sipgate("list", "show").out


@pytest.mark.usefixtures("store")
def test_a_list_that_was_never_imported_is_a_no(sipgate: RunCommand) -> None:
    ran = sipgate("list", "show", "dnc")

    assert (ran.exit_code, ran.err) == (1, "dnc was never imported\n")


@pytest.mark.usefixtures("store")
def test_refusals_are_there_before_any_import(sipgate: RunCommand) -> None:
    shown = sipgate("list", "show", "refusals", "--json")

    assert shown.exit_code == 0
    assert json.loads(shown.out) == {
        "name": "refusals",
        "version": None,
        "as_of": None,
        "imported": None,
        "size": 0,
    }
    assert sipgate("list", "show", "refusals").out.split()[-5:] == ["refusals", "0", "-", "-", "-"]
    assert "refusals" in sipgate("list", "show").out
    assert sipgate("list", "show", "refusals", "--entries").out == ""
