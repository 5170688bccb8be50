"""YAML files: every mistake has its line, and scalars keep their spelling."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.simulate.document import (
    MAX_FILE_BYTES,
    BadFile,
    Section,
    parse_document,
    read_document,
)

FILE = Path("x.yaml")


class Inner(Section):
    some_share: float = 0.0
    names: tuple[str, ...] = ()


class Outer(Section):
    title: str
    count: int = 1
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()


def problems(text: str | bytes) -> list[str]:
    raw = text.encode() if isinstance(text, str) else text
    with pytest.raises(BadFile) as caught:
        parse_document(raw, FILE, Outer)
    return [str(problem) for problem in caught.value.problems]


def test_scalars_keep_their_spelling() -> None:
    found = parse_document(b"title: +49301\ninner: {names: [0301, yes, 1.50]}\n", FILE, Outer)
    assert found.title == "+49301"
    assert found.inner is not None
    assert found.inner.names == ("0301", "yes", "1.50")


def test_an_unknown_key_names_the_nearest_known_one() -> None:
    text = "title: a\nmany:\n  - some-share: 0.5\n  - {some-shar: 1}\n"
    assert problems(text) == ['x.yaml:4: unknown key "some-shar"; did you mean "some-share"?']


def test_an_unknown_key_that_resembles_nothing_gets_the_list() -> None:
    assert problems("title: a\nzzz: 1\n") == [
        'x.yaml:2: unknown key "zzz"; expected one of title, count, inner, many'
    ]


def test_all_mistakes_are_told_in_order_of_lines() -> None:
    assert problems("count: many\ninner:\n  some-share: x\n") == [
        'x.yaml:1: key "title" is missing',
        'x.yaml:1: count: "many"; expected a valid integer',
        'x.yaml:3: some-share: "x"; expected a valid number',
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: a\ntitle: b\n", 'x.yaml:2: key "title" a second time; expected each key once'),
        ("title: &a b\ncount: *a\n", "x.yaml:1: an anchor or alias"),
        ("- a\n", "x.yaml:1: no keys at the top"),
        ("", "x.yaml:1: no keys at the top"),
        ("title: [a\n", "x.yaml:2: not YAML"),
        ("title: a\ninner: {some-share: .nan}\n", 'x.yaml:2: some-share: ".nan"'),
        ("title: a\n? [b]\n: c\n", "x.yaml:2: a key that is no word"),
        ("a: " + "[" * 5000, "x.yaml: nested too deeply"),
        (b"title: a\nb: \xff\n", "x.yaml:2: byte 0xff is not UTF-8"),
        (b"title: \x00\n", "x.yaml"),
        (b"#" * (MAX_FILE_BYTES + 1), "x.yaml: 1048577 bytes long"),
    ],
)
def test_what_is_no_such_file_says_why(text: str | bytes, said: str) -> None:
    assert problems(text)[0].startswith(said)


def test_a_byte_order_mark_does_no_harm() -> None:
    assert parse_document(b"\xef\xbb\xbftitle: a\n", FILE, Outer).title == "a"


def test_a_missing_file_is_a_bad_file(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="can't be read: No such file"):
        read_document(tmp_path / "none.yaml", Outer)


@given(
    st.binary(max_size=200)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=99).map(
        lambda text: text.encode("utf-8")
    )
)
def test_any_bytes_are_read_or_a_bad_file(raw: bytes) -> None:
    with contextlib.suppress(BadFile):
        parse_document(raw, FILE, Outer)
