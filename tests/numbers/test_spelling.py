"""Cleaning a dialled text: only what is dialled is left."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.numbers.spelling import clean


@pytest.mark.parametrize(
    ("text", "dialled"),
    [
        ("4711", "4711"),
        ("+1 (305) 555-0123", "+13055550123"),
        ("%2B1305", "+1305"),
        ("%25252B1305", "+1305"),
        ("%zz", "zz"),
        ("＋１２３＊＃", "+123*#"),
        ("١٢٣", "123"),
        ("tel:123", "123"),
        ("SIP:123@host", "123"),
        ("123;ext=4;isub=5", "123"),
        ("123,,4", "123"),
        ("123:secret", "123"),
        (";123", "123"),
        ("1\u200b2\u00ad3\u00a04", "1234"),
        ("Alice.Smith", "alicesmith"),
        ("STRASSE", "strasse"),
        ("Ä", "ä"),
        ("", ""),
    ],
)
def test_only_what_is_dialled_is_left(text: str, dialled: str) -> None:
    assert clean(text).dialled == dialled


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("5550123;phone-context=+1305", "+1305"),
        ("5550123;ext=1;Phone-Context=+1-305;x=y", "+1305"),
        ("5550123;phone-context=example.com", None),
        ("5550123", None),
    ],
)
def test_a_global_phone_context_is_kept(text: str, context: str | None) -> None:
    assert clean(text).context == context


@given(st.text())
def test_what_is_clean_stays_as_it_is(text: str) -> None:
    once = clean(text).dialled
    assert clean(once).dialled == once
