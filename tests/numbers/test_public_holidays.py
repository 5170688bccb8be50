"""Public holidays: of a country, of its regions, of places that nobody has tables for."""

from datetime import date

import pytest

from sipgate.numbers.public_holidays import holiday


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def test_a_countrys_holiday_has_a_name() -> None:
    assert holiday("FR", day("2026-07-14")) == "National Day"


def test_an_ordinary_day_is_none() -> None:
    assert holiday("FR", day("2026-07-15")) is None


def test_a_regions_holiday_is_none_elsewhere_in_the_country() -> None:
    assert holiday("AU-QLD", day("2026-08-12")) is not None  # the Ekka
    assert holiday("AU-VIC", day("2026-08-12")) is None
    assert holiday("AU", day("2026-08-12")) is None


def test_a_region_has_the_holidays_of_its_country_too() -> None:
    assert holiday("US-FL", day("2026-12-25")) == "Christmas Day"


@pytest.mark.parametrize("region", ["DE-XX", "FR-ZZZ"])
def test_an_unknown_region_has_its_countrys_holidays(region: str) -> None:
    assert holiday(region, day("2026-05-01")) is not None


def test_an_unknown_country_has_none() -> None:
    assert holiday("XX", day("2026-12-25")) is None


def test_a_holiday_that_moves_is_another_day_each_year() -> None:
    assert holiday("DE", day("2026-04-06")) == "Easter Monday"
    assert holiday("DE", day("2027-04-06")) is None
    assert holiday("DE", day("2027-03-29")) == "Easter Monday"


def test_a_substitute_for_a_weekend_holiday_counts() -> None:
    assert holiday("US", day("2026-07-03")) is not None  # the fourth is a Saturday
