"""Emergency numbers: equal or not, and nothing between."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers.shortdata import _AVAILABLE_REGION_CODES as SUPPORTED_SHORT_REGIONS

from sipgate.numbers import EmergencyNumbers, is_sos_urn


@pytest.mark.parametrize(
    ("region", "numbers"),
    [
        ("CN", ["110", "119", "120", "122"]),
        ("US", ["911", "112", "988"]),
        ("CA", ["911", "112", "988"]),
        ("GB", ["999", "112"]),
        ("DE", ["110", "112", "116117"]),
        ("FR", ["112", "15", "17", "18", "114", "115", "119"]),
        ("JP", ["110", "118", "119"]),
        ("KR", ["112", "119", "1366"]),
        ("AU", ["000", "106", "112"]),
        ("IN", ["100", "101", "102", "108", "112", "1298", "2611"]),
        ("RU", ["112", "101", "01"]),
        (None, ["112", "911"]),
    ],
)
def test_a_region_has_its_numbers(region: str | None, numbers: list[str]) -> None:
    emergency = EmergencyNumbers(region)
    assert [number for number in numbers if not emergency.match(number)] == []


@pytest.mark.parametrize("digits", ["9116", "91", "9111", "", "911 ", "1120", "911\n", "+911"])
@pytest.mark.parametrize("region", ["US", "CA", "NL", "MX", "PH", "SA"])
def test_a_beginning_is_no_emergency_number(region: str, digits: str) -> None:
    assert not EmergencyNumbers(region).match(digits)


def test_numbers_of_several_regions_hold_together() -> None:
    emergency = EmergencyNumbers("US", None, "GB", added=("5555",))
    assert [emergency.match(digits) for digits in ("911", "999", "5555", "000")] == [
        True,
        True,
        True,
        False,
    ]


def test_an_unknown_region_is_an_error() -> None:
    with pytest.raises(ValueError, match="'XX'"):
        EmergencyNumbers("XX")


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("urn:service:sos", True),
        ("URN:Service:SOS.police", True),
        ("urn:service:sosx", False),
        ("urn:service:counseling", False),
        ("sip:urn:service:sos@example.com", False),
    ],
)
def test_the_urns_of_rfc_5031(uri: str, expected: bool) -> None:
    assert is_sos_urn(uri) is expected


@pytest.mark.parametrize(
    ("digits", "ends"),
    [("911", True), ("0911", True), ("15551230911", True), ("9110", False), ("", False)],
)
def test_digits_may_end_with_an_emergency_number(digits: str, *, ends: bool) -> None:
    assert EmergencyNumbers("US").match_end(digits) is ends


@pytest.mark.parametrize("region", sorted(SUPPORTED_SHORT_REGIONS))
@given(before=st.text("0123456789", max_size=15), tail=st.text("0129", min_size=1, max_size=7))
@settings(max_examples=20, deadline=None)
def test_only_the_last_digits_are_looked_at_and_that_is_enough(
    region: str, before: str, tail: str
) -> None:
    numbers = EmergencyNumbers(region)
    digits = before + tail
    ends = any(numbers.match(digits[at:]) for at in range(len(digits)))
    assert numbers.match_end(digits) is ends
