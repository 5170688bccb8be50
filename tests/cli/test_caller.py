"""`sipgate caller`."""

import json
from pathlib import Path
from typing import Any

import pytest

from sipgate.store import RequestError

from .conftest import RunCommand
from .running_gate import running_gate

SHOWN: dict[str, Any] = {
    "caller": "hq/4711",
    "rules": [
        {"rule": "slowed", "kind": "trust", "standing": 62, "below": 70},
        {"rule": "machine", "kind": "dialer", "score": 820, "signs": "speed 0.9", "limit": 800},
    ],
}


def test_people_see_a_table_of_rules(sipgate: RunCommand, store: Path) -> None:
    with running_gate(store, {"caller-show": SHOWN}) as requests:
        ran = sipgate("caller", "show", "hq/4711")
    assert requests == [{"op": "caller-show", "caller": "hq/4711"}]
    assert [line.split() for line in ran.out.splitlines()[1:]] == [
        ["slowed", "trust", "62", "(70)", "-", "-", "-"],
        ["machine", "dialer", "-", "820", "(800)", "speed", "0.9", "-"],
    ]


def test_machines_get_what_the_gate_says(sipgate: RunCommand, store: Path) -> None:
    with running_gate(store, {"caller-show": SHOWN}):
        ran = sipgate("caller", "show", "hq/4711", "--json")
    assert json.loads(ran.out) == SHOWN


@pytest.mark.parametrize(
    ("word", "said"), [("exempt", "exempt until"), ("suspend", "suspended until")]
)
def test_a_caller_is_exempted_or_suspended_for_a_while(
    sipgate: RunCommand, store: Path, word: str, said: str
) -> None:
    answer = {"caller": "hq/4711", "until": 1_790_003_600.0}
    with running_gate(store, {f"caller-{word}": answer}) as requests:
        ran = sipgate("caller", word, "hq/4711", "--for", "8h", "--reason", "a recall")
    assert requests[0]["seconds"] == 8 * 3600
    assert requests[0]["reason"] == "a recall"
    assert requests[0]["by"]
    assert ran.out == f"hq/4711: {said} 2026-09-21 15:13:20 UTC\n"


def test_a_caller_begins_anew(sipgate: RunCommand, store: Path) -> None:
    with running_gate(store, {"caller-reset": {"caller": "hq/4711"}}):
        ran = sipgate("caller", "reset", "hq/4711", "--reason", "a new phone")
    assert (ran.exit_code, ran.out) == (0, "hq/4711: begins anew\n")


def test_what_the_gate_will_not_do_is_an_answer(sipgate: RunCommand, store: Path) -> None:
    refused = RequestError("no rule of the policy judges callers: trust or dialer, per: caller")
    with running_gate(store, {"caller-show": refused}):
        ran = sipgate("caller", "show", "hq/4711")
    assert (ran.exit_code, "no rule of the policy judges callers" in ran.err) == (1, True)


def test_without_a_running_gate_nothing_is_known(sipgate: RunCommand, store: Path) -> None:
    assert sipgate("caller", "show", "hq/4711").exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("show", "4711"), 'found "4711"; expected SOURCE/identity such as hq/4711'),
        (("show", "pbx/4711"), 'no source "pbx"; expected hq'),
        (("exempt", "hq/1", "--reason", "x", "--for", "soon"), "--for: expected a duration"),
        (("exempt", "hq/1", "--reason", "x", "--for", "0s"), "expected 1s or more"),
        (("reset", "hq/1", "--reason", " "), "--reason: expected one line"),
    ],
)
def test_bad_input_is_told(
    sipgate: RunCommand, folder: Path, arguments: tuple[str, ...], said: str
) -> None:
    ran = sipgate("caller", *arguments)
    assert ran.exit_code == 2
    assert said in ran.err
