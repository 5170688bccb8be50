"""REFER towards an upstream: decided, counted and recorded like an INVITE (design §5)."""

import pytest

from sipgate.proxy.referral import read_referral
from sipgate.sip import BadMessage, Request, parse_message

from .house import GATE, House

ONE_CALL = """
  - id: one-a-day
    rate: {per: caller, limit: 2, window: day}
    then: {reject: 403, reason: "enough"}
"""
DENY = """
  - id: denied
    when: {callee: "+13055550002"}
    rate: {per: caller, limit: 0, window: day}
    then: {reject: 603, reason: "never"}
"""


def refers(
    house: House, to: str | None, *, branch: str = "r1", cseq: int = 2, to_tag: str = "t1"
) -> None:
    """Send a REFER in the first call's dialog."""
    headers = [] if to is None else [f"Refer-To: {to}"]
    house.phone.asks(
        "REFER",
        "sip:callee@10.9.0.9:5080",
        to_tag=to_tag,
        cseq=cseq,
        branch=branch,
        headers=headers,
    )


def test_a_refer_waits_until_its_decision_is_on_disk() -> None:
    house = House()
    house.call_up()

    refers(house, "<sip:+13055550002@10.0.0.1>")

    assert house.heard() == []
    house.writes()
    assert house.heard() == ["trunk: REFER sip:callee@10.9.0.9:5080 SIP/2.0"]
    entry = house.decisions[-1]
    assert (entry.method, entry.callee) == ("REFER", "+13055550002")
    assert entry.request_uri == "sip:+13055550002@10.0.0.1"


def test_a_refer_counts_like_an_invite() -> None:
    house = House(ONE_CALL)
    house.call_up()
    refers(house, "<sip:+13055550002@10.0.0.1>")
    house.writes()
    house.heard()
    house.trunk.answers(202, method="REFER")
    house.heard()

    house.phone.calls("+13055550003", call_id="c2", branch="x2")
    house.writes()

    assert house.heard()[-1] == "phone: SIP/2.0 403 enough"


def test_a_refer_to_a_number_that_may_not_be_called_is_refused() -> None:
    house = House(DENY)
    house.call_up()

    refers(house, "tel:+1-305-555-0002")
    house.writes()

    assert house.heard() == ["phone: SIP/2.0 603 never"]


def test_the_answer_to_a_refer_is_the_outcome_of_its_decision() -> None:
    house = House()
    house.call_up()
    refers(house, "<sip:+13055550002@10.0.0.1>")
    house.writes()
    house.heard()

    house.trunk.answers(202, method="REFER")

    assert house.heard() == ["phone: SIP/2.0 202 X"]
    outcome = house.outcomes[-1]
    assert outcome.decision == house.decisions[-1].seq
    assert (outcome.kind, outcome.status, outcome.ended_by) == ("answered", 202, "lost")
    assert len(house.parts.calls) == 1  # the call that it was sent in


def test_a_refused_refer_has_failed_and_holds_nothing() -> None:
    house = House()
    house.call_up()
    refers(house, "<sip:+13055550002@10.0.0.1>")
    house.writes()
    house.heard()

    house.trunk.answers(603, method="REFER")
    house.heard()

    assert (house.outcomes[-1].kind, house.outcomes[-1].status) == ("failed", 603)
    assert house.parts.engine.calls_in_progress == 1


def test_a_refer_that_nobody_answers_has_an_outcome_too() -> None:
    house = House()
    house.call_up()
    refers(house, "<sip:+13055550002@10.0.0.1>")
    house.writes()

    house.waits(40)

    assert house.outcomes[-1].kind == "failed"


def test_a_challenged_refer_is_one_attempt_with_its_retry() -> None:
    house = House()
    house.call_up()
    refers(house, "<sip:+13055550002@10.0.0.1>")
    house.writes()
    house.heard()
    house.trunk.answers(407, method="REFER")
    house.heard()

    refers(house, "<sip:+13055550002@10.0.0.1>", branch="r2", cseq=3)

    assert house.heard() == ["trunk: REFER sip:callee@10.9.0.9:5080 SIP/2.0"]
    assert len(house.decisions) == 2


def test_a_refer_outside_a_dialog_is_decided_as_well() -> None:
    house = House(DENY)

    house.phone.asks(
        "REFER", "sip:+13055550009@10.0.0.1:5060", headers=["Refer-To: <sip:+13055550002@x>"]
    )
    house.writes()

    assert house.heard() == ["phone: SIP/2.0 603 never"]


def test_a_refer_without_refer_to_passes() -> None:
    house = House()
    house.call_up()

    refers(house, None)

    assert house.heard() == ["trunk: REFER sip:callee@10.9.0.9:5080 SIP/2.0"]


@pytest.mark.parametrize(
    "to",
    [
        "<cid:list@phone>",
        "<http://example.com/>",
        "<sip:",
        "<sip:+13055550002@x>, <sip:+13055550003@x>",
    ],
)
def test_a_refer_that_can_not_be_decided_gets_403(to: str) -> None:
    house = House()
    house.call_up()

    refers(house, to)

    assert house.heard()[0].startswith("phone: SIP/2.0 403 ")
    assert len(house.decisions) == 1


def test_a_refer_to_many_gets_403() -> None:
    house = House()
    house.call_up()

    house.phone.in_dialog("REFER", branch="r1", headers=["Require: multiple-refer"])

    assert house.heard() == ["phone: SIP/2.0 403 a REFER for several at once"]


def test_a_transfer_to_a_call_that_is_up_is_recorded_and_not_counted() -> None:
    house = House(ONE_CALL)
    house.call_up()
    house.phone.calls("+13055550002", call_id="c2", branch="x2", from_tag="f2")
    house.writes()
    house.heard()
    house.trunk.answers(200, tag="t2")
    house.heard()

    refers(
        house,
        "<sip:+13055550002@10.0.0.1?Replaces=c2%3Bto-tag%3Dt2%3Bfrom-tag%3Df2>",
    )
    house.writes()

    assert house.heard() == ["trunk: REFER sip:callee@10.9.0.9:5080 SIP/2.0"]
    assert [entry.verdict for entry in house.decisions] == ["allow"] * 3
    assert [entry.transfer for entry in house.decisions] == [False, False, True]
    assert house.decisions[-1].steps == []


def test_a_replaces_that_names_no_call_of_that_number_is_no_transfer() -> None:
    house = House(ONE_CALL)
    house.call_up()
    house.phone.calls("+13055550002", call_id="c2", branch="x2", from_tag="f2")
    house.writes()
    house.heard()
    house.trunk.answers(200, tag="t2")
    house.heard()

    refers(
        house,
        "<sip:+13055550003@10.0.0.1?Replaces=c2%3Bto-tag%3Dt2%3Bfrom-tag%3Df2>",
    )
    house.writes()

    assert house.heard() == ["phone: SIP/2.0 403 enough"]


def test_a_refer_of_the_called_side_passes() -> None:
    house = House(DENY)
    house.call_up()

    house.trunk.back("REFER", headers=["Refer-To: <sip:+13055550002@x>"])

    assert house.heard() == ["phone: REFER sip:4711@10.1.0.7:5060 SIP/2.0"]


def test_a_refer_to_an_emergency_number_waits_for_nothing() -> None:
    house = House()
    house.call_up()

    refers(house, "<sip:911@10.0.0.1>")

    assert house.heard() == ["trunk: REFER sip:callee@10.9.0.9:5080 SIP/2.0"]
    assert house.decisions[-1].emergency


def test_a_refer_of_before_a_restart_holds_nothing_after_it() -> None:
    house = House(ONE_CALL)
    house.call_up()
    refers(house, "<sip:+13055550002@10.0.0.1>")
    house.writes()

    after = house.restarts()

    assert after.parts.engine.calls_in_progress == 1
    assert after.outcomes[-1].ended_by == "lost"
    after.phone.calls("+13055550003", call_id="c2", branch="x2")
    after.writes()
    assert after.heard()[-1] == "phone: SIP/2.0 403 enough"


def test_nothing_is_left_of_a_refer() -> None:
    house = House()
    house.call_up()
    refers(house, "<sip:+13055550002@10.0.0.1>")
    house.writes()
    house.heard()
    house.trunk.answers(202, method="REFER")
    house.phone.in_dialog("BYE", cseq=3, branch="y1")
    house.heard()
    house.trunk.answers(200, method="BYE")

    house.waits(70)

    assert house.leftovers() == {}


def test_refer_to_is_read_in_its_compact_form() -> None:
    raw = (
        b"REFER sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        b"To: <sip:b@b>\r\nCall-ID: 1\r\nCSeq: 1 REFER\r\nr: <sip:c@b;method=INVITE>\r\n\r\n"
    )
    request = parse_message(raw)
    assert isinstance(request, Request)

    referral = read_referral(request)

    assert referral is not None
    assert referral.uri.user == b"c"


def test_a_refer_to_of_another_scheme_names_nobody() -> None:
    raw = (
        b"REFER sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        b"To: <sip:b@b>\r\nCall-ID: 1\r\nCSeq: 1 REFER\r\nRefer-To: <cid:1@b>\r\n\r\n"
    )
    request = parse_message(raw)
    assert isinstance(request, Request)

    with pytest.raises(BadMessage):
        read_referral(request)


def test_one_that_belongs_to_the_attempt_of_an_invite_ends_with_it() -> None:
    house = House()
    house.phone.calls()
    house.phone.asks("invite", f"sip:+13055550001@{GATE}", branch="b2")
    house.writes()
    house.heard()
    assert len(house.decisions) == 1
    house.trunk.answers(486)
    house.heard()
    house.phone.acknowledges(486)
    house.trunk.answers(501, method="invite")
    house.waits(70)
    assert [(outcome.kind, outcome.status) for outcome in house.outcomes] == [("failed", 501)]
    assert house.leftovers() == {}


def test_one_that_belongs_to_a_call_that_is_up_does_not_end_it() -> None:
    house = House()
    house.phone.calls()
    house.phone.asks("invite", f"sip:+13055550001@{GATE}", branch="b2")
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.trunk.answers(501, method="invite")
    assert house.outcomes == []
    assert len(house.parts.calls) == 1


def test_one_to_an_emergency_number_that_can_not_be_sent_leaves_no_call() -> None:
    house = House(transport="tcp")
    house.phone.asks("MESSAGE", "sip:1@far.example")
    house.parts.proxy.flow_lost(house.trunk.wire, "refused")
    house.phone.asks("MESSAGE", "sip:1@far.example", branch="b2")  # the one try of this second
    house.heard()
    house.phone.asks("invite", "urn:service:sos", branch="b3")
    assert house.heard() == ["trunk: invite urn:service:sos SIP/2.0"]  # without throttle
    house.parts.proxy.flow_lost(house.trunk.wire, "refused")
    assert set(house.heard()) == {"phone: SIP/2.0 503 Service Unavailable"}  # the MESSAGE's too
    house.writes()
    house.waits(70)
    assert len(house.decisions) == 1
    assert [(outcome.kind, outcome.status) for outcome in house.outcomes] == [("failed", 503)]
    assert house.leftovers() == {}
