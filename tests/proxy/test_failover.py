"""Several targets, one after the other: design §6, Targets and Final responses; RFC 3261 §16.7."""

import pytest

from sipgate.sip import Request, parse_message

from .house import GATE, TRUNKS, House, header

URI = f"sip:+13055550001@{GATE}"
CONTACTS = [f"sip:callee@{host}:5080" for host in TRUNKS]


def invite(number: int) -> str:
    name = ("trunk", "trunk2", "trunk3")[number]
    return f"{name}: INVITE sip:+13055550001@{TRUNKS[number]}:5080 SIP/2.0"


def cancel(number: int) -> str:
    return invite(number).replace("INVITE", "CANCEL")


def ack(number: int) -> str:
    return invite(number).replace("INVITE", "ACK")


def calling(trunks: int = 2, **settings: object) -> House:
    """A house whose first trunk has just got the INVITE."""
    house = House(trunks=trunks, **settings)  # type: ignore[arg-type]
    house.phone.calls()
    house.writes()
    assert house.heard()[-1] == invite(0)
    return house


def passed_over(trunks: int = 2) -> House:
    """A house whose first trunk was silent for so long that the second has the INVITE."""
    house = calling(trunks)
    house.waits(4.1)
    assert invite(1) in house.heard()
    return house


def outcome_of(house: House) -> tuple[str, int | None, str | None, bool]:
    [outcome] = house.outcomes
    return outcome.kind, outcome.status, outcome.ended_by, outcome.cancelled


def empties(house: House, seconds: float = 80) -> None:
    house.waits(seconds)
    house.heard()
    assert house.leftovers() == {}


def hangs_up(house: House, number: int) -> None:
    """The caller ends the call that this trunk has answered."""
    house.phone.in_dialog("BYE", uri=CONTACTS[number])
    house.heard()
    house.trunks[number].answers(200, method="BYE")
    house.heard()


# The next target's turn


def test_a_503_brings_the_next_target_and_goes_no_further() -> None:
    house = calling()
    house.trunks[0].answers(503)
    assert house.heard() == [ack(0), invite(1)]
    house.trunks[1].answers(180)
    house.trunks[1].answers(200, contact=CONTACTS[1])
    assert house.heard() == ["phone: SIP/2.0 180 X", "phone: SIP/2.0 200 X"]
    hangs_up(house, 1)
    assert outcome_of(house) == ("answered", 200, "caller", False)
    assert len(house.decisions) == 1
    empties(house)


def test_a_503_after_ringing_brings_the_next_target_too() -> None:
    house = calling()
    house.trunks[0].answers(180)
    house.trunks[0].answers(503)
    assert house.heard() == ["phone: SIP/2.0 180 X", ack(0), invite(1)]


def test_a_lost_connection_brings_the_next_target() -> None:
    house = calling(transport="tcp")
    house.trunks[0].wire.open = False
    house.parts.proxy.flow_lost(house.trunks[0].wire, "reset")
    assert house.heard() == [invite(1)]
    house.trunks[1].answers(486)
    house.heard()
    house.phone.acknowledges(486)
    assert outcome_of(house) == ("busy", 486, "callee", False)
    empties(house)


def test_silence_for_answer_within_brings_the_next_target() -> None:
    house = calling()
    house.waits(3.9)
    assert invite(1) not in house.heard()
    house.waits(0.2)
    assert house.heard() == [invite(1)]


def test_a_100_is_an_answer_in_time() -> None:
    house = calling()
    house.trunks[0].answers(100)
    house.waits(30)
    assert house.heard() == []


def test_the_last_target_has_timer_b_and_then_a_408() -> None:
    house = passed_over()
    house.waits(32)
    assert house.heard()[-1] == "phone: SIP/2.0 408 Request Timeout"
    assert outcome_of(house) == ("unanswered", 408, "gate", False)
    house.phone.acknowledges(408)
    empties(house)


def test_a_503_from_the_last_target_passes_as_it_came() -> None:
    house = calling()
    house.trunks[0].answers(503)
    house.heard()
    house.trunks[1].answers(503, phrase="Congested", headers=["Retry-After: 9"])
    assert house.heard()[-1] == "phone: SIP/2.0 503 Congested"
    assert header(house.phone.got_response(503), "retry-after") == "9"
    assert outcome_of(house) == ("failed", 503, "callee", False)


def test_when_no_target_can_be_reached_the_503_says_when_to_come_again() -> None:
    house = calling(transport="tcp")
    for trunk in house.trunks:
        trunk.wire.open = False
        house.parts.proxy.flow_lost(trunk.wire, "reset")
    assert house.heard() == [invite(1), "phone: SIP/2.0 503 Service Unavailable"]
    assert header(house.phone.got_response(503), "retry-after") in ("1", "2", "3")
    assert outcome_of(house) == ("failed", 503, "gate", False)
    house.phone.acknowledges(503)
    empties(house)


@pytest.mark.parametrize("status", [302, 401, 404, 480, 486, 500, 504, 600, 603])
def test_any_other_final_response_is_the_answer_of_all(status: int) -> None:
    house = calling()
    house.trunks[0].answers(status)
    assert house.heard() == [ack(0), f"phone: SIP/2.0 {status} X"]


def test_three_targets_are_tried_in_their_order() -> None:
    house = calling(3)
    house.trunks[0].answers(503)
    house.heard()
    house.waits(4.1)
    assert house.heard()[-1] == invite(2)


def test_a_dead_target_is_not_tried_first() -> None:
    house = calling(transport="tcp")
    house.trunks[0].wire.open = False
    house.parts.proxy.flow_lost(house.trunks[0].wire, "reset")
    house.heard()
    house.phone.calls("+13055550001", call_id="c2", branch="b2")
    house.writes()
    assert house.heard()[-1] == invite(1)


# Those that were passed over


def test_a_late_provisional_of_a_passed_over_target_gets_a_cancel() -> None:
    house = passed_over()
    house.trunks[0].answers(180)
    assert house.heard() == [cancel(0)]
    house.trunks[0].answers(200, method="CANCEL")
    house.trunks[0].answers(487)
    assert house.heard() == [ack(0)]
    house.trunks[1].answers(486)
    assert house.heard() == [ack(1), "phone: SIP/2.0 486 X"]
    house.phone.acknowledges(486)
    assert outcome_of(house) == ("busy", 486, "callee", False)
    empties(house)


def test_a_late_2xx_of_a_passed_over_target_is_forwarded_and_the_other_branch_canceled() -> None:
    house = passed_over()
    house.trunks[1].answers(180)
    house.heard()
    house.trunks[0].answers(200, contact=CONTACTS[0])
    assert house.heard() == ["phone: SIP/2.0 200 X", cancel(1)]
    house.trunks[1].answers(200, method="CANCEL")
    house.trunks[1].answers(487)
    assert house.heard() == [ack(1)]
    [call] = house.parts.calls
    assert call.target == b"udp:10.9.0.9:5080"
    hangs_up(house, 0)
    assert outcome_of(house) == ("answered", 200, "caller", False)
    empties(house)


def test_a_2xx_that_crosses_its_cancel_is_forwarded_like_any_fork() -> None:
    """RFC 6026 §7.1, RFC 3261 §16.7 step 5: all 2xx to an INVITE go on."""
    house = passed_over()
    house.trunks[0].answers(180)
    house.heard()
    house.trunks[1].answers(200, tag="t2", contact=CONTACTS[1])
    house.trunks[0].answers(200, tag="t1", contact=CONTACTS[0])
    assert house.heard() == ["phone: SIP/2.0 200 X"] * 2
    [call] = house.parts.calls
    assert call.target == b"udp:10.9.0.10:5080"
    house.trunks[0].answers(200, tag="t1", contact=CONTACTS[0])
    assert house.heard() == ["phone: SIP/2.0 200 X"]


def test_a_late_refusal_of_a_passed_over_target_is_only_acknowledged() -> None:
    house = passed_over()
    house.trunks[0].answers(486)
    house.trunks[0].answers(486)
    assert house.heard() == [ack(0), ack(0)]
    house.trunks[1].answers(200, contact=CONTACTS[1])
    assert house.heard() == ["phone: SIP/2.0 200 X"]


def test_rfc3261_16_7_5_a_late_6xx_ends_the_attempt_once_the_other_branch_has_ended() -> None:
    house = passed_over(3)
    house.trunks[1].answers(180)
    house.heard()
    house.trunks[0].answers(603)
    assert house.heard() == [ack(0), cancel(1)]
    house.trunks[1].answers(487)
    assert house.heard() == [ack(1), "phone: SIP/2.0 603 X"]
    house.phone.acknowledges(603)
    assert outcome_of(house) == ("refused", 603, "callee", False)
    empties(house)


def test_rfc3261_16_7_5_a_2xx_beats_a_6xx_that_waits() -> None:
    house = passed_over()
    house.trunks[1].answers(180)
    house.trunks[0].answers(603)
    house.heard()
    house.trunks[1].answers(200, contact=CONTACTS[1])
    assert house.heard() == ["phone: SIP/2.0 200 X"]


def test_a_late_6xx_ends_the_attempt_at_once_while_the_other_is_silent() -> None:
    house = passed_over(3)
    house.trunks[0].answers(600)
    assert house.heard() == [ack(0), "phone: SIP/2.0 600 X"]
    house.waits(5)
    assert invite(2) not in house.heard()
    house.trunks[1].answers(180)
    assert house.heard()[-1] == cancel(1)


def test_the_only_one_that_may_still_answer_is_waited_for_again() -> None:
    house = passed_over()
    house.trunks[1].answers(503)
    assert house.heard() == [ack(1)]
    house.trunks[0].answers(180)
    house.trunks[0].answers(200, contact=CONTACTS[0])
    assert house.heard() == ["phone: SIP/2.0 180 X", "phone: SIP/2.0 200 X"]


def test_a_2xx_after_the_caller_was_refused_goes_nowhere() -> None:
    """RFC 3261 §16.7 step 5: one non-2xx response, or 2xx."""
    house = passed_over()
    house.trunks[1].answers(486)
    house.heard()
    house.phone.acknowledges(486)
    house.trunks[0].answers(200, contact=CONTACTS[0])
    house.trunks[0].answers(200, contact=CONTACTS[0])
    assert house.heard() == []
    assert house.parts.counts["answers_too_late"] == 1
    empties(house)


def test_a_final_response_cancels_what_rings_elsewhere() -> None:
    """RFC 3261 §16.7 step 10."""
    house = passed_over()
    house.trunks[1].answers(486)
    assert house.heard() == [ack(1), "phone: SIP/2.0 486 X"]
    house.trunks[0].answers(180)
    assert house.heard() == [cancel(0)]


# CANCEL


def test_rfc3261_16_10_a_cancel_stops_further_targets_and_cancels_all_open_branches() -> None:
    house = passed_over(3)
    house.trunks[1].answers(180)
    house.heard()
    house.phone.asks("CANCEL", URI)
    assert house.heard() == ["phone: SIP/2.0 200 OK", cancel(1)]
    house.trunks[0].answers(100)
    assert house.heard() == [cancel(0)]
    house.trunks[1].answers(200, method="CANCEL")
    house.trunks[1].answers(487)
    assert house.heard() == [ack(1), "phone: SIP/2.0 487 X"]
    house.phone.acknowledges(487)
    house.trunks[0].answers(487)
    assert house.heard() == [ack(0)]
    assert outcome_of(house) == ("cancelled", 487, "caller", True)
    empties(house)


def test_after_a_cancel_a_503_or_silence_brings_no_further_target() -> None:
    house = calling(3)
    house.phone.asks("CANCEL", URI)
    house.waits(5)
    assert invite(1) not in house.heard()
    house.trunks[0].answers(503)
    assert house.heard() == [ack(0), "phone: SIP/2.0 503 X"]
    house.phone.acknowledges(503)
    assert outcome_of(house) == ("cancelled", 503, "caller", True)
    empties(house)


def test_rfc3261_9_1_cancel_follows_its_invite() -> None:
    house = passed_over()
    house.trunks[1].answers(180)
    house.phone.asks("CANCEL", URI, headers=["Reason: SIP;cause=200"])
    house.heard()
    sent, asked = house.trunks[1].got_request("INVITE"), house.trunks[1].got_request("CANCEL")
    assert (asked.via.raw, asked.uri) == (sent.via.raw, sent.uri)
    assert header(asked, "reason") == "SIP;cause=200"


def test_rfc3261_16_8_timer_c_runs_per_branch() -> None:
    house = calling()
    house.waits(3)
    house.trunks[0].answers(100)
    house.waits(100)
    house.trunks[0].answers(503)
    house.heard()
    house.trunks[1].answers(180)
    house.waits(199)
    assert cancel(1) not in house.heard()
    house.waits(1.2)
    assert house.heard() == [cancel(1)]


# One decision for all tries


def test_each_try_has_a_branch_of_its_own() -> None:
    """RFC 3263 §4.3."""
    house = calling()
    house.trunks[0].answers(503)
    house.heard()
    first, second = (trunk.got_request("INVITE") for trunk in house.trunks)
    assert first.via.branch != second.via.branch
    assert first.via.branch.partition(b".")[2] == second.via.branch.partition(b".")[2]
    assert header(first, "x-sipgate-verdict") == header(second, "x-sipgate-verdict")
    assert first.first(b"record-route") == second.first(b"record-route")
    assert len(house.decisions) == 1


def test_the_retry_of_a_challenged_invite_goes_to_the_target_that_challenged() -> None:
    house = calling()
    house.trunks[0].answers(503)
    house.heard()
    house.trunks[1].answers(407)
    house.heard()
    house.phone.acknowledges(407)
    house.phone.calls(cseq=2, branch="b2", headers=["Proxy-Authorization: Digest x"])
    house.writes()
    assert house.heard()[-1] == invite(1)
    assert len(house.decisions) == 1


def test_after_the_retry_window_the_first_target_is_first_again() -> None:
    house = calling()
    house.trunks[0].answers(503)
    house.heard()
    house.trunks[1].answers(407)
    house.heard()
    house.phone.acknowledges(407)
    house.waits(33)
    house.phone.calls(cseq=2, branch="b2")
    house.writes()
    assert house.heard()[-1] == invite(0)


# Emergency


def test_an_emergency_call_tries_every_target_dead_ones_too() -> None:
    house = calling(3, transport="tcp")
    for trunk in house.trunks:
        trunk.wire.open = False
        house.parts.proxy.flow_lost(trunk.wire, "reset")
    for trunk in house.trunks:
        trunk.wire.open = True
    house.heard()
    house.phone.calls("911", call_id="c9", branch="b9")
    tried = house.heard()
    for trunk in house.trunks[:2]:
        trunk.wire.open = False
        house.parts.proxy.flow_lost(trunk.wire, "reset")
        tried += house.heard()
    assert [line[:15] for line in tried if "INVITE" in line] == [
        "trunk: INVITE s",
        "trunk2: INVITE ",
        "trunk3: INVITE ",
    ]


def test_each_try_of_an_emergency_call_leaves_without_waiting_for_its_entry() -> None:
    house = House(trunks=2)
    house.phone.calls("911")
    house.heard()
    house.trunks[0].answers(503)
    house.heard()
    first, second = (trunk.got_request("INVITE") for trunk in house.trunks)
    assert header(first, "x-sipgate-verdict") is None
    assert header(second, "x-sipgate-verdict") is None
    assert first.values(b"record-route") == second.values(b"record-route")
    house.trunks[1].answers(200, contact=CONTACTS[1])
    house.heard()
    hangs_up(house, 1)
    assert outcome_of(house) == ("answered", 200, "caller", False)


def test_when_none_is_alive_one_invite_a_second_tries_one() -> None:
    house = calling(transport="tcp")
    for trunk in house.trunks:
        trunk.wire.open = False
        house.parts.proxy.flow_lost(trunk.wire, "reset")
        trunk.wire.open = True
    house.heard()
    house.phone.acknowledges(503)
    for number in (2, 3):
        house.phone.calls(call_id=f"c{number}", branch=f"b{number}")
    house.writes()
    heard = [line for line in house.heard() if "100 Trying" not in line]
    assert heard == [invite(0), "phone: SIP/2.0 503 Service Unavailable"]


# Requests other than INVITE


@pytest.mark.parametrize("method", ["REGISTER", "MESSAGE", "OPTIONS"])
def test_another_request_gets_the_next_target_on_503(method: str) -> None:
    house = House(trunks=2)
    house.phone.asks(method, URI)
    house.heard()
    asked = next(trunk for trunk in house.trunks if trunk.got)
    other = next(trunk for trunk in house.trunks if not trunk.got)
    asked.answers(503, method=method)
    assert [line.split()[:2] for line in house.heard()] == [[f"{other.name}:", method]]
    other.answers(200, method=method)
    assert house.heard() == ["phone: SIP/2.0 200 X"]
    empties(house)


def test_another_request_gets_the_next_target_when_its_connection_is_lost() -> None:
    house = House(trunks=2, transport="tcp")
    house.phone.asks("OPTIONS", URI)
    house.heard()
    house.trunk.wire.open = False
    house.parts.proxy.flow_lost(house.trunk.wire, "reset")
    assert [line[:15] for line in house.heard()] == ["trunk2: OPTIONS"]


def test_rfc4320_another_request_that_times_out_is_not_tried_again() -> None:
    house = House(trunks=2)
    house.phone.asks("OPTIONS", URI)
    house.waits(40)
    heard = house.heard()
    assert not [line for line in heard if line.startswith("trunk2")]
    assert [line for line in heard if line.startswith("phone")] == ["phone: SIP/2.0 100 Trying"]
    empties(house)


@pytest.mark.parametrize("method", ["REGISTER", "SUBSCRIBE", "PUBLISH", "MESSAGE"])
def test_what_belongs_to_one_to_goes_to_one_target(method: str) -> None:
    house = House(trunks=2)
    places: dict[str, set[str]] = {}
    for number in range(12):
        user = f"47{number % 6:02}"
        house.phone.asks(
            method,
            f"sip:{GATE}",
            to=f"sip:{user}@{GATE}",
            branch=f"m{number}",
            call_id=f"m{number}",
        )
        for line in house.heard():
            places.setdefault(user, set()).add(line.partition(":")[0])
    assert all(len(targets) == 1 for targets in places.values())
    assert len(set.union(*places.values())) == 2


def test_the_retry_of_a_challenged_request_goes_to_the_target_that_challenged() -> None:
    house = House(trunks=2)
    house.phone.asks("OPTIONS", URI)
    house.heard()
    house.trunks[0].answers(503, method="OPTIONS")
    house.heard()
    house.trunks[1].answers(401, method="OPTIONS")
    house.heard()
    house.phone.asks("OPTIONS", URI, cseq=2, branch="b2")
    assert [line[:15] for line in house.heard()] == ["trunk2: OPTIONS"]


# Routes of the caller's own


def test_a_route_to_a_target_is_allowed_and_leads_there() -> None:
    house = House(trunks=2)
    house.phone.calls(headers=[f"Route: <sip:{TRUNKS[1]}:5080;lr>"])
    house.writes()
    assert house.heard()[-1] == invite(1)
    sent = parse_message(house.trunks[1].got[-1])
    assert isinstance(sent, Request)
    assert header(sent, "route") == f"<sip:{TRUNKS[1]}:5080;lr>"
