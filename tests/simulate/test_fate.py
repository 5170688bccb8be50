"""The header by which a caller asks the test callee for a fate."""

import pytest

from sipgate.simulate.fate import Fate, parse_ask


@pytest.mark.parametrize(
    "fate",
    [
        Fate(do="answer", ring_seconds=2.5, talk_seconds=8.0),
        Fate(do="answer"),
        Fate(do="ring"),
        Fate(do="busy", code=486),
        Fate(do="refuse", ring_seconds=1.0, code=404),
        Fate(do="silent"),
        Fate(do="answer", ring_seconds=2.5, talk_seconds=8.0, forks=3, is_deaf=True),
        Fate(do="refuse", code=486, is_deaf=True, is_challenged=True),
    ],
    ids=lambda fate: fate.ask().decode(),
)
def test_what_is_asked_is_what_is_read(fate: Fate) -> None:
    assert parse_ask(fate.ask()) == fate


def test_spaces_and_capitals_do_no_harm() -> None:
    assert parse_ask(b" Answer ; ring=1") == Fate(do="answer", ring_seconds=1.0)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"sing",
        b"answer;ring=x",
        b"answer;ring=1e9",
        b"refuse;code=200",
        b"answer;forks=0",
        b"answer;deaf;forks=2",
        b"\xff",
        b"\0",
    ],
)
def test_what_cannot_be_read_asks_for_nothing(value: bytes) -> None:
    assert parse_ask(value) is None


@pytest.mark.parametrize("value", [b"answer;forks=0", b"answer;deaf;forks=2", b"ring;loud"])
def test_what_is_in_the_wrong_order_asks_for_nothing(value: bytes) -> None:
    assert parse_ask(value) is None
