"""What is hard for a proxy, by the RFC paragraph that says how it goes (issue: hard cases)."""

import pytest

from .house import GATE, House, header

URI = f"sip:+13055550001@{GATE}"
CANCEL = "trunk: CANCEL sip:+13055550001@10.9.0.9:5080 SIP/2.0"
ACK = "trunk: ACK sip:+13055550001@10.9.0.9:5080 SIP/2.0"
OK = "phone: SIP/2.0 200 OK"


def calling(**settings: str) -> House:
    """A house whose trunk has just got the INVITE."""
    house = House(**settings)  # type: ignore[arg-type]
    house.phone.calls()
    house.writes()
    house.heard()
    return house


def up() -> House:
    house = House()
    house.call_up()
    return house


def starts(house: House) -> list[str]:
    """Who got what, without what follows the method or status."""
    return [" ".join(line.replace("SIP/2.0 ", "").split()[:2]) for line in house.heard()]


def outcomes(house: House) -> list[tuple[str, int | None, bool]]:
    return [(one.kind, one.status, one.cancelled) for one in house.outcomes]


# CANCEL


def test_rfc3261_9_1_no_cancel_goes_on_before_a_provisional_response() -> None:
    house = calling()
    house.phone.asks("CANCEL", URI)
    assert house.heard() == [OK]
    house.waits(10)
    assert CANCEL not in house.heard()
    house.trunk.answers(183)
    assert house.heard() == ["phone: SIP/2.0 183 X", CANCEL]


def test_rfc3261_9_1_a_final_response_instead_of_a_provisional_one_needs_no_cancel() -> None:
    house = calling()
    house.phone.asks("CANCEL", URI)
    house.heard()
    house.trunk.answers(486)
    assert house.heard() == [ACK, "phone: SIP/2.0 486 X"]
    assert outcomes(house) == [("cancelled", 486, True)]


def test_rfc3261_9_1_a_2xx_after_a_cancel_that_was_held_back_is_a_call() -> None:
    house = calling()
    house.phone.asks("CANCEL", URI)
    house.heard()
    house.trunk.answers(200)
    assert house.heard() == ["phone: SIP/2.0 200 X"]
    house.phone.in_dialog("ACK", cseq=1, branch="a1")
    house.phone.in_dialog("BYE")
    assert starts(house) == ["trunk: ACK", "trunk: BYE"]
    house.trunk.answers(200, method="BYE")
    assert outcomes(house) == [("answered", 200, True)]


def test_rfc3261_9_2_a_cancel_that_races_the_2xx_changes_nothing_of_the_call() -> None:
    house = calling()
    house.trunk.answers(180)
    house.trunk.answers(200)
    house.phone.asks("CANCEL", URI)
    assert house.heard() == ["phone: SIP/2.0 180 X", "phone: SIP/2.0 200 X", OK]
    house.phone.in_dialog("BYE")
    house.heard()
    house.trunk.answers(200, method="BYE")
    assert outcomes(house) == [("answered", 200, False)]


def test_rfc3261_9_1_a_cancel_is_repeated_over_udp_until_it_is_answered() -> None:
    house = calling()
    house.trunk.answers(180)
    house.phone.asks("CANCEL", URI)
    house.waits(1.6)
    assert house.heard().count(CANCEL) == 3
    house.trunk.answers(200, method="CANCEL")
    house.waits(5)
    assert house.heard() == []


def test_rfc3261_16_10_a_cancel_that_fits_nothing_gets_481() -> None:
    house = House()
    house.phone.asks("CANCEL", URI)
    assert starts(house) == ["phone: 481"]


def test_rfc3261_9_1_a_487_without_an_answer_to_the_cancel_ends_both() -> None:
    house = calling()
    house.trunk.answers(180)
    house.phone.asks("CANCEL", URI)
    house.heard()
    house.trunk.answers(487)
    assert house.heard() == [ACK, "phone: SIP/2.0 487 X"]
    house.phone.acknowledges(487)
    house.waits(80)
    house.heard()
    assert house.leftovers() == {}


def test_rfc3261_17_1_3_an_answer_to_a_cancel_is_no_answer_to_its_invite() -> None:
    house = calling()
    house.trunk.answers(180)
    house.phone.asks("CANCEL", URI)
    house.heard()
    house.trunk.answers(481, method="CANCEL")
    assert house.heard() == []
    house.trunk.answers(200)
    assert house.heard() == ["phone: SIP/2.0 200 X"]


# Late and forked 2xx


def test_rfc3261_16_7_5_2xx_of_three_forks_all_go_on() -> None:
    house = calling()
    for tag in ("t1", "t2", "t3"):
        house.trunk.answers(200, tag=tag)
    assert house.heard() == ["phone: SIP/2.0 200 X"] * 3
    assert len(house.answers) == 1


def test_rfc6026_8_4_a_2xx_of_a_fork_goes_on_for_32_seconds_after_the_first() -> None:
    house = calling()
    house.trunk.answers(200)
    house.waits(31)
    house.trunk.answers(200, tag="t2")
    assert house.heard() == ["phone: SIP/2.0 200 X"] * 2
    house.waits(2)
    house.trunk.answers(200, tag="t3")
    assert house.heard() == []


def test_rfc6026_7_1_an_invite_that_comes_again_after_its_2xx_is_absorbed() -> None:
    house = House()
    raw = house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.heard()
    house.phone.sends(raw)
    house.waits(20)
    house.phone.sends(raw)
    assert house.heard() == []


def test_rfc6026_7_2_a_refusal_after_a_2xx_goes_nowhere() -> None:
    house = calling()
    house.trunk.answers(200)
    house.heard()
    house.trunk.answers(486, tag="t2")
    assert house.heard() == []
    assert len(house.parts.calls) == 1


def test_rfc3261_16_8_a_2xx_after_timer_b_finds_nobody() -> None:
    house = calling()
    house.waits(33)
    house.heard()
    house.phone.acknowledges(408)
    house.trunk.answers(200)
    assert house.heard() == []
    assert outcomes(house) == [("unanswered", 408, False)]


# 100rel and PRACK


def test_rfc3262_a_reliable_provisional_and_its_prack_pass_through() -> None:
    house = calling()
    house.trunk.answers(183, headers=["Require: 100rel", "RSeq: 813520"])
    house.heard()
    early = house.phone.got_response(183)
    assert (header(early, "require"), header(early, "rseq")) == ("100rel", "813520")
    house.phone.in_dialog("PRACK", status=183, headers=["RAck: 813520 1 INVITE"])
    assert starts(house) == ["trunk: PRACK"]
    assert header(house.trunk.got_request("PRACK"), "rack") == "813520 1 INVITE"
    house.trunk.answers(200, method="PRACK")
    assert starts(house) == ["phone: 200"]
    house.trunk.answers(200)
    assert starts(house) == ["phone: 200"]


def test_rfc3262_3_a_reliable_provisional_that_comes_again_goes_on_again() -> None:
    house = calling()
    for _ in range(3):
        house.trunk.answers(183, headers=["Require: 100rel", "RSeq: 1"])
    assert starts(house) == ["phone: 183"] * 3


def test_rfc3262_4_a_prack_of_each_early_dialog_goes_its_own_way() -> None:
    house = calling()
    for tag in ("t1", "t2"):
        house.trunk.answers(183, tag=tag, headers=["Require: 100rel", "RSeq: 1"])
        house.heard()
        house.phone.in_dialog("PRACK", status=183, branch=f"p{tag}", headers=["RAck: 1 1 INVITE"])
        assert starts(house) == ["trunk: PRACK"]
        assert house.trunk.got_request("PRACK").to_tag == tag.encode()


# UPDATE


@pytest.mark.parametrize("status", [200, 491, 504])
def test_rfc3311_an_update_before_the_answer_passes_both_ways(status: int) -> None:
    house = calling()
    house.trunk.answers(183)
    house.heard()
    house.phone.in_dialog("UPDATE", status=183, body="v=0\r\n")
    assert starts(house) == ["trunk: UPDATE"]
    house.trunk.answers(status, method="UPDATE")
    assert starts(house) == [f"phone: {status}"]
    house.trunk.back("UPDATE")
    assert starts(house) == ["phone: UPDATE"]
    house.phone.answers(status, method="UPDATE")
    assert starts(house) == [f"trunk: {status}"]
    assert outcomes(house) == []


def test_rfc3311_5_2_a_500_with_retry_after_to_an_update_passes_and_ends_nothing() -> None:
    house = up()
    house.phone.in_dialog("UPDATE")
    house.heard()
    house.trunk.answers(500, method="UPDATE", headers=["Retry-After: 5"])
    house.heard()
    assert header(house.phone.got_response(500), "retry-after") == "5"
    assert len(house.parts.calls) == 1


def test_rfc3311_5_1_a_2xx_to_an_update_moves_the_remote_target() -> None:
    house = up()
    house.trunk.back("UPDATE", headers=["Contact: <sip:callee@10.9.0.9:5090>"])
    house.heard()
    house.phone.answers(200, method="UPDATE", contact="sip:4711@10.1.0.7:5060")
    house.heard()
    house.end("moved", "10.9.0.9", 5090)
    house.phone.in_dialog("INVITE", uri="sip:callee@10.9.0.9:5090", cseq=3, branch="r3")
    assert starts(house) == ["phone: 100", "moved: INVITE"]


# re-INVITE


def test_rfc3261_14_1_glare_of_re_invites_gets_its_491_through_on_both_sides() -> None:
    house = up()
    house.phone.in_dialog("INVITE", branch="r1")
    house.trunk.back("INVITE", branch="s1")
    assert starts(house) == ["phone: 100", "trunk: INVITE", "trunk: 100", "phone: INVITE"]
    house.trunk.answers(491, to=house.trunk.got_request("INVITE"), tag="")
    house.phone.answers(491, to=house.phone.got_request("INVITE"), tag="")
    assert starts(house) == ["trunk: ACK", "phone: 491", "phone: ACK", "trunk: 491"]
    assert outcomes(house) == []
    house.phone.in_dialog("INVITE", branch="r2", cseq=3)
    assert starts(house) == ["phone: 100", "trunk: INVITE"]
    assert len(house.decisions) == 1


def test_rfc3261_14_2_a_500_to_a_re_invite_that_came_too_early_ends_nothing() -> None:
    house = up()
    house.phone.in_dialog("INVITE", branch="r1")
    house.heard()
    house.trunk.answers(500, headers=["Retry-After: 3"])
    house.heard()
    assert header(house.phone.got_response(500), "retry-after") == "3"
    assert len(house.parts.calls) == 1


@pytest.mark.parametrize("status", [408, 481])
def test_rfc3261_14_1_a_refused_re_invite_ends_no_call_before_its_bye(status: int) -> None:
    house = up()
    house.phone.in_dialog("INVITE", branch="r1")
    house.heard()
    house.trunk.answers(status)
    assert starts(house) == ["trunk: ACK", f"phone: {status}"]
    assert outcomes(house) == []
    house.phone.in_dialog("BYE", cseq=3, branch="d3")
    house.heard()
    house.trunk.answers(481, method="BYE")
    assert outcomes(house) == [("answered", 200, False)]


def test_rfc3261_9_a_re_invite_can_be_cancelled_and_the_call_stays_up() -> None:
    house = up()
    house.phone.in_dialog("INVITE", branch="r1")
    house.heard()
    house.trunk.answers(100)
    house.phone.in_dialog("CANCEL", branch="r1")
    assert starts(house) == ["phone: 200", "trunk: CANCEL"]
    house.trunk.answers(200, method="CANCEL")
    house.trunk.answers(487)
    assert starts(house) == ["trunk: ACK", "phone: 487"]
    assert outcomes(house) == []


# Transports that differ


def test_rfc5658_4_the_ack_to_a_2xx_goes_by_both_record_routes_of_two_transports() -> None:
    house = calling(transport="tcp")
    house.trunk.answers(200)
    house.heard()
    answer = house.phone.got_response(200)
    assert len(answer.values(b"record-route")) == 2
    house.phone.in_dialog("ACK", cseq=1, branch="a1")
    assert starts(house) == ["trunk: ACK"]
    ack = house.trunk.got_request("ACK")
    assert ack.first(b"route") is None
    assert ack.via.transport == b"UDP"
    house.trunk.back("BYE")
    assert starts(house) == ["phone: BYE"]
