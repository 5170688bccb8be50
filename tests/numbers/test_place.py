"""Where numbers ring: candidate regions and zones, and what a lead's own data changes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfoNotFoundError

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneMetadata
from phonenumbers.tzdata import TIMEZONE_DATA

from sipgate.numbers.place import (
    NOWHERE,
    Place,
    country_place,
    known_region,
    known_zone,
    lead_place,
    place_of,
)
from sipgate.numbers.place_tables import (
    all_zones,
    country_zones,
    prefix_table,
    region_zones,
    time_zone,
)

EASTERN, CENTRAL = "America/New_York", "America/Chicago"
MOUNTAIN, PACIFIC = "America/Denver", "America/Los_Angeles"
NORTH_AMERICA = ("US", "CA")


# One zone, two zones, none that anybody knows


def test_an_area_code_in_one_zone_has_one_candidate() -> None:
    assert place_of("+13055550123", "US") == Place("US", ("US-FL",), (EASTERN,))


# facts §7.4: the codes that lie in two zones
TWO_ZONES = {
    "208 986": {"America/Boise", PACIFIC},
    "219 574 812 930": {"America/Indiana/Indianapolis", CENTRAL},
    "250": {"America/Vancouver", "America/Edmonton"},
    "270 364": {"America/Kentucky/Louisville", CENTRAL},
    "308": {CENTRAL, MOUNTAIN},
    "423 931": {EASTERN, CENTRAL},
    "432 915": {CENTRAL, MOUNTAIN},
    "458 541": {PACIFIC, "America/Boise"},
    "605": {CENTRAL, MOUNTAIN},
    "620 785": {CENTRAL, MOUNTAIN},
    "701": {CENTRAL, MOUNTAIN},
    "709 879": {"America/St_Johns", "America/Goose_Bay"},
    "775": {PACIFIC, MOUNTAIN},
    "807": {"America/Toronto", "America/Winnipeg"},
    "850 448": {EASTERN, CENTRAL},
    "867": {"America/Whitehorse", "America/Edmonton", "America/Iqaluit"},
    "906": {"America/Detroit", "America/Menominee"},
    "928": {"America/Phoenix", MOUNTAIN},
}


@pytest.mark.parametrize(
    ("area_code", "zones"),
    [(code, zones) for codes, zones in TWO_ZONES.items() for code in codes.split()],
)
def test_an_area_code_in_two_zones_has_both(area_code: str, zones: set[str]) -> None:
    place = place_of(f"+1{area_code}5550123", "US")
    assert zones <= set(place.zones)


def test_a_queensland_number_is_not_in_sydney() -> None:
    assert place_of("+61755501234", "AU").zones == ("Australia/Brisbane", "Australia/Lindeman")


def test_tweed_heads_has_queenslands_area_code_and_may_have_sydneys_time() -> None:
    place = place_of("+61755361234", "AU")
    assert place.regions == ("AU-NSW", "AU-QLD")
    assert "Australia/Sydney" in place.zones


def test_a_mobile_may_be_anywhere_in_its_country() -> None:
    place = place_of("+61412345678", "AU")
    assert place.regions == ()
    assert {"Australia/Sydney", "Australia/Perth", "Australia/Brisbane"} <= set(place.zones)


def test_a_toll_free_number_may_be_anywhere_in_the_united_states_or_canada() -> None:
    place = place_of("+18005550123", "US")
    assert place.regions == ()
    assert {EASTERN, PACIFIC, "Pacific/Honolulu", "America/St_Johns"} <= set(place.zones)


def test_an_area_code_newer_than_the_table_may_be_anywhere_in_the_country() -> None:
    assert place_of("+12995550123", "US") == Place("US", (), country_zones("US"))


def test_a_british_mobile_is_in_london() -> None:
    assert place_of("+447700900123", "GB").zones == ("Europe/London",)


def test_china_has_one_official_time() -> None:
    assert place_of("+8613800138000", "CN").zones == ("Asia/Shanghai",)


def test_an_invalid_number_is_where_its_area_code_is() -> None:
    assert place_of("+12041111111", "US") == place_of("+12045550123", "CA")
    assert place_of("+12045550123", "CA").country == "CA"


@pytest.mark.parametrize(
    ("number", "country", "zone"),
    [
        ("+18765550123", "JM", "America/Jamaica"),
        ("+61891640123", "CX", "Indian/Christmas"),
        ("+77172123456", "KZ", "Asia/Almaty"),
    ],
    ids=["Jamaica in +1", "Christmas Island in +61", "Kazakhstan in +7"],
)
def test_a_country_that_shares_its_code_has_its_own_zones(
    number: str, country: str, zone: str
) -> None:
    place = place_of(number, country)
    assert place.country == country
    assert zone in place.zones
    assert set(place.zones) <= set(country_zones(country))


def test_puerto_rico_is_a_country_to_its_numbers_and_a_region_to_its_laws() -> None:
    assert place_of("+17875550123", "PR") == Place("PR", ("US-PR",), ("America/Puerto_Rico",))


@pytest.mark.parametrize(
    ("number", "country", "zones"),
    [
        ("+34922123456", "ES", ("Atlantic/Canary",)),
        ("+34911234567", "ES", ("Africa/Ceuta", "Europe/Madrid")),
        ("+34612345678", "ES", ("Africa/Ceuta", "Atlantic/Canary", "Europe/Madrid")),
        ("+5521987654321", "BR", ("America/Sao_Paulo",)),
        ("+5581987654321", "BR", ("America/Noronha", "America/Recife")),
        ("+74012123456", "RU", ("Europe/Kaliningrad",)),
        ("+56612123456", "CL", ("America/Punta_Arenas",)),
    ],
)
def test_other_countries_with_several_zones(
    number: str, country: str, zones: tuple[str, ...]
) -> None:
    assert place_of(number, country).zones == zones


def test_a_number_of_no_country_is_nowhere() -> None:
    assert place_of("+80012345678", None) == NOWHERE


@pytest.mark.parametrize("country", sorted(phonenumbers.SUPPORTED_REGIONS))
def test_every_country_with_numbers_has_zones(country: str) -> None:
    zones = country_place(country).zones
    assert zones
    assert list(zones) == sorted(zones)


@given(st.text("0123456789", min_size=0, max_size=15), st.sampled_from(["US", "CA", "AU", "BR"]))
def test_any_number_has_a_place_with_zones(digits: str, country: str) -> None:
    place = place_of(f"+{digits}", country)
    assert place.country is not None
    assert place.zones


# The table itself


def _rows() -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    for prefix, row in prefix_table():
        yield prefix, row.regions, row.zones


def test_every_zone_in_the_tables_exists() -> None:
    named = {zone for _, _, zones in _rows() for zone in zones}
    assert named <= all_zones()


def test_every_region_in_the_table_has_zones_and_the_prefix_none_outside_them() -> None:
    for prefix, regions, zones in _rows():
        allowed = {zone for region in regions for zone in region_zones(region)}
        assert all(region_zones(region) for region in regions), prefix
        assert not regions or set(zones) <= allowed, prefix


def test_every_area_code_in_use_is_in_the_table() -> None:
    prefixes = {prefix for prefix, _ in prefix_table()}
    assert {f"+1{code}" for code in _area_codes()} <= prefixes


def _area_codes() -> Iterator[int]:
    for country in NORTH_AMERICA:
        metadata = PhoneMetadata.metadata_for_region(country)
        assert metadata is not None
        for code in range(200, 1000):
            if phonenumbers.is_valid_number_for_region(
                phonenumbers.PhoneNumber(1, code * 10**7 + 5552368), country
            ) and not _is_placeless(code, country):
                yield code


def _is_placeless(code: int, country: str) -> bool:
    kind = phonenumbers.number_type(phonenumbers.PhoneNumber(1, code * 10**7 + 5552368))
    return kind != phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE


# Where the zones of phonenumbers are others than ours, and why ours are right.
KNOWN_ERRORS = {
    "+1474": "Saskatchewan keeps no DST",
    "+1689": "an overlay of Orlando's 407",
    "+1867": "the Yukon left Vancouver's time in 2020",
    "+1879": "an overlay of 709; Goose Bay has DST, Puerto Rico none",
    "+1907": "one exchange, not in Hawaii",
    "+617": "Queensland",
    "+6186": "the code as a whole",
    "+6187": "the code as a whole",
    "+6188": "the code as a whole",
    "+6189": "the code as a whole",
    "+5567": "one exchange",
    "+5569": "one exchange",
    "+5555": "one exchange",
    "+5592": "one exchange",
    "+348": "34827 is Caceres",
    "+6237": "62379 is not in use",
    "+6240": "Raha is on Sulawesi",
    "+6245": "Tentena is on Sulawesi",
    "+6291": "Bula is on Seram",
    "+6292": "62920 is not in use",
    "+6295": "Teminabuan is in Papua",
    "+6296": "62963 is not in use",
    "+6297": "62979 is not in use",
    "+7845": "Saratov moved in 2016",
}


def _offsets(zone: str) -> tuple[timedelta | None, ...]:
    return tuple(
        datetime(2026, month, 15, 12, tzinfo=UTC).astimezone(time_zone(zone)).utcoffset()
        for month in (1, 3, 4, 7, 10, 11)
    )


def test_a_prefix_has_every_zone_that_phonenumbers_knows_of_its_numbers() -> None:
    table = prefix_table()
    differing = set()
    for prefix, row in table:
        ours = {_offsets(zone) for zone in row.zones}
        for digits, zones in TIMEZONE_DATA.items():
            is_within = f"+{digits}".startswith(prefix) and table.find(f"+{digits}") is row
            if is_within and not {_offsets(zone) for zone in zones} <= ours:
                differing.add(prefix)
    assert differing <= KNOWN_ERRORS.keys()


@pytest.mark.parametrize("zone", sorted(all_zones()))
def test_every_zone_comes_from_the_package(zone: str) -> None:
    assert time_zone(zone).key == zone


def test_a_zone_that_nobody_has_is_refused() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        time_zone("Mars/Olympus")


# A lead's own data

MIAMI = place_of("+13055550123", "US")
PENSACOLA = place_of("+18505550123", "US")


def test_a_leads_zone_wins_over_all_candidates() -> None:
    assert lead_place(PENSACOLA, None, CENTRAL) == Place("US", ("US-FL",), (CENTRAL,))


def test_a_leads_region_takes_the_place_of_the_candidates() -> None:
    assert lead_place(MIAMI, "US-TX", None) == Place("US", ("US-TX",), (CENTRAL, MOUNTAIN))


def test_a_leads_region_may_be_in_another_country() -> None:
    assert lead_place(MIAMI, "CA-QC", None) == Place("CA", ("CA-QC",), region_zones("CA-QC"))


def test_an_area_code_within_the_leads_region_says_more_than_the_region() -> None:
    assert lead_place(MIAMI, "US-FL", None) == MIAMI


def test_region_and_zone_of_a_lead_go_together() -> None:
    assert lead_place(MIAMI, "US-TX", MOUNTAIN) == Place("US", ("US-TX",), (MOUNTAIN,))


def test_without_a_leads_data_the_place_stays() -> None:
    assert lead_place(PENSACOLA, None, None) == PENSACOLA


def test_what_is_no_region_or_zone_changes_nothing() -> None:
    assert lead_place(PENSACOLA, "US-ZZ", "Mars/Olympus") == PENSACOLA


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("US-FL", "US-FL"),
        (" us-fl ", "US-FL"),
        ("DE-BY", "DE-BY"),
        ("ES-MD", "ES-MD"),
        ("AU-QLD", "AU-QLD"),
    ],
)
def test_a_region_is_read(text: str, region: str) -> None:
    assert known_region(text) == region


@pytest.mark.parametrize(
    "text", ["", "US", "FL", "US-ZZ", "Florida", "XX-AB", "DE-", "US-FL-X", "US-*", "ES-*", "DE-Ü"]
)
def test_what_is_no_region_is_none(text: str) -> None:
    assert known_region(text) is None


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("America/New_York", EASTERN),
        (" america/new_york", EASTERN),
        ("US/Eastern", "US/Eastern"),
        ("UTC", "UTC"),
    ],
)
def test_a_zone_is_read(text: str, zone: str) -> None:
    assert known_zone(text) == zone


@pytest.mark.parametrize("text", ["", "Mars/Olympus", "../UTC", "+01:00", "EST5", "America"])
def test_what_is_no_zone_is_none(text: str) -> None:
    assert known_zone(text) is None


@pytest.mark.parametrize("country", ["US", "AU", "DE"])
def test_all_regions_of_a_country_lie_in_its_zones(country: str) -> None:
    own = set(country_zones(country))
    for _, regions, zones in _rows():
        if regions and all(region.startswith(country) for region in regions):
            assert set(zones) <= own | {"America/Puerto_Rico", "Pacific/Guam", "Pacific/Saipan"} | {
                "Pacific/Pago_Pago",
                "America/St_Thomas",
            }
