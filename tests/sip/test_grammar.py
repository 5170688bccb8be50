"""Names, numbers, lists and folds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.sip.grammar import (
    first_comma,
    header_key,
    is_host,
    is_token,
    read_number,
    split_params,
    split_values,
    unfold,
)


@pytest.mark.parametrize(
    ("spelled", "key"),
    [
        (b"Via", b"via"),
        (b"v", b"via"),
        (b"V \t", b"via"),
        (b"cAlL-iD", b"call-id"),
        (b"X-" + b"y" * 100, b"x-" + b"y" * 100),
        (b"", None),
        (b" Via", None),
        (b"a b", None),
        (b"a\r\n", None),
    ],
)
def test_a_header_has_one_key_in_all_spellings(spelled: bytes, key: bytes | None) -> None:
    assert header_key(spelled) == key


@pytest.mark.parametrize(
    ("value", "values"),
    [
        (b"", []),
        (b" a ", [b"a"]),
        (b"a,b , c", [b"a", b"b", b"c"]),
        (b',"a,\\",b",,<c,d>,', [b'"a,\\",b"', b"<c,d>"]),
        (b'"a,b', [b'"a,b']),
        (b"a,<b,c", [b"a", b"<b,c"]),
    ],
)
def test_commas_separate_outside_quotes_and_brackets(value: bytes, values: list[bytes]) -> None:
    assert split_values(value) == values


def test_the_first_comma_that_separates_is_found() -> None:
    assert first_comma(b'"," <,>,b,') == 7
    assert first_comma(b'","') == -1
    assert first_comma(b"a,b,c", 2) == 3


def test_semicolons_in_quotes_separate_nothing() -> None:
    assert split_params(b'a;b=";";c') == [b"a", b'b=";"', b"c"]


def test_folds_become_spaces() -> None:
    assert unfold(b"a \r\n\t b\r\n c") == b"a b c"


@given(st.integers(0, 300), st.integers(0, 20))
def test_numbers_are_read_with_leading_zeros(number: int, zeros: int) -> None:
    digits = b"0" * zeros + b"%d" % number
    assert read_number(digits, 255) == (number if number <= 255 else None)


@pytest.mark.parametrize("digits", [b"", b"-1", b"+1", b" 1", b"1.0", b"\xc2\xb2", b"9" * 9999])
def test_what_is_no_number_is_none(digits: bytes) -> None:
    assert read_number(digits, 2**32) is None


@pytest.mark.parametrize("host", [b"a", b"a-b.example.", b"192.0.2.1", b"[2001:db8::1]"])
def test_hosts_are_hosts(host: bytes) -> None:
    assert is_host(host)


@pytest.mark.parametrize("host", [b"", b"a b", b"[::1", b"[]", b"[g::1]", b"::1", b"a]", b"\xc3"])
def test_others_are_none(host: bytes) -> None:
    assert not is_host(host)


def test_a_token_has_no_separators() -> None:
    assert is_token(b"z9hG4bK-.!%66*_+`'~")
    assert not is_token(b"a/b")
    assert not is_token(b"")
