"""`sipgate consent`: import, show, revoke; with a gate running and without."""

import json
from pathlib import Path

import pytest

from sipgate.ledger import ActEntry, LedgerReader

from .conftest import RunCommand
from .running_gate import running_gate

CSV = """\
Phone,Opted in at,ip
305-555-0123,2026-01-02T10:00:00Z,::1
Ann,2026-01-02,::1
3055550124,2026-01-03T10:00:00Z,::1
"""
MAPPED = (
    *("--map", "phone=callee", "--map", "opted in at=granted"),
    *("--set", "purpose=Marketing", "--set", "source=web form"),
)


@pytest.fixture
def file(folder: Path) -> Path:
    (folder / "crm.csv").write_text(CSV)
    return folder / "crm.csv"


def acts(folder: Path) -> list[ActEntry]:
    with LedgerReader(folder / "var/sipgate.db") as reader:
        return [entry for entry in reader.entries() if isinstance(entry, ActEntry)]


@pytest.mark.usefixtures("file")
def test_good_lines_are_on_record_and_bad_ones_in_the_rejects(
    sipgate: RunCommand, folder: Path
) -> None:
    ran = sipgate("consent", "import", "crm.csv", *MAPPED)

    assert ran.exit_code == 0
    assert ran.out == "2 new records\n"
    assert "columns that are no fields: ip" in ran.err
    assert f"1 bad line is in {folder}/crm.csv.rejects.csv; the first: " in ran.err
    assert f"{folder}/crm.csv:3: callee: no digits: Ann,2026-01-02,::1" in ran.err
    assert (folder / "crm.csv.rejects.csv").read_text().splitlines()[1].startswith("3,callee:")
    shown = json.loads(sipgate("consent", "show", "305 555 0123", "--json").out)
    assert shown["callee"] == "+13055550123"
    assert (shown["purpose"], shown["source"]) == ("marketing", "web-form")
    assert (shown["granted"], shown["state"]) == ("2026-01-02T10:00:00Z", "holds")
    assert shown["origin"] == f"{folder}/crm.csv"


@pytest.mark.usefixtures("file")
def test_importing_is_an_act_with_the_hash_of_the_file(sipgate: RunCommand, folder: Path) -> None:
    sipgate("consent", "import", "crm.csv", *MAPPED)

    (act,) = acts(folder)
    assert act.kind == "consents-imported"
    assert {key: act.detail[key] for key in ("added", "known", "rejected")} == {
        "added": 2,
        "known": 0,
        "rejected": 1,
    }
    assert len(str(act.detail["sha256"])) == 64


@pytest.mark.usefixtures("file")
def test_what_is_on_record_already_is_left(sipgate: RunCommand, folder: Path) -> None:
    sipgate("consent", "import", "crm.csv", *MAPPED)
    (folder / "crm.csv").write_text(
        CSV + "3055550124,2026-01-03T10:00:00Z,::1\n3055550125,2026-01-03,x\n"
    )

    again = json.loads(sipgate("consent", "import", "crm.csv", *MAPPED, "--json").out)

    assert (again["added"], again["known"], again["rejected"]) == (1, 3, 1)


@pytest.mark.usefixtures("file")
def test_a_dry_run_tells_and_changes_nothing(sipgate: RunCommand, folder: Path) -> None:
    ran = sipgate("consent", "import", "crm.csv", *MAPPED, "--dry-run")

    assert ran.exit_code == 0
    assert ran.out == "2 good lines, 1 bad line; nothing was changed\n"
    assert f"{folder}/crm.csv:3: callee: no digits" in ran.err
    assert not (folder / "var").exists()
    assert not (folder / "crm.csv.rejects.csv").exists()
    counts = json.loads(sipgate("consent", "import", "crm.csv", *MAPPED, "--dry-run", "--json").out)
    assert counts == {"good": 2, "rejected": 1, "unused_columns": ["ip"]}


@pytest.mark.usefixtures("folder")
def test_a_dry_run_of_bad_lines_only_is_a_no(sipgate: RunCommand, folder: Path) -> None:
    (folder / "bad.csv").write_text("callee,purpose,granted\nAnn,x,2026-01-01\n")

    assert sipgate("consent", "import", "bad.csv", "--dry-run").exit_code == 1


@pytest.mark.usefixtures("file")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["import", "none.csv"], "none.csv: there is no such file"),
        (["import", "."], "this is a directory"),
        (["import", "crm.csv"], "no column for callee and purpose and granted"),
        (["import", "crm.csv", "--dry-run"], "no column for callee and purpose and granted"),
        (["import", "crm.csv", "--map", "phone"], "--map: expected COLUMN=FIELD, found 'phone'"),
        (["import", "crm.csv", "--set", "=x"], "--set: expected FIELD=VALUE, found '=x'"),
        (["import", "crm.csv", "--set", "colour=red"], '"colour" is no field'),
        (["import", "crm.csv", *MAPPED, "--region", "XX"], "XX"),
        (["import", "crm.csv", *MAPPED, "--timezone", "Mars/Base"], "Mars/Base"),
        (["show", "Ann"], '"Ann": no digits'),
        (["show", "+4930*"], '"+4930*": a prefix, not a number'),
        (["revoke", "Ann", "--purpose", "x", "--reason", "y"], '"Ann": no digits'),
        (["revoke", "3055550123", "--purpose", "", "--reason", "y"], 'purpose: "" is no word'),
        (["revoke", "3055550123", "--purpose", "x", "--reason", " "], "reason: expected a text"),
        (
            ["revoke", "3055550123", "--purpose", "x", "--reason", "y", "--organisation", " "],
            "organisation: expected a text",
        ),
    ],
)
def test_bad_input_exits_with_2(sipgate: RunCommand, words: list[str], told: str) -> None:
    ran = sipgate("consent", *words)

    assert ran.exit_code == 2
    assert told in ran.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("callee,purpose,granted\nAnn,x,2026-01-01\n", "every line is bad, so nothing was changed"),
        ("callee,purpose,granted\n", "there is no consent in the file, so nothing was changed"),
        ("", "the file is empty"),
    ],
)
def test_a_file_that_gives_nothing_changes_nothing(
    sipgate: RunCommand, folder: Path, text: str, told: str
) -> None:
    (folder / "bad.csv").write_text(text)

    ran = sipgate("consent", "import", "bad.csv")

    assert ran.exit_code == 2
    assert told in ran.err
    assert acts(folder) == []


@pytest.mark.usefixtures("file")
def test_who_revokes_is_called_no_more(sipgate: RunCommand, folder: Path) -> None:
    sipgate("consent", "import", "crm.csv", *MAPPED)

    ran = sipgate(
        "consent", "revoke", "3055550123", "--purpose", "marketing", "--reason", "said no"
    )
    sipgate("consent", "import", "crm.csv", *MAPPED)  # as it was before

    assert ran.out == "+13055550123: revoked for everybody, marketing (1 consent)\n"
    records = [
        json.loads(line)
        for line in sipgate("consent", "show", "3055550123", "--json").out.splitlines()
    ]
    assert [record["state"] for record in records] == ["revoked", "revoked"]
    assert records[1]["reason"] == "said no"
    assert [act.kind for act in acts(folder)] == [
        "consents-imported",
        "consent-revoked",
        "consents-imported",
    ]
    assert acts(folder)[1].detail["reason"] == "said no"
    assert "revoked" in sipgate("consent", "show", "3055550123").out


@pytest.mark.usefixtures("store")
def test_a_revocation_is_recorded_where_no_consent_is_known(sipgate: RunCommand) -> None:
    ran = sipgate(
        *("consent", "revoke", "+13055550123", "--purpose", "x", "--reason", "y"),
        *("--organisation", "acme", "--json"),
    )

    assert ran.exit_code == 0
    assert json.loads(ran.out) == {
        "callee": "+13055550123",
        "purpose": "x",
        "organisation": "acme",
        "ended": 0,
    }


@pytest.mark.usefixtures("file")
def test_a_newer_consent_supersedes_and_an_old_one_expires(
    sipgate: RunCommand, folder: Path
) -> None:
    (folder / "crm.csv").write_text(
        "callee,purpose,granted,expires\n"
        "3055550123,x,2026-01-01,\n"
        "3055550123,x,2026-01-02,2026-02-01\n"
    )
    sipgate("consent", "import", "crm.csv")

    lines = sipgate("consent", "show", "3055550123", "--json").out.splitlines()

    assert [json.loads(line)["state"] for line in lines] == ["superseded by 2", "expired"]


@pytest.mark.usefixtures("store")
def test_a_number_without_a_record_is_a_no(sipgate: RunCommand) -> None:
    ran = sipgate("consent", "show", "+13055550123")

    assert (ran.exit_code, ran.err) == (1, "+13055550123: no consent on record\n")


@pytest.mark.usefixtures("file")
def test_a_running_gate_is_asked_to_import(sipgate: RunCommand, store: Path, folder: Path) -> None:
    answer = {
        "added": 2,
        "known": 0,
        "rejected": 0,
        "rejects": None,
        "first_reject": None,
        "unused_columns": [],
    }
    with running_gate(store, {"consent-import": answer}) as requests:
        ran = sipgate("consent", "import", "crm.csv", *MAPPED, "--json")

    assert json.loads(ran.out) == answer
    assert requests[0]["file"] == str(folder / "crm.csv")
    assert requests[0]["columns"] == {"phone": "callee", "opted in at": "granted"}
    assert requests[0]["values"] == {"purpose": "Marketing", "source": "web form"}
    assert (requests[0]["region"], requests[0]["timezone"]) == ("US", "UTC")


def test_a_running_gate_is_asked_to_revoke(sipgate: RunCommand, store: Path) -> None:
    answer = {"callee": "+13055550123", "purpose": "x", "organisation": None, "ended": 3}
    with running_gate(store, {"consent-revoke": answer}) as requests:
        ran = sipgate("consent", "revoke", "3055550123", "--purpose", "x", "--reason", "y")

    assert ran.out == "+13055550123: revoked for everybody, x (3 consents)\n"
    assert requests[0]["callee"] == "3055550123"
    assert requests[0]["region"] == "US"
