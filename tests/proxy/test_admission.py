"""From a new INVITE to a durable decision, and what happens when it can't be written."""

import pytest

from sipgate.sip import Request, parse_message

from .house import ALLOW_ALL, House, header

ONE_A_DAY = (
    "[{id: cap, rate: {per: caller, limit: 1, window: day},"
    ' then: {reject: 480, reason: "limit of {limit} reached", retry-after: 60s}}]'
)
WINDOW = "[{id: pace, rate: {per: caller, limit: 1, window: 60s}, then: {reject: 480}}]"
ONE_AT_A_TIME = "[{id: lines, concurrent: {per: caller, limit: 1}, then: {reject: 486}}]"
TAGGED = (
    '[{id: alert, rate: {per: caller, limit: 0, window: 1h}, then: {tag: {X-Alert: "n={count}"}}}]'
)
REFUSED = "[{id: none, rate: {per: caller, limit: 0, window: day}, then: {reject: 603}}]"


def verdicts(house: House) -> list[str]:
    return [decision.verdict for decision in house.decisions]


def kinds(house: House) -> list[tuple[str, int | None, str | None]]:
    return [(outcome.kind, outcome.status, outcome.reason) for outcome in house.outcomes]


def test_the_invite_waits_for_its_decision() -> None:
    house = House()
    house.phone.calls()
    house.waits(0.9)
    assert house.heard() == ["phone: SIP/2.0 100 Trying"]
    house.writes()
    assert house.heard() == ["trunk: INVITE sip:+13055550001@10.9.0.9:5080 SIP/2.0"]


def test_a_retransmission_while_it_waits_gets_the_100_again() -> None:
    house = House()
    raw = house.phone.calls()
    house.phone.sends(raw)
    assert house.heard() == ["phone: SIP/2.0 100 Trying"] * 2
    assert len(house.decisions) == 1


def test_a_tagged_call_leaves_with_its_tags() -> None:
    house = House(TAGGED)
    house.phone.calls()
    house.writes()
    house.heard()
    went = house.trunk.got_request("INVITE")
    assert header(went, "x-alert") == "n=0"
    assert header(went, "x-sipgate-verdict") == 'tag; decision="gate-1-1"'
    assert verdicts(house) == ["tag"]


def test_a_refusal_waits_for_its_decision_too() -> None:
    house = House(REFUSED)
    house.phone.calls()
    assert house.heard() == ["phone: SIP/2.0 100 Trying"]
    house.writes()
    assert [line[:20] for line in house.heard()] == ["phone: SIP/2.0 603 r"]


def test_a_refusal_says_why() -> None:
    house = House(ONE_A_DAY)
    house.phone.calls()
    house.phone.calls("+13055550002", call_id="c2", branch="b2")
    house.writes()
    assert "phone: SIP/2.0 480 limit of 1 reached" in house.heard()
    refusal = house.phone.got_response(480)
    assert header(refusal, "reason") == 'SIP;cause=480;text="rule=cap;id=gate-1-2"'
    assert header(refusal, "retry-after") == "60"
    assert refusal.to_tag


def test_a_refusal_is_repeated_until_its_ack() -> None:
    house = House(REFUSED)
    raw = house.phone.calls()
    house.writes()
    house.heard()
    house.waits(2)
    assert [line[:18] for line in house.heard()] == ["phone: SIP/2.0 603"] * 2
    house.phone.sends(raw)
    assert [line[:18] for line in house.heard()] == ["phone: SIP/2.0 603"]
    house.phone.acknowledges(603)
    house.waits(10)
    assert house.heard() == []
    house.waits(35)
    assert house.leftovers() == {}


def test_a_refusal_without_ack_is_given_up() -> None:
    house = House(REFUSED)
    house.phone.calls()
    house.writes()
    house.waits(45)
    assert house.leftovers() == {}


def test_a_refusal_has_no_outcome() -> None:
    house = House(REFUSED)
    house.phone.calls()
    house.writes()
    assert kinds(house) == []


def test_a_fork_of_a_refused_attempt_is_no_second_one() -> None:
    house = House(REFUSED)
    house.phone.calls(branch="b1")
    house.phone.calls(branch="b2")
    house.writes()
    assert len(house.decisions) == 1
    assert [line[:18] for line in house.heard()][2:] == ["phone: SIP/2.0 603"] * 2
    house.waits(80)
    assert house.leftovers() == {}


# CANCEL


def test_a_cancel_while_it_waits_ends_it_once_it_is_durable() -> None:
    house = House()
    house.phone.calls()
    house.heard()
    house.phone.asks("CANCEL", "sip:+13055550001@10.0.0.1:5060")
    assert house.heard() == ["phone: SIP/2.0 200 OK"]
    house.writes()
    assert house.heard() == ["phone: SIP/2.0 487 Request Terminated"]
    [outcome] = house.outcomes
    assert (outcome.kind, outcome.cancelled, outcome.ended_by) == ("cancelled", True, "caller")
    house.phone.acknowledges(487)
    house.waits(45)
    assert house.leftovers() == {}


def test_a_cancel_of_a_refused_one_that_waits_gets_487() -> None:
    house = House(REFUSED)
    house.phone.calls()
    house.phone.asks("CANCEL", "sip:+13055550001@10.0.0.1:5060")
    house.heard()
    house.writes()
    assert house.heard() == ["phone: SIP/2.0 487 Request Terminated"]
    house.waits(80)
    assert house.leftovers() == {}


# One attempt, one decision, one count


def challenged(house: House, status: int = 407) -> None:
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(status)
    house.heard()
    house.phone.acknowledges(status)
    house.heard()


@pytest.mark.parametrize("status", [401, 407, 422, 488, 491, 302])
def test_the_repaired_invite_belongs_to_its_attempt(status: int) -> None:
    house = House(ONE_A_DAY)
    challenged(house, status)
    house.phone.calls(cseq=2, branch="b2")
    assert house.heard() == [
        "phone: SIP/2.0 100 Trying",
        "trunk: INVITE sip:+13055550001@10.9.0.9:5080 SIP/2.0",
    ]
    assert len(house.decisions) == 1
    house.trunk.answers(200)
    house.heard()
    house.phone.in_dialog("BYE", cseq=3)
    house.heard()
    house.trunk.answers(200, method="BYE")
    assert [kind for kind, _, _ in kinds(house)] == ["answered"]
    house.heard()
    house.waits(80)
    assert house.leftovers() == {}


def test_the_sixth_retry_is_a_new_attempt() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    for cseq in range(2, 8):
        house.heard()
        house.trunk.answers(407)
        house.phone.calls(cseq=cseq, branch=f"b{cseq}")
        house.writes()
    assert len(house.decisions) == 2


def test_a_challenge_that_allows_no_more_retries_frees_the_line() -> None:
    house = House(ONE_AT_A_TIME)
    house.phone.calls()
    house.writes()
    for cseq in range(2, 7):
        house.heard()
        house.trunk.answers(407)
        house.phone.calls(cseq=cseq, branch=f"b{cseq}")
    house.heard()
    house.trunk.answers(407)
    assert kinds(house) == [("failed", 407, None)]
    assert house.parts.engine.calls_in_progress == 0


def test_another_callee_under_the_same_call_id_is_a_new_attempt() -> None:
    house = House(ONE_A_DAY)
    challenged(house)
    house.phone.calls("+13055550002", cseq=2, branch="b2")
    assert verdicts(house) == ["allow", "reject"]


def test_a_higher_cseq_while_one_is_open_is_a_new_attempt() -> None:
    house = House(ONE_A_DAY)
    house.phone.calls()
    house.writes()
    house.phone.calls(cseq=2, branch="b2")
    assert verdicts(house) == ["allow", "reject"]


def test_the_same_cseq_on_another_branch_while_it_is_open_is_the_same_attempt() -> None:
    house = House(ONE_A_DAY)
    house.phone.calls()
    house.writes()
    house.heard()
    house.phone.calls(branch="b2")
    assert len(house.heard()) == 2
    assert verdicts(house) == ["allow"]


def test_a_retry_after_32_seconds_is_a_new_attempt() -> None:
    house = House(ONE_A_DAY)
    challenged(house)
    house.waits(33)
    house.phone.calls(cseq=2, branch="b2")
    assert verdicts(house) == ["allow", "reject"]


def test_a_retry_after_any_other_end_is_a_new_attempt() -> None:
    house = House(ONE_A_DAY)
    challenged(house, 486)
    house.phone.calls(cseq=2, branch="b2")
    assert verdicts(house) == ["allow", "reject"]


def test_a_challenged_call_that_never_comes_again_has_failed() -> None:
    house = House(ONE_AT_A_TIME)
    challenged(house)
    house.waits(31)
    assert kinds(house) == []
    assert house.parts.engine.calls_in_progress == 1
    house.waits(2)
    assert kinds(house) == [("failed", 407, None)]
    assert house.parts.engine.calls_in_progress == 0
    house.waits(45)
    assert house.leftovers() == {}


def test_an_ended_call_frees_its_line() -> None:
    house = House(ONE_AT_A_TIME)
    challenged(house, 486)
    house.phone.calls(call_id="c2", branch="b2")
    assert verdicts(house) == ["allow", "allow"]


def test_a_challenged_fork_of_a_call_that_has_ended_gives_it_no_second_outcome() -> None:
    house = House()
    house.phone.calls(branch="b1")
    house.phone.calls(branch="b2")
    house.writes()
    house.heard()
    requests = [parse_message(raw) for raw in house.trunk.got if raw.startswith(b"INVITE ")]
    first, second = (one for one in requests if isinstance(one, Request))
    house.trunk.answers(200, to=first)
    house.heard()
    house.phone.in_dialog("ACK", cseq=1, branch="a1")
    house.phone.in_dialog("BYE")
    house.heard()
    house.trunk.answers(200, method="BYE")
    house.trunk.answers(407, to=second, tag="t2")
    house.heard()
    house.phone.acknowledges(407, branch="b2")
    house.waits(300)
    house.writes()
    assert [outcome.kind for outcome in house.outcomes] == ["answered"]
    assert house.leftovers() == {}


def test_a_2xx_repeated_after_its_dialog_has_ended_does_not_bring_the_call_up_again() -> None:
    house = House()
    house.phone.calls(branch="b1")
    house.phone.calls(branch="b2")
    house.writes()
    house.heard()
    requests = [parse_message(raw) for raw in house.trunk.got if raw.startswith(b"INVITE ")]
    first, second = (one for one in requests if isinstance(one, Request))
    answer = house.trunk.answers(200, to=first)
    house.heard()
    house.phone.in_dialog("BYE")
    house.heard()
    house.trunk.answers(200, method="BYE")
    house.trunk.sends(answer)  # it was overtaken
    house.trunk.answers(486, to=second, tag="t2")
    house.heard()
    house.phone.acknowledges(486, branch="b2")
    house.writes()
    assert len(house.answers) == 1
    assert [outcome.kind for outcome in house.outcomes] == ["answered"]
    assert house.parts.engine.calls_in_progress == 0


def test_one_fork_that_fails_does_not_end_the_call_that_another_has_answered() -> None:
    house = House()
    house.pbx.calls(branch="b1")
    house.writes()
    house.heard()
    first = house.trunk.got_request("INVITE")
    house.pbx.calls(branch="b2")
    house.heard()
    second = house.trunk.got_request("INVITE")
    house.trunk.answers(200, to=first)
    house.pbx.asks("CANCEL", "sip:+13055550001@10.0.0.1:5060", branch="b2")
    house.trunk.answers(180, to=second, tag="t2")
    house.trunk.answers(487, to=second, tag="t2")
    house.heard()
    assert kinds(house) == []
    house.pbx.in_dialog("BYE")
    house.heard()
    house.trunk.answers(200, method="BYE")
    [outcome] = house.outcomes
    assert (outcome.kind, outcome.cancelled) == ("answered", False)
    house.waits(80)
    house.heard()
    assert house.leftovers() == {}


def two_forks(rules: str = ALLOW_ALL) -> tuple[House, Request, Request]:
    """A house with two INVITEs of one attempt on their way."""
    house = House(rules)
    house.phone.calls(branch="b1")
    house.writes()
    house.heard()
    first = house.trunk.got_request("INVITE")
    house.phone.calls(branch="b2")
    house.heard()
    return house, first, house.trunk.got_request("INVITE")


def hangs_up(house: House, cseq: int) -> None:
    """A BYE in the dialog that was answered last."""
    house.phone.in_dialog("BYE", cseq=cseq, branch=f"d{cseq}")
    house.heard()
    house.trunk.answers(200, method="BYE")
    house.heard()


def test_a_fork_answered_after_the_first_has_hung_up_holds_its_line() -> None:
    house, first, second = two_forks(ONE_AT_A_TIME)
    house.trunk.answers(200, to=first)
    house.heard()
    hangs_up(house, 2)
    assert kinds(house) == []
    house.phone.calls(call_id="c2", branch="b3")
    assert verdicts(house)[-1] == "reject"
    house.waits(3)
    house.trunk.answers(200, to=second, tag="t2")
    house.heard()
    house.phone.calls(call_id="c3", branch="b4")
    assert verdicts(house)[-1] == "reject"
    hangs_up(house, 3)
    assert kinds(house) == [("answered", 200, None)]
    house.phone.calls(call_id="c4", branch="b5")
    assert verdicts(house)[-1] == "allow"


def test_a_fork_that_fails_after_the_first_has_hung_up_leaves_the_outcome_as_it_was() -> None:
    house, first, second = two_forks()
    house.trunk.answers(200, to=first)
    house.waits(10)
    house.heard()
    hangs_up(house, 2)
    house.waits(20)
    house.trunk.answers(486, to=second, tag="t2")
    house.heard()
    house.phone.acknowledges(486, branch="b2")
    [outcome] = house.outcomes
    assert (outcome.kind, outcome.talk_ms) == ("answered", 10_000)
    house.waits(80)
    house.heard()
    assert house.leftovers() == {}


def test_a_call_of_two_answered_forks_lasts_until_both_have_hung_up() -> None:
    """RFC 3261 §13.2.2.4: the caller ends the one that he does not want with a BYE."""
    house, first, second = two_forks()
    house.trunk.answers(200, to=first)
    house.trunk.answers(200, to=second, tag="t2")
    house.heard()
    hangs_up(house, 2)  # in the second's dialog
    assert kinds(house) == []
    house.waits(60)
    route = f"Route: {house.phone.got_response(200, 'INVITE').values(b'record-route')[0].decode()}"
    house.trunk.asks(
        "BYE",
        "sip:4711@10.1.0.7:5060",
        from_user="callee",
        from_tag="t1",
        to_tag="f1",
        headers=[route],
        branch="u1",
    )
    house.heard()
    house.phone.answers(200, method="BYE")
    [outcome] = house.outcomes
    assert (outcome.kind, outcome.ended_by, outcome.talk_ms) == ("answered", "callee", 60_000)
    house.waits(80)
    house.heard()
    assert house.leftovers() == {}


def test_a_fork_that_comes_while_the_call_is_up_does_not_make_it_last_for_ever() -> None:
    house = House(gate='max-call = "10m"')
    house.phone.calls(branch="b1")
    house.phone.calls(branch="b2")
    house.writes()
    house.heard()
    requests = [parse_message(raw) for raw in house.trunk.got if raw.startswith(b"INVITE ")]
    [first, _] = [one for one in requests if isinstance(one, Request)]
    house.trunk.answers(200, to=first)
    house.phone.calls(branch="b3")
    house.heard()
    house.waits(700)
    assert [outcome.ended_by for outcome in house.outcomes] == ["lost"]


def test_a_call_that_rings_for_more_than_an_hour_has_its_outcome() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    for _ in range(21):
        house.trunk.answers(180)
        house.waits(180)
    house.trunk.answers(486)
    assert kinds(house) == [("busy", 486, None)]


# The store fails


def test_a_store_that_fails_refuses_who_waits_after_a_second() -> None:
    house = House()
    house.phone.calls()
    house.heard()
    house.waits(1.1)
    assert house.heard() == ["phone: SIP/2.0 503 Service Unavailable"]
    assert header(house.phone.got_response(503), "retry-after") in ("1", "2", "3")
    house.phone.acknowledges(503)
    assert kinds(house) == []
    house.writes()
    assert kinds(house) == [("failed", 503, "store")]
    assert house.heard() == []
    house.waits(45)
    assert house.leftovers() == {}


def test_a_store_that_fails_refuses_new_calls_at_once() -> None:
    house = House()
    house.ledger.failing_since = house.clock.now() - 2
    house.phone.calls()
    assert house.heard() == ["phone: SIP/2.0 503 Service Unavailable"]
    assert header(house.phone.got_response(503), "retry-after") in ("1", "2", "3")
    assert house.decisions == []


def test_a_store_that_may_fail_lets_calls_pass_after_a_second() -> None:
    house = House(gate='on-store-failure = "pass"')
    house.phone.calls()
    house.heard()
    house.waits(1.1)
    assert house.heard() == ["trunk: INVITE sip:+13055550001@10.9.0.9:5080 SIP/2.0"]
    house.writes()
    assert house.heard() == []
    house.trunk.answers(486)
    house.heard()
    house.phone.acknowledges(486)
    assert kinds(house) == [("busy", 486, None)]
    house.waits(80)
    assert house.leftovers() == {}


def test_a_store_that_may_fail_does_not_let_refused_calls_pass() -> None:
    house = House(REFUSED, gate='on-store-failure = "pass"')
    house.phone.calls()
    house.heard()
    house.waits(1.1)
    assert [line[:18] for line in house.heard()] == ["phone: SIP/2.0 603"]
    house.phone.acknowledges(603)
    house.writes()
    assert house.heard() == []
    assert kinds(house) == []
    house.waits(45)
    assert house.leftovers() == {}


@pytest.mark.parametrize("mode", ["refuse", "pass"])
def test_a_cancelled_call_does_not_wait_for_a_store_that_fails(mode: str) -> None:
    house = House(gate=f'on-store-failure = "{mode}"')
    house.phone.calls()
    house.phone.asks("CANCEL", "sip:+13055550001@10.0.0.1:5060")
    house.heard()
    house.waits(1.1)
    assert house.heard() == ["phone: SIP/2.0 487 Request Terminated"]
    house.phone.acknowledges(487)
    house.writes()
    assert house.heard() == []
    assert kinds(house) == [("cancelled", 487, None)]
    house.waits(45)
    assert house.leftovers() == {}


def test_a_cancel_after_the_store_gave_up_changes_nothing() -> None:
    house = House()
    house.phone.calls()
    house.waits(1.1)
    house.phone.asks("CANCEL", "sip:+13055550001@10.0.0.1:5060")
    house.phone.sends(house.phone.calls())
    house.writes()
    assert kinds(house) == [("failed", 503, "store")]


def test_a_full_ledger_refuses_the_call_and_holds_no_line() -> None:
    house = House(ONE_AT_A_TIME)
    house.ledger.is_full = True
    house.phone.calls()
    assert house.heard() == ["phone: SIP/2.0 100 Trying", "phone: SIP/2.0 503 Service Unavailable"]
    assert header(house.phone.got_response(503), "retry-after") in ("1", "2", "3")
    assert house.parts.engine.calls_in_progress == 0
    house.phone.acknowledges(503)
    house.waits(45)
    assert house.leftovers() == {}


def test_a_full_ledger_gets_answers_and_outcomes_when_it_has_room_again() -> None:
    house = House(ONE_AT_A_TIME)
    house.phone.calls()
    house.writes()
    house.heard()
    house.ledger.is_full = True
    house.trunk.answers(200)
    assert house.heard() == ["phone: SIP/2.0 200 X"]
    house.phone.in_dialog("BYE")
    house.heard()
    house.trunk.answers(200, method="BYE")
    assert house.heard() == ["phone: SIP/2.0 200 X"]
    assert house.parts.engine.calls_in_progress == 0
    assert house.parts.recorder.is_behind  # a reload waits for it
    house.ledger.is_full = False
    house.writes()
    assert not house.parts.recorder.is_behind
    assert [answer.decision for answer in house.answers] == [1]
    assert kinds(house) == [("answered", 200, None)]


# What the attempt says


def test_the_entry_says_what_the_invite_said() -> None:
    house = House()
    house.phone.calls("9-305-555-0001", headers=["User-Agent: MicroSIP/3.21"])
    [entry] = house.decisions
    assert (entry.source, entry.caller, entry.organisation) == ("hq", "hq/4711", "hq")
    assert (entry.callee, entry.callee_kind) != ("", "")
    assert entry.via == "10.1.0.7:5060;z9hG4bKb1"
    assert entry.target == "udp:10.9.0.9:5080"
    assert entry.caller_flow == "udp:10.1.0.7:5060"
    assert entry.user_agent == "MicroSIP/3.21"
    assert entry.direction == "outbound"


def test_another_number_in_to_is_noted() -> None:
    house = House()
    house.phone.calls(to="sip:+13055550099@10.0.0.1")
    assert house.decisions[0].to_number == "+13055550099"


def test_an_inbound_call_is_recorded_and_not_decided() -> None:
    house = House(REFUSED, source="decide = false")
    house.phone.calls("911")
    house.writes()
    assert len(house.heard()) == 2
    assert [entry.direction for entry in house.decisions] == ["inbound"]
    assert not house.decisions[0].emergency
    assert house.trunk.got_request("INVITE").first(b"x-sipgate-verdict") is None


def test_in_monitor_mode_calls_pass_and_the_record_says_what_would_have_been() -> None:
    house = House(REFUSED, gate='mode = "monitor"')
    house.phone.calls()
    house.writes()
    assert len(house.heard()) == 2
    would = house.decisions[0].would
    assert would is not None
    assert would.verdict == "reject"


@pytest.mark.parametrize("seconds", [59.9, 60.0])
def test_a_sliding_window_ends_at_its_instant(seconds: float) -> None:
    house = House(WINDOW)
    house.phone.calls()
    house.writes()
    house.clock.advance(seconds)
    house.phone.calls(call_id="c2", branch="b2")
    assert verdicts(house)[1] == {59.9: "reject", 60.0: "allow"}[seconds]


def test_a_store_that_is_back_after_hours_ends_the_calls_that_waited_for_it() -> None:
    house = House()
    house.phone.calls()
    house.waits(2)
    house.heard()
    house.phone.acknowledges(503)
    house.waits(4000)  # longer than an attempt is remembered
    house.phone.calls(call_id="c2", branch="b2")
    house.waits(2)
    house.heard()
    house.phone.acknowledges(503, branch="b2")
    house.writes()
    house.waits(70)
    assert [(outcome.kind, outcome.status) for outcome in house.outcomes] == 2 * [("failed", 503)]
    assert house.leftovers() == {}
