"""A callee spelled so that lists miss it (design §18): it is read as the number that would ring."""

import pytest

from tests.proxy.house import GATE, House

from .verdict import verdicts

SPELLINGS = [
    "+13055550001",
    "13055550001",
    "3055550001",
    "%2B1305555%30001",
    "%252B13055550001",
    "+1-305-555-0001",
    "+1.305.555.0001",
    "+1(305)5550001",
    "*6713055550001",
    "%2331%2313055550001",
    "*7213055550001",
    "**21*13055550001%23",
    "101028813055550001",
    "01113055550001",
    "+1305555000199",
    "+13055550001;npdi;rn=+13051000000",
    "13055550001;phone-context=+44",
    "5550001;phone-context=+1305",
    "+13055550001;ext=22",
    "+13055550001,,22",
    "%EF%BC%8B13055550001",
    "+%EF%BC%91%EF%BC%93%EF%BC%90%EF%BC%95%EF%BC%95%EF%BC%95%EF%BC%950001",
    "+1305%E2%80%AF5550001",
    "++13055550001",
    "+13055550001+12125550199",
    "3055550001+12125550199",
    "+13055550001:password",
]


@pytest.mark.parametrize("user", SPELLINGS)
def test_a_number_on_a_list_is_found_however_it_is_spelled(listing: House, user: str) -> None:
    listing.phone.calls(user)
    listing.writes()

    assert verdicts(listing) == [("+13055550001", "reject", "refused")]
    assert listing.heard()[-1].startswith("phone: SIP/2.0 603")


@pytest.mark.parametrize(
    "uri",
    [
        "tel:+13055550001",
        "tel:+1-305-555-0001",
        "tel:3055550001;phone-context=+1",
        "tel:5550001;phone-context=+1305",
        "TEL:+13055550001",
        f"SIP:+13055550001@{GATE}",
        f"sip:+13055550001@{GATE};user=phone",
        "sip:+13055550001@10.9.0.9:5080",
        "sip:+13055550001@some.where.example",
    ],
)
def test_a_number_on_a_list_is_found_in_every_kind_of_uri(listing: House, uri: str) -> None:
    listing.phone.asks("INVITE", uri, to="sip:x@y", headers=["Contact: <sip:4711@10.1.0.7>"])
    listing.writes()

    assert verdicts(listing) == [("+13055550001", "reject", "refused")]


@pytest.mark.parametrize("user", SPELLINGS[:18])
def test_a_limit_per_callee_counts_all_spellings_as_one(user: str) -> None:
    house = House("[{id: once, rate: {per: callee, limit: 1, window: day}, then: {reject: 403}}]")
    house.phone.calls("+13055550001")
    house.writes()

    house.phone.calls(user, call_id="c2", branch="x2")
    house.writes()

    assert verdicts(house)[-1] == ("+13055550001", "reject", "once")


def test_the_record_keeps_the_spelling_beside_the_number(listing: House) -> None:
    listing.phone.calls("*67(305)555-0001")
    listing.writes()

    assert (listing.decisions[0].callee, listing.decisions[0].callee_spelled) == (
        "+13055550001",
        "*67(305)555-0001",
    )
