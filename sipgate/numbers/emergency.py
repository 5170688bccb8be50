"""Emergency numbers per region, and the emergency URNs of RFC 5031.

A number is one only when it *equals* one: some regions' tables also hold prefixes ("9116"), which
would let any number that begins so past every rule.
"""

import re
from collections.abc import Iterable

from phonenumbers import PhoneMetadata

ANYWHERE = ("112", "911")  # where no region is known: what GSM phones treat as emergency numbers

# What the tables of phonenumbers leave out: national police, coast guard, rescue and crisis lines.
ADDED: dict[str, tuple[str, ...]] = {
    "CA": ("988",),
    "CN": ("110", "119", "120", "122"),
    "DE": ("116117",),
    "FR": ("114", "115", "119"),
    "JP": ("118",),
    "KR": ("1366",),
    "US": ("988",),
}
_SOS = "urn:service:sos"


class EmergencyNumbers:
    """The emergency numbers of one or more regions; without any, 112 and 911.

    ValueError for a region that nobody knows.
    """

    def __init__(self, *regions: str | None, added: Iterable[str] = ()) -> None:
        self.regions = tuple(dict.fromkeys(region for region in regions if region))
        added = tuple(added)
        patterns = [re.escape(number) for number in added]
        for region in self.regions:
            patterns += [*map(re.escape, ADDED.get(region, ())), *_table(region)]
        if not self.regions:
            patterns += ANYWHERE
        any_of_them = "|".join(dict.fromkeys(patterns))
        self.pattern = any_of_them  # a regular expression of them all
        self._matches = re.compile(any_of_them).fullmatch
        self._ends = re.compile(f"(?:{any_of_them})\\Z").search
        lengths = [len(number) for number in (*added, *ANYWHERE)]
        for region in self.regions:
            lengths += [*map(len, ADDED.get(region, ())), *_lengths(region)]
        self._longest = max(lengths)

    def match(self, digits: str) -> bool:
        """Whether these digits are exactly an emergency number."""
        return self._matches(digits) is not None

    def match_end(self, digits: str) -> bool:
        """Whether these digits end with an emergency number, whatever stands before it."""
        return self._ends(digits, max(0, len(digits) - self._longest)) is not None


def is_sos_urn(uri: str) -> bool:
    """Whether a Request-URI is `urn:service:sos` or one of its services (RFC 5031 §4.2)."""
    urn = uri.lower()
    return urn == _SOS or urn.startswith(_SOS + ".")


def _lengths(region: str) -> tuple[int, ...]:
    """How many digits the numbers of a region's table have."""
    metadata = PhoneMetadata.short_metadata_for_region(region)
    if metadata is None or metadata.emergency is None:
        return ()
    return tuple(metadata.emergency.possible_length)


def _table(region: str) -> list[str]:
    if PhoneMetadata.metadata_for_region(region) is None:
        raise ValueError(f"unknown region {region!r}")
    metadata = PhoneMetadata.short_metadata_for_region(region)
    if metadata is None or metadata.emergency is None:
        return list(ANYWHERE)
    pattern = metadata.emergency.national_number_pattern
    return [f"(?:{pattern})"] if pattern else list(ANYWHERE)
