"""Dial plans: what is dialled, spelled in any way, is read as the number that would ring."""

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from sipgate.numbers import Callee, DialPlan, EmergencyNumbers

US = DialPlan(region="US", outside_line=("9",))
MIAMI = DialPlan(region="US", area_code="305")
OFFICE = DialPlan(region="US", outside_line=("9",), extensions=("47xx",), short_codes=("*9x", "0"))
DE = DialPlan(region="DE")
BERLIN = DialPlan(region="DE", area_code="030", outside_line=("0",))
CN = DialPlan(region="CN")
GB = DialPlan(region="GB")
NOWHERE = DialPlan()

PLANS = (US, MIAMI, OFFICE, DE, BERLIN, CN, GB, NOWHERE)


def read(plan: DialPlan, text: str) -> tuple[str, str]:
    callee = plan.read(text)
    return callee.kind, callee.key


@pytest.mark.parametrize(
    "spelled",
    [
        "+13055550123",
        "13055550123",
        "3055550123",
        "913055550123",
        "93055550123",
        "9913055550123",
        "99913055550123",
        "9+13055550123",
        "01113055550123",
        "901113055550123",
        "++13055550123",
        "+1+305+5550123",
        "+113055550123",
        "+13055550123+12125550199",
        "13055550123+12125550199",
        "+1 305 555 0123 / +1 212 555 0199",
        "+1 (305) 555-0123",
        "+1.305.555.0123",
        "1/305/555/0123",
        "+1\u2011305\u20115550123",
        "\u200b+1305\u00a05550123",
        "%2B13055550123",
        "%252B1%2533055550123",
        "+１３０５５５５０１２３",
        "＋13055550123",
        "١٣٠٥٥٥٥٠١٢٣",
        "tel:+13055550123",
        "+13055550123;npdi;rn=+13051000000",
        "13055550123;phone-context=+44",
        "5550123;phone-context=+1305",
        "+13055550123;ext=22",
        "+13055550123,,22#",
        "13055550123x22",
        "13055550123p22",
        "+1305555012399",
        "1305555012399999999999999",
        "305555012399",
        "10102883055550123",
        "101028813055550123",
        "1010288011" + "13055550123",
        "116713055550123",
        "*673055550123",
        "*6713055550123",
        "*67*823055550123",
        "*67 305 555 0123",
        "9*6713055550123",
        "#31#13055550123",
        "*31#+13055550123",
        "%2331%2313055550123",
        "*72 305 555 0123",
        "*7213055550123",
        "**21*13055550123#",
        "**21*+13055550123*11*20#",
        "*21*3055550123#",
        "**61*13055550123**20#",
        "13055550123#",
        "13055550123*55",
        "*12313055550123",
        "＊67＃13055550123",
    ],
)
def test_every_spelling_rings_one_number(spelled: str) -> None:
    assert read(US, spelled) == ("number", "+13055550123")


@pytest.mark.parametrize(
    ("plan", "spelled", "number", "country"),
    [
        (DE, "03012345678", "+493012345678", "DE"),
        (DE, "+49 (0)30 12345678", "+493012345678", "DE"),
        (DE, "0049 30 12345678", "+493012345678", "DE"),
        (DE, "493012345678", "+493012345678", "DE"),
        (DE, "01013 030 12345678", "+493012345678", "DE"),
        (DE, "010033 030 12345678", "+493012345678", "DE"),
        (DE, "015112345678", "+4915112345678", "DE"),
        (DE, "0013055550123", "+13055550123", "US"),
        (BERLIN, "12345678", "+493012345678", "DE"),
        (BERLIN, "0 12345678", "+493012345678", "DE"),
        (BERLIN, "0 030 12345678", "+493012345678", "DE"),
        (BERLIN, "00 030 12345678", "+493012345678", "DE"),
        (BERLIN, "0 0049 30 12345678", "+493012345678", "DE"),
        (MIAMI, "5550123", "+13055550123", "US"),
        (CN, "13812345678", "+8613812345678", "CN"),
        (CN, "013812345678", "+8613812345678", "CN"),
        (CN, "8613812345678", "+8613812345678", "CN"),
        (CN, "17951 13812345678", "+8613812345678", "CN"),
        (CN, "+86138123456789", "+8613812345678", "CN"),
        (CN, "02112345678", "+862112345678", "CN"),
        (GB, "141 020 7946 0958", "+442079460958", "GB"),
        (GB, "+44 (0)20 7946 0958", "+442079460958", "GB"),
        (GB, "01534 123456", "+441534123456", "JE"),
        (US, "1-800-FLOWERS", "+18003569377", "US"),
        (US, "613 555 0123", "+16135550123", "CA"),
        (US, "+442079460958", "+442079460958", "GB"),
        (US, "442079460958", "+442079460958", "GB"),
        (NOWHERE, "+493012345678", "+493012345678", "DE"),
        (NOWHERE, "493012345678", "+493012345678", "DE"),
        (NOWHERE, "00493012345678", "+493012345678", "DE"),
        (DialPlan(region="IT"), "0612345678", "+390612345678", "IT"),
        (DialPlan(region="IT"), "3123456789", "+393123456789", "IT"),
        (DialPlan(region="AU"), "1831 02 9876 5432", "+61298765432", "AU"),
        (DialPlan(region="JP"), "184 03-1234-5678", "+81312345678", "JP"),
        (DialPlan(region="BR"), "0 15 11 91234 5678", "+5511912345678", "BR"),
        (DialPlan(region="FR"), "142685300", "+33142685300", "FR"),
        (DialPlan(region="IN"), "9876543210", "+919876543210", "IN"),
    ],
)
def test_numbers_are_read_as_their_country_dials(
    plan: DialPlan, spelled: str, number: str, country: str
) -> None:
    callee = plan.read(spelled)
    assert (callee.kind, callee.key, callee.country) == ("number", number, country)


def test_a_possible_number_need_not_be_valid() -> None:
    assert read(US, "+15550000000") == ("number", "+15550000000")


def test_a_number_keeps_both_spellings() -> None:
    assert US.read("9*67 (305) 555-0123") == Callee(
        kind="number",
        key="+13055550123",
        spelled="9*67 (305) 555-0123",
        country="US",
        dialled="3055550123",
    )


@pytest.mark.parametrize(
    ("plan", "spelled", "number"),
    [
        (US, "911", "911"),
        (US, "9911", "911"),
        (US, "99911", "911"),
        (US, "*67911", "911"),
        (US, "#31#911", "911"),
        (US, "911#", "911"),
        (US, "+911", "911"),
        (US, "+1911", "911"),
        (US, "9-1-1", "911"),
        (US, "９１１", "911"),
        (US, "%39%31%31", "911"),
        (US, "911;phone-context=+1", "911"),
        (US, "1010288911", "911"),
        (US, "988", "988"),
        (OFFICE, "911", "911"),
        (OFFICE, "9911", "911"),
        (DE, "112", "112"),
        (DE, "+49112", "112"),
        (DE, "116117", "116117"),
        (BERLIN, "0112", "112"),
        (CN, "122", "122"),
        (GB, "999", "999"),
        (NOWHERE, "112", "112"),
        (NOWHERE, "911", "911"),
    ],
)
def test_an_emergency_call_is_one_however_it_is_spelled(
    plan: DialPlan, spelled: str, number: str
) -> None:
    assert read(plan, spelled) == ("emergency", number)


@pytest.mark.parametrize(
    ("plan", "spelled"),
    [
        (US, "9116"),
        (US, "9115550123"),
        (US, "911911"),
        (US, "*72911"),
        (US, "**21*911#"),
        (US, "911abc"),
        (US, "sos"),
        (DE, "1123"),
        (DE, "911"),
        (DE, "01121234567"),
        (NOWHERE, "999"),
    ],
)
def test_what_only_begins_like_an_emergency_number_is_none(plan: DialPlan, spelled: str) -> None:
    assert plan.read(spelled).kind != "emergency"


def test_an_emergency_number_beats_an_extension_that_covers_it() -> None:
    plan = DialPlan(region="US", extensions=("9xx",))
    assert [read(plan, "911"), read(plan, "912")] == [("emergency", "911"), ("short", "912")]


def test_the_policys_emergency_numbers_can_be_added() -> None:
    plan = DialPlan(region="US", emergency=EmergencyNumbers("US", "GB"))
    assert [plan.read("911").kind, plan.read("999").kind] == ["emergency", "emergency"]


@pytest.mark.parametrize(
    ("spelled", "expected"),
    [
        ("4711", ("short", "4711")),
        ("47-11", ("short", "4711")),
        ("*674711", ("short", "4711")),
        ("*97", ("short", "*97")),
        ("0", ("short", "0")),
        ("4811", ("unreadable", "4811")),
        ("12345", ("unreadable", "12345")),
        ("*67", ("unreadable", "*67")),
        ("47111", ("unreadable", "47111")),
        ("4711abc", ("unreadable", "4711abc")),
    ],
)
def test_with_extensions_only_what_they_name_is_short(
    spelled: str, expected: tuple[str, str]
) -> None:
    assert read(OFFICE, spelled) == expected


@pytest.mark.parametrize(
    ("plan", "spelled", "expected"),
    [
        (US, "4711", ("short", "4711")),
        (DE, "12345", ("short", "12345")),
        (DE, "123456", ("unreadable", "123456")),
        (US, "94711", ("short", "4711")),
        (US, "*98", ("short", "*98")),
        (CN, "10086", ("short", "10086")),
        (DE, "12345678", ("unreadable", "12345678")),
        (US, "5550123", ("unreadable", "5550123")),
        (US, "alice.smith", ("unreadable", "alicesmith")),
        (US, "Alice", ("unreadable", "alice")),
        (US, "", ("unreadable", "")),
        (US, "+", ("unreadable", "+")),
        (US, "---", ("unreadable", "---")),
        (US, "+999123456789", ("unreadable", "+999123456789")),
        (US, "+1305", ("unreadable", "+1305")),
    ],
)
def test_what_is_no_number_is_short_or_unreadable(
    plan: DialPlan, spelled: str, expected: tuple[str, str]
) -> None:
    assert read(plan, spelled) == expected


def test_an_emergency_urn_is_an_emergency_call() -> None:
    callee = NOWHERE.read_urn("URN:service:sos.Fire")
    assert (callee.kind, callee.key) == ("emergency", "urn:service:sos.fire")


def test_another_urn_is_unreadable() -> None:
    assert US.read_urn("urn:service:counseling").kind == "unreadable"


def test_a_configured_international_prefix_replaces_the_regions() -> None:
    plan = DialPlan(region="DE", international_prefix="000")
    assert read(plan, "00013055550123") == ("number", "+13055550123")


def test_the_key_of_what_cant_be_read_is_bounded() -> None:
    assert len(US.read("a" * 5000).key) == 64


@pytest.mark.parametrize("pattern", ["47?", "", "a", "4 7"])
def test_a_pattern_of_other_characters_is_an_error(pattern: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        DialPlan(region="US", extensions=(pattern,))


def test_an_unknown_region_is_an_error() -> None:
    with pytest.raises(ValueError, match="'XX'"):
        DialPlan(region="XX")


@pytest.mark.parametrize(
    ("spelled", "identity"),
    [
        ("4711", "4711"),
        ("4711;tgrp=x", "4711"),
        ("4711:secret", "4711"),
        ("47%31%31", "4711"),
        ("47-11", "4711"),
        ("４７１１", "4711"),
        ("(305) 555-0123", "+13055550123"),
        ("13055550123", "+13055550123"),
        ("+13055550123", "+13055550123"),
        ("Alice.Smith", "alice.smith"),
        ("ALICE", "alice"),
        ("ÄGENT", "ägent"),
        ("agent 7", "agent 7"),
        ("1000000001234567890", "1000000001234567890"),
        ("agent\x007", "agent7"),
        ("Anonymous", None),
        ("unavailable", None),
        ("RESTRICTED", None),
        ("anonymous;x=y", None),
        ("", None),
        (" ", None),
    ],
)
def test_a_caller_has_one_identity_in_any_spelling(spelled: str, identity: str | None) -> None:
    assert OFFICE.identity(spelled) == identity


@pytest.mark.parametrize(
    ("spelled", "cli"),
    [("3055550123", "+13055550123"), ("4711", None), ("alice", None), ("anonymous", None)],
)
def test_a_cli_is_a_number_or_nothing(spelled: str, cli: str | None) -> None:
    assert OFFICE.read_cli(spelled) == cli


@settings(max_examples=300, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.sampled_from(PLANS), st.text(max_size=80))
@example(OFFICE, "*67*67*67*67*67*67")
@example(US, "+")
@example(US, "9+")
@example(US, "+0")
@example(US, "%")
@example(NOWHERE, "²³½①፩")
def test_any_text_can_be_read(plan: DialPlan, text: str) -> None:
    callee = plan.read(text)
    assert callee.spelled == text
    assert len(callee.key) <= 80


@settings(max_examples=300, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.sampled_from(PLANS), st.text(alphabet="0123456789+*#", min_size=6, max_size=20))
@example(DE, "+310000000")
@example(DE, "+200092155183815")
def test_the_key_of_a_number_is_read_as_that_number(plan: DialPlan, text: str) -> None:
    callee = plan.read(text)
    assume(callee.kind == "number")
    assert read(plan, callee.key) == ("number", callee.key)


@settings(max_examples=500)
@given(st.sampled_from(PLANS), st.text(alphabet="0123456789+*#;,x9104 ", max_size=30))
def test_anything_a_phone_can_dial_can_be_read(plan: DialPlan, text: str) -> None:
    plan.read(text)
    plan.identity(text)
    plan.number(text)


SEPARATORS = st.sampled_from(["", "", "", " ", "-", ".", "(", ")", "/", "\u2013", "\u00a0", "%20"])
DIGIT_FORMS = st.sampled_from([0, 0, 0, 0xFF10 - 0x30, 0x660 - 0x30])


@st.composite
def disguises(draw: st.DrawFn) -> tuple[str, str]:
    """A valid number of the USA, and one of the many ways to dial it with the plan `US`."""
    area = draw(st.sampled_from(["305", "212", "415", "202", "808"]))
    number = area + draw(st.from_regex(r"[3-9][2-9][0-9]{5}", fullmatch=True).filter(str.isascii))
    prefix = draw(st.sampled_from(["", "1", "0111", "+1", "%2B1", "＋1", "0", "10102881", "1167"]))
    digits = number + draw(st.sampled_from(["", "", "9", "12", "999"]))  # digits after the end
    text = prefix + "".join(_disguised(draw, digit) for digit in digits)
    text += draw(st.sampled_from(["", "", "#", ";ext=5", ";npdi;rn=1", ",123", "x12", "p9"]))
    code = draw(st.sampled_from(["", "", "*67", "#31#", "*72", "%2A67", "*67*82", "*31#"]))
    is_longer = len(digits) > len(number)  # 99 and more digits: 9 and the number 930… as well
    outside = draw(st.sampled_from(["", "9"] if is_longer else ["", "9", "99"]))
    return "+1" + number, outside + code + text


def _disguised(draw: st.DrawFn, digit: str) -> str:
    return chr(ord(digit) + draw(DIGIT_FORMS)) + draw(SEPARATORS)


@settings(max_examples=400)
@given(disguises())
def test_no_disguise_gives_another_key(case: tuple[str, str]) -> None:
    number, spelled = case
    assert read(US, spelled) == ("number", number)
