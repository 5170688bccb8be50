"""The tables that say where numbers, regions and countries are, read from data files.

`data/prefixes.csv` and `data/region_zones.csv` say where they are from. Zones of countries are
those of zone.tab in the `tzdata` package.
"""

import csv
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import NamedTuple
from zoneinfo import ZoneInfo

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

_REGION = re.compile(r"[A-Z]{2}-[A-Z0-9]{1,3}")  # ISO 3166-2
_OTHERS = "*"  # in `ES-*`: the regions of a country that have no row


class PrefixRow(NamedTuple):
    """What is known of numbers that begin alike. `zones` are sorted and never empty."""

    country: str
    regions: tuple[str, ...]
    zones: tuple[str, ...]
    main_country: str  # of the calling code: the one that an invalid number is taken for


class PrefixTable:
    """Finds the longest row that a number begins with."""

    def __init__(self) -> None:
        self._rows = dict(_prefix_rows())
        lengths: dict[str, set[int]] = {}
        for prefix in self._rows:
            lengths.setdefault(prefix[:2], set()).add(len(prefix))
        # Of numbers that begin with a plus and this digit: lengths of prefixes, longest first.
        self._lengths = {head: tuple(sorted(n, reverse=True)) for head, n in lengths.items()}

    def __iter__(self) -> Iterator[tuple[str, PrefixRow]]:
        return iter(self._rows.items())

    def depth(self, number: str) -> int:
        """How many characters of a number the table looks at; 0: it knows none like it."""
        lengths = self._lengths.get(number[:2])
        return lengths[0] if lengths is not None else 0

    def find(self, number: str) -> PrefixRow | None:
        """The row of an E.164 number."""
        for length in self._lengths.get(number[:2], ()):
            row = self._rows.get(number[:length])
            if row is not None:
                return row
        return None


@cache
def prefix_table() -> PrefixTable:
    """The table of number prefixes, read once."""
    return PrefixTable()


@cache
def all_zones() -> frozenset[str]:
    """Every name of a time zone, old spellings included."""
    return frozenset(files("tzdata").joinpath("zones").read_text("utf-8").split())


@cache
def time_zone(name: str) -> ZoneInfo:
    """A time zone as the `tzdata` package has it, not the machine: two gates know the same changes.

    ZoneInfoNotFoundError for one that neither has.
    """
    try:
        with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (OSError, ValueError):
        return ZoneInfo(name)


def country_zones(country: str) -> tuple[str, ...]:
    """The time zones of a country, sorted; empty for one that nobody knows."""
    return _zones_by_country().get(country, ())


def region_zones(region: str) -> tuple[str, ...]:
    """The time zones of a region (`US-FL`), sorted; empty for one that can't be.

    Where nobody has written down a country's regions, each may have any zone of the country.
    """
    country = region.partition("-")[0]
    if _REGION.fullmatch(region) is None:
        return ()
    by_region = _zones_by_region()
    known = by_region.get(region) or by_region.get(f"{country}-{_OTHERS}")
    if known is not None or country in _listed_countries():
        return known or ()
    return country_zones(country)


@cache
def _zones_by_country() -> dict[str, tuple[str, ...]]:
    zones: dict[str, set[str]] = {}
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text("utf-8")
    for line in table.splitlines():
        if not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            zones.setdefault(country, set()).add(zone)
    by_country = {country: tuple(sorted(names)) for country, names in zones.items()}
    by_country.update(
        (region, names) for region, names in _zones_by_region().items() if "-" not in region
    )
    return by_country


@cache
def _zones_by_region() -> dict[str, tuple[str, ...]]:
    return {row["region"]: tuple(sorted(row["zones"].split())) for row in _rows("region_zones.csv")}


@cache
def _listed_countries() -> frozenset[str]:
    """Countries whose regions are all written down."""
    return frozenset(region.partition("-")[0] for region in _zones_by_region() if "-" in region)


def _prefix_rows() -> Iterator[tuple[str, PrefixRow]]:
    for row in _rows("prefixes.csv"):
        regions = tuple(row["regions"].split())
        zones = set(row["zones"].split())
        if not zones:
            zones = {zone for region in regions for zone in region_zones(region)}
        main = _main_country(row["prefix"])
        country = regions[0].partition("-")[0] if regions else main
        yield row["prefix"], PrefixRow(country, regions, tuple(sorted(zones)), main)


def _main_country(prefix: str) -> str:
    for length in (2, 3, 4):  # a plus and one to three digits; no code begins another
        countries = COUNTRY_CODE_TO_REGION_CODE.get(int(prefix[1:length]))
        if countries is not None:
            return str(countries[0])
    raise ValueError(f"no calling code in {prefix}")


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = files("sipgate.numbers").joinpath("data", name).read_text("utf-8")
    return csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
