"""An INVITE that looks as if it were in a dialog (design §18)."""

from tests.proxy.house import House

from .verdict import reached, verdicts


def test_a_made_up_to_tag_gets_481_and_is_counted(capped: House) -> None:
    capped.phone.asks("INVITE", "sip:+13055550002@10.0.0.1:5060", to_tag="made-up")

    assert capped.heard() == ["phone: SIP/2.0 481 Call/Transaction Does Not Exist"]
    assert capped.parts.counts["dialogs_unknown"] == 1


def test_a_made_up_to_tag_with_a_made_up_token_gets_481(capped: House) -> None:
    capped.phone.asks(
        "INVITE",
        "sip:+13055550002@10.9.0.9:5080",
        to_tag="made-up",
        headers=["Route: <sip:0123456789abcdef@10.0.0.1:5060;lr>"],
    )

    assert capped.heard() == ["phone: SIP/2.0 481 Call/Transaction Does Not Exist"]


def test_the_tags_of_a_call_that_is_over_get_481(capped: House) -> None:
    capped.call_up()
    capped.phone.in_dialog("BYE", branch="y1")
    capped.heard()
    capped.trunk.answers(200, method="BYE")
    capped.heard()

    capped.phone.in_dialog("INVITE", cseq=3, branch="y2")

    assert capped.heard() == ["phone: SIP/2.0 481 Call/Transaction Does Not Exist"]


def test_the_right_tags_with_another_number_are_a_new_attempt(capped: House) -> None:
    capped.call_up()
    capped.phone.in_dialog("INVITE", branch="r1", uri="sip:+13055550002@10.9.0.9:5080")
    capped.writes()
    capped.phone.in_dialog("INVITE", branch="r2", cseq=3, uri="sip:+13055550003@10.9.0.9:5080")
    capped.writes()

    assert len(reached(capped)) == 1
    assert verdicts(capped)[-1] == ("+13055550003", "reject", "cap")


def test_a_route_set_that_leads_round_the_upstream_gets_403(capped: House) -> None:
    capped.phone.calls(headers=["Route: <sip:192.0.2.200;lr>"])

    capped.writes()
    assert capped.heard()[-1] == "phone: SIP/2.0 403 Route set not allowed"
    assert capped.parts.counts["routes_refused"] == 1
    [entry] = capped.decisions
    assert (entry.verdict, entry.rule, entry.reason) == ("reject", None, "Route set not allowed")


def test_a_route_behind_one_of_our_own_is_looked_at_too(capped: House) -> None:
    capped.phone.calls(headers=["Route: <sip:10.0.0.1:5060;lr>, <sip:192.0.2.200;lr>"])
    capped.writes()

    assert capped.heard()[-1] == "phone: SIP/2.0 403 Route set not allowed"


def test_a_fork_with_a_route_of_its_own_does_not_share_the_decision(capped: House) -> None:
    capped.phone.calls()
    capped.writes()
    capped.heard()

    capped.phone.calls(branch="x2", headers=["Route: <sip:192.0.2.200;lr>"])
    capped.writes()

    assert capped.heard()[-1] == "phone: SIP/2.0 403 Route set not allowed"


def test_a_route_in_a_known_dialog_leads_nowhere_new(capped: House) -> None:
    capped.call_up()

    capped.phone.in_dialog("INVITE", branch="r1", headers=["Route: <sip:192.0.2.200;lr>"])

    assert capped.heard() == ["phone: SIP/2.0 403 Route set not allowed"]


def test_a_strict_routers_spelling_hides_no_number(capped: House) -> None:
    """RFC 3261 §16.4: the Request-URI that counts is the one behind the Route values."""
    capped.phone.asks(
        "INVITE",
        "sip:10.0.0.1:5060;lr",
        headers=["Route: <sip:+13055550001@10.0.0.1:5060>", "Contact: <sip:4711@10.1.0.7>"],
    )
    capped.writes()

    assert verdicts(capped) == [("+13055550001", "allow", None)]


def test_a_bye_to_oneself_frees_no_line() -> None:
    house = House("[{id: lines, concurrent: {per: caller, limit: 1}, then: {reject: 486}}]")
    house.call_up()
    house.phone.in_dialog("BYE", uri="sip:me@10.1.0.8:5060", branch="y1")
    house.heard()
    house.end("accomplice", "10.1.0.8", 5060).sends(b"\r\n")

    house.phone.calls("+13055550002", call_id="c2", branch="x2")
    house.writes()

    assert house.decisions[-1].rule == "lines"
