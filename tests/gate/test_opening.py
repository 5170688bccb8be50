"""When a place is open: edges, days when clocks change, holidays, bans; against a slow model."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sipgate.gate.opening import Ban, OpeningHours, State
from sipgate.gate.span import Span, read_span
from sipgate.numbers import Place, country_place, holiday, place_of, time_zone

MICRO = 1_000_000
MIAMI = place_of("+13055550123", "US")
PENSACOLA = place_of("+18505550123", "US")
PARIS = Place("FR", (), ("Europe/Paris",))
BRISBANE = Place("AU", ("AU-QLD",), ("Australia/Brisbane",))
PHOENIX = place_of("+16025550123", "US")
NAVAJO = place_of("+19285550123", "US")
MARITIMES = place_of("+19025550123", "CA")

EIGHT_TO_EIGHT = "08:00-20:00"


def week(*days: str) -> tuple[tuple[Span, ...], ...]:
    """Seven texts from Monday; the last is repeated."""
    texts = [*days, *[days[-1]] * (7 - len(days))]
    return tuple(
        tuple(span for part in text.split(",") for span in read_span(part)) for text in texts
    )


def hours(*days: str, on_holidays: bool = True, bans: Sequence[Ban] = ()) -> OpeningHours:
    return OpeningHours(week(*days), on_holidays=on_holidays, bans=tuple(bans))


def at(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * MICRO)


def opens(state: State) -> str | None:
    return None if state.opens is None else f"{datetime.fromtimestamp(state.opens / MICRO, UTC)}"


# Edges


@pytest.mark.parametrize(
    ("time", "is_open"),
    [
        ("2026-11-20T07:59:59-05:00", False),
        ("2026-11-20T07:59:59.999999-05:00", False),
        ("2026-11-20T08:00:00-05:00", True),
        ("2026-11-20T19:59:59.999999-05:00", True),
        ("2026-11-20T20:00:00-05:00", False),
        ("2026-11-20T21:00:00-05:00", False),
    ],
)
def test_the_start_is_in_and_the_end_is_out(time: str, is_open: bool) -> None:
    assert hours(EIGHT_TO_EIGHT).state(MIAMI, at(time)).is_open is is_open


def test_a_break_at_noon_is_closed() -> None:
    french = hours("10:00-13:00, 14:00-20:00", on_holidays=False)
    times = ["09:59:59", "10:00", "12:59:59", "13:00", "13:59:59", "14:00", "19:59:59", "20:00"]
    states = [french.state(PARIS, at(f"2026-11-20T{time}+01:00")).is_open for time in times]
    assert states == [False, True, True, False, False, True, True, False]


def test_a_day_without_hours_is_closed_all_day() -> None:
    state = hours("08:00-20:00", "").state(MIAMI, at("2026-11-24T12:00:00-05:00"))
    assert (state.is_open, state.spans) == (False, None)
    assert opens(state) == "2026-11-30 13:00:00+00:00"


def test_the_whole_day_is_open_to_its_last_moment() -> None:
    always = hours("00:00-24:00")
    assert always.state(MIAMI, at("2026-11-20T23:59:59.999999-05:00")).is_open
    assert always.state(MIAMI, at("2026-11-21T00:00:00-05:00")).is_open


def test_it_is_the_callees_weekday_that_counts() -> None:
    weekdays = hours(*[EIGHT_TO_EIGHT] * 5, "")
    sunday_in_paris = "2026-11-22T23:30:00+00:00"
    brisbane_monday = Place("AU", (), ("Australia/Brisbane",))
    assert not weekdays.state(PARIS, at(sunday_in_paris)).is_open
    assert weekdays.state(brisbane_monday, at(sunday_in_paris)).is_open


# Several candidate zones


@pytest.mark.parametrize(
    ("time", "is_open"),
    [("08:30:00", False), ("09:00:00", True), ("19:59:59", True), ("20:00:00", False)],
)
def test_all_candidate_zones_must_be_open(time: str, is_open: bool) -> None:
    state = hours(EIGHT_TO_EIGHT).state(PENSACOLA, at(f"2026-11-20T{time}-05:00"))
    assert state.is_open is is_open


def test_the_zone_that_says_no_is_named() -> None:
    both = hours(EIGHT_TO_EIGHT)
    early = both.state(PENSACOLA, at("2026-11-20T08:30:00-05:00"))
    late = both.state(PENSACOLA, at("2026-11-20T20:30:00-05:00"))
    assert (early.zone, late.zone) == ("America/Chicago", "America/New_York")


def test_the_next_opening_is_one_of_all_zones() -> None:
    state = hours(EIGHT_TO_EIGHT).state(PENSACOLA, at("2026-11-20T20:30:00-05:00"))
    assert opens(state) == "2026-11-21 14:00:00+00:00"  # 08:00 in Chicago


def test_zones_that_are_never_open_together_have_no_next_opening() -> None:
    apart = Place("US", (), ("America/New_York", "Pacific/Honolulu"))
    state = hours("12:00-13:00").state(apart, at("2026-11-20T12:30:00-05:00"))
    assert (state.is_open, state.opens) == (False, None)


# Days when clocks change


def test_an_hour_that_clocks_show_twice_is_open_twice() -> None:
    night = hours("01:00-02:00")
    instants = ["05:00", "05:59:59", "06:00", "06:59:59", "07:00"]  # UTC; the change is at 06:00
    states = [night.state(MIAMI, at(f"2026-11-01T{time}+00:00")).is_open for time in instants]
    assert states == [True, True, True, True, False]


def test_an_hour_that_clocks_skip_is_never_open() -> None:
    night = hours("02:00-03:00")
    day = [at("2026-03-08T05:00:00+00:00") + minute * 60 * MICRO for minute in range(23 * 60)]
    assert not any(night.state(MIAMI, instant).is_open for instant in day)
    assert opens(night.state(MIAMI, day[0])) == "2026-03-09 06:00:00+00:00"


@pytest.mark.parametrize(
    ("day", "minutes"),
    [("2026-03-08", 23 * 60), ("2026-11-01", 25 * 60), ("2026-07-01", 24 * 60)],
    ids=["23 hours", "25 hours", "24 hours"],
)
def test_a_day_is_as_long_as_it_is(day: str, minutes: int) -> None:
    weekday = date.fromisoformat(day).weekday()
    only = OpeningHours(
        tuple((Span(0, 86_400),) if i == weekday else () for i in range(7)),
        on_holidays=True,
        bans=(),
    )
    around = at(f"{day}T12:00:00-05:00") - 24 * 3600 * MICRO
    instants = [around + minute * 60 * MICRO for minute in range(48 * 60)]
    assert sum(only.state(MIAMI, instant).is_open for instant in instants) == minutes


@pytest.mark.parametrize(
    ("place", "summer", "winter"),
    [
        (PHOENIX, "2026-07-01T15:00:00+00:00", "2026-12-01T15:00:00+00:00"),
        (BRISBANE, "2026-12-01T22:00:00+00:00", "2026-06-30T22:00:00+00:00"),
    ],
    ids=["Arizona", "Queensland"],
)
def test_a_zone_without_dst_opens_at_the_same_instant_all_year(
    place: Place, summer: str, winter: str
) -> None:
    eight = hours("08:00-20:00")
    for instant in (at(summer), at(winter)):
        assert eight.state(place, instant).is_open
        assert not eight.state(place, instant - 1).is_open


def test_the_navajo_nation_keeps_dst_so_its_area_code_waits_for_both() -> None:
    state = hours(EIGHT_TO_EIGHT).state(NAVAJO, at("2026-07-01T14:30:00+00:00"))
    assert (state.is_open, state.zone) == (False, "America/Phoenix")


# Holidays


def test_a_holiday_is_closed_and_named() -> None:
    state = hours(EIGHT_TO_EIGHT, on_holidays=False).state(PARIS, at("2026-07-14T12:00:00+02:00"))
    assert (state.is_open, state.why.reason) == (False, "National Day")
    assert opens(state) == "2026-07-15 06:00:00+00:00"


def test_a_holiday_is_open_where_the_policy_says_so() -> None:
    assert hours(EIGHT_TO_EIGHT).state(PARIS, at("2026-07-14T12:00:00+02:00")).is_open


def test_a_holiday_of_the_region_counts_there_only() -> None:
    closed = hours(EIGHT_TO_EIGHT, on_holidays=False)
    ekka = at("2026-08-12T12:00:00+10:00")
    melbourne = Place("AU", ("AU-VIC",), ("Australia/Melbourne",))
    assert not closed.state(BRISBANE, ekka).is_open
    assert closed.state(melbourne, ekka).is_open


def test_a_holiday_of_any_candidate_region_closes_an_ambiguous_number() -> None:
    days = [date(2026, 1, 1) + timedelta(days=offset) for offset in range(365)]
    only_one = [
        day
        for day in days
        if (holiday("CA-NS", day.toordinal()) is None)
        != (holiday("CA-PE", day.toordinal()) is None)
    ]
    assert MARITIMES.regions == ("CA-NS", "CA-PE")
    assert only_one
    closed = hours("00:00-24:00", on_holidays=False)
    for day in only_one:
        assert not closed.state(MARITIMES, at(f"{day}T12:00:00-03:30")).is_open


def test_a_number_of_no_known_region_has_the_national_holidays() -> None:
    closed = hours(EIGHT_TO_EIGHT, on_holidays=False)
    anywhere = Place("AU", (), ("Australia/Brisbane",))
    assert closed.state(anywhere, at("2026-08-12T12:00:00+10:00")).is_open
    assert not closed.state(anywhere, at("2026-12-25T12:00:00+10:00")).is_open


# Bans


def ban(region: str, start: str, end: str) -> Ban:
    def local(text: str) -> int:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())

    return Ban(region, local(start), local(end), "storm", "the order")


STORM = ban("US-FL", "2026-09-28T12:00", "2026-10-02T00:00")


@pytest.mark.parametrize(
    ("time", "is_open"),
    [
        ("2026-09-28T11:59:59-04:00", True),
        ("2026-09-28T12:00:00-04:00", False),
        ("2026-10-01T19:59:59-04:00", False),
        ("2026-10-02T08:00:00-04:00", True),
    ],
)
def test_a_ban_begins_and_ends_by_the_local_clock(time: str, is_open: bool) -> None:
    assert hours(EIGHT_TO_EIGHT, bans=[STORM]).state(MIAMI, at(time)).is_open is is_open


def test_a_ban_is_named_with_its_source_and_left_for_the_next_opening() -> None:
    state = hours(EIGHT_TO_EIGHT, bans=[STORM]).state(MIAMI, at("2026-09-29T12:00:00-04:00"))
    assert state.values(at("2026-09-29T12:00:00-04:00")) == {
        "zone": "America/New_York",
        "local_time": "12:00",
        "open": "08:00-20:00",
        "closed_for": "storm",
        "source": "the order",
    }
    assert opens(state) == "2026-10-02 12:00:00+00:00"


@pytest.mark.parametrize(
    ("region", "place", "is_banned"),
    [
        ("US-FL", MIAMI, True),
        ("US", MIAMI, True),
        ("US-TX", MIAMI, False),
        ("CA", MIAMI, False),
        ("US-FL", Place("US", (), ("America/New_York",)), True),
        ("CA-PE", MARITIMES, True),
        ("US", place_of("+17875550123", "PR"), True),
        ("PR", place_of("+17875550123", "PR"), True),
        ("US-PR", place_of("+17875550123", "PR"), True),
    ],
    ids=[
        "its region",
        "its country",
        "another region",
        "another country",
        "a region that it may be in",
        "one of its candidates",
        "Puerto Rico in the US",
        "Puerto Rico",
        "US-PR",
    ],
)
def test_a_ban_is_for_whoever_may_be_in_its_region(
    region: str, place: Place, is_banned: bool
) -> None:
    banned = hours("00:00-24:00", bans=[ban(region, "2026-09-28", "2026-09-30")])
    assert banned.state(place, at("2026-09-29T12:00:00-04:00")).is_open is not is_banned


def test_a_long_ban_still_has_its_end() -> None:
    long = ban("US-FL", "2026-08-01", "2026-10-01")
    state = hours(EIGHT_TO_EIGHT, bans=[long]).state(MIAMI, at("2026-08-02T12:00:00-04:00"))
    assert opens(state) == "2026-10-01 12:00:00+00:00"


def test_a_ban_without_an_end_in_sight_is_looked_at_for_a_moment_only() -> None:
    endless = ban("US", "2000-01-01", "2999-01-01")
    state = hours(EIGHT_TO_EIGHT, bans=[endless]).state(
        country_place("US"), at("2026-08-02T12:00:00-04:00")
    )
    assert (state.is_open, state.opens) == (False, None)


# Against a slow model

PLACES = [
    *(MIAMI, PENSACOLA, PARIS, BRISBANE, NAVAJO, MARITIMES),
    Place("AU", (), ("Australia/Lord_Howe", "Australia/Perth")),
    place_of("+12085550123", "US"),
]
SPANS = st.sampled_from(
    ["", "08:00-20:00", "00:00-24:00", "10:00-13:00,14:00-20:00", "01:30-02:30", "00:00-01:00"]
)
BANS = st.lists(
    st.sampled_from(
        [
            STORM,
            ban("US", "2026-11-01T01:30", "2026-11-01T02:00"),
            ban("AU-QLD", "2026-04-05", "2026-04-06"),
            ban("FR", "2026-03-29T02:30", "2026-03-29T03:30"),
            ban("CA-PE", "2026-03-07", "2026-03-09T12:00"),
        ]
    ),
    max_size=3,
)


def slow(
    spans: Sequence[str], on_holidays: bool, bans: Sequence[Ban], place: Place, time_us: int
) -> bool:
    """Looks at the clock on each wall, and at nothing else."""
    for zone in place.zones:
        wall = datetime.fromtimestamp(time_us // MICRO, time_zone(zone))
        second = wall.hour * 3600 + wall.minute * 60 + wall.second
        texts = spans[wall.weekday()].split(",")
        read = [span for text in texts for span in read_span(text)]
        if not any(span.start <= second < span.end for span in read):
            return False
        local = int(wall.replace(tzinfo=UTC).timestamp())
        for one in bans:
            if one.region in (place.country, *place.regions) and one.start <= local < one.end:
                return False
            if (
                not place.regions
                and one.region.startswith(f"{place.country}-")
                and one.start <= local < one.end
            ):
                return False
        regions = place.regions or (str(place.country),)
        if not on_holidays and any(holiday(r, wall.toordinal()) for r in regions):
            return False
    return True


@settings(max_examples=300)
@given(
    st.lists(SPANS, min_size=7, max_size=7),
    st.booleans(),
    BANS,
    st.sampled_from(PLACES),
    st.lists(
        st.one_of(
            st.integers(at("2026-01-01T00:00:00+00:00"), at("2027-01-01T00:00:00+00:00")),
            st.sampled_from([at("2026-03-08T06:00:00+00:00"), at("2026-11-01T05:00:00+00:00")]),
        ),
        min_size=1,
        max_size=4,
    ),
)
@example(["01:30-02:30"] * 7, True, [], MIAMI, [at("2026-11-01T05:45:00+00:00")])
@example(["01:30-02:30"] * 7, True, [], MIAMI, [at("2026-03-08T07:15:00+00:00")])
def test_the_answer_is_that_of_the_clock_on_the_wall(
    spans: list[str], on_holidays: bool, bans: list[Ban], place: Place, times: list[int]
) -> None:
    quick = OpeningHours(week(*spans), on_holidays=on_holidays, bans=tuple(bans))
    for time_us in times:
        state = quick.state(place, time_us)
        for instant in (time_us, state.until - 1, state.until):
            assert quick.state(place, instant).is_open is slow(
                spans, on_holidays, bans, place, instant
            )
        assert state.since <= time_us < state.until
        if state.opens is not None:
            assert time_us < state.opens + MICRO
            assert slow(spans, on_holidays, bans, place, state.opens)


@settings(max_examples=60)
@given(
    st.lists(SPANS, min_size=7, max_size=7),
    BANS,
    st.sampled_from(PLACES),
    st.integers(at("2026-01-01T00:00:00+00:00"), at("2026-12-01T00:00:00+00:00")),
)
def test_before_the_next_opening_it_is_closed_at_every_quarter_of_an_hour(
    spans: list[str], bans: list[Ban], place: Place, time_us: int
) -> None:
    state = OpeningHours(week(*spans), on_holidays=False, bans=tuple(bans)).state(place, time_us)
    end = state.opens or time_us + 10 * 86_400 * MICRO
    if not state.is_open:
        for instant in range(time_us, min(end, time_us + 10 * 86_400 * MICRO), 900 * MICRO):
            assert not slow(spans, False, bans, place, instant)


def test_what_was_kept_for_a_later_time_is_not_given_for_an_earlier_one() -> None:
    kept = hours(EIGHT_TO_EIGHT)
    assert kept.state(MIAMI, at("2026-11-20T12:00:00-05:00")).is_open
    assert not kept.state(MIAMI, at("2026-11-20T07:00:00-05:00")).is_open
    assert kept.state(MIAMI, at("2026-11-20T12:00:00-05:00")).is_open
