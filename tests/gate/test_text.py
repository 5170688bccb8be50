"""Texts are checked when they are read and built when their rule speaks."""

import pytest

from sipgate.gate.text import MAX_VALUE_CHARACTERS, BadText, Text


def test_values_stand_where_their_names_did() -> None:
    text = Text("{count} of {limit} for {caller}")
    assert text.names == ("count", "limit", "caller")
    assert text.render({"count": 3, "limit": 4, "caller": "hq/1"}) == "3 of 4 for hq/1"


def test_doubled_braces_are_braces() -> None:
    assert Text('{{"a": "{count}"}}').render({"count": 1}) == '{"a": "1"}'


def test_a_value_that_is_not_there_is_none() -> None:
    assert Text("{cli} {until}").render({"cli": None}) == "none none"


def test_a_value_is_cut_and_has_no_control_characters() -> None:
    written = Text("{callee}").render({"callee": "a\r\n\x00\x7f\x85" + "b" * 1000})
    assert written == "a     " + "b" * (MAX_VALUE_CHARACTERS - 6)


@pytest.mark.parametrize("spelled", ["{", "}", "{}", "{a b}", "{0}", "{a.b}", "{a[0]}", "{a:3}"])
def test_what_is_no_plain_name_in_braces_is_refused(spelled: str) -> None:
    with pytest.raises(BadText):
        Text(spelled)


@pytest.mark.parametrize("spelled", ["a\nb", "a\r", "\x00", "a\tb", "\x85"])
def test_a_text_is_one_line(spelled: str) -> None:
    with pytest.raises(BadText, match="control character"):
        Text(spelled)
