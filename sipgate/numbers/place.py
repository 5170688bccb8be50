"""Where a number rings: its country, candidate regions and candidate time zones.

Where an area code lies in two zones, both are candidates; where nobody can tell (mobiles, toll-free
numbers, area codes that are newer than the tables), all zones of the country are. The time zones of
`phonenumbers` are not asked: they name one zone for area codes that lie in two, and a wrong one for
some (Queensland).
"""

from functools import lru_cache
from typing import NamedTuple

from .place_tables import all_zones, country_zones, prefix_table, region_zones

CACHED_PLACES = 32_768  # leading digits with their country: about 6 MB


class Place(NamedTuple):
    """Where somebody may be.

    `country` is ISO 3166-1 (`US`). `regions` are candidates by ISO 3166-2 (`US-FL`), empty when
    nobody knows. `zones` are IANA names, sorted: one of them is right; empty only where the country
    is None or has no entry in the time zone tables.
    """

    country: str | None
    regions: tuple[str, ...]
    zones: tuple[str, ...]


NOWHERE = Place(None, (), ())


def place_of(e164: str, country: str | None) -> Place:
    """Where a number (`+13055550123`) rings; `country` is what its numbering plan says.

    About a microsecond, for the leading digits that matter are remembered.
    """
    return _place_of(e164[: prefix_table().depth(e164)], country)


@lru_cache(maxsize=CACHED_PLACES)
def _place_of(digits: str, country: str | None) -> Place:
    row = prefix_table().find(digits)
    if row is None or not _is_in(country, row.country, row.main_country, row.regions):
        return country_place(country)
    if not row.regions:
        return Place(country or row.country, (), row.zones)
    own = f"{row.country}-{country}" in row.regions  # Puerto Rico: PR, and US-PR
    return Place(country if own else row.country, row.regions, row.zones)


def _is_in(country: str | None, of_row: str, main: str, regions: tuple[str, ...]) -> bool:
    """Whether a prefix's row is about a number of this country, of several with one code."""
    if country in (None, of_row, main) or not regions:
        return True
    return f"{of_row}-{country}" in regions


@lru_cache(maxsize=512)
def country_place(country: str | None) -> Place:
    """Somewhere in a country."""
    return NOWHERE if country is None else Place(country, (), country_zones(country))


@lru_cache(maxsize=4096)
def lead_place(place: Place, region: str | None, zone: str | None) -> Place:
    """The place when somebody knows better than the number: its region, its zone, or both.

    The region takes the place of the candidates, and its zones that of theirs; the zone that of
    all. What is no region or zone (`known_region`, `known_zone`) changes nothing.
    """
    zones = () if region is None else region_zones(region)
    if region is not None and zones:
        # An area code that is in the region may say more than the region.
        kept = place.zones if place.regions == (region,) else zones
        place = Place(region.partition("-")[0], (region,), kept)
    return place._replace(zones=(zone,)) if zone in all_zones() else place


def known_region(text: str) -> str | None:
    """A region in its ISO 3166-2 form (`us-fl` is `US-FL`); None for what can't be one."""
    region = text.strip().upper()
    return region if region_zones(region) else None


def known_zone(text: str) -> str | None:
    """A time zone as IANA spells it (capitals don't matter); None for what is none."""
    zone = text.strip()
    return zone if zone in all_zones() else _zone_by_lower_case().get(zone.lower())


@lru_cache(maxsize=1)
def _zone_by_lower_case() -> dict[str, str]:
    return {zone.lower(): zone for zone in all_zones()}


def load_places() -> None:
    """Read the tables: about 10 ms, once."""
    prefix_table()
    country_zones("US")
    _zone_by_lower_case()
