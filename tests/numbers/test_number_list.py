"""Lists in memory: exact entries and prefixes."""

from hypothesis import given
from hypothesis import strategies as st

from sipgate.numbers import NumberList


def test_an_exact_entry_is_on_the_list_and_its_neighbours_are_not() -> None:
    numbers = NumberList(["+13055550123", "hq/4711"])
    assert "+13055550123" in numbers
    assert "hq/4711" in numbers
    assert "+130555501234" not in numbers
    assert "+1305555012" not in numbers


def test_a_prefix_holds_all_that_begins_with_it() -> None:
    numbers = NumberList(["+49900*", "+13055550123"])
    assert "+499001234" in numbers
    assert "+49900" in numbers
    assert "+4990" not in numbers


def test_an_empty_list_holds_nothing() -> None:
    assert "" not in NumberList()
    assert len(NumberList()) == 0


def test_repeated_entries_count_once() -> None:
    assert len(NumberList(["+1", "+1", "+2*", "+2*"])) == 2


@given(st.lists(st.text("0123", min_size=1, max_size=4)), st.text("0123", max_size=6))
def test_it_agrees_with_comparing_each_entry(prefixes: list[str], key: str) -> None:
    numbers = NumberList(prefix + "*" for prefix in prefixes)
    assert (key in numbers) == any(key.startswith(prefix) for prefix in prefixes)
