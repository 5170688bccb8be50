"""Digits dialled before a number that choose a carrier or hide the caller, by region.

They change how a call is carried or shown, not whom it rings. Codes with `*` and `#` are in
`service_code`; the carrier codes of China, Brazil, Korea, Colombia and others, and Australia's
1831 and 1832, are in the tables of `phonenumbers` already.
"""

import re
from functools import cache

# From the countries' numbering plans; each is taken off only where a number is left.
_PREFIXES: dict[str, str] = {
    "AT": r"10\d\d",
    "CH": r"10[78]\d\d",
    "DE": r"010(?:0\d\d|[1-9]\d)",
    "ES": r"067",
    "FR": r"3651",
    "GB": r"141|1470|1280",
    "HK": r"133",
    "IE": r"14[12]",
    "IT": r"10\d{2,3}",
    "JP": r"18[46]",
    "NL": r"16\d\d",
    "NZ": r"019[67]",
}
# Carriers; star codes as dial phones send them (1167 is *67); 0 asks the operator to connect.
_NORTH_AMERICA = r"101\d{4}|11(?:6[3-9]|7\d|8[0-7]|9\d)|0(?=[2-9]\d{9})"


@cache
def dial_prefix(region: str) -> re.Pattern[str] | None:
    """What may stand before a number in this region; None where nothing is known."""
    is_north_american = region in _north_america()
    pattern = _NORTH_AMERICA if is_north_american else _PREFIXES.get(region)
    return re.compile(pattern) if pattern else None


@cache
def _north_america() -> frozenset[str]:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    return frozenset(COUNTRY_CODE_TO_REGION_CODE[1])
