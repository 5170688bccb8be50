"""Service codes: which number they may carry, and whether dialling them rings it."""

import pytest

from sipgate.numbers.service_code import carried


@pytest.mark.parametrize(
    ("dialled", "number", "is_plain_call"),
    [
        ("*673055550123", "3055550123", True),
        ("#31#3055550123", "3055550123", True),
        ("*31#+4930123456", "+4930123456", True),
        ("*67*823055550123", "*823055550123", True),
        ("*723055550123", "3055550123", False),
        ("**21*3055550123#", "3055550123", False),
        ("**61*3055550123**20#", "3055550123**20", False),
        ("3055550123*99", "3055550123", False),
    ],
)
def test_the_likeliest_number_comes_first(dialled: str, number: str, is_plain_call: bool) -> None:
    first = next(carried(dialled))
    assert (first.dialled, first.is_plain_call) == (number, is_plain_call)


@pytest.mark.parametrize("dialled", ["*", "#", "*67", "**", "*#06#", "4*7"])
def test_a_code_alone_carries_no_number(dialled: str) -> None:
    assert all(len(found.dialled) < 2 for found in carried(dialled))
