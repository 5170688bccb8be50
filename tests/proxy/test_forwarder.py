"""Requests and responses between the two transactions of a call: RFC 3261 §16.6 to §16.10."""

import pytest

from .house import GATE, House, header

URI = f"sip:+13055550001@{GATE}"
INVITE = "trunk: INVITE sip:+13055550001@10.9.0.9:5080 SIP/2.0"
CANCEL = "trunk: CANCEL sip:+13055550001@10.9.0.9:5080 SIP/2.0"
ACK = "trunk: ACK sip:+13055550001@10.9.0.9:5080 SIP/2.0"


def calling(**settings: str) -> House:
    """A house whose trunk has just got the INVITE."""
    house = House(**settings)  # type: ignore[arg-type]
    house.phone.calls()
    house.writes()
    house.heard()
    return house


def outcome_of(house: House) -> tuple[str, int | None, str | None, bool]:
    [outcome] = house.outcomes
    return outcome.kind, outcome.status, outcome.ended_by, outcome.cancelled


def empties(house: House, seconds: float = 80) -> None:
    house.waits(seconds)
    house.heard()
    assert house.leftovers() == {}


# Responses


def test_a_refusal_is_acknowledged_hop_by_hop() -> None:
    house = calling()
    house.trunk.answers(486)
    assert house.heard() == [ACK, "phone: SIP/2.0 486 X"]
    sent, ack = house.trunk.got_request("INVITE"), house.trunk.got_request("ACK")
    assert ack.via.branch == sent.via.branch
    assert ack.to_tag == b"t1"
    house.phone.acknowledges(486)
    assert house.heard() == []
    assert outcome_of(house) == ("busy", 486, "callee", False)
    empties(house)


def test_a_repeated_refusal_gets_its_ack_again_and_goes_no_further() -> None:
    house = calling()
    house.trunk.answers(486)
    house.heard()
    house.phone.acknowledges(486)
    house.trunk.answers(486)
    assert house.heard() == [ACK]


def test_a_forwarded_refusal_is_repeated_until_its_ack() -> None:
    house = calling()
    house.trunk.answers(486)
    house.heard()
    house.waits(1.6)
    assert house.heard() == ["phone: SIP/2.0 486 X"] * 2
    house.phone.acknowledges(486)
    house.waits(5)
    assert house.heard() == []


def test_a_repeated_2xx_is_forwarded_each_time() -> None:
    house = calling()
    house.trunk.answers(200)
    house.trunk.answers(200)
    house.waits(20)
    house.trunk.answers(200)
    assert house.heard() == ["phone: SIP/2.0 200 X"] * 3
    assert len(house.answers) == 1


def test_a_2xx_of_another_fork_is_forwarded_and_opens_its_dialog() -> None:
    house = calling()
    house.trunk.answers(200, tag="t1")
    house.trunk.answers(200, tag="t2")
    assert house.heard() == ["phone: SIP/2.0 200 X"] * 2
    house.phone.in_dialog("ACK", cseq=1, branch="a2")
    house.phone.in_dialog("BYE", branch="d2")
    assert [line[:10] for line in house.heard()] == ["trunk: ACK", "trunk: BYE"]
    assert len(house.answers) == 1


def test_provisional_responses_are_forwarded_but_100_is_not() -> None:
    house = calling()
    for status in (100, 180, 183, 199):
        house.trunk.answers(status)
    assert house.heard() == [f"phone: SIP/2.0 {status} X" for status in (180, 183, 199)]


def test_a_response_leaves_as_it_came_but_for_our_via() -> None:
    house = calling()
    raw = house.trunk.answers(183, headers=["X-Odd  :  kept ", "s: compact"], body="v=0\r\n")
    house.heard()
    lines = raw.split(b"\r\n")
    assert house.phone.got[-1].split(b"\r\n") == [lines[0], *lines[2:]]
    assert lines[1].startswith(b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=")


def test_the_invite_is_repeated_until_something_answers() -> None:
    house = calling()
    house.waits(1.6)
    assert house.heard() == [INVITE] * 2
    house.trunk.answers(100)
    house.waits(10)
    assert house.heard() == []


def test_a_retransmitted_invite_gets_the_last_response() -> None:
    house = House()
    raw = house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(180)
    house.phone.sends(raw)
    assert house.heard() == ["phone: SIP/2.0 180 X"] * 2
    house.trunk.answers(200)
    house.phone.sends(raw)
    assert house.heard() == ["phone: SIP/2.0 200 X"]


def test_responses_go_where_rport_says() -> None:
    house = House()
    nat = house.end("nat", "10.1.0.8", 33333)
    nat.calls(via="Via: SIP/2.0/UDP 192.168.0.5:5060;rport;branch=z9hG4bKn")
    assert house.heard() == ["nat: SIP/2.0 100 Trying"]
    assert header(nat.got_response(100), "via") == (
        "SIP/2.0/UDP 192.168.0.5:5060;rport=33333;branch=z9hG4bKn;received=10.1.0.8"
    )


def test_without_rport_responses_go_to_the_port_in_via() -> None:
    house = House()
    house.end("other", "10.1.0.8", 5070)
    nat = house.end("nat", "10.1.0.8", 33333)
    nat.calls(via="Via: SIP/2.0/UDP 10.1.0.8:5070;branch=z9hG4bKn")
    assert house.heard() == ["other: SIP/2.0 100 Trying"]


def test_a_source_behind_nat_needs_no_rport() -> None:
    house = House(source="nat = true")
    nat = house.end("nat", "10.1.0.8", 33333)
    nat.calls(via="Via: SIP/2.0/UDP 10.1.0.8:5070;branch=z9hG4bKn")
    assert house.heard() == ["nat: SIP/2.0 100 Trying"]


# CANCEL


def test_a_cancel_is_held_back_until_a_provisional_response() -> None:
    house = calling()
    house.phone.asks("CANCEL", URI, headers=['Reason: SIP;cause=200;text="elsewhere"'])
    assert house.heard() == ["phone: SIP/2.0 200 OK"]
    house.trunk.answers(100)
    assert house.heard() == [CANCEL]
    cancel, invite = house.trunk.got_request("CANCEL"), house.trunk.got_request("INVITE")
    assert cancel.via.raw == invite.via.raw
    assert cancel.cseq_number == invite.cseq_number
    assert header(cancel, "reason") == 'SIP;cause=200;text="elsewhere"'
    house.trunk.answers(200, method="CANCEL")
    house.trunk.answers(487)
    assert house.heard() == [ACK, "phone: SIP/2.0 487 X"]
    house.phone.acknowledges(487)
    assert outcome_of(house) == ("cancelled", 487, "caller", True)
    empties(house)


def test_a_cancel_goes_on_at_once_while_it_rings() -> None:
    house = calling()
    house.trunk.answers(180)
    house.heard()
    house.phone.asks("CANCEL", URI)
    assert house.heard() == ["phone: SIP/2.0 200 OK", CANCEL]


def test_a_retransmitted_cancel_gets_its_200_again() -> None:
    house = calling()
    house.trunk.answers(180)
    raw = house.phone.asks("CANCEL", URI)
    house.heard()
    house.phone.sends(raw)
    assert house.heard() == ["phone: SIP/2.0 200 OK"]


def test_a_cancel_that_crosses_the_200_ends_nothing() -> None:
    house = calling()
    house.trunk.answers(180)
    house.phone.asks("CANCEL", URI)
    house.heard()
    house.trunk.answers(200)
    house.trunk.answers(481, method="CANCEL")
    assert house.heard() == ["phone: SIP/2.0 200 X"]
    house.phone.in_dialog("ACK", cseq=1, branch="a1")
    house.phone.in_dialog("BYE")
    house.heard()
    house.trunk.answers(200, method="BYE")
    assert outcome_of(house) == ("answered", 200, "caller", True)
    house.heard()
    empties(house)


def test_a_cancel_after_the_answer_is_answered_and_stays_here() -> None:
    house = calling()
    house.trunk.answers(200)
    house.heard()
    house.phone.asks("CANCEL", URI)
    assert house.heard() == ["phone: SIP/2.0 200 OK"]


def test_a_cancel_that_nobody_obeys_ends_after_32_seconds() -> None:
    house = calling()
    house.trunk.answers(180)
    house.phone.asks("CANCEL", URI)
    house.heard()
    house.trunk.answers(200, method="CANCEL")
    house.waits(33)
    assert "phone: SIP/2.0 487 Request Terminated" in house.heard()
    house.phone.acknowledges(487)
    assert outcome_of(house) == ("cancelled", 487, "caller", True)
    empties(house)


def test_a_cancelled_call_that_never_rang_ends_with_timer_b() -> None:
    house = calling()
    house.phone.asks("CANCEL", URI)
    house.heard()
    house.waits(33)
    assert CANCEL not in house.heard()
    assert outcome_of(house)[0] == "cancelled"
    empties(house)


# Time


def test_an_upstream_that_says_nothing_is_a_408() -> None:
    house = calling()
    house.waits(32.5)
    heard = house.heard()
    assert heard.count(INVITE) == 6
    assert heard[-1] == "phone: SIP/2.0 408 Request Timeout"
    assert outcome_of(house) == ("unanswered", 408, "gate", False)
    house.phone.acknowledges(408)
    empties(house)


def test_a_call_that_rings_for_too_long_is_cancelled() -> None:
    house = calling()
    house.trunk.answers(180)
    house.heard()
    house.waits(199)
    assert house.heard() == []
    house.waits(1.1)
    assert house.heard() == [CANCEL]
    house.trunk.answers(200, method="CANCEL")
    house.trunk.answers(487)
    assert house.heard() == [ACK, "phone: SIP/2.0 487 X"]
    house.phone.acknowledges(487)
    assert outcome_of(house) == ("unanswered", 487, "callee", False)
    empties(house)


def test_each_provisional_response_gives_it_more_time() -> None:
    house = calling()
    for _ in range(3):
        house.trunk.answers(180)
        house.waits(150)
    assert house.heard() == ["phone: SIP/2.0 180 X"] * 3


def test_a_call_that_rings_for_ever_ends_with_408() -> None:
    house = calling()
    house.trunk.answers(180)
    house.waits(235)
    assert house.heard()[-1].startswith("phone: SIP/2.0 408")
    assert outcome_of(house)[:2] == ("unanswered", 408)
    house.phone.acknowledges(408)
    empties(house)


@pytest.mark.parametrize("method", ["REGISTER", "MESSAGE", "OPTIONS", "BYE"])
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_rfc4320_4_1_another_request_gets_its_100_after_3_and_a_half_seconds(
    method: str, transport: str
) -> None:
    house = House(phone_transport=transport)
    raw = house.phone.asks(method, URI)
    house.waits(3.3)
    assert all(line.startswith("trunk: ") for line in house.heard())
    house.waits(0.3)
    assert "phone: SIP/2.0 100 Trying" in house.heard()
    house.phone.sends(raw)
    assert house.heard() == ["phone: SIP/2.0 100 Trying"]


@pytest.mark.parametrize("method", ["REGISTER", "MESSAGE", "OPTIONS", "BYE"])
def test_rfc4320_4_2_no_other_request_ever_gets_a_408(method: str) -> None:
    house = House()
    house.phone.asks(method, URI)
    house.waits(40)
    heard = [line for line in house.heard() if not line.startswith("trunk: ")]
    assert heard == ["phone: SIP/2.0 100 Trying"]
    assert house.parts.table.contexts == 0
    empties(house)


def test_rfc4320_4_1_what_is_answered_in_time_gets_no_100() -> None:
    house = House()
    house.phone.asks("MESSAGE", URI)
    house.heard()
    house.trunk.answers(180, method="MESSAGE")
    house.trunk.answers(202, method="MESSAGE")
    house.waits(10)
    assert house.heard() == ["phone: SIP/2.0 202 X"]


def test_a_retransmitted_request_is_not_forwarded_twice() -> None:
    house = House()
    raw = house.phone.asks("MESSAGE", URI)
    house.phone.sends(raw)
    assert len(house.heard()) == 1
    house.trunk.answers(202, method="MESSAGE")
    house.phone.sends(raw)
    assert house.heard() == ["phone: SIP/2.0 202 X"] * 2
    empties(house)


# Outcomes


@pytest.mark.parametrize(
    ("status", "phrase", "rings", "headers", "kind"),
    [
        (486, "Busy Here", False, [], "busy"),
        (600, "Busy", True, [], "busy"),
        (603, "Decline", True, [], "refused"),
        (603, "Decline", False, [], "blocked"),
        (603, "Network Blocked", True, [], "blocked"),
        (607, "Unwanted", False, [], "refused"),
        (608, "Rejected", True, [], "blocked"),
        (480, "Gone", True, [], "unanswered"),
        (404, "Not Found", False, [], "failed"),
        (503, "Overload", False, [], "failed"),
    ],
)
def test_what_upstream_says_is_the_outcome(
    status: int, phrase: str, rings: bool, headers: list[str], kind: str
) -> None:
    house = calling()
    house.trunk.answers(180 if rings else 100)
    house.trunk.answers(status, phrase=phrase, headers=headers)
    assert outcome_of(house) == (kind, status, "callee", False)
    assert house.heard()[-1] == f"phone: SIP/2.0 {status} {phrase}"


def test_ring_and_talk_are_measured() -> None:
    house = calling()
    house.waits(1)
    house.trunk.answers(183)
    house.waits(4)
    house.trunk.answers(200)
    house.heard()
    house.waits(60)
    house.phone.in_dialog("BYE")
    house.heard()
    house.trunk.answers(200, method="BYE")
    [outcome] = house.outcomes
    assert (outcome.ring_ms, outcome.talk_ms) == (4000, 60000)
    assert outcome.answered_us == house.answers[0].time_us


# TCP


def test_a_lost_connection_upstream_is_a_503() -> None:
    house = calling(transport="tcp")
    house.trunk.wire.open = False
    house.parts.proxy.flow_lost(house.trunk.wire, "reset")
    assert house.heard() == ["phone: SIP/2.0 503 Service Unavailable"]
    assert outcome_of(house) == ("failed", 503, "gate", False)
    house.phone.acknowledges(503)
    empties(house)


def test_a_lost_connection_answers_other_requests_too() -> None:
    house = House(transport="tcp")
    house.phone.asks("MESSAGE", URI)
    house.heard()
    house.trunk.wire.open = False
    house.parts.proxy.flow_lost(house.trunk.wire, "reset")
    assert house.heard() == ["phone: SIP/2.0 503 Service Unavailable"]
    empties(house)


def test_over_tcp_nothing_is_repeated() -> None:
    house = calling(transport="tcp")
    house.waits(10)
    assert house.heard() == []


def test_a_call_over_tcp_on_both_sides_leaves_nothing() -> None:
    house = House(transport="tcp", phone_transport="tcp")
    house.call_up()
    house.phone.in_dialog("BYE")
    house.heard()
    house.trunk.answers(200, method="BYE")
    house.heard()
    empties(house, 45)


def test_a_refused_call_over_tcp_leaves_nothing() -> None:
    house = House(transport="tcp", phone_transport="tcp")
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(486)
    house.heard()
    house.phone.acknowledges(486)
    empties(house, 45)


def test_what_goes_over_tcp_says_how_long_it_is() -> None:
    house = House(transport="tcp")
    house.phone.calls(length=False, body="v=0\r\n")
    house.writes()
    house.heard()
    assert header(house.trunk.got_request("INVITE"), "content-length") == "5"


def test_a_response_that_goes_over_tcp_says_how_long_it_is() -> None:
    house = House(phone_transport="tcp")
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(183, length=False, body="v=0\r\n")
    house.trunk.answers(200, length=False)
    house.trunk.answers(200, length=False)
    house.heard()
    assert header(house.phone.got_response(183), "content-length") == "5"
    assert header(house.phone.got_response(200), "content-length") == "0"


def test_over_udp_no_length_is_added() -> None:
    house = House()
    house.phone.calls(length=False)
    house.writes()
    house.heard()
    assert header(house.trunk.got_request("INVITE"), "content-length") is None


@pytest.mark.parametrize(
    ("headers", "is_shown"),
    [
        (["P-Asserted-Identity: <tel:+13055559999>"], True),
        (["P-Asserted-Identity: <tel:+13055559999>", "Privacy: id"], False),
        (["P-Asserted-Identity: <tel:+13055559999>", "pRiVaCy: id"], False),
        (["P-Asserted-Identity: <tel:+13055559999>", "PRIVACY: header; ID"], False),
        (["P-Asserted-Identity: <tel:+13055559999>", "Privacy: none"], True),
    ],
)
def test_rfc_3325_5_an_untrusted_source_learns_no_identity_that_asks_for_privacy(
    headers: list[str], is_shown: bool
) -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(200, headers=headers)
    house.heard()
    shown = house.phone.got_response(200).first(b"p-asserted-identity")
    assert (shown is not None) is is_shown


def test_rfc_3325_5_a_trusted_source_learns_it() -> None:
    house = House()
    house.pbx.calls(headers=["P-Asserted-Identity: <sip:4711@pbx>"])
    house.writes()
    house.heard()
    house.trunk.answers(200, headers=["P-Asserted-Identity: <tel:+13055559999>", "Privacy: id"])
    house.heard()
    assert house.pbx.got_response(200).first(b"p-asserted-identity") is not None


def test_rfc_3325_5_nor_within_a_dialog() -> None:
    house = House()
    house.call_up()
    headers = ["P-Asserted-Identity: <tel:+13055559999>", "Privacy: id"]
    house.trunk.back("UPDATE", headers=headers)
    house.heard()
    assert house.phone.got_request("UPDATE").first(b"p-asserted-identity") is None
