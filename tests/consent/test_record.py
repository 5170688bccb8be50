"""A consent's times pass at the exact instant, and its words have one spelling."""

import pytest

from sipgate.consent import Consent, plain_word


def consent(**fields: object) -> Consent:
    return Consent(callee="+13055550123", purpose="marketing", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(("time", "holds"), [(99.999, True), (100.0, False), (101.0, False)])
def test_it_expires_at_the_exact_instant(time: float, holds: bool) -> None:
    assert consent(granted=1.0, expires=100.0).holds(time) is holds


@pytest.mark.parametrize(("time", "holds"), [(99.999, True), (100.0, False), (101.0, False)])
def test_it_is_revoked_at_the_exact_instant(time: float, holds: bool) -> None:
    assert consent(granted=1.0, revoked=100.0).holds(time) is holds


def test_two_that_say_the_same_are_equal_whatever_their_place() -> None:
    assert consent(granted=1.0, id=4) == consent(granted=1.0, id=5)
    assert consent(granted=1.0) != consent(granted=2.0)


def test_a_record_of_nothing_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        consent()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("marketing", "marketing"),
        (" Web Form ", "web-form"),
        ("web_form", "web-form"),
        ("WEB - FORM", "web-form"),
        ("营销", "营销"),
        ("", None),
        ("--", None),
        ("x" * 65, None),
        ("a\x1bb", None),
    ],
)
def test_a_word_has_one_spelling(text: str, word: str | None) -> None:
    assert plain_word(text) == word
