"""Public holidays of countries and their regions: the tables of the `holidays` package."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

import holidays

KEPT_YEARS = 2048  # of one region each, about 3 kB
_LANGUAGE = "en_US"  # not the machine's, so that any two gates write the same record


def holiday(region: str, day: int) -> str | None:
    """The name of the public holiday that a day is in a region; None: an ordinary day.

    `region` is a country (`FR`) or one of its regions by ISO 3166-2 (`US-FL`); a region that the
    package doesn't know has its country's holidays, a country that it doesn't know has none. `day`
    is an ordinal as of `date.toordinal`. A year of a region is made when it is first asked for, in
    about a millisecond, and kept.
    """
    return _of_year(region, date.fromordinal(day).year).get(day)


def load_holidays() -> None:
    """Load what every country needs, so that the first call needn't: about 0.1 s, once."""
    holiday("US", date(2026, 1, 1).toordinal())


@lru_cache(maxsize=KEPT_YEARS)
def _of_year(region: str, year: int) -> Mapping[int, str]:
    country, _, subdivision = region.partition("-")
    for asked in (subdivision, None) if subdivision else (None,):
        try:
            days = holidays.country_holidays(
                country, subdiv=asked, years=year, expand=False, language=_LANGUAGE
            )
        except NotImplementedError:
            continue  # unknown to the package
        return {day.toordinal(): name for day, name in days.items()}
    return {}
