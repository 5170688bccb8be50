"""Calls from before a restart (design §6, Active calls; §15)."""

import pytest

from .house import GATE, House, header

URI = f"sip:+13055550001@{GATE}"
ONE_AT_A_TIME = "[{id: lines, concurrent: {per: caller, limit: 1}, then: {reject: 486}}]"


def restarted_while_up() -> House:
    house = House()
    house.call_up()
    house.writes()
    house.waits(5)
    return house.restarts()


def restarted_while_calling(rules: str = "[]", *, headers: list[str] | None = None) -> House:
    house = House(rules)
    house.phone.calls(headers=headers or [])
    house.writes()
    house.heard()
    return house.restarts()


def kinds(house: House) -> list[tuple[str, int | None, bool]]:
    return [(outcome.kind, outcome.status, outcome.cancelled) for outcome in house.outcomes]


def empties(house: House) -> None:
    house.waits(280)
    house.heard()
    house.writes()
    assert house.leftovers() == {}
    assert not house.parts.proxy._restored


def test_a_bye_after_a_restart_ends_the_call() -> None:
    house = restarted_while_up()
    house.waits(5)
    house.phone.in_dialog("BYE")
    assert house.heard() == ["trunk: BYE sip:callee@10.9.0.9:5080 SIP/2.0"]
    house.trunk.answers(200, method="BYE")
    assert house.heard() == ["phone: SIP/2.0 200 X"]
    [outcome] = house.outcomes
    assert (outcome.kind, outcome.talk_ms) == ("answered", 10_000)
    empties(house)


def test_a_bye_of_the_callee_after_a_restart_finds_the_caller() -> None:
    house = restarted_while_up()
    house.trunk.back("BYE")
    assert house.heard() == ["phone: BYE sip:4711@10.1.0.7:5060 SIP/2.0"]


def test_a_reinvite_after_a_restart_goes_undecided_to_the_party_only() -> None:
    house = restarted_while_up()
    house.phone.in_dialog("INVITE", branch="r1")
    house.phone.in_dialog("INVITE", cseq=3, branch="r2", uri="sip:+13055550002@10.9.0.9:5080")
    assert [line[:20] for line in house.heard()] == [
        "phone: SIP/2.0 100 T",
        "trunk: INVITE sip:ca",
        "phone: SIP/2.0 100 T",
    ]
    assert len(house.decisions) == 2


def test_a_call_that_is_up_holds_its_line_after_a_restart() -> None:
    house = House(ONE_AT_A_TIME)
    house.call_up()
    house.writes()
    after = house.restarts()
    after.phone.calls("+13055550002", call_id="c2", branch="b2")
    assert after.decisions[-1].verdict == "reject"


def test_a_response_to_an_invite_from_before_goes_back_by_its_vias() -> None:
    house = restarted_while_calling()
    house.trunk.answers(180)
    house.waits(3)
    house.trunk.answers(200)
    assert house.heard() == ["phone: SIP/2.0 180 X", "phone: SIP/2.0 200 X"]
    house.phone.in_dialog("ACK", cseq=1, branch="a1")
    house.phone.in_dialog("BYE")
    house.heard()
    house.trunk.answers(200, method="BYE")
    [outcome] = house.outcomes
    assert (outcome.kind, outcome.ring_ms) == ("answered", 3000)
    assert len(house.answers) == 1
    empties(house)


def test_a_refusal_of_an_invite_from_before_and_its_ack_go_through() -> None:
    house = restarted_while_calling(ONE_AT_A_TIME)
    invite = house.trunk.got_request("INVITE")
    house.trunk.answers(486)
    house.trunk.answers(486)
    assert house.heard() == ["phone: SIP/2.0 486 X"] * 2
    house.phone.acknowledges(486)
    assert house.heard() == ["trunk: ACK sip:+13055550001@10.9.0.9:5080 SIP/2.0"]
    assert house.trunk.got_request("ACK").via.branch == invite.via.branch
    assert kinds(house) == [("busy", 486, False)]
    assert house.parts.engine.calls_in_progress == 0
    empties(house)


def test_a_cancel_after_a_restart_goes_on_as_the_invite_did() -> None:
    house = restarted_while_calling(headers=["Route: <sip:10.0.0.1:5060;lr>"])
    invite = house.trunk.got_request("INVITE")
    house.phone.asks(
        "CANCEL", URI, headers=["Route: <sip:10.0.0.1:5060;lr>", "Reason: SIP;cause=200"]
    )
    assert house.heard() == [
        "phone: SIP/2.0 200 OK",
        "trunk: CANCEL sip:+13055550001@10.9.0.9:5080 SIP/2.0",
    ]
    cancel = house.trunk.got_request("CANCEL")
    assert cancel.via.branch == invite.via.branch
    assert header(cancel, "route") is None
    assert header(cancel, "reason") == "SIP;cause=200"
    house.trunk.answers(200, method="CANCEL")
    house.trunk.answers(487)
    assert house.heard() == ["phone: SIP/2.0 487 X"]
    assert kinds(house) == [("cancelled", 487, True)]
    empties(house)


def test_a_cancel_after_a_restart_without_forwards_gets_483() -> None:
    house = restarted_while_calling()
    house.phone.asks("CANCEL", URI, max_forwards=0)
    assert house.heard() == ["phone: SIP/2.0 483 Too Many Hops"]


def test_an_invite_that_comes_again_after_a_restart_is_the_same_attempt() -> None:
    house = restarted_while_calling()
    before = house.trunk.got_request("INVITE")
    house.phone.calls()
    assert house.heard() == [
        "phone: SIP/2.0 100 Trying",
        "trunk: INVITE sip:+13055550001@10.9.0.9:5080 SIP/2.0",
    ]
    assert len(house.decisions) == 1
    assert house.trunk.got_request("INVITE").via.branch == before.via.branch
    house.trunk.answers(486)
    assert house.heard()[-1] == "phone: SIP/2.0 486 X"
    house.phone.acknowledges(486)
    assert kinds(house) == [("busy", 486, False)]
    empties(house)


def test_an_invite_that_comes_again_can_be_cancelled() -> None:
    house = restarted_while_calling()
    house.phone.calls()
    house.heard()
    house.trunk.answers(180)
    house.phone.asks("CANCEL", URI)
    house.heard()
    house.trunk.answers(200, method="CANCEL")
    house.trunk.answers(487)
    house.heard()
    house.phone.acknowledges(487)
    assert kinds(house) == [("cancelled", 487, True)]
    empties(house)


def test_a_challenge_after_a_restart_leaves_the_attempt_open() -> None:
    house = restarted_while_calling()
    house.trunk.answers(407)
    house.heard()
    house.phone.acknowledges(407)
    house.phone.calls(cseq=2, branch="b2")
    house.writes()
    assert len(house.decisions) == 1
    house.heard()
    house.trunk.answers(200)
    house.heard()
    house.phone.in_dialog("BYE", cseq=3)
    house.heard()
    house.trunk.answers(200, method="BYE")
    assert [kind for kind, _, _ in kinds(house)] == ["answered"]
    empties(house)


def test_the_token_opens_a_dialog_whose_answer_a_crash_lost() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(200)  # its `answered` never got to the disk
    house.heard()
    after = house.restarts()
    after.phone.in_dialog("INVITE")
    assert [line[:13] for line in after.heard()] == ["phone: SIP/2.", "trunk: INVITE"]
    assert [answer.to_tag for answer in after.answers] == ["t1"]
    after.phone.in_dialog("BYE", cseq=3, branch="d3")
    after.heard()
    after.trunk.answers(200, method="BYE")
    assert [kind for kind, _, _ in kinds(after)] == ["answered"]
    after.heard()
    empties(after)


def test_the_token_opens_it_once() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.heard()
    after = house.restarts()
    after.phone.in_dialog("INVITE")
    after.heard()
    route = (after.phone.got_response(200, "INVITE").first(b"record-route") or b"").decode()
    after.phone.calls(to_tag="t9", cseq=9, branch="r9", headers=[f"Route: {route}"])
    assert [line[:18] for line in after.heard()] == ["phone: SIP/2.0 481"]


def test_a_lost_answer_is_no_way_round_a_decision() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.heard()
    after = house.restarts()
    after.phone.in_dialog("INVITE", uri="sip:+13055550002@10.9.0.9:5080")
    assert [line[:18] for line in after.heard()] == ["phone: SIP/2.0 100"]
    assert len(after.decisions) == 2


def test_an_invite_from_before_that_nobody_answers_ends_with_timer_c() -> None:
    house = restarted_while_calling(ONE_AT_A_TIME)
    house.waits(201)
    assert kinds(house) == [("unanswered", 408, False)]
    assert house.parts.engine.calls_in_progress == 0
    empties(house)


@pytest.mark.parametrize(
    ("answered", "kind"), [(False, "failed"), (True, "answered")], ids=["unanswered", "answered"]
)
def test_a_call_that_is_too_old_is_lost(answered: bool, kind: str) -> None:
    house = House(gate='max-call = "1h"')
    house.phone.calls()
    house.writes()
    house.heard()
    if answered:
        house.trunk.answers(200)
        house.writes()
    house.clock.advance(3700)
    after = house.restarts()
    [outcome] = after.outcomes
    assert (outcome.kind, outcome.ended_by, outcome.reason) == (kind, "lost", "restart")
    assert after.parts.engine.calls_in_progress == 0


def test_a_2xx_repeated_after_a_restart_reaches_the_caller_who_lost_it() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(180)
    answer = house.trunk.answers(200)
    house.writes()
    after = house.restarts()
    after.waits(5)
    after.trunk.sends(answer)
    assert after.heard() == ["phone: SIP/2.0 200 X"]
    after.writes()
    assert len(after.answers) == 1
    after.phone.in_dialog("BYE")
    after.heard()
    after.trunk.answers(200, method="BYE")
    assert kinds(after) == [("answered", 200, False)]
    empties(after)


def test_a_2xx_that_nobody_can_wait_for_any_more_is_dropped() -> None:
    house = House()
    house.call_up()
    house.writes()
    answer = house.phone.got_response(200)
    house.waits(33)
    after = house.restarts()
    after.trunk.answers(200, tag=answer.to_tag.decode())
    assert after.heard() == []


def restarted_with_forks() -> House:
    """A PBX has forked one attempt onto two branches; both are under way when the gate dies."""
    house = House(ONE_AT_A_TIME)
    house.phone.calls(branch="b1")
    house.phone.calls(branch="b2")
    house.writes()
    house.heard()
    return house.restarts()


def test_a_2xx_to_a_fork_from_before_goes_back_by_its_vias() -> None:
    house = restarted_with_forks()
    house.trunk.answers(200)  # to the latest INVITE, which is no line of the ledger
    assert house.heard() == ["phone: SIP/2.0 200 X"]
    assert house.phone.got_response(200).via.branch == b"z9hG4bKb2"
    house.writes()
    assert [answer.decision for answer in house.answers] == [1]
    house.phone.in_dialog("BYE")
    house.heard()
    house.trunk.answers(200, method="BYE")
    empties(house)


def test_a_refusal_of_one_fork_from_before_leaves_the_other_open() -> None:
    house = restarted_with_forks()
    house.trunk.answers(486)
    house.heard()
    assert kinds(house) == []
    house.waits(201)
    assert kinds(house) == [("unanswered", 408, False)]
    empties(house)


def test_a_cancel_of_a_fork_from_before_goes_on_under_its_own_branch() -> None:
    house = restarted_with_forks()
    forked = house.trunk.got_request("INVITE")
    house.phone.asks("CANCEL", URI, branch="b2")
    assert [line[:13] for line in house.heard()] == ["phone: SIP/2.", "trunk: CANCEL"]
    assert house.trunk.got_request("CANCEL").via.branch == forked.via.branch


def test_a_2xx_to_a_challenged_retry_from_before_goes_back() -> None:
    house = House(ONE_AT_A_TIME)
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(407)
    house.heard()
    house.phone.calls(cseq=2, branch="b2")
    house.heard()
    after = house.restarts()
    after.trunk.answers(200)
    assert after.heard() == ["phone: SIP/2.0 200 X"]
    assert after.parts.engine.calls_in_progress == 1


def test_a_fork_after_a_restart_does_not_keep_the_line_for_ever() -> None:
    house = restarted_while_calling(ONE_AT_A_TIME)
    house.phone.calls(branch="b2")
    house.heard()
    house.trunk.answers(486)
    house.heard()
    house.phone.acknowledges(486, branch="b2")
    house.waits(201)
    assert kinds(house) == [("unanswered", 408, False)]
    assert house.parts.engine.calls_in_progress == 0
    empties(house)


@pytest.mark.parametrize("step_seconds", [90_000.0, -90_000.0], ids=["forward", "back"])
def test_a_calendar_that_was_set_makes_no_call_older_or_younger(step_seconds: float) -> None:
    house = House(ONE_AT_A_TIME)
    house.phone.calls()
    house.writes()
    house.heard()
    house.clock.advance(150)
    house.clock.jump(step_seconds)
    after = house.restarts()
    assert after.parts.engine.calls_in_progress == 1
    after.waits(51)  # Timer C counts from the INVITE
    assert kinds(after) == [("unanswered", 408, False)]
    empties(after)


@pytest.mark.parametrize(
    ("raw", "count"),
    [
        (b"", "responses_stray"),
        (b"Via: SIP/2.0/UDP nonsense here;;\r\n", "responses_bad"),
    ],
    ids=["missing", "unreadable"],
)
def test_a_response_from_before_with_a_bad_second_via_is_dropped(raw: bytes, count: str) -> None:
    house = restarted_while_calling()
    answer = house.trunk.answers(180)
    house.heard()
    lines = answer.split(b"\r\n")
    second = next(line for line in lines if b"10.1.0.7:5060;branch" in line) + b"\r\n"
    house.trunk.sends(answer.replace(second, raw))
    assert house.heard() == []
    assert house.parts.counts[count] == 1


def test_a_repeated_challenge_does_not_end_the_attempt_that_waits_for_its_retry() -> None:
    house = restarted_while_calling()
    house.trunk.answers(407)
    house.trunk.answers(407)
    assert kinds(house) == []


def test_an_emergency_call_from_before_has_its_outcome() -> None:
    house = House()
    house.phone.calls("911")
    house.writes()
    house.heard()
    after = house.restarts()
    after.trunk.answers(486)
    assert kinds(after) == [("busy", 486, False)]


# Several targets (design §6, Active calls)


def restarted_after_failover(trunks: int = 2) -> House:
    """The first target was passed over, the second has the INVITE, and the gate died."""
    house = House(trunks=trunks)
    house.phone.calls()
    house.writes()
    house.waits(4.1)
    house.heard()
    return house.restarts()


def test_a_response_of_any_target_to_an_invite_from_before_goes_back() -> None:
    house = restarted_after_failover()
    house.trunks[1].answers(180)
    house.trunks[1].answers(200, contact="sip:callee@10.9.0.10:5080")
    assert house.heard() == ["phone: SIP/2.0 180 X", "phone: SIP/2.0 200 X"]
    [call] = house.parts.calls
    assert call.target == b"udp:10.9.0.10:5080"
    house.phone.in_dialog("BYE", uri="sip:callee@10.9.0.10:5080")
    house.heard()
    house.trunks[1].answers(200, method="BYE")
    assert kinds(house) == [("answered", 200, False)]
    empties(house)


def test_a_cancel_after_a_restart_goes_to_each_target_under_its_own_branch() -> None:
    house = restarted_after_failover()
    invites = [trunk.got_request("INVITE") for trunk in house.trunks]
    house.phone.asks("CANCEL", URI)
    assert house.heard() == [
        "phone: SIP/2.0 200 OK",
        "trunk: CANCEL sip:+13055550001@10.9.0.9:5080 SIP/2.0",
        "trunk2: CANCEL sip:+13055550001@10.9.0.10:5080 SIP/2.0",
    ]
    cancels = [trunk.got_request("CANCEL") for trunk in house.trunks]
    assert [one.via.branch for one in cancels] == [one.via.branch for one in invites]
    house.trunks[0].answers(481, method="CANCEL")
    house.trunks[1].answers(200, method="CANCEL")
    house.trunks[1].answers(487)
    assert house.heard() == ["phone: SIP/2.0 487 X"]
    house.phone.acknowledges(487)
    assert [line[:11] for line in house.heard()] == ["trunk2: ACK"]
    assert kinds(house) == [("cancelled", 487, True)]
    empties(house)


def test_a_cancel_after_a_restart_is_repeated_until_it_is_answered() -> None:
    house = restarted_after_failover()
    house.phone.asks("CANCEL", URI)
    house.heard()
    house.trunks[0].answers(481, method="CANCEL")
    house.waits(0.6)
    assert [line[:14] for line in house.heard()] == ["trunk2: CANCEL"]


def test_after_a_restart_a_late_refusal_does_not_end_what_rings_elsewhere() -> None:
    house = restarted_after_failover()
    house.trunks[1].answers(180)
    house.heard()
    house.trunks[0].answers(486)
    assert house.heard() == []
    house.trunks[1].answers(200, contact="sip:callee@10.9.0.10:5080")
    assert house.heard() == ["phone: SIP/2.0 200 X"]
    assert kinds(house) == []


def test_after_a_restart_a_2xx_of_another_target_than_the_one_that_refused_goes_nowhere() -> None:
    house = restarted_after_failover()
    house.trunks[1].answers(486)
    house.heard()
    house.phone.acknowledges(486)
    assert [line[:11] for line in house.heard()] == ["trunk2: ACK"]
    house.trunks[0].answers(200)
    assert house.heard() == []
    assert kinds(house) == [("busy", 486, False)]


def test_after_a_restart_a_call_is_still_at_the_target_that_answered_it() -> None:
    house = House(trunks=2)
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunks[0].answers(503)
    house.heard()
    house.trunks[1].answers(200, contact="sip:callee@10.9.0.10:5080")
    house.writes()
    after = house.restarts()
    [call] = after.parts.calls
    assert call.target_host == "10.9.0.10"
