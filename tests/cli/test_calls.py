"""`sipgate calls`."""

import json
from pathlib import Path

import pytest

from sipgate.store import RequestError

from .conftest import RunCommand
from .running_gate import running_gate

KEYS = {
    "decision",
    "time",
    "source",
    "caller",
    "cli",
    "callee",
    "call_id",
    "campaign",
    "verdict",
    "rule",
    "reason",
    "policy",
    "revision",
    "outcome",
}


@pytest.mark.usefixtures("store")
def test_json_has_one_object_a_line_newest_last(sipgate: RunCommand) -> None:
    ran = sipgate("calls", "--json")

    rows = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.exit_code == 0
    assert [row["verdict"] for row in rows] == ["allow", "reject", "tag"]
    assert all(row.keys() >= KEYS for row in rows)


@pytest.mark.usefixtures("store")
def test_what_is_not_there_is_null_and_no_key_is_left_out(sipgate: RunCommand) -> None:
    row = json.loads(sipgate("calls", "--json", "--verdict", "reject").out)

    assert row["outcome"] == {
        "kind": None,
        "status": None,
        "answered": None,
        "ring_seconds": None,
        "talk_seconds": None,
        "ended_by": None,
    }
    assert row["reason"] == "daily limit of 1 calls reached"
    assert row["time"].endswith("Z")


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("words", "verdicts"),
    [
        (["--caller", "hq/4711"], ["allow", "reject"]),
        (["--callee", "+1 (305) 555-0123", "--limit", "1"], ["tag"]),
        (["--verdict", "tag"], ["tag"]),
        (["--rule", "daily-cap"], ["reject"]),
        (["--source", "elsewhere"], []),
        (["--campaign", "solar", "--cli", "+13055550100"], ["allow", "reject", "tag"]),
        (["--call-id", "hq/4712-tag"], ["tag"]),
        (["--since", "2026-09-21T14:13:21Z", "--until", "2026-09-21T16:13:20Z"], ["reject"]),
    ],
    ids=["caller", "callee", "verdict", "rule", "source", "campaign", "call-id", "time"],
)
def test_filters_narrow_the_search(
    sipgate: RunCommand, words: list[str], verdicts: list[str]
) -> None:
    ran = sipgate("calls", "--json", *words)

    assert [json.loads(line)["verdict"] for line in ran.out.splitlines()] == verdicts


@pytest.mark.usefixtures("store")
def test_the_table_is_for_people(sipgate: RunCommand) -> None:
    out = sipgate("calls", "--caller", "hq/4711").out

    assert "2026-09-21 14:13:20" in out
    assert "daily-cap" in out
    assert "70 s" in out


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("words", [["--would", "reject"], ["--rule", "cap"]])
def test_what_monitor_mode_kept_from_happening_is_found(
    sipgate: RunCommand, words: list[str]
) -> None:
    (row,) = sipgate("calls", "--json", *words).out.splitlines()
    table = sipgate("calls", *words).out

    assert json.loads(row)["would"] == {"verdict": "reject", "rule": "cap", "reason": "too many"}
    assert "would" in table.splitlines()[0]
    assert "reject by cap" in table


@pytest.mark.usefixtures("store")
def test_where_nothing_was_monitored_there_is_no_column_for_it(sipgate: RunCommand) -> None:
    assert "would" not in sipgate("calls", "--verdict", "reject").out.splitlines()[0]


@pytest.mark.usefixtures("folder")
def test_before_the_first_start_there_is_no_store(sipgate: RunCommand) -> None:
    ran = sipgate("calls")

    assert ran.exit_code == 3
    assert "there is no store at" in ran.err


@pytest.mark.usefixtures("store")
def test_a_time_that_is_none_is_bad_input(sipgate: RunCommand) -> None:
    ran = sipgate("calls", "--since", "yesterday")

    assert ran.exit_code == 2
    assert ran.err.startswith("--since: 'yesterday' is no time; expected one like 2h")


@pytest.mark.usefixtures("store")
def test_active_calls_are_the_running_gates(sipgate: RunCommand, store: Path) -> None:
    with running_gate(
        store, {"calls-active": {"calls": [{"decision": "gate-1-1", "caller": "hq/1"}]}}
    ):
        ran = sipgate("calls", "--active", "--json")

    assert json.loads(ran.out) == {"decision": "gate-1-1", "caller": "hq/1"}


@pytest.mark.parametrize(
    ("words", "decisions"),
    [
        (["--caller", "hq/1"], ["gate-1-1", "gate-1-3"]),
        (["--callee", "+1 305 555-0123", "--verdict", "tag"], ["gate-1-3"]),
        (["--limit", "1"], ["gate-1-3"]),
        (["--campaign", "solar"], []),
    ],
    ids=["caller", "callee and verdict", "limit", "none"],
)
def test_filters_narrow_the_active_calls_too(
    sipgate: RunCommand, store: Path, words: list[str], decisions: list[str]
) -> None:
    calls = [
        {
            "decision": f"gate-1-{seq}",
            "caller": caller,
            "callee": "+13055550123",
            "verdict": verdict,
        }
        for seq, caller, verdict in [(1, "hq/1", "allow"), (2, "hq/2", "allow"), (3, "hq/1", "tag")]
    ]
    with running_gate(store, {"calls-active": {"calls": calls}}):
        ran = sipgate("calls", "--active", "--json", *words)

    assert [json.loads(line)["decision"] for line in ran.out.splitlines()] == decisions


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "words", [["--rule", "x"], ["--would", "tag"], ["--since", "1h"], ["--until", "1h"]]
)
def test_a_filter_that_active_calls_do_not_have_is_refused(
    sipgate: RunCommand, words: list[str]
) -> None:
    ran = sipgate("calls", "--active", *words)

    assert ran.exit_code == 2
    assert ran.err.startswith(f"{words[0]}: not for --active")


@pytest.mark.usefixtures("store")
def test_active_calls_need_a_gate(sipgate: RunCommand) -> None:
    ran = sipgate("calls", "--active")

    assert (ran.exit_code, ran.out) == (3, "")
    assert "no gate is running on the store" in ran.err


def test_a_call_is_ended_by_the_running_gate(sipgate: RunCommand, store: Path) -> None:
    with running_gate(store, {"calls-end": {"decision": "gate-1-1"}}) as requests:
        ran = sipgate("calls", "end", "gate-1-1")

    assert ran.exit_code == 0
    assert requests[0]["decision"] == "gate-1-1"


def test_a_call_that_the_gate_does_not_know_is_a_no(sipgate: RunCommand, store: Path) -> None:
    with running_gate(store, {"calls-end": RequestError("no such call")}):
        ran = sipgate("calls", "end", "gate-1-9")

    assert (ran.exit_code, ran.err) == (1, "sipgate: no such call\n")


@pytest.mark.usefixtures("store")
def test_ending_a_call_needs_a_gate(sipgate: RunCommand) -> None:
    assert sipgate("calls", "end", "gate-1-1").exit_code == 3
