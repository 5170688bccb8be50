"""What RFC 3261 §16 asks of a proxy before it sends a request on, paragraph by paragraph."""

import pytest

from sipgate.sip import Request

from .house import GATE, PHONE, End, House, header

STRICT = "10.3.0.3"
ALL_METHODS = [
    "INVITE",
    "REGISTER",
    "OPTIONS",
    "MESSAGE",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "REFER",
    "BYE",
    "INFO",
    "PRACK",
    "UPDATE",
    "x-NEW",
]


def status_of(house: House) -> list[str]:
    """The statuses alone of what was heard."""
    return [line.split(" ")[2] for line in house.heard()]


def routes_of(message: Request) -> list[str]:
    return [value.decode() for value in message.values(b"route")]


# §16.3 Request validation


@pytest.mark.parametrize("scheme", ["http", "mailto", "nobodyKnowsThisScheme", "isbn"])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER"])
def test_rfc_3261_16_3_2_a_scheme_that_is_not_understood_gets_416(method: str, scheme: str) -> None:
    house = House()
    house.phone.asks(method, f"{scheme}:x", to="sip:x@y")
    assert house.heard() == ["phone: SIP/2.0 416 Unsupported URI Scheme"]


@pytest.mark.parametrize("method", ALL_METHODS)
def test_rfc_3261_16_3_3_no_request_goes_on_without_forwards(method: str) -> None:
    house = House()
    house.phone.asks(method, f"sip:+13055550001@{GATE}", max_forwards=0)
    assert house.heard() == ["phone: SIP/2.0 483 Too Many Hops"]


@pytest.mark.parametrize("method", ["INFO", "BYE", "INVITE", "UPDATE"])
def test_rfc_3261_16_3_3_nor_does_one_in_a_dialog(method: str) -> None:
    house = House()
    house.call_up()
    house.phone.in_dialog(method, max_forwards=0)
    assert house.heard() == ["phone: SIP/2.0 483 Too Many Hops"]


def test_rfc_3261_16_3_3_an_ack_without_forwards_gets_no_answer() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.heard()
    house.phone.in_dialog("ACK", cseq=1, branch="a1", max_forwards=0)
    assert house.heard() == []
    assert house.parts.counts["acks_stray"] == 1


def test_rfc_3261_16_10_a_cancel_ends_at_the_gate_whatever_forwards_it_has() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(180)
    house.heard()
    house.phone.asks("CANCEL", f"sip:+13055550001@{GATE}", max_forwards=0)
    assert house.heard() == [
        "phone: SIP/2.0 200 OK",
        "trunk: CANCEL sip:+13055550001@10.9.0.9:5080 SIP/2.0",
    ]
    assert house.trunk.got_request("CANCEL").max_forwards == 70


def test_rfc_3261_16_3_4_a_loop_gets_482() -> None:
    house = House()
    house.phone.asks("MESSAGE", "sip:+13055550001@elsewhere.example")
    house.heard()
    house.pbx.sends(house.trunk.got_request("MESSAGE").raw)
    assert house.heard() == ["pbx: SIP/2.0 482 Loop Detected"]


def test_rfc_3261_16_3_4_a_spiral_is_no_loop() -> None:
    house = House()
    house.phone.asks("MESSAGE", "sip:+13055550001@elsewhere.example")
    house.heard()
    went = house.trunk.got_request("MESSAGE").raw
    house.pbx.sends(went.replace(b"sip:+13055550001@", b"sip:+13055550002@", 1))
    assert house.heard() == ["trunk: MESSAGE sip:+13055550002@elsewhere.example SIP/2.0"]


def test_rfc_3261_16_3_5_all_that_is_not_supported_is_listed() -> None:
    house = House()
    house.phone.calls(headers=["Proxy-Require: foo ,bar", "Proxy-Require: baz", "Require: x"])
    assert house.heard() == ["phone: SIP/2.0 420 Bad Extension"]
    assert header(house.phone.got_response(420), "unsupported") == "foo, bar, baz"


def test_rfc_3261_8_2_2_3_an_ack_and_a_cancel_may_require_anything() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(180)
    house.heard()
    house.phone.asks("CANCEL", f"sip:+13055550001@{GATE}", headers=["Proxy-Require: foo"])
    assert house.heard()[0] == "phone: SIP/2.0 200 OK"
    house.trunk.answers(200)
    house.heard()
    house.phone.in_dialog("ACK", cseq=1, branch="a1", headers=["Proxy-Require: foo"])
    assert house.heard() == ["trunk: ACK sip:callee@10.9.0.9:5080 SIP/2.0"]


# §16.4 Route information preprocessing


def strict_before(house: House, method: str, contact: str = "sip:4711@10.1.0.7:5060") -> None:
    """The trunk sends a request of its dialog as a strict router does."""
    invite = house.trunk.got_request("INVITE")
    ours, *others = [v.decode().strip("<>") for v in invite.values(b"record-route")]
    house.trunk.asks(
        method,
        ours,
        to="sip:4711@10.1.0.7",
        from_tag="t1",
        to_tag="f1",
        branch="s1",
        headers=[f"Route: {', '.join([*(f'<{uri}>' for uri in others), f'<{contact}>'])}"],
    )


def test_rfc_3261_16_4_what_a_strict_router_before_us_did_is_undone() -> None:
    house = House()
    house.call_up()
    strict_before(house, "BYE")
    assert house.heard() == ["phone: BYE sip:4711@10.1.0.7:5060 SIP/2.0"]
    assert routes_of(house.phone.got_request("BYE")) == []


def test_rfc_3261_16_4_it_is_undone_for_both_values_where_the_sides_differ() -> None:
    house = House(phone_transport="tcp")
    house.call_up()
    assert len(house.trunk.got_request("INVITE").values(b"record-route")) == 2
    strict_before(house, "BYE")
    assert house.heard() == ["phone: BYE sip:4711@10.1.0.7:5060 SIP/2.0"]
    assert routes_of(house.phone.got_request("BYE")) == []


def through(house: House, *hops: str) -> None:
    """A call that is up, whose dialog has shown further hops behind the gate."""
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(200, headers=[f"Record-Route: {hop}" for hop in hops])
    house.heard()


def ask_by(house: House, method: str, *routes: str) -> None:
    """The phone sends a request in that dialog."""
    house.phone.asks(
        method,
        "sip:callee@10.9.0.9:5080",
        to_tag="t1",
        cseq=2,
        branch="d2",
        headers=[f"Route: {route}" for route in routes],
    )


@pytest.mark.parametrize("is_one_line", [True, False], ids=["one line", "two lines"])
def test_rfc_3261_16_4_our_value_is_taken_off_and_the_others_stay(is_one_line: bool) -> None:
    house = House()
    hop = house.end("hop", "10.3.0.3", 5060)
    through(house, "<sip:10.3.0.3;lr;x=1>")
    values = [dialog_route_of(house), "<sip:10.3.0.3;lr;x=1>", "<sip:far.example;lr>"]
    ask_by(house, "INFO", *([", ".join(values)] if is_one_line else values))
    assert house.heard() == ["hop: INFO sip:callee@10.9.0.9:5080 SIP/2.0"]
    assert routes_of(hop.got_request("INFO")) == values[1:]


def dialog_route_of(house: House) -> str:
    """Our own value among those that the phone was shown."""
    values = house.phone.got_response(200, "INVITE").values(b"record-route")
    [ours] = [value.decode() for value in values if b"10.0.0.1" in value]
    return ours


# §16.6 step 6: a strict router after us


def strict_hop(house: House) -> End:
    through(house, f"<sip:{STRICT}>", "<sip:far.example;lr>")
    return house.end("strict", STRICT, 5060)


@pytest.mark.parametrize("method", ["INFO", "BYE", "UPDATE", "INVITE"])
def test_rfc_3261_16_6_6_a_strict_router_gets_its_own_uri(method: str) -> None:
    house = House()
    strict = strict_hop(house)
    ask_by(house, method, dialog_route_of(house), f"<sip:{STRICT}>", "<sip:far.example;lr>")
    assert house.heard()[-1] == f"strict: {method} sip:{STRICT} SIP/2.0"
    assert routes_of(strict.got_request(method)) == [
        "<sip:far.example;lr>",
        "<sip:callee@10.9.0.9:5080>",
    ]


def test_rfc_3261_16_6_6_so_it_does_for_an_ack() -> None:
    house = House()
    strict = strict_hop(house)
    route = f"{dialog_route_of(house)},<sip:s@{STRICT};x=1>"
    house.phone.asks(
        "ACK", "sip:callee@10.9.0.9:5080", to_tag="t1", branch="a1", headers=[f"Route: {route}"]
    )
    assert house.heard() == [f"strict: ACK sip:s@{STRICT};x=1 SIP/2.0"]
    assert routes_of(strict.got_request("ACK")) == ["<sip:callee@10.9.0.9:5080>"]


def test_rfc_3261_16_6_2_no_headers_get_into_the_request_uri() -> None:
    house = House()
    strict_hop(house)
    ask_by(house, "INFO", dialog_route_of(house), f"<sip:{STRICT}?Route=%3Csip:x%3E>")
    assert house.heard() == [f"strict: INFO sip:{STRICT} SIP/2.0"]


def test_rfc_3261_16_6_6_cancel_and_ack_go_the_way_of_their_invite() -> None:
    house = House()
    strict = strict_hop(house)
    ask_by(house, "INVITE", dialog_route_of(house), f"<sip:{STRICT}>")
    house.heard()
    invite = strict.got_request("INVITE")
    strict.answers(180)
    house.phone.asks(
        "CANCEL", "sip:callee@10.9.0.9:5080", to_tag="t1", cseq=2, branch="d2", headers=[]
    )
    house.heard()
    strict.answers(487)
    house.heard()
    for method in ("CANCEL", "ACK"):
        went = strict.got_request(method)
        assert (went.uri, routes_of(went)) == (invite.uri, routes_of(invite))
        assert went.via.branch == invite.via.branch


def test_rfc_3261_16_6_6_an_upstream_that_is_a_strict_router_gets_its_own_uri() -> None:
    house = House()
    house.phone.calls(headers=["Route: <sip:10.9.0.9:5080>"])
    house.writes()
    assert house.heard()[-1] == "trunk: INVITE sip:10.9.0.9:5080 SIP/2.0"
    invite = house.trunk.got_request("INVITE")
    assert routes_of(invite) == ["<sip:+13055550001@10.9.0.9:5080>"]


def test_rfc_3261_16_6_6_a_strict_router_behind_the_upstream_is_the_upstreams_to_serve() -> None:
    house = House(source="routes = true")
    house.phone.calls(headers=[f"Route: <sip:{STRICT}>"])
    house.writes()
    assert house.heard()[-1] == "trunk: INVITE sip:+13055550001@10.9.0.9:5080 SIP/2.0"
    assert routes_of(house.trunk.got_request("INVITE")) == [f"<sip:{STRICT}>"]


def test_rfc_3261_16_6_6_lr_with_a_value_is_a_loose_router_too() -> None:
    house = House()
    house.phone.calls(headers=["Route: <sip:10.9.0.9:5080;lr=on>"])
    house.writes()
    house.heard()
    assert routes_of(house.trunk.got_request("INVITE")) == ["<sip:10.9.0.9:5080;lr=on>"]


# §19.1.1: maddr


def test_rfc_3261_19_1_1_a_contact_is_reached_at_its_maddr() -> None:
    house = House()
    there = house.end("there", "10.3.0.3", 5060)
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(200, contact="sip:callee@far.example;maddr=10.3.0.3")
    house.heard()
    house.phone.in_dialog("ACK", cseq=1, uri="sip:callee@far.example;maddr=10.3.0.3")
    house.phone.in_dialog("INFO", uri="sip:callee@far.example;maddr=10.3.0.3")
    assert house.heard() == [
        "there: ACK sip:callee@far.example;maddr=10.3.0.3 SIP/2.0",
        "there: INFO sip:callee@far.example;maddr=10.3.0.3 SIP/2.0",
    ]
    assert there.got


def test_rfc_3261_19_1_1_a_re_invite_leads_nobody_elsewhere_by_a_maddr() -> None:
    house = House()
    house.call_up()
    house.phone.in_dialog("INVITE", uri="sip:callee@10.9.0.9:5080;maddr=10.3.0.3")
    assert status_of(house) == ["403"]


# §18.2: where a response goes


@pytest.mark.parametrize("maddr", ["255.255.255.255", "0.0.0.0", "[::]"])
def test_rfc_3261_18_2_2_no_answer_goes_to_the_broadcast_address(maddr: str) -> None:
    house = House()
    house.phone.asks(
        "OPTIONS",
        f"sip:{GATE}",
        via=f"Via: SIP/2.0/UDP {PHONE}:5060;branch=z9hG4bK1;maddr={maddr}",
    )
    assert house.heard() == ["phone: SIP/2.0 200 OK"]
