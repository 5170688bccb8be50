"""A Route without `lr` becomes the Request-URI (RFC 3261 §16.6 step 6): it may name nobody new."""

import pytest

from tests.proxy.house import House

NO = '[{id: no, when: {callee: "+13055550002"}, rate: {per: caller, limit: 0, window: day},'
NO += " then: {reject: 603}}]"
FORBIDDEN = "sip:+13055550002@10.9.0.9:5080"


def left(house: House) -> list[str]:
    house.writes()
    return [line for line in house.heard() if "INVITE" in line.upper() and "SIP/2.0 " not in line]


def rang(house: House) -> list[str]:
    house.writes()
    return [line for line in house.heard() if " sip:" in line]


@pytest.mark.parametrize("settings", ["", "routes = true"])
@pytest.mark.parametrize("method", ["INVITE", "invite"])
def test_a_strict_route_on_a_new_call_is_refused(settings: str, method: str) -> None:
    house = House(NO, source=settings)
    house.phone.asks(
        method,
        "sip:+13055550009@10.0.0.1:5060",
        headers=[f"Route: <{FORBIDDEN}>", "Contact: <sip:4711@10.1.0.7>"],
    )
    assert rang(house) == []


def test_a_number_in_a_loose_route_is_refused_too() -> None:
    house = House(NO)
    house.phone.calls("+13055550009", headers=[f"Route: <{FORBIDDEN};lr>"])
    assert rang(house) == []


@pytest.mark.parametrize("callee", ["+13055550009", "911"])
@pytest.mark.parametrize("method", ["INVITE", "invite", "REFER"])
def test_a_strict_route_in_a_call_is_refused_though_its_host_was_shown(
    callee: str, method: str
) -> None:
    house = House(NO)
    house.phone.calls(callee)
    house.writes()
    house.heard()
    house.trunk.answers(200, headers=["Record-Route: <sip:10.9.0.9:5080;lr>"])
    house.heard()
    house.phone.in_dialog(
        method,
        branch="r1",
        headers=[f"Route: <{FORBIDDEN}>", "Refer-To: <tel:+13055550009>"],
    )
    assert rang(house) == []


@pytest.mark.parametrize("route", [f"<{FORBIDDEN}>", "<sip:10.77.0.9:5080;lr>"])
def test_a_restart_opens_no_route(route: str) -> None:
    house = House(NO)
    house.call_up()
    house.writes()
    after = house.restarts()
    after.phone.in_dialog("INVITE", branch="r1", headers=[f"Route: {route}"])
    assert rang(after) == []


def test_the_route_set_of_a_call_outlives_a_restart() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    shown = "<sip:edge@10.9.0.77:5080;lr>"
    house.trunk.answers(200, headers=[f"Record-Route: {shown}"])
    house.heard()
    house.writes()
    after = house.restarts()
    # `in_dialog` gives the Route set as it was shown, ours last: the trunk's own comes first.
    answer = after.phone.got_response(200, "INVITE")
    ours, theirs = answer.values(b"record-route")
    routes = [f"Route: {ours.decode()}", f"Route: {theirs.decode()}"]
    after.phone.asks(
        "INVITE",
        "sip:callee@10.9.0.9:5080",
        to_tag="t1",
        cseq=2,
        branch="r1",
        headers=[*routes, "Contact: <sip:4711@10.1.0.7:5060>"],
    )
    assert after.heard()[-1].startswith("10.9.0.77:5080: INVITE ")


@pytest.mark.parametrize("method", ["refer", "Refer"])
def test_a_refer_in_another_case_is_decided(method: str) -> None:
    house = House(NO)
    house.call_up()
    house.phone.in_dialog(method, branch="r1", headers=["Refer-To: <sip:+13055550002@x>"])
    house.writes()
    assert house.heard()[-1].startswith("phone: SIP/2.0 603")


@pytest.mark.parametrize(
    ("method", "option"), [("INVITE", "recipient-list-invite"), ("REFER", "multiple-refer")]
)
def test_a_second_require_line_hides_no_list(method: str, option: str) -> None:
    house = House()
    house.phone.asks(
        method,
        "sip:+13055550009@10.0.0.1:5060",
        headers=["Require: 100rel", f"Require: {option}", "Refer-To: <tel:+13055550009>"],
    )
    assert rang(house) == []


def test_a_transfer_to_the_very_call_it_is_sent_in_is_none_and_each_is_joined_once() -> None:
    house = House("[{id: cap, rate: {per: caller, limit: 2, window: day}, then: {reject: 403}}]")
    house.call_up()
    house.phone.calls("+13055550002", call_id="c2", branch="x2", from_tag="f2")
    house.writes()
    house.heard()
    house.trunk.answers(200, tag="t2")
    house.heard()
    own = "<sip:+13055550001@x?Replaces=c1%3Bto-tag%3Dt1%3Bfrom-tag%3Df1>"
    other = "<sip:+13055550002@x?Replaces=c2%3Bto-tag%3Dt2%3Bfrom-tag%3Df2>"
    for number, to in enumerate((own, other, other), 2):
        house.phone.asks(
            "REFER",
            "sip:callee@10.9.0.9:5080",
            to_tag="t1",
            cseq=number,
            branch=f"r{number}",
            headers=[f"Refer-To: {to}"],
        )
        house.writes()
    house.heard()
    assert [entry.verdict for entry in house.decisions[2:]] == ["reject", "allow", "reject"]
