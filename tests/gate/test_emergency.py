"""One judge of what is an emergency call, whatever it is shown."""

from dataclasses import dataclass
from typing import Any

import pytest

from sipgate.gate import is_emergency


@dataclass(frozen=True)
class Callee:
    kind: str


@pytest.mark.parametrize("kind", ["number", "short", "unreadable"])
def test_no_other_kind_is_an_emergency(attempt: Any, kind: str) -> None:
    shown = [kind, Callee(kind), attempt(callee_kind=kind)]
    assert [is_emergency(subject) for subject in shown] == [False] * 3


def test_an_emergency_is_one_as_kind_callee_and_attempt(attempt: Any) -> None:
    shown = ["emergency", Callee("emergency"), attempt(callee_kind="emergency")]
    assert [is_emergency(subject) for subject in shown] == [True] * 3
