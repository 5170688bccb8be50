"""How long a pattern takes to compile, by its text alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.gate.rules.pattern_weight import pattern_weight


@pytest.mark.parametrize(
    ("pattern", "weight"),
    [
        ("", 0),
        ("abc", 3),
        ("^abc$", 3),
        ("(?i)abc", 8),
        (".", 2),
        (r"\d\d", 12),
        (r"\w", 100),
        (r"\pL\p{Greek}", 200),
        (r"\x{1F600}", 1),
        (r"\{3}", 3),
        ("[0-9]", 2),
        ("[0-9]{7}", 14),
        ("[0-9]{2,5}", 10),
        ("[0-9]{4,}", 8),
        ("[^a]", 6),
        ("[]a]", 2),
        (r"[\]a]{3}", 6),
        (r"[^\d]", 12),
        ("[[:alpha:]]", 6),
        ("[a-z&&[^x]]a", 7),
        ("é", 6),
        ("(ab){3}", 6),
        ("((ab){3}c){2}", 14),
        ("(?:a|b)*", 3),
        ("a*{3}", 3),
    ],
)
def test_a_pattern_weighs_what_its_parts_weigh_as_often_as_they_repeat(
    pattern: str, weight: int
) -> None:
    assert pattern_weight(pattern) == weight


@pytest.mark.parametrize(
    "pattern", [r"(?i)[\s\S]", "(?i)[α-ω]", r"((\d{50}){50}){50}", "(.{99}){99}", r"\w{2}"]
)
def test_what_takes_long_weighs_much(pattern: str) -> None:
    assert pattern_weight(pattern) > 150


@given(st.text(alphabet="ab\\dwpP{}[]()^*+?|,:1i9é"))
def test_any_text_has_a_weight(pattern: str) -> None:
    assert 0 <= pattern_weight(pattern) <= 10**6
