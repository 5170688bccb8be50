"""Who may speak, what is checked, and what is answered without asking anybody (design §5)."""

import pytest

from sipgate.sip import parse_message

from .house import GATE, House, header

SPIRAL = "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK{0}.{0}"
REJECT_ALL = "[{id: closed, rate: {per: caller, limit: 0, window: day}, then: {reject: 403}}]"


def status_of(house: House) -> list[str]:
    """The statuses alone of what was heard."""
    return [line.split(" ")[2] for line in house.heard()]


def test_a_call_goes_through_from_invite_to_bye_and_nothing_is_left() -> None:
    house = House()
    house.phone.calls()
    assert house.heard() == ["phone: SIP/2.0 100 Trying"]
    house.writes()
    assert house.heard() == ["trunk: INVITE sip:+13055550001@10.9.0.9:5080 SIP/2.0"]
    house.trunk.answers(180)
    house.trunk.answers(200)
    assert house.heard() == ["phone: SIP/2.0 180 X", "phone: SIP/2.0 200 X"]
    house.phone.in_dialog("ACK", cseq=1, branch="a1")
    house.phone.in_dialog("BYE")
    assert house.heard() == [
        "trunk: ACK sip:callee@10.9.0.9:5080 SIP/2.0",
        "trunk: BYE sip:callee@10.9.0.9:5080 SIP/2.0",
    ]
    house.trunk.answers(200, method="BYE")
    assert house.heard() == ["phone: SIP/2.0 200 X"]
    assert [outcome.kind for outcome in house.outcomes] == ["answered"]
    house.waits(45)
    assert house.leftovers() == {}


# The checks in their order


@pytest.mark.parametrize("method", ["invite", "Invite"])
def test_an_invite_in_another_case_does_not_leave_undecided(method: str) -> None:
    house = House()
    house.phone.asks(method, f"sip:+13055550001@{GATE}")
    assert house.heard() == []
    house.writes()
    assert house.heard() == [f"trunk: {method} sip:+13055550001@10.9.0.9:5080 SIP/2.0"]
    assert (house.decisions[0].method, house.decisions[0].callee) == (method, "+13055550001")


def test_a_missing_max_forwards_is_70() -> None:
    house = House()
    house.phone.asks("MESSAGE", f"sip:1@{GATE}", max_forwards=None)
    house.heard()
    assert house.trunk.got_request("MESSAGE").max_forwards == 70


@pytest.mark.parametrize("uri", ["http://example.com", "mailto:a@b", "urn:isbn:1", "im:a@b"])
def test_another_scheme_gets_416(uri: str) -> None:
    house = House()
    house.phone.asks("INVITE", uri)
    assert status_of(house) == ["416"]


def test_the_first_check_that_fails_answers() -> None:
    house = House()
    house.phone.asks(
        "INVITE", "http://x", max_forwards=0, headers=["Max-Breadth: 0", "Proxy-Require: x"]
    )
    assert status_of(house) == ["416"]
    house.phone.calls(branch="b2", max_forwards=0, headers=["Max-Breadth: 0", "Proxy-Require: x"])
    assert status_of(house) == ["483"]
    house.phone.calls(branch="b3", headers=["Max-Breadth: 0", "Proxy-Require: x"])
    assert status_of(house) == ["440"]


def test_sips_gets_480_with_a_warning() -> None:
    house = House()
    house.phone.asks("INVITE", f"sips:+13055550001@{GATE}")
    house.writes()
    assert status_of(house) == ["100", "480"]
    assert header(house.phone.got_response(480), "warning") == '380 sipgate "SIPS needs TLS"'
    assert [outcome.kind for outcome in house.outcomes] == ["failed"]


def test_a_request_uri_that_can_not_be_read_gets_400() -> None:
    house = House()
    house.phone.asks("INVITE", "sip:+13055550001@gate:port", to="sip:x@gate")
    assert status_of(house) == ["400"]


def test_a_route_that_can_not_be_read_gets_400() -> None:
    house = House()
    house.phone.calls(headers=["Route: <sip:x@>"])
    assert status_of(house) == ["400"]


def test_garbage_from_a_source_gets_no_answer_and_is_counted() -> None:
    house = House()
    house.phone.sends(b"\x00\x01 hello\r\n\r\n")
    assert house.heard() == []
    assert house.parts.counts["messages_bad"] == 1


def test_a_request_with_a_header_missing_gets_400() -> None:
    house = House()
    raw = house.phone.calls().replace(b"Call-ID: c1\r\n", b"")
    house.heard()
    house.phone.sends(raw)
    assert status_of(house) == ["400"]


def test_another_version_of_sip_gets_505() -> None:
    house = House()
    raw = house.phone.calls().replace(b" SIP/2.0\r\nVia", b" SIP/3.0\r\nVia")
    house.heard()
    house.phone.sends(raw)
    assert status_of(house) == ["505"]


# Loops and spirals


def test_what_comes_back_unchanged_is_a_loop() -> None:
    house = House()
    house.phone.asks("INVITE", "sip:+13055550001@elsewhere.example")
    house.writes()
    house.heard()
    went = house.trunk.got[-1]
    around = house.end("around", "10.2.0.2", 5060)
    around.sends(b"INVITE%b" % went[6:].replace(b"\r\n", b"\r\nVia: SIP/2.0/UDP 10.2.0.2\r\n", 1))
    assert house.heard() == ["around: SIP/2.0 482 Loop Detected"]


def test_a_loop_of_another_method_is_one_too() -> None:
    house = House()
    house.phone.asks("MESSAGE", "sip:+13055550001@elsewhere.example")
    house.heard()
    went = house.trunk.got[-1]
    house.pbx.sends(went.replace(b"\r\n", b"\r\nVia: SIP/2.0/UDP 10.2.0.2;branch=z9hG4bKp\r\n", 1))
    assert house.heard() == ["pbx: SIP/2.0 482 Loop Detected"]


def spirals(house: House, user: bytes) -> bytes:
    """What the trunk got comes back by the PBX, for that number."""
    went = house.trunk.got[-1]
    _, _, rest = went.partition(b"\r\n")
    return (
        b"INVITE sip:%b@10.0.0.1:5060 SIP/2.0\r\n" % user
        + b"Via: SIP/2.0/UDP 10.2.0.2:5060;branch=z9hG4bKpbx\r\n"
        + rest
    )


def test_a_spiral_to_the_same_callee_belongs_to_its_attempt() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.pbx.sends(
        spirals(house, b"013055550001").replace(b"sip:013055550001", b"sip:13055550001")
    )
    assert house.heard() == [
        "pbx: SIP/2.0 100 Trying",
        "trunk: INVITE sip:13055550001@10.9.0.9:5080 SIP/2.0",
    ]
    assert len(house.decisions) == 1


def test_a_spiral_to_another_callee_is_decided_for_the_original_caller() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.pbx.sends(spirals(house, b"+13055550002"))
    assert [decision.caller for decision in house.decisions] == ["hq/4711", "hq/4711"]
    assert [decision.callee for decision in house.decisions] == ["+13055550001", "+13055550002"]


def test_a_made_up_spiral_is_a_new_attempt() -> None:
    house = House()
    house.call_up()
    house.phone.calls(branch="b2", cseq=2, headers=[SPIRAL.format("0123456789abcdef")])
    assert len(house.decisions) == 2


def test_forks_of_a_pbx_are_no_loop() -> None:
    house = House()
    house.pbx.calls(branch="fork1")
    house.pbx.calls("+13055550002", branch="fork2")
    assert house.heard() == ["pbx: SIP/2.0 100 Trying"] * 2


# Who sent it


def test_options_to_the_gate_is_answered_by_the_gate() -> None:
    house = House()
    house.phone.asks("OPTIONS", f"sip:{GATE}")
    assert house.heard() == ["phone: SIP/2.0 200 OK"]
    assert b"INVITE" in (house.phone.got_response(200).first(b"allow") or b"")


def test_an_upstream_may_ping_the_gate() -> None:
    house = House()
    house.trunk.asks("OPTIONS", f"sip:{GATE}")
    assert house.heard() == ["trunk: SIP/2.0 200 OK"]


def test_an_upstream_may_not_set_up_a_call() -> None:
    house = House()
    house.trunk.calls()
    assert house.heard() == ["trunk: SIP/2.0 403 Forbidden"]
    [row] = house.parts.strangers.due_rows()
    assert (row.address, row.transport, row.method) == ("10.9.0.9", "udp", "INVITE")
    assert "source" in row.reason


@pytest.mark.parametrize("method", ["INVITE", "REGISTER", "OPTIONS", "CANCEL", "BYE"])
def test_a_stranger_gets_no_answer_and_is_listed(method: str) -> None:
    house = House()
    house.stranger.asks(method, f"sip:+13055550001@{GATE}", headers=["User-Agent: scanner"])
    assert house.heard() == []
    [row] = house.parts.strangers.due_rows()
    assert (row.address, row.transport, row.method) == ("192.0.2.66", "udp", method)
    assert row.user_agent == "scanner"


def test_a_stranger_keeps_no_connection() -> None:
    house = House()
    stranger = house.end("knocker", "192.0.2.67", 40_000, "tcp")
    stranger.asks("OPTIONS", f"sip:+13055550001@{GATE}")
    assert not stranger.wire.is_open


def test_garbage_of_a_stranger_is_listed_too() -> None:
    house = House()
    house.stranger.sends(b"GET / HTTP/1.1\r\n\r\n")
    [row] = house.parts.strangers.due_rows()
    assert (row.address, row.transport) == ("192.0.2.66", "udp")


def test_a_stranger_gets_403_where_that_is_configured() -> None:
    house = House(gate='unknown-source = "403"')
    house.stranger.calls()
    assert house.heard() == ["stranger: SIP/2.0 403 Forbidden"]
    assert len(house.parts.strangers) == 1


def test_a_stranger_with_an_emergency_number_is_a_stranger() -> None:
    house = House()
    house.stranger.calls("911")
    assert house.heard() == []


def test_an_ack_without_a_match_is_dropped() -> None:
    house = House()
    house.phone.asks("ACK", f"sip:+13055550001@{GATE}", to_tag="t9")
    house.phone.asks("ACK", f"sip:+13055550001@{GATE}", branch="b2")
    assert house.heard() == []
    assert house.parts.counts["acks_stray"] == 2


def test_a_cancel_without_a_match_gets_481() -> None:
    house = House()
    house.phone.asks("CANCEL", f"sip:+13055550001@{GATE}")
    assert status_of(house) == ["481"]


def test_a_response_without_a_match_is_dropped() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    stray = house.trunk.answers(200).replace(b"z9hG4bK", b"z9hG4bKx")
    house.heard()
    house.trunk.sends(stray)
    assert house.heard() == []
    assert house.parts.counts["responses_stray"] == 1


def test_a_response_of_another_method_is_no_match() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    raw = house.trunk.answers(180).replace(b"INVITE", b"BYE").replace(b"180 X", b"200 OK")
    house.heard()
    house.trunk.sends(raw)
    assert house.heard() == []


def test_a_response_that_was_meant_for_the_gate_alone_is_dropped() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    raw = house.trunk.answers(180)
    house.heard()
    lines = raw.split(b"\r\n")
    house.trunk.sends(b"\r\n".join(line for line in lines if b"10.1.0.7:5060;branch" not in line))
    assert house.heard() == []


# Emergency calls


@pytest.mark.parametrize(
    "uri", [f"sip:911@{GATE}", "tel:911", "urn:service:sos", f"sip:9-1-1@{GATE}"]
)
def test_an_emergency_call_leaves_before_its_entry(uri: str) -> None:
    house = House()
    house.phone.asks("INVITE", uri)
    heard = house.heard()
    assert heard[0] == "phone: SIP/2.0 100 Trying"
    assert heard[1].startswith("trunk: INVITE ")
    assert [decision.emergency for decision in house.decisions] == [True]
    assert house.ledger.durable_seq == 0


def test_an_emergency_call_goes_through_while_the_gate_is_not_ready() -> None:
    house = House(is_ready=False)
    house.phone.calls("911")
    assert len(house.heard()) == 2


def test_an_emergency_call_goes_through_while_the_gate_drains() -> None:
    house = House()
    house.parts.proxy.is_draining = True
    house.phone.calls("911")
    assert len(house.heard()) == 2


def test_an_emergency_call_goes_through_while_the_store_fails() -> None:
    house = House()
    house.ledger.failing_since = house.clock.now() - 60
    house.phone.calls("911")
    assert len(house.heard()) == 2


def test_an_emergency_call_goes_through_while_the_ledger_is_full() -> None:
    house = House()
    house.ledger.is_full = True
    house.phone.calls("911")
    assert len(house.heard()) == 2
    assert house.parts.counts["emergencies_unrecorded"] == 1
    house.trunk.answers(200)
    house.heard()
    house.phone.in_dialog("BYE")
    assert house.heard() == ["trunk: BYE sip:callee@10.9.0.9:5080 SIP/2.0"]


def test_an_emergency_call_is_never_counted() -> None:
    house = House(REJECT_ALL)
    house.phone.calls("911")
    assert len(house.heard()) == 2
    assert house.parts.engine.calls_in_progress == 0


def test_an_emergency_call_is_not_led_away_by_its_routes() -> None:
    house = House()
    house.phone.calls("911", headers=[f"Route: <sip:{GATE};lr>", "Route: <sip:192.0.2.1;lr>"])
    assert len(house.heard()) == 2
    assert house.trunk.got_request("INVITE").first(b"route") is None


def test_an_emergency_call_ends_with_an_outcome() -> None:
    house = House()
    house.call_up(user="911")
    house.phone.in_dialog("BYE")
    house.heard()
    house.trunk.answers(200, method="BYE")
    assert [outcome.kind for outcome in house.outcomes] == ["answered"]
    house.heard()
    house.waits(45)
    assert house.leftovers() == {}


def test_an_emergency_reinvite_with_our_token_never_gets_481() -> None:
    house = House()
    house.ledger.is_full = True  # so that the gate knows no call
    house.call_up(user="911")
    house.phone.in_dialog("INVITE")
    assert house.heard() == [
        "phone: SIP/2.0 100 Trying",
        "trunk: INVITE sip:callee@10.9.0.9:5080 SIP/2.0",
    ]


@pytest.mark.parametrize("method", ["INVITE", "SUBSCRIBE"])
def test_another_calls_token_marked_as_an_emergency_gets_481(method: str) -> None:
    house = House()
    house.phone.asks(method, f"sip:+13055550001@{GATE}")
    house.writes()
    house.heard()
    value = house.trunk.got_request(method).values(b"record-route")[0].decode()
    marked = value.replace("<sip:", "<sip:e")
    house.phone.calls(to_tag="made-up", branch="forged", headers=[f"Route: {marked}"])
    assert house.heard() == ["phone: SIP/2.0 481 Call/Transaction Does Not Exist"]


# The gate's own state


def test_a_draining_gate_takes_no_call_and_asks_for_no_retry() -> None:
    house = House()
    house.parts.proxy.is_draining = True
    house.phone.calls()
    assert status_of(house) == ["503"]
    assert house.phone.got_response(503).first(b"retry-after") is None


def test_a_draining_gate_serves_calls_that_are_up() -> None:
    house = House()
    house.call_up()
    house.parts.proxy.is_draining = True
    house.phone.in_dialog("INVITE", branch="r1")
    house.phone.in_dialog("BYE", cseq=3)
    assert [line[:13] for line in house.heard()] == [
        "phone: SIP/2.",
        "trunk: INVITE",
        "trunk: BYE si",
    ]


def test_a_gate_that_is_not_ready_asks_to_come_again() -> None:
    house = House(is_ready=False)
    house.phone.calls()
    assert status_of(house) == ["503"]
    assert header(house.phone.got_response(503), "retry-after") in ("1", "2", "3")
    assert house.decisions == []


def test_a_gate_that_is_not_ready_lets_dialogs_pass_that_its_token_opens() -> None:
    house = House()
    house.call_up()
    house.writes()
    unready = House(is_ready=False)
    unready.phone.got = house.phone.got
    unready.phone.in_dialog("INVITE", branch="r1")
    unready.phone.in_dialog("BYE", cseq=3)
    assert [line[:13] for line in unready.heard()] == [
        "phone: SIP/2.",
        "trunk: INVITE",
        "trunk: BYE si",
    ]


def test_a_gate_that_is_not_ready_does_not_end_a_call_that_it_can_not_know_yet() -> None:
    house = House(is_ready=False)
    house.phone.calls(to_tag="t1")
    assert status_of(house) == ["503"]


def test_whatever_is_sent_can_be_read() -> None:
    house = House()
    house.call_up()
    for _, raw, _ in house.air.log:
        assert parse_message(raw).raw == raw
