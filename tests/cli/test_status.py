"""`sipgate status`."""

import json
from pathlib import Path
from typing import Any

import pytest

from sipgate.store import RequestError

from .conftest import RunCommand
from .running_gate import running_gate

ANSWER: dict[str, Any] = {
    "counts": {"strangers": 3},
    "network": {"shed": 7, "unsent": 0},
    "calls": 12,
    "phones": 40,
    "transactions": 4,
    "durable_seq": 10482,
    "ready": True,
    "draining": False,
    "overloaded": False,
    "targets": [
        {"upstream": "carrier", "target": "udp:198.51.100.10:5060", "alive": False},
        {"upstream": "carrier", "target": "tcp:198.51.100.11:5060", "alive": True},
    ],
}


def test_machines_get_what_the_gate_says(sipgate: RunCommand, store: Path) -> None:
    with running_gate(store, {"status": ANSWER}):
        ran = sipgate("status", "--json")

    assert ran.exit_code == 0
    assert json.loads(ran.out) == ANSWER


def test_people_get_a_table_without_what_never_moved(sipgate: RunCommand, store: Path) -> None:
    with running_gate(store, {"status": ANSWER}):
        lines = sipgate("status").out.splitlines()

    assert lines[0] == "gate-1: ready"
    assert [line.split() for line in lines[2:]] == [
        ["calls", "12"],
        ["phones", "40"],
        ["transactions", "4"],
        ["durable_seq", "10482"],
        ["strangers", "3"],
        ["shed", "7"],
        ["upstream", "target"],
        ["carrier", "udp:198.51.100.10:5060", "dead"],
        ["carrier", "tcp:198.51.100.11:5060", "alive"],
    ]


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"draining": True}, "draining"),
        ({"ready": False}, "not ready"),
        ({"overloaded": True}, "ready, overloaded"),
    ],
    ids=["draining", "starting", "overloaded"],
)
def test_a_gate_that_takes_no_calls_says_so(
    sipgate: RunCommand, store: Path, facts: dict[str, bool], told: str
) -> None:
    with running_gate(store, {"status": {**ANSWER, **facts}}):
        assert sipgate("status").out.splitlines()[0] == f"gate-1: {told}"


def test_a_gate_that_is_still_starting_cannot_tell(sipgate: RunCommand, store: Path) -> None:
    with running_gate(store, {"status": RequestError("the gate is still starting")}):
        ran = sipgate("status")

    assert (ran.exit_code, ran.err) == (3, "sipgate: the gate is still starting\n")


@pytest.mark.usefixtures("store")
def test_without_a_gate_there_is_no_status(sipgate: RunCommand) -> None:
    ran = sipgate("status")

    assert ran.exit_code == 3
    assert "no gate is running on the store" in ran.err
