"""The numbering plan of one country calling code: which lengths are possible, what is valid, where.

The facts are those of the `phonenumbers` package; the matching is our own, because its general
parser costs 10 to 20 µs a number and this is asked for every call.
"""

import re
from functools import cache, lru_cache
from typing import NamedTuple

import phonenumbers

_TYPES = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)
_NON_GEOGRAPHIC = "001"  # what phonenumbers calls the region of +800, +882 and so on


class Rank:
    """How sure a reading is: of several, the highest wins."""

    VALID = 6  # the number is in use by its country's plan
    POSSIBLE = 5  # its length is right
    CUT_VALID = 4  # digits after the end were taken off, and what is left is in use
    FOREIGN = 3  # another country's valid number, written without any prefix
    FOREIGN_CUT = 2  # the same with digits after the end
    CUT = 1  # cut to the longest possible length


class Reading(NamedTuple):
    """A number in E.164 form, its country (None: unknown or none) and a value of `Rank`."""

    number: str
    country: str | None
    rank: int


class _Region(NamedTuple):
    name: str
    leading: re.Pattern[str] | None  # decides alone where there is one
    valid: re.Pattern[str]


class Numbering:
    """Reads national numbers of one country calling code."""

    def __init__(self, code: str, names: tuple[str, ...]) -> None:
        main = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(int(code), names[0])
        assert main is not None, code
        general = main.general_desc
        assert general is not None, code
        self.code = code
        self.lengths = frozenset(general.possible_length)
        self.longest = max(self.lengths)
        self.has_local_numbers = bool(general.possible_length_local_only)
        self.national_prefix: str = main.national_prefix or ""
        self.international_prefix: str = main.international_prefix or ""
        self._down = sorted(self.lengths, reverse=True)
        prefix = main.national_prefix_for_parsing
        self._prefix = re.compile(prefix) if prefix else None
        self._transform: str = main.national_prefix_transform_rule or ""
        self._general = re.compile(general.national_number_pattern or "")
        self._formats = tuple(
            (
                re.compile(format.leading_digits_pattern[-1])
                if format.leading_digits_pattern
                else None,
                re.compile(format.pattern or ""),
                bool(
                    format.national_prefix_formatting_rule
                    and self.national_prefix
                    and self.national_prefix in format.national_prefix_formatting_rule
                    and not format.national_prefix_optional_when_formatting
                ),
            )
            for format in main.number_format
        )
        self._regions = tuple(_region(int(code), name) for name in names)

    def significant(self, digits: str) -> str:
        """The digits without national prefix and carrier code, where that leaves enough."""
        match = self._prefix.match(digits) if self._prefix is not None else None
        if match is None or self._prefix is None:
            return digits
        if self._transform and match.groups()[-1] is not None:
            rest = self._prefix.sub(self._transform, digits, count=1)
        else:
            rest = digits[match.end() :]
        if self._general.fullmatch(digits) and not self._general.fullmatch(rest):
            return digits
        return rest if len(rest) in self.lengths or len(rest) > self.longest else digits

    def read(self, national: str) -> Reading | None:
        """What rings for a national number without its prefix; None when it is too short.

        A prefix in front of the result goes too (NL 0000000), so that the number, read again, is
        the same number.
        """
        reading = self._read_once(national)
        while reading is not None and reading.rank < Rank.VALID:
            number = reading.number[len(self.code) + 1 :]
            rest = self.significant(number)
            if len(rest) >= len(number):
                break
            whole = self.significant(national)  # the end was cut only for the prefix's sake
            national = whole if len(whole) < len(national) else rest
            again = self._read_once(national)
            assert again is not None, national  # significant leaves enough
            reading = again._replace(rank=min(reading.rank, again.rank))
        return reading

    def _read_once(self, national: str) -> Reading | None:
        if len(national) in self.lengths:
            region, is_valid = self.place(national)
            if is_valid:
                return Reading("+" + self.code + national, region, Rank.VALID)
        elif len(national) < self._down[-1]:
            return None
        for length in self._down:  # digits after the end
            if length < len(national):
                region, is_valid = self.place(national[:length])
                if is_valid:
                    return Reading("+" + self.code + national[:length], region, Rank.CUT_VALID)
        if len(national) in self.lengths:
            return Reading("+" + self.code + national, self.place(national)[0], Rank.POSSIBLE)
        length = next((length for length in self._down if length < len(national)), 0)
        if not length or len(national) < self.longest:
            return None  # a length between two possible ones: nobody knows
        return Reading("+" + self.code + national[:length], self.place(national)[0], Rank.CUT)

    def place(self, national: str) -> tuple[str | None, bool]:
        """The region of a number and whether it is valid; an invalid one has the main region."""
        for region in self._regions:
            if region.leading is not None:
                if region.leading.match(national):
                    return region.name, region.valid.fullmatch(national) is not None
            elif region.valid.fullmatch(national):
                return (None if region.name == _NON_GEOGRAPHIC else region.name), True
        name = self._regions[0].name
        return (None if name == _NON_GEOGRAPHIC else name), False

    def is_dialled_with_prefix(self, national: str) -> bool:
        """Whether people must dial the national prefix before this number."""
        for leading, pattern, needs_prefix in self._formats:
            if (leading is None or leading.match(national)) and pattern.fullmatch(national):
                return needs_prefix
        return False


def load_numberings() -> None:
    """Build the plans of all countries: about 0.2 s, once."""
    _numberings()


def numbering_of(code: str) -> Numbering | None:
    """The plan of a country calling code (`"49"`); None where nobody has it."""
    return _numberings().get(code)


def numbering_in(region: str) -> Numbering:
    """The plan that holds in a region (`"DE"`); ValueError for an unknown one."""
    code = phonenumbers.country_code_for_region(region)
    numbering = numbering_of(str(code))
    if numbering is None:
        raise ValueError(f"unknown region {region!r}")
    return numbering


def international(digits: str) -> tuple[Numbering, str] | None:
    """The plan and the rest of digits that begin with a country calling code."""
    numberings = _numberings()
    for length in (1, 2, 3):  # no code begins another
        numbering = numberings.get(digits[:length])
        if numbering is not None:
            return numbering, digits[length:]
    return None


def read_international(digits: str) -> Reading | None:
    """Reads digits that begin with a country calling code; a national prefix after it goes."""
    found = international(digits)
    if found is None:
        return None
    numbering, rest = found
    return numbering.read(numbering.significant(rest))


@lru_cache(maxsize=4096)
def is_possible_number(text: str) -> bool:
    """Whether a text is a number in E.164 form whose length its country's plan knows."""
    if not text.startswith("+") or not (text[1:].isascii() and text[1:].isdecimal()):
        return False
    reading = read_international(text[1:])
    return reading is not None and reading.rank >= Rank.POSSIBLE and reading.number == text


@cache
def _numberings() -> dict[str, Numbering]:
    """All plans by their code; built once, in about a quarter of a second."""
    return {
        str(code): Numbering(str(code), names)
        for code, names in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
    }


def _region(code: int, name: str) -> _Region:
    metadata = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(code, name)
    assert metadata is not None, (code, name)
    patterns = [
        f"(?:{desc.national_number_pattern})"
        for desc in (getattr(metadata, kind) for kind in _TYPES)
        if desc is not None and desc.national_number_pattern
    ]
    leading = metadata.leading_digits
    return _Region(
        name,
        re.compile(leading) if leading else None,
        re.compile("|".join(dict.fromkeys(patterns))),
    )
