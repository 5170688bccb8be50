"""Durations, spans and addresses as people write them."""

from random import Random

import pytest

from sipgate.simulate.spelling import Address, Span, parse_address, parse_seconds, parse_span


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("9.6s", 9.6), ("40m", 2400.0), ("1h", 3600.0), ("0", 0.0), ("0s", 0.0)],
)
def test_a_duration_has_a_unit(text: str, seconds: float) -> None:
    assert parse_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["9.6", "", "s", "-1s", "1 s", "1d", "٣s", "169h", None, ["1s"]])
def test_anything_else_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_seconds(text)


def test_a_span_draws_between_its_ends() -> None:
    span = parse_span("6s-8s")
    assert span == Span(6.0, 8.0)
    assert 6.0 <= span.draw(Random(1)) <= 8.0


def test_a_single_duration_is_a_span_that_never_varies() -> None:
    assert parse_span("7s").draw(Random(1)) == 7.0


@pytest.mark.parametrize("text", ["8s-6s", "6s-", "-8s", "6-8s", None])
def test_a_span_that_cannot_be_drawn_from_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_span(text if text != "6s-" else "6s-x")


@pytest.mark.parametrize(
    ("text", "address", "is_numeric"),
    [
        ("127.0.0.1:5060", Address("127.0.0.1", 5060), True),
        ("[::1]:5070", Address("::1", 5070), True),
        ("gate.example:5060", Address("gate.example", 5060), False),
    ],
)
def test_an_address_is_host_and_port(text: str, address: Address, is_numeric: bool) -> None:
    assert parse_address(text) == address
    assert str(address) == text
    assert address.is_numeric is is_numeric


@pytest.mark.parametrize("text", ["127.0.0.1", ":5060", "::1:5060", "host:70000", "a b:1", 5060])
def test_an_address_without_host_or_port_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected host:port"):
        parse_address(text)
