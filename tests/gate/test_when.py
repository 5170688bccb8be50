"""`when`: any value of a key, all keys, and what `not` takes away."""

from typing import Any

import pytest

from sipgate.gate.when import When


def selects(when: When, attempt: Any) -> bool:
    compiled = when.compile()
    return compiled is None or compiled(attempt, 0.0)


@pytest.mark.parametrize(
    ("key", "values", "fields", "expected"),
    [
        ("caller", ("hq/1", "hq/2"), {"caller": "hq/2"}, True),
        ("caller", ("hq/1",), {"caller": "hq/11"}, False),
        ("source", ("hq",), {"source": "hq"}, True),
        ("campaign", ("loans",), {"campaign": None}, False),
        ("organisation", ("acme",), {"organisation": "acme"}, True),
        ("cli", ("+4930",), {"cli": "+49301"}, False),
        ("country", ("NO",), {"callee_country": "NO"}, True),
        ("country", ("NO",), {"callee_country": None}, False),
        ("kind", ("short",), {"callee_kind": "short"}, True),
        ("callee", ("+4930",), {"callee": "+49301"}, True),
        ("callee", ("+4930",), {"callee": "49301"}, False),
        ("callee", ("4930",), {"callee": "+49301"}, True),
        ("callee", ("47",), {"callee": "4711"}, True),
        ("callee", ("47",), {"callee": "14711"}, False),
        ("user-agent", ("MicroSIP*",), {"user_agent": "microsip/3.21.5"}, True),
        ("user-agent", ("MicroSIP*",), {"user_agent": "x MicroSIP"}, False),
        ("user-agent", ("*sip*", "a"), {"user_agent": "x MicroSIP/1\n"}, True),
        ("user-agent", ("a.c",), {"user_agent": "abc"}, False),
        ("user-agent", ("a", "b*"), {"user_agent": "ab"}, False),
        ("user-agent", ("*",), {"user_agent": None}, False),
    ],
)
def test_each_key_selects_by_its_own_field(
    attempt: Any, key: str, values: tuple[str, ...], fields: dict[str, Any], expected: bool
) -> None:
    assert selects(When(((key, values),)), attempt(**fields)) is expected


def test_all_keys_must_match(attempt: Any) -> None:
    when = When((("campaign", ("a",)), ("source", ("hq",))))
    assert selects(when, attempt(campaign="a"))
    assert not selects(when, attempt(campaign="b"))


def test_not_takes_away(attempt: Any) -> None:
    when = When((("source", ("hq",)),), When((("campaign", ("a",)), ("kind", ("number",)))))
    assert not selects(when, attempt(campaign="a"))
    assert selects(when, attempt(campaign="a", callee_kind="short"))


def test_nothing_selects_all_and_not_nothing_none(attempt: Any) -> None:
    assert When().compile() is None
    assert not selects(When((), When()), attempt())


def test_equal_names_mean_equal_selection() -> None:
    one = When((("campaign", ("a", "b")),))
    assert one.name == When((("campaign", ("a", "b")),)).name
    assert one.name != When((("campaign", ("a",)),)).name
    assert one.name != When((), one).name
