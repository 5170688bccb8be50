"""Requests inside a dialog (design §5): whose they are, where they go, what they may not do."""

from collections.abc import Callable, Sequence

import pytest

from sipgate.net import Place

from .house import GATE, PHONE, House, header

PARTY = "sip:callee@10.9.0.9:5080"


def up(**settings: str) -> House:
    house = House(**settings)  # type: ignore[arg-type]
    house.call_up()
    return house


def starts(house: House) -> list[str]:
    return [" ".join(line.split(" ")[:3]) for line in house.heard()]


def ended(house: House) -> tuple[str, str | None, str | None]:
    [outcome] = house.outcomes
    return outcome.kind, outcome.ended_by, outcome.reason


def test_a_bye_of_the_caller_ends_the_call_once_it_is_answered() -> None:
    house = up()
    house.phone.in_dialog("BYE")
    assert house.heard() == [f"trunk: BYE {PARTY} SIP/2.0"]
    assert house.outcomes == []
    house.trunk.answers(200, method="BYE")
    assert house.heard() == ["phone: SIP/2.0 200 X"]
    assert ended(house) == ("answered", "caller", None)


def test_a_bye_of_the_callee_ends_the_call() -> None:
    house = up()
    house.trunk.back("BYE")
    assert house.heard() == ["phone: BYE sip:4711@10.1.0.7:5060 SIP/2.0"]
    house.phone.answers(200, method="BYE")
    assert house.heard() == ["trunk: SIP/2.0 200 X"]
    assert ended(house) == ("answered", "callee", None)
    house.waits(45)
    assert house.leftovers() == {}


def test_a_bye_that_says_unwanted_is_a_refusal() -> None:
    house = up()
    house.trunk.back("BYE", headers=['Reason: SIP;cause=607;text="Unwanted"'])
    house.heard()
    house.phone.answers(200, method="BYE")
    assert ended(house) == ("refused", "callee", 'SIP;cause=607;text="Unwanted"')


def test_the_caller_can_not_refuse_in_the_callees_name() -> None:
    house = up()
    house.phone.in_dialog("BYE", headers=["Reason: SIP;cause=607"])
    house.heard()
    house.trunk.answers(200, method="BYE")
    assert ended(house)[0] == "answered"


@pytest.mark.parametrize("status", [401, 407, 420, 483, 500])
def test_a_bye_that_is_wrong_ends_nothing(status: int) -> None:
    house = up()
    house.phone.in_dialog("BYE")
    house.heard()
    house.trunk.answers(status, method="BYE")
    assert house.heard() == [f"phone: SIP/2.0 {status} X"]
    assert house.outcomes == []
    house.phone.in_dialog("BYE", cseq=3, branch="d2")
    house.heard()
    house.trunk.answers(200, method="BYE")
    assert ended(house)[0] == "answered"


@pytest.mark.parametrize("status", [404, 408, 481, 503])
def test_a_bye_to_a_call_that_is_gone_ends_it(status: int) -> None:
    house = up()
    house.phone.in_dialog("BYE")
    house.heard()
    house.trunk.answers(status, method="BYE")
    assert ended(house)[0] == "answered"


@pytest.mark.parametrize(
    "fields",
    [
        {"uri": "sip:me@10.1.0.8:5060"},
        {"uri": "sip:+13055550001@10.1.0.8:5060"},
        {"headers": ["Route: <sip:10.1.0.8:5060;lr>"]},
    ],
    ids=["to another address", "to the number at another address", "by a route to another"],
)
def test_a_bye_that_the_caller_sends_to_himself_ends_nothing(fields: dict[str, object]) -> None:
    house = up()
    accomplice = house.end("accomplice", "10.1.0.8", 5060)
    house.phone.in_dialog("BYE", **fields)  # type: ignore[arg-type]
    house.heard()
    accomplice.answers(200, method="BYE")
    assert house.heard() == ["phone: SIP/2.0 200 X"]
    assert house.outcomes == []
    house.phone.in_dialog("BYE", cseq=3, branch="d2")
    house.heard()
    house.trunk.answers(200, method="BYE")
    assert ended(house) == ("answered", "caller", None)


def test_a_bye_that_the_caller_sends_in_the_callees_name_ends_nothing() -> None:
    house = up()
    route = house.trunk.got_request("INVITE").values(b"record-route")[0].decode()
    house.end("phone too", PHONE, 5070).asks(
        "BYE",
        f"sip:4711@{PHONE}:5060",
        from_tag="t1",
        to_tag="f1",
        branch="x1",
        headers=[f"Route: {route}"],
    )
    assert starts(house) == [f"phone: BYE sip:4711@{PHONE}:5060"]
    house.phone.answers(200, method="BYE")
    assert house.outcomes == []


def test_an_update_that_the_caller_sends_to_himself_moves_no_target() -> None:
    house = up()
    accomplice = house.end("accomplice", "10.1.0.8", 5060)
    house.phone.in_dialog("UPDATE", uri="sip:me@10.1.0.8:5060")
    house.heard()
    accomplice.answers(200, method="UPDATE", contact="sip:me@10.1.0.8:5060")
    house.heard()
    house.phone.in_dialog("INVITE", cseq=3, branch="d2", uri="sip:me@10.1.0.8:5060")
    assert house.heard() == ["phone: SIP/2.0 403 Not the party of this dialog"]


def test_a_bye_to_one_of_two_forks_leaves_the_other_up() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.trunk.answers(200, tag="t2", contact="sip:other@10.9.0.9:5080")
    house.heard()
    house.phone.in_dialog("BYE", uri="sip:other@10.9.0.9:5080")
    house.heard()
    house.trunk.answers(200, method="BYE")
    assert house.outcomes == []


def test_a_bye_that_nobody_answers_ends_the_call_all_the_same() -> None:
    house = up()
    house.phone.in_dialog("BYE")
    house.waits(33)
    assert ended(house) == ("answered", "caller", None)
    house.waits(45)
    house.heard()
    assert house.leftovers() == {}


def test_a_bye_whose_name_was_looked_up_for_long_ends_the_call_too() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(200, contact="sip:callee@slow.example:5080")
    house.heard()
    waiting: list[Callable[[Sequence[Place]], None]] = []
    house.parts.hops.ask_with(lambda host, use: waiting.append(use))
    house.phone.in_dialog("BYE", uri="sip:callee@slow.example:5080")
    assert house.heard() == []
    house.waits(3)
    waiting[0]((Place("udp", "10.9.0.9", 5080),))
    assert len(house.heard()) == 1
    house.waits(30)
    assert ended(house) == ("answered", "caller", None)
    house.waits(45)
    house.heard()
    assert house.leftovers() == {}


def test_byes_that_cross_are_both_answered() -> None:
    house = up()
    house.phone.in_dialog("BYE")
    house.trunk.back("BYE")
    house.heard()
    house.trunk.answers(200, method="BYE")
    house.phone.answers(200, method="BYE")
    assert house.heard() == ["phone: SIP/2.0 200 X", "trunk: SIP/2.0 200 X"]
    assert len(house.outcomes) == 1


def test_a_bye_in_an_early_dialog_is_no_end_of_an_answered_call() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(180)
    house.heard()
    house.phone.in_dialog("BYE", status=180)
    house.heard()
    house.trunk.answers(200, method="BYE")
    assert house.outcomes == []
    house.trunk.answers(487)
    assert ended(house)[:2] == ("cancelled", "caller")
    house.heard()
    house.phone.acknowledges(487)
    house.waits(80)
    house.heard()
    assert house.leftovers() == {}


def test_a_call_without_a_bye_ends_after_max_call_and_its_tags_stay_good() -> None:
    house = House(gate='max-call = "1h"')
    house.call_up()
    house.waits(3599)
    assert house.outcomes == []
    house.waits(2)
    assert ended(house) == ("answered", "lost", None)
    house.phone.in_dialog("BYE")
    assert starts(house) == ["trunk: BYE " + PARTY]
    house.trunk.answers(200, method="BYE")
    assert len(house.outcomes) == 1
    house.heard()
    house.waits(45)
    assert house.leftovers() == {}


def test_an_ack_to_a_2xx_goes_through_end_to_end() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.heard()
    house.phone.in_dialog("ACK", cseq=1, branch="a1", headers=["X-Kept: yes"])
    assert house.heard() == [f"trunk: ACK {PARTY} SIP/2.0"]
    ack = house.trunk.got_request("ACK")
    assert ack.max_forwards == 69
    assert header(ack, "route") is None
    assert header(ack, "x-kept") == "yes"


def test_an_ack_without_forwards_is_dropped() -> None:
    house = up()
    house.phone.in_dialog("ACK", cseq=1, branch="a9", max_forwards=0)
    assert house.heard() == []


# Re-INVITE


def test_a_reinvite_to_the_party_passes_undecided() -> None:
    house = up()
    house.phone.in_dialog("INVITE")
    assert house.heard() == ["phone: SIP/2.0 100 Trying", f"trunk: INVITE {PARTY} SIP/2.0"]
    assert house.trunk.got_request("INVITE").first(b"x-sipgate-verdict") is None
    house.trunk.answers(200)
    assert house.heard() == ["phone: SIP/2.0 200 X"]
    assert len(house.decisions) == 1
    assert len(house.answers) == 1


def test_a_reinvite_of_the_callee_goes_to_the_caller() -> None:
    house = up()
    house.trunk.back("INVITE")
    assert house.heard() == [
        "trunk: SIP/2.0 100 Trying",
        "phone: INVITE sip:4711@10.1.0.7:5060 SIP/2.0",
    ]


def test_a_reinvite_that_fails_leaves_the_call_up() -> None:
    house = up()
    house.phone.in_dialog("INVITE", branch="r1")
    house.heard()
    house.trunk.answers(488)
    house.heard()
    house.phone.acknowledges(488, branch="r1", cseq=2)
    house.phone.in_dialog("BYE", cseq=3)
    house.heard()
    house.trunk.answers(200, method="BYE")
    assert ended(house)[0] == "answered"


def test_a_cancelled_reinvite_is_no_cancelled_call() -> None:
    house = up()
    house.phone.in_dialog("INVITE", branch="r1")
    house.heard()
    house.trunk.answers(100)
    house.phone.asks("CANCEL", PARTY, to_tag="t1", cseq=2, branch="r1")
    assert starts(house) == ["phone: SIP/2.0 200", "trunk: CANCEL " + PARTY]
    house.trunk.answers(487)
    house.heard()
    house.phone.acknowledges(487, branch="r1", cseq=2)
    house.phone.in_dialog("BYE", cseq=3)
    house.heard()
    house.trunk.answers(200, method="BYE")
    assert not house.outcomes[0].cancelled


@pytest.mark.parametrize("uri", ["sip:+13055550002@10.9.0.9:5080", "tel:+13055550002"])
def test_a_reinvite_to_another_number_is_a_new_attempt(uri: str) -> None:
    house = up()
    house.phone.in_dialog("INVITE", uri=uri)
    assert starts(house) == ["phone: SIP/2.0 100"]
    house.writes()
    assert starts(house) == ["trunk: INVITE " + uri]
    assert [entry.callee for entry in house.decisions] == ["+13055550001", "+13055550002"]
    assert house.parts.counts["dialogs_misused"] == 1


def test_a_reinvite_to_a_number_that_may_not_be_called_is_refused() -> None:
    rule = '[{id: r, when: {callee: "+13055550002"}, rate: {per: caller, limit: 0, window: day},'
    house = House(rule + ' then: {reject: 603, reason: "no"}}]')
    house.call_up()
    house.phone.in_dialog("INVITE", uri="sip:+13055550002@10.9.0.9:5080")
    house.writes()
    assert house.heard()[-1] == "phone: SIP/2.0 603 no"


def test_one_bye_ends_all_that_was_set_up_in_its_dialog() -> None:
    house = up()
    house.phone.in_dialog("INVITE", uri="sip:+13055550002@10.9.0.9:5080")
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.heard()
    assert house.parts.engine.calls_in_progress == 2
    house.phone.in_dialog("BYE", cseq=3, branch="y1")
    house.heard()
    house.trunk.answers(200, method="BYE")
    assert [outcome.kind for outcome in house.outcomes] == ["answered", "answered"]
    assert house.parts.engine.calls_in_progress == 0
    assert len(house.parts.calls) == 0


@pytest.mark.parametrize("uri", ["sip:callee@10.9.0.9:508", "sip:callee@10.9.0.9:50801"])
def test_a_reinvite_to_anyone_else_gets_403(uri: str) -> None:
    house = up()
    house.phone.in_dialog("INVITE", uri=uri)
    assert starts(house) == ["phone: SIP/2.0 403"]
    assert house.parts.counts["dialogs_misused"] == 1


def test_a_reinvite_to_the_callees_number_passes() -> None:
    house = up()
    house.phone.in_dialog("INVITE", uri="sip:+13055550001@10.9.0.9:5080")
    assert starts(house)[0] == "phone: SIP/2.0 100"


def test_an_early_dialog_is_no_way_round_a_decision() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(180)
    house.heard()
    house.phone.in_dialog("INVITE", status=180, uri="sip:+13055550002@10.9.0.9:5080")
    assert starts(house) == ["phone: SIP/2.0 100"]
    assert len(house.decisions) == 2


def test_an_answer_without_a_contact_is_no_way_round_a_decision() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(200, contact=None)
    house.heard()
    house.phone.in_dialog("INVITE", uri="sip:+13055550002@10.9.0.9:5080")
    assert starts(house) == ["phone: SIP/2.0 100"]
    assert len(house.decisions) == 2


def test_a_route_that_the_dialog_did_not_show_gets_403() -> None:
    house = up()
    house.phone.in_dialog("INVITE", headers=["Route: <sip:192.0.2.200;lr>"])
    assert starts(house) == ["phone: SIP/2.0 403"]


def test_a_route_that_the_dialog_showed_is_followed() -> None:
    house = House()
    proxy = house.end("behind", "10.9.0.20", 5060)
    house.phone.calls()
    house.writes()
    house.heard()
    raw = house.trunk.answers(180)
    route = b"Record-Route: <sip:10.9.0.20;lr>\r\n"
    house.trunk.sends(
        raw.replace(b"180", b"200").replace(b"Record-Route", route + b"Record-Route", 1)
    )
    house.heard()
    house.phone.in_dialog("INVITE")
    assert house.heard()[1] == f"behind: INVITE {PARTY} SIP/2.0"
    assert header(proxy.got_request("INVITE"), "route") == "<sip:10.9.0.20;lr>"


def test_target_refreshes_are_followed() -> None:
    house = up()
    house.phone.in_dialog("INVITE", branch="r1")
    house.heard()
    house.trunk.answers(200, contact="sip:moved@10.9.0.9:5099")
    house.heard()
    house.phone.in_dialog("INVITE", cseq=3, branch="r2", uri="sip:moved@10.9.0.9:5099")
    assert starts(house)[0] == "phone: SIP/2.0 100"


def test_a_made_up_to_tag_gets_481() -> None:
    house = up()
    house.phone.calls(to_tag="invented", cseq=2, branch="b2")
    assert starts(house) == ["phone: SIP/2.0 481"]
    assert house.parts.counts["dialogs_unknown"] == 1


def test_the_tags_of_a_finished_call_get_481() -> None:
    house = up()
    house.phone.in_dialog("BYE")
    house.heard()
    house.trunk.answers(200, method="BYE")
    house.heard()
    house.phone.in_dialog("INVITE", cseq=3, branch="r1")
    assert starts(house) == ["phone: SIP/2.0 481"]


def test_the_token_of_a_known_call_does_not_open_it_for_other_tags() -> None:
    house = up()
    house.phone.in_dialog("BYE", cseq=2)
    house.heard()
    answer = house.phone.got_response(200, "INVITE")
    route = (answer.first(b"record-route") or b"").decode()
    house.phone.calls(to_tag="t9", cseq=9, branch="r9", headers=[f"Route: {route}"])
    assert starts(house) == ["phone: SIP/2.0 481"]


def test_in_monitor_mode_an_unknown_to_tag_passes() -> None:
    house = House(gate='mode = "monitor"')
    house.phone.calls(to_tag="older-than-the-gate")
    assert starts(house) == [
        "phone: SIP/2.0 100",
        "trunk: INVITE sip:+13055550001@10.9.0.9:5080",
    ]
    house.trunk.answers(200)
    house.heard()
    house.waits(45)
    assert house.leftovers() == {}


@pytest.mark.parametrize("method", ["BYE", "UPDATE", "PRACK", "INFO", "REFER", "MESSAGE"])
def test_other_requests_need_no_known_call(method: str) -> None:
    house = House()
    house.phone.asks(method, f"sip:+13055550001@{GATE}", to_tag="t1")
    assert starts(house) == [f"trunk: {method} sip:+13055550001@10.9.0.9:5080"]


@pytest.mark.parametrize("method", ["INVITE", "BYE", "UPDATE"])
def test_known_tags_are_taken_from_any_address(method: str) -> None:
    house = up()
    house.stranger.got = house.phone.got
    house.stranger.in_dialog(method)
    assert starts(house)[-1] == f"trunk: {method} {PARTY}"


# Dialogs that are no calls


def test_a_notify_comes_back_through_our_record_route() -> None:
    house = House()
    house.phone.asks("SUBSCRIBE", f"sip:4712@{GATE}", headers=["Contact: <sip:4711@10.1.0.7:5060>"])
    house.heard()
    house.trunk.answers(202, method="SUBSCRIBE")
    house.trunk.back("NOTIFY", asked="SUBSCRIBE")
    assert house.heard() == [
        "phone: SIP/2.0 202 X",
        "phone: NOTIFY sip:4711@10.1.0.7:5060 SIP/2.0",
    ]
    notify = house.phone.got_request("NOTIFY")
    assert notify.first(b"record-route") is not None
    house.phone.answers(200, method="NOTIFY")
    assert house.heard() == ["trunk: SIP/2.0 200 X"]


def test_a_notify_without_our_token_goes_nowhere() -> None:
    house = House()
    house.trunk.asks("NOTIFY", "sip:4711@10.1.0.7:5060", to_tag="f1")
    assert starts(house) == ["trunk: SIP/2.0 403"]


# Routes


def test_where_transports_differ_both_sides_are_in_the_route() -> None:
    house = up(transport="tcp")
    routes = house.phone.got_response(200, "INVITE").values(b"record-route")
    assert [value.partition(b"@")[2] for value in routes] == [
        b"10.0.0.1:5060;transport=tcp;lr>",
        b"10.0.0.1:5060;lr>",
    ]
    house.phone.in_dialog("INVITE", uri=PARTY + ";transport=tcp")  # parameters may differ
    house.trunk.back("BYE", branch="u2")
    assert [line[:13] for line in house.heard()] == [
        "phone: SIP/2.",
        "trunk: INVITE",
        "phone: BYE si",
    ]
    assert house.trunk.got_request("INVITE").first(b"route") is None
    assert house.phone.got_request("BYE").first(b"route") is None
    assert len(house.trunk.got_request("INVITE").values(b"record-route")) == 2


def test_a_strict_router_before_us_is_understood() -> None:
    house = up()
    answer = house.phone.got_response(200, "INVITE")
    ours = (answer.first(b"record-route") or b"").decode().strip("<>")
    house.phone.asks("BYE", ours, to_tag="t1", cseq=2, branch="d1", headers=[f"Route: <{PARTY}>"])
    assert house.heard() == [f"trunk: BYE {PARTY} SIP/2.0"]
    assert house.trunk.got_request("BYE").first(b"route") is None


def test_a_strict_router_before_us_keeps_the_other_routes() -> None:
    house = up()
    answer = house.phone.got_response(200, "INVITE")
    ours = (answer.first(b"record-route") or b"").decode().strip("<>")
    house.end("behind", "10.9.0.20", 5060)
    house.phone.asks(
        "BYE",
        ours,
        to_tag="t1",
        cseq=2,
        branch="d1",
        headers=[f"Route: <sip:10.9.0.20;lr>, <{PARTY}>"],
    )
    assert house.heard() == [f"behind: BYE {PARTY} SIP/2.0"]


# RFC 3261 §16.5: what is addressed to the gate itself


def test_rfc_3261_16_5_a_request_in_a_dialog_to_the_gate_itself_goes_to_the_other_side() -> None:
    house = up()
    house.phone.in_dialog("INFO", uri=f"sip:{GATE}")
    house.trunk.back("INFO", uri=f"sip:{GATE}")
    assert house.heard() == [
        "trunk: INFO sip:callee@10.9.0.9:5080 SIP/2.0",
        "phone: INFO sip:4711@10.1.0.7:5060 SIP/2.0",
    ]


def test_rfc_3261_16_5_a_bye_to_the_gate_itself_ends_the_call() -> None:
    house = up()
    house.phone.in_dialog("BYE", uri=f"sip:+13055550001@{GATE}")
    assert house.heard() == ["trunk: BYE sip:callee@10.9.0.9:5080 SIP/2.0"]
    house.trunk.answers(200, method="BYE")
    assert [outcome.kind for outcome in house.outcomes] == ["answered"]


def test_rfc_3261_16_5_an_ack_to_the_gate_itself_goes_to_the_other_side() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.heard()
    house.phone.in_dialog("ACK", cseq=1, branch="a1", uri=f"sip:+13055550001@{GATE}")
    assert house.heard() == ["trunk: ACK sip:callee@10.9.0.9:5080 SIP/2.0"]


def test_rfc_3261_16_5_the_gate_itself_is_no_party_of_a_dialog_that_is_no_call() -> None:
    house = House()
    house.phone.asks("SUBSCRIBE", f"sip:box@{GATE}")
    house.heard()
    house.trunk.answers(200, method="SUBSCRIBE")
    house.heard()
    went = house.trunk.got_request("SUBSCRIBE")
    route = f"Route: {(went.first(b'record-route') or b'').decode()}"
    house.phone.asks(
        "SUBSCRIBE", f"sip:box@{GATE}", to_tag="t1", cseq=2, branch="s2", headers=[route]
    )
    assert starts(house) == ["phone: SIP/2.0 404"]


def test_sips_inside_a_dialog_over_udp_gets_480() -> None:
    house = up()
    house.phone.in_dialog("INFO", uri="sips:callee@10.9.0.9;transport=udp")
    assert starts(house) == ["phone: SIP/2.0 480"]


def test_sips_inside_a_dialog_goes_by_tls() -> None:
    house = up()
    house.phone.in_dialog("INFO", uri="sips:callee@10.9.0.9")
    assert house.heard() == ["10.9.0.9:5061: INFO sips:callee@10.9.0.9 SIP/2.0"]
    assert house.air.log[-1][0].transport == "tls"


def test_a_host_that_nobody_knows_gets_503() -> None:
    house = up()
    house.phone.in_dialog("INFO", uri="sip:callee@nowhere.example")
    assert starts(house) == ["phone: SIP/2.0 503"]


def test_the_caller_is_reached_by_the_way_that_it_came() -> None:
    house = House()
    nat = house.end("nat", "10.1.0.8", 33333)
    nat.asks(
        "INVITE",
        f"sip:+13055550001@{GATE}",
        via="Via: SIP/2.0/UDP 192.168.0.5:5060;rport;branch=z9hG4bKn",
        headers=["Contact: <sip:4711@192.168.0.5:5060>"],
    )
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.heard()
    house.trunk.back("BYE")
    assert house.heard() == ["nat: BYE sip:4711@192.168.0.5:5060 SIP/2.0"]


def test_what_an_untrusted_source_asserts_inside_a_dialog_is_removed() -> None:
    house = up()
    house.phone.in_dialog(
        "UPDATE", headers=["P-Asserted-Identity: <sip:boss@x>", "X-SipGate-Verdict: allow"]
    )
    house.heard()
    update = house.trunk.got_request("UPDATE")
    assert update.first(b"p-asserted-identity") is None
    assert update.first(b"x-sipgate-verdict") is None


@pytest.mark.parametrize(
    ("contact", "port"),
    [
        ("sip:4711@{0}:7777", 7777),  # sends from one port, listens on another
        ("sip:4711@192.168.7.7:5062", 5060),  # behind NAT: nobody can reach that
        ("sip:4711@phone.invalid", 5060),
    ],
    ids=["another port", "a private address", "a name"],
)
def test_a_caller_is_reached_at_its_contact_or_down_its_flow(contact: str, port: int) -> None:
    house = House()
    house.call_up()
    phone = house.phone.wire
    house.trunk.back("BYE", uri=contact.format(phone.host))
    sent_to, raw, _ = house.air.log[-1]
    assert raw.startswith(b"BYE ")
    assert (sent_to.host, sent_to.port) == (phone.host, port)
