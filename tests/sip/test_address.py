"""Addresses in headers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.sip import BadMessage, parse_name_addr
from sipgate.sip.address import read_tag


@pytest.mark.parametrize(
    ("value", "display", "uri", "params"),
    [
        (b"<sip:a@b>", b"", b"sip:a@b", {}),
        (b"sip:a@b", b"", b"sip:a@b", {}),
        (b"sip:a@b ; tag = 5", b"", b"sip:a@b", {b"tag": b"5"}),
        (b"<sip:a@b;lr?x=y> ;Q=0.5;x", b"", b"sip:a@b;lr?x=y", {b"q": b"0.5", b"x": None}),
        (b"caller<sip:a@b>;tag=3", b"caller", b"sip:a@b", {b"tag": b"3"}),
        (b"Two Words  <sip:a@b>", b"Two Words", b"sip:a@b", {}),
        (b"J\xc3\xb6rg (Sales) <sip:a@b>", b"J\xc3\xb6rg (Sales)", b"sip:a@b", {}),
        (b'"a \\"b\\" <c>, d"\r\n <sip:a@b>', b'a "b" <c>, d', b"sip:a@b", {}),
        (b'""<sip:a@b>', b"", b"sip:a@b", {}),
        (
            b'<sip:a@b>;+sip.instance="<urn:uuid:1;2>";x=1',
            b"",
            b"sip:a@b",
            {b"+sip.instance": b'"<urn:uuid:1;2>"', b"x": b"1"},
        ),
        (b"*", b"", b"*", {}),
        (b"tel:+49301234;x=y", b"", b"tel:+49301234", {b"x": b"y"}),
    ],
)
def test_an_address_is_taken_apart(
    value: bytes, display: bytes, uri: bytes, params: dict[bytes, bytes | None]
) -> None:
    address = parse_name_addr(value)
    assert (address.display, address.uri, address.params) == (display, uri, params)


BROKEN = [
    b"",
    b"a",
    b"<>",
    b"<sip:a@b",
    b"<sip: a@b>",
    b'"a <sip:a@b>',
    b'"a" sip:a@b',
    b'"a"',
    b"Bell, Alexander <sip:a@b>",
    b"Bell; Alexander <sip:a@b>",
    b'a "b" <sip:a@b>',
    b"sip:a@b <sip:c@d>",
    b"sip:a@b?x=y",
    b"sip:a@b, sip:c@d",
    b"sip:a b@c",
    b"<sip:a@b> x",
    b"<sip:a@b>;",
    b"<sip:a@b>;;tag=1",
    b"<sip:a@b>;tag=1;tag=2",
    b"<sip:a@b>;tag=1 2",
    b'<sip:a@b>;x="1',
    b"<sip:a@b>;x=<1>",
    b"<sip:a@b>, <sip:c@d>",
]


@pytest.mark.parametrize("value", BROKEN)
def test_a_broken_address_is_refused(value: bytes) -> None:
    with pytest.raises(BadMessage):
        parse_name_addr(value)
    with pytest.raises(BadMessage):
        read_tag(value)


@pytest.mark.parametrize("value", [b"<sip:a@b>;tag", b"<sip:a@b>;tag=", b"sip:a@b;tag=;x"])
def test_an_empty_tag_is_none(value: bytes) -> None:
    with pytest.raises(BadMessage, match="token"):
        read_tag(value)


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        (b"<sip:a@b>", b""),
        (b"<sip:a@b>;tag=5a", b"5a"),
        (b"<sip:a@b>;TAG=5-a", b"5-a"),
        (b'"x \\" y" <sip:a@b>;x=y; tag = 5-a.b', b"5-a.b"),
        (b'"<sip:c@d>;tag=6" <sip:a@b>;tag=5', b"5"),
        (b"sip:a@b;tag=5;x", b"5"),
        (b"<sip:a@b;tag=6>", b""),
        (b"a" * 300 + b" <sip:a@b>;tag=5", b"5"),
    ],
)
def test_tags_are_read(value: bytes, tag: bytes) -> None:
    assert read_tag(value) == tag


@given(
    st.lists(
        st.sampled_from(
            [b'"', b"<", b">", b";", b"tag", b"=", b"a", b"sip:", b"@", b" ", b",", b"\\", b"?"]
        ),
        max_size=14,
    )
)
def test_the_fast_and_the_full_reading_agree(parts: list[bytes]) -> None:
    value = b"".join(parts)
    assert _tag(value) == _tag_in_full(value)


def _tag(value: bytes) -> bytes | None:
    try:
        return read_tag(value)
    except BadMessage:
        return None


def _tag_in_full(value: bytes) -> bytes | None:
    try:
        params = parse_name_addr(value).params
    except BadMessage:
        return None
    tag = params.get(b"tag", b"a") or b"<"
    return None if tag.strip(b"atgsip") else params.get(b"tag", b"")
