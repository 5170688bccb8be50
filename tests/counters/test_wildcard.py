"""Patterns with `*`: what they match, and that no text makes them slow."""

from fnmatch import fnmatchcase
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipgate.counters import wildcard_pattern

TEXTS = st.text("abAB\n", max_size=8)


@given(st.lists(st.text("ab*", max_size=6), min_size=1, max_size=3), TEXTS)
@example(["*ab*b"], "aab")
@example(["ab*ba"], "aba")
@example(["*a*", "b"], "b")
def test_a_star_stands_for_anything_and_nothing(patterns: list[str], text: str) -> None:
    pattern = wildcard_pattern(tuple(patterns))

    assert pattern is not None
    expected = any(fnmatchcase(text.lower(), one.lower()) for one in patterns)
    assert (pattern.fullmatch(text) is not None) is expected


def test_everything_else_stands_for_itself() -> None:
    pattern = wildcard_pattern(("Phone (1.0)+*",))

    assert pattern is not None
    assert pattern.fullmatch("phone (1.0)+ beta")
    assert not pattern.fullmatch("phone (1x0)+ beta")


def test_no_pattern_matches_nothing_at_all() -> None:
    assert wildcard_pattern(()) is None


@pytest.mark.parametrize("pattern", ["*a*a*a*a*b", "*a*aa*a*aa*ab", "*a*a*a*a*b*c"])
def test_no_text_makes_it_slow(pattern: str) -> None:
    compiled = wildcard_pattern((pattern,))
    assert compiled is not None
    begun = process_time()

    assert not compiled.fullmatch("a" * 120)

    assert process_time() - begun < 0.1
