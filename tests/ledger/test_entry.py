"""Canonical form and reading back."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipgate.ledger import (
    MAX_INTEGER,
    ActEntry,
    DecisionEntry,
    Scalar,
    Would,
    decode_entry,
    encode_entry,
)

SHORT_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 34: '\\"', 92: "\\\\"}


def rfc8785(value: object) -> str:
    """RFC 8785 read word by word, for the values that entries have."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case str():
            return f'"{"".join(rfc8785_character(character) for character in value)}"'
        case list():
            return f"[{','.join(rfc8785(item) for item in value)}]"
        case dict():
            members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be"))
            return f"{{{','.join(f'{rfc8785(key)}:{rfc8785(item)}' for key, item in members)}}}"
        case _:
            raise AssertionError(value)


def rfc8785_character(character: str) -> str:
    """RFC 8785 §3.2.2.2."""
    code = ord(character)
    if code in SHORT_ESCAPES:
        return SHORT_ESCAPES[code]
    return f"\\u{code:04x}" if code < 0x20 else character


texts = st.text(st.characters(exclude_categories=["Cs"]))
keys = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1)
integers = st.integers(-MAX_INTEGER, MAX_INTEGER)
scalars = st.none() | st.booleans() | integers | texts


@given(detail=st.dictionaries(keys, scalars), by=texts, time_us=integers)
@example(
    detail={"b": 1, "a": 2, "aa": 3, "A": 4, "": 5}, by="\x00\x1f\x7f\u2028é\U0001f4de", time_us=0
)
def test_an_entry_is_encoded_as_rfc_8785_asks(
    detail: dict[str, Scalar], by: str, time_us: int
) -> None:
    entry = ActEntry(seq=1, time_us=time_us, boot="b", boot_us=2, kind="k", by=by, detail=detail)

    body = encode_entry(entry)

    assert body.decode() == rfc8785(msgspec.to_builtins(entry))
    assert b"\n" not in body


def test_a_decision_with_everything_in_it_is_canonical_and_comes_back(
    decision: Callable[..., DecisionEntry],
) -> None:
    entry = decision(
        seq=7,
        id="gate-1-7",
        tags={"X-B": "2", "X-A": "1"},
        would=Would(verdict="reject", rule="cap", reason="too many"),
        steps=[{"rule": "cap", "held": True, "limit": 3, "count": 3, "window": "1d"}],
    )

    body = encode_entry(entry)

    assert body.decode() == rfc8785(msgspec.to_builtins(entry))
    assert decode_entry(body) == entry


def test_text_that_is_no_unicode_is_refused() -> None:
    entry = ActEntry(time_us=1, boot="b", boot_us=1, kind="k", by="\ud800")

    with pytest.raises(ValueError, match="surrogates"):
        encode_entry(entry)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b'{"type":"unknown"}', b'{"type":"act"}', b"[1]", b"\xff"],
    ids=["empty", "no type", "unknown type", "no fields", "a list", "not UTF-8"],
)
def test_what_is_no_entry_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_entry(body)
