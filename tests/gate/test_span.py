"""Parts of the day as policies write them."""

import pytest

from sipgate.gate.span import Span, read_span

HOUR = 3600


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("08:00-20:00", 8 * HOUR, 20 * HOUR),
        (" 08:00 - 20:30 ", 8 * HOUR, 20 * HOUR + 1800),
        ("00:00-24:00", 0, 24 * HOUR),
        ("23:59-24:00", 24 * HOUR - 60, 24 * HOUR),
    ],
)
def test_a_span_is_read(text: str, start: int, end: int) -> None:
    assert read_span(text) == (Span(start, end),)


@pytest.mark.parametrize(
    "text",
    [
        *("", "08:00", "8:00-20:00", "08:00-20", "08:00-25:00", "08:60-20:00", "08:00-24:01"),
        *("20:00-08:00", "08:00-08:00", "24:00-24:00", "08:00-20:00-21:00", "０８:００-20:00", "a"),
    ],
)
def test_what_is_no_span_is_none(text: str) -> None:
    assert read_span(text) == ()


def test_over_midnight_it_is_two() -> None:
    spans = read_span("22:00-06:00", over_midnight=True)
    assert spans == (Span(0, 6 * HOUR), Span(22 * HOUR, 24 * HOUR))


def test_until_midnight_it_is_one() -> None:
    assert read_span("22:00-00:00", over_midnight=True) == (Span(22 * HOUR, 24 * HOUR),)


@pytest.mark.parametrize("text", ["08:00-08:00", "24:00-06:00", "22:00-25:00"])
def test_over_midnight_an_empty_one_is_none_either(text: str) -> None:
    assert read_span(text, over_midnight=True) == ()


def test_a_span_is_written_as_it_is_read() -> None:
    assert str(Span(8 * HOUR, 24 * HOUR)) == "08:00-24:00"
