"""`list`: on it, not on it, too old, never imported."""

from collections.abc import Callable
from typing import Any

import pytest

MakeGate = Callable[..., Any]
DAY = 86_400.0


def with_list(gate: MakeGate, condition: str, *, age: float | None = None, **lists: Any) -> Any:
    g = gate(f"- id: l\n  list: {condition}\n  then: reject\n")
    for name, values in lists.items():
        g.lists.replace(name, values, as_of=g.time - (age or 0.0))
    return g


@pytest.mark.parametrize(
    ("condition", "fields", "expected"),
    [
        ("{name: dnc}", {"callee": "+1"}, "reject"),
        ("{name: dnc}", {"callee": "+2"}, "allow"),
        ("{name: dnc}", {"callee": "+2", "to_number": "+1"}, "reject"),
        ("{name: dnc, of: caller}", {"caller": "hq/1"}, "reject"),
        ("{name: dnc, of: caller}", {"caller": "hq/2", "to_number": "+1"}, "allow"),
        ("{name: dnc, of: cli}", {"cli": "+1"}, "reject"),
        ("{name: dnc, of: cli}", {"cli": None}, "allow"),
        ("{name: dnc, absent: true}", {"callee": "+1"}, "allow"),
        ("{name: dnc, absent: true}", {"callee": "+2"}, "reject"),
        ("{name: dnc, absent: true}", {"callee": "+1", "to_number": "+2"}, "reject"),
        ("{name: dnc, absent: true, of: cli}", {"cli": None}, "reject"),
    ],
)
def test_it_holds_by_who_is_on_the_list(
    gate: MakeGate, condition: str, fields: dict[str, Any], expected: str
) -> None:
    assert with_list(gate, condition, dnc={"+1", "hq/1"}).call(**fields).verdict == expected


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("{name: dnc}", "allow"),
        ("{name: dnc, absent: true}", "reject"),
        ("{name: dnc, max-age: 31d}", "reject"),
        ("{name: refusals, max-age: 31d}", "allow"),
    ],
)
def test_a_list_that_was_never_imported(gate: MakeGate, condition: str, expected: str) -> None:
    assert with_list(gate, condition).call().verdict == expected


@pytest.mark.parametrize(
    ("age", "expected"), [(31 * DAY - 1, "allow"), (31 * DAY, "reject"), (32 * DAY, "reject")]
)
def test_max_age_passes_at_the_exact_instant(gate: MakeGate, age: float, expected: str) -> None:
    g = with_list(gate, "{name: dnc, max-age: 31d}", age=age, dnc=frozenset())
    assert g.call().verdict == expected


def test_the_record_says_which_list(gate: MakeGate) -> None:
    step = with_list(gate, "{name: dnc}").call().steps[0]
    assert step.record() == {"rule": "l", "held": False, "list": "dnc", "of": "callee"}


def test_a_dropped_list_holds_nothing(gate: MakeGate) -> None:
    g = with_list(gate, "{name: dnc}", dnc={"+4930123456"})
    g.lists.drop("dnc")
    g.lists.drop("dnc")
    assert (g.call().verdict, g.lists.as_of("dnc")) == ("allow", None)
