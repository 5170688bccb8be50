"""Registrations as a way round the decision: a phone is reached, never a number (design §18)."""

import pytest

from tests.proxy.house import GATE, House
from tests.proxy.test_phone_sender import CONTACT, PATH, calls_phone, natted, registered

from .verdict import reached

ONE_A_DAY = "[{id: cap, rate: {per: caller, limit: 1, window: day}, then: {reject: 403}}]"
CARRIER = "sip:+13055550002@10.9.0.9:5080"


def test_a_number_at_the_carrier_registered_as_a_contact_is_not_dialled() -> None:
    """The call comes back to the phone that registered it, whatever its Contact says."""
    house = House(source=CONTACT)
    phone = natted(house)
    uri = registered(phone, f"<{CARRIER}>")

    calls_phone(phone, uri)
    calls_phone(house.pbx, uri, branch="p2", call_id="in2")
    house.writes()

    lines = house.heard()
    assert reached(house) == []
    assert [line for line in lines if "INVITE" in line] == [f"natted: INVITE {CARRIER} SIP/2.0"] * 2


def test_a_contact_at_the_carrier_in_the_phones_answer_leads_nobody_there() -> None:
    house = House(source=CONTACT)
    phone = natted(house)
    calls_phone(house.pbx, registered(phone))
    house.writes()
    house.heard()
    phone.answers(200, contact=CARRIER)
    house.heard()

    house.pbx.in_dialog("INVITE", uri=CARRIER, headers=[f"Contact: <sip:pbx@{GATE}>"])

    assert house.heard()[-1] == f"natted: INVITE {CARRIER} SIP/2.0"


@pytest.mark.parametrize("number", ["+13055550002", "911"])
def test_the_path_of_another_phone_before_a_number_is_no_way_to_the_number(number: str) -> None:
    """It is an ordinary call of the one who makes it: decided, or an emergency."""
    house = House(source=PATH)
    registered(natted(house), headers=("Supported: path",))
    [path] = house.trunk.got_request("REGISTER").values(b"path")

    house.phone.calls(number, headers=[f"Route: {path.decode()}"])
    house.writes()

    assert reached(house) == [f"trunk: INVITE sip:{number}@10.9.0.9:5080 SIP/2.0"]
    [entry] = house.decisions
    assert (entry.caller, entry.direction, entry.callee) == ("hq/4711", "outbound", number)


def test_a_foreign_phone_in_a_token_of_ones_own_call_reaches_a_phone_at_most() -> None:
    house = House(source=CONTACT)
    other = natted(house)
    token = registered(other).partition(":")[2].partition("@")[0]
    house.call_up()
    [value] = house.phone.got_response(200, "INVITE").values(b"record-route")
    forged = value.decode().replace("@", f".{token}@")

    house.phone.asks(
        "INVITE",
        "sip:+13055550002@10.9.0.9:5080",
        to_tag="t1",
        cseq=3,
        branch="x",
        headers=[f"Route: {forged}", "Contact: <sip:4711@10.1.0.7>"],
    )
    house.writes()

    entry = house.decisions[-1]
    assert (entry.callee, entry.direction) == ("+13055550002", "outbound")  # a new attempt


def test_a_registration_counts_for_no_caller_and_buys_no_call() -> None:
    house = House(
        "[{id: cap, rate: {per: caller, limit: 1, window: day}, then: {reject: 403}}]",
        source=CONTACT,
    )
    phone = natted(house)
    uri = registered(phone)
    for turn in ("1", "2", "3"):  # calls to oneself by the token
        calls_phone(phone, uri, branch=f"p{turn}", call_id=f"in{turn}")
    phone.calls(branch="o1", call_id="o1")
    phone.calls(branch="o2", call_id="o2", user="+13055550003")
    house.writes()

    assert len(reached(house)) == 1
    assert [entry.verdict for entry in house.decisions] == ["allow"] * 4 + ["reject"]
