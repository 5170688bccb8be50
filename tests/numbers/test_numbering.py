"""The numbering plans say what the phonenumbers package says."""

import phonenumbers
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sipgate.numbers.numbering import Rank, numbering_in, numbering_of, read_international

CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)


@st.composite
def international_numbers(draw: st.DrawFn) -> str:
    """Digits of a possible length, often in a range that is in use."""
    code = draw(st.sampled_from(CODES))
    region = draw(st.sampled_from(phonenumbers.COUNTRY_CODE_TO_REGION_CODE[code]))
    example = phonenumbers.example_number(region) if region != "001" else None
    if example is None or draw(st.booleans()):
        numbering = numbering_of(str(code))
        assert numbering is not None
        length = draw(st.sampled_from(sorted(numbering.lengths)))
        return str(code) + draw(st.text("0123456789", min_size=length, max_size=length))
    national = phonenumbers.national_significant_number(example)
    return str(code) + national[:-3] + draw(st.text("0123456789", min_size=3, max_size=3))


@settings(max_examples=500)
@given(international_numbers())
def test_a_valid_number_is_read_as_phonenumbers_reads_it(digits: str) -> None:
    parsed = phonenumbers.parse("+" + digits)
    assume(phonenumbers.is_valid_number(parsed))
    region = phonenumbers.region_code_for_number(parsed)
    assert read_international(digits) == (
        phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164),
        None if region == "001" else region,
        Rank.VALID,
    )


@settings(max_examples=500)
@given(international_numbers())
def test_a_number_that_phonenumbers_finds_invalid_is_not_called_valid(digits: str) -> None:
    parsed = phonenumbers.parse("+" + digits)
    assume(not phonenumbers.is_valid_number(parsed))
    reading = read_international(digits)
    assert reading is None or reading.rank < Rank.VALID


@given(st.text("0123456789", max_size=40))
def test_any_digits_can_be_read(digits: str) -> None:
    read_international(digits)


def test_digits_after_the_longest_length_are_cut() -> None:
    assert read_international("155500000009999") == ("+15550000000", "US", Rank.CUT)


def test_digits_after_the_end_of_a_shorter_range_are_cut() -> None:
    assert read_international("86138123456789") == ("+8613812345678", "CN", Rank.CUT_VALID)


def test_a_mobile_of_china_is_dialled_without_a_prefix() -> None:
    assert not numbering_in("CN").is_dialled_with_prefix("13812345678")


def test_a_landline_of_germany_is_dialled_with_its_prefix() -> None:
    assert numbering_in("DE").is_dialled_with_prefix("3012345678")


@settings(max_examples=500)
@given(st.sampled_from(CODES), st.text("0158", max_size=3), st.text("0123456789", max_size=17))
def test_a_number_read_again_is_the_same_number(code: int, prefix: str, rest: str) -> None:
    reading = read_international(f"{code}{prefix}{rest}")
    assume(reading is not None)
    assert reading is not None
    again = read_international(reading.number[1:])
    assert again is not None
    assert again.number == reading.number


def test_all_prefixes_go_before_digits_are_cut_from_the_end() -> None:
    assert read_international("200092155183815") == ("+20921551838", "EG", Rank.CUT)
