"""RFC 4475's torture messages against a whole gate: what goes on, and what gets which answer.

The RFC mostly speaks of "an element" or an endpoint; the gate is a proxy. What it works with
(RFC 3261 §16.3: start line, Via, From, To, Call-ID, CSeq, Max-Forwards, Route, Proxy-Require,
Content-Length) has to be well-formed, what it only passes on does not. How the codec reads each
message is in `tests/sip/test_rfc4475.py`.
"""

import re

import pytest

from sipgate.sip import Request, parse_message
from tests.sip.samples import torture

from .house import PHONE, End, House, header

PASSING = 'tags = "none"'
TARGET = b"10.9.0.9:5080"
STAMP = b";received=10.1.0.7"  # no sent-by in the RFC is the phone's address: RFC 3261 §18.2.1
OURS = re.compile(
    rb"Via: SIP/2\.0/UDP 10\.0\.0\.1:5060;branch=z9hG4bK[0-9a-f]{16}\.[0-9a-f]{16}\r\n"
    rb"(Max-Forwards: 70\r\n)?"
    rb"((?:Record-Route: <sip:[0-9a-f]{16}@10\.0\.0\.1:5060(?:;transport=tcp)?;lr>\r\n)*)"
    rb"Max-Breadth: 60\r\n"
)


def forwarded(
    name: str,
    *changes: tuple[bytes, bytes],
    transport: str = "udp",
    source: str = "",
    gate: str = "",
) -> Request:
    """Have a message forwarded; it is the same but for the changes and the lines of ours."""
    raw = torture(name)
    house = House(upstream=PASSING, source=source, gate=gate)
    phone = house.end("phone", PHONE, 5060, transport)
    phone.sends(raw)
    house.writes()
    house.heard()
    went = house.trunk.got[-1]
    found = OURS.search(went)
    assert found is not None
    for old, new in changes:
        assert raw.count(old) >= 1, old
        raw = raw.replace(old, new, 1)
    assert OURS.sub(b"", went) == raw
    request = parse_message(went)
    assert isinstance(request, Request)
    assert bool(found[2]) == (request.method == b"INVITE" and name != "inv2543")
    comes_back(house, phone)
    return request


def comes_back(house: House, phone: End) -> None:
    """The answer gets to the phone with the Vias that it sent, as it spelled them."""
    went = house.trunk.got[-1]
    message = parse_message(went)
    assert isinstance(message, Request)
    house.trunk.answers(200, method=message.method.decode())
    house.heard()
    answer = phone.got_response(200)
    ours, *theirs = [message.lines[index] for index in message.indexes(b"via")]
    assert ours.startswith(b"Via: SIP/2.0/UDP 10.0.0.1:5060")
    assert [answer.lines[index] for index in answer.indexes(b"via")] == theirs


def answered(
    name: str, *, transport: str = "udp", port: int = 5060, raw: bytes = b""
) -> tuple[str, bytes]:
    """Have a request answered by the gate itself; the answer's start line and the answer.

    What is broken in a request is in its answer too, which can't be read then.
    """
    house = House()
    phone = house.end("phone", PHONE, port, transport)
    phone.sends(raw or torture(name))
    house.writes()
    [line] = house.heard()
    assert house.decisions == []
    house.waits(70)
    assert house.leftovers() == {}
    return line, phone.got[-1]


def dropped(name: str) -> House:
    """Have a response thrown away."""
    house = House()
    house.trunk.sends(torture(name))
    assert house.heard() == []
    assert house.leftovers() == {}
    return house


# §3.1.1 Valid messages: forwarded


def test_wsinv_a_short_tortuous_invite_goes_on_as_it_came() -> None:
    """RFC 4475 §3.1.1.1, where an unknown dialog and the source's own Route set may pass."""
    forwarded(
        "wsinv",
        (b"MaX-fOrWaRdS: 0068", b"Max-Forwards: 67"),
        (b"192.0.2.2;branch=390skdjuw", b"192.0.2.2;branch=390skdjuw" + STAMP),
        source="routes = true",
        gate='mode = "monitor"',
    )


def test_wsinv_in_a_dialog_that_nobody_knows_gets_481() -> None:
    """Design §5: well-formed, but its To tag would make it an INVITE that nobody decides."""
    assert answered("wsinv")[0] == "phone: SIP/2.0 481 Call/Transaction Does Not Exist"


def test_intmeth_an_unknown_method_of_wide_characters_goes_on_as_it_came() -> None:
    """RFC 4475 §3.1.1.2: to a proxy, for which another than it may know the URI."""
    forwarded(
        "intmeth",
        (b"Max-Forwards: 255", b"Max-Forwards: 254"),
        (b"z9hG4bK-.!%66*_+`'~", b"z9hG4bK-.!%66*_+`'~" + STAMP),
        transport="tcp",
    )


def test_esc01_escapes_go_on_as_they_came() -> None:
    """RFC 4475 §3.1.1.3."""
    forwarded(
        "esc01",
        (b"Max-Forwards: 87", b"Max-Forwards: 86"),
        (b"z9hG4bKkdjuw", b"z9hG4bKkdjuw" + STAMP),
    )


def test_escnull_escaped_nulls_go_on_as_they_came() -> None:
    """RFC 4475 §3.1.1.4."""
    forwarded(
        "escnull",
        (b"Max-Forwards: 70", b"Max-Forwards: 69"),
        (b"z9hG4bKkdjuw", b"z9hG4bKkdjuw" + STAMP),
    )


def test_esc02_a_method_with_percent_signs_is_an_unknown_one() -> None:
    """RFC 4475 §3.1.1.5: it is not REGISTER, whatever the gate does with that."""
    forwarded(
        "esc02",
        (b"Max-Forwards: 70", b"Max-Forwards: 69"),
        (b"z9hG4bK209%fzsnel234", b"z9hG4bK209%fzsnel234" + STAMP),
        transport="tcp",
        source='registrations = "refuse"',
    )


def test_lwsdisp_a_display_name_that_touches_its_address_goes_on_as_it_came() -> None:
    """RFC 4475 §3.1.1.6."""
    forwarded(
        "lwsdisp",
        (b"Max-Forwards: 70", b"Max-Forwards: 69"),
        (b"z9hG4bKkdjuw", b"z9hG4bKkdjuw" + STAMP),
    )


def test_longreq_long_values_go_on_as_they_came() -> None:
    """RFC 4475 §3.1.1.7."""
    forwarded(
        "longreq",
        (b"Max-Forwards: 70", b"Max-Forwards: 69"),
        (b"TCP sip33.example.com", b"TCP sip33.example.com" + STAMP),
        transport="tcp",
    )


def test_dblreq_octets_behind_the_body_do_not_go_on() -> None:
    """RFC 4475 §3.1.1.8."""
    behind = torture("dblreq").partition(b"\r\n\r\n")[2]
    assert b"INVITE" in behind
    forwarded(
        "dblreq",
        (b"Max-Forwards: 8", b"Max-Forwards: 7"),
        (b"z9hG4bKkdjuw23492", b"z9hG4bKkdjuw23492" + STAMP),
        (behind, b""),
    )


def test_semiuri_a_user_part_with_semicolons_goes_on_as_it_came() -> None:
    """RFC 4475 §3.1.1.9."""
    forwarded(
        "semiuri",
        (b"Max-Forwards: 3", b"Max-Forwards: 2"),
        (b"z9hG4bKkdjuw", b"z9hG4bKkdjuw" + STAMP),
    )


def test_transports_unknown_transports_below_the_topmost_mean_nothing() -> None:
    """RFC 4475 §3.1.1.10."""
    forwarded(
        "transports",
        (b"Max-Forwards: 70", b"Max-Forwards: 69"),
        (b"z9hG4bKkdjuw", b"z9hG4bKkdjuw" + STAMP),
    )


def test_mpart01_a_binary_body_goes_on_as_it_came() -> None:
    """RFC 4475 §3.1.1.11; its Route, without lr, is for the upstream to serve."""
    forwarded(
        "mpart01",
        (b"Max-Forwards: 70", b"Max-Forwards: 69"),
        (b";rport\r\n", b";rport=5060" + STAMP + b"\r\n"),
        source="routes = true",
    )


def test_mpart01_with_a_route_set_of_its_own_is_refused_unless_the_source_may() -> None:
    """Design §6, Route: the gate is no open relay, valid as the message is."""
    line, _ = answered("mpart01")
    assert line == "phone: SIP/2.0 403 Route set not allowed"


def response_to(house: House, name: str) -> bytes:
    """A torture response, made one to the INVITE that the trunk got."""
    house.phone.calls()
    house.writes()
    house.heard()
    asked = house.trunk.got_request("INVITE")
    vias = b"\r\n".join(asked.lines[index] for index in asked.indexes(b"via"))
    published = re.compile(rb"Via: [^\r]*").search(torture(name))
    assert published is not None
    return torture(name).replace(published[0], vias, 1)


def test_unreason_an_unusual_phrase_goes_back_as_it_came() -> None:
    """RFC 4475 §3.1.1.12."""
    house = House()
    raw = response_to(house, "unreason")
    house.trunk.sends(raw)
    house.heard()
    ours = raw[raw.index(b"Via: ") : raw.index(b"Via: ", raw.index(b"Via: ") + 1)]
    assert house.phone.got[-1] == raw.replace(ours, b"")


def test_noreason_an_empty_phrase_is_a_provisional_like_any() -> None:
    """RFC 4475 §3.1.1.13: a 100 stops the repeating, and goes no further (RFC 3261 §16.7)."""
    house = House()
    house.trunk.sends(response_to(house, "noreason"))
    house.waits(10)
    assert house.heard() == []


@pytest.mark.parametrize("name", ["unreason", "noreason"])
def test_a_valid_response_that_nobody_waits_for_is_dropped(name: str) -> None:
    """RFC 4475 §3.1.1.12 and §3.1.1.13 as published: a stateful proxy knows no such branch."""
    assert dropped(name).parts.counts["responses_stray"] == 1


@pytest.mark.parametrize(
    ("name", "alias", "before", "after"),
    [
        ("wsinv", "chair-dnrc.example.com", b"sip:vivekg@", b";unknownparam"),
        (
            "intmeth",
            "example.com",
            b"sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:"
            b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@",
            b"",
        ),
        ("esc01", "example.net", b"sip:sips%3Auser%40example.com@", b""),
        ("escnull", "example.com", b"sip:", b""),
        ("semiuri", "example.com", b"sip:user;par=u%40example.net@", b""),
        ("ipv6/ipv6-good", "[2001:db8::10]", b"sip:", b""),
    ],
)
def test_a_request_uri_that_means_the_gate_gets_the_target_and_keeps_its_spelling(
    name: str, alias: str, before: bytes, after: bytes
) -> None:
    """RFC 3261 §16.5 and §16.6 step 2."""
    house = House(gate=f'mode = "monitor"\naliases = ["{alias}"]', source="routes = true")
    house.phone.sends(torture(name))
    house.writes()
    house.heard()
    went = parse_message(house.trunk.got[-1])
    assert isinstance(went, Request)
    assert went.uri == before + TARGET + after


# §3.1.2 Invalid messages


def test_badinv01_separators_with_nothing_between_get_400() -> None:
    """RFC 4475 §3.1.2.1."""
    line, answer = answered("badinv01")
    assert line.startswith("phone: SIP/2.0 400 ")
    assert b"\r\nCall-ID: badinv01.0ha0isndaksdjasdf3234nas\r\n" in answer


def test_clerr_a_length_of_more_than_there_is_gets_400() -> None:
    """RFC 4475 §3.1.2.2."""
    assert answered("clerr")[0].startswith("phone: SIP/2.0 400 ")


def test_ncl_a_negative_length_gets_400() -> None:
    """RFC 4475 §3.1.2.3."""
    assert answered("ncl")[0].startswith("phone: SIP/2.0 400 ")


def test_scalar02_a_cseq_out_of_range_gets_400() -> None:
    """RFC 4475 §3.1.2.4."""
    assert answered("scalar02", transport="tcp")[0].startswith("phone: SIP/2.0 400 ")


def test_scalarlg_a_response_with_numbers_out_of_range_is_dropped() -> None:
    """RFC 4475 §3.1.2.5."""
    assert dropped("scalarlg").parts.counts["messages_bad"] == 1


def test_quotbal_a_quote_without_end_gets_400() -> None:
    """RFC 4475 §3.1.2.6."""
    assert answered("quotbal", port=5050)[0].startswith("phone: SIP/2.0 400 ")


def test_ltgtruri_a_request_uri_in_brackets_gets_400() -> None:
    """RFC 4475 §3.1.2.7."""
    assert answered("ltgtruri")[0].startswith("phone: SIP/2.0 400 ")


def test_lwsruri_a_space_in_the_request_uri_gets_400() -> None:
    """RFC 4475 §3.1.2.8."""
    assert answered("lwsruri")[0].startswith("phone: SIP/2.0 400 ")


def test_lwsstart_spaces_in_the_start_line_get_400() -> None:
    """RFC 4475 §3.1.2.9: it is acceptable to reject them, and must not be forwarded."""
    assert answered("lwsstart")[0].startswith("phone: SIP/2.0 400 ")


def test_trws_spaces_behind_the_start_line_get_400() -> None:
    """RFC 4475 §3.1.2.10: the same."""
    assert answered("trws", transport="tcp")[0].startswith("phone: SIP/2.0 400 ")


def test_escruri_headers_in_the_request_uri_get_400() -> None:
    """RFC 4475 §3.1.2.11."""
    assert answered("escruri")[0].startswith("phone: SIP/2.0 400 ")


def test_baddate_goes_on_because_a_proxy_has_no_business_with_a_date() -> None:
    """RFC 4475 §3.1.2.12 and RFC 3261 §16.3, which names this header."""
    forwarded(
        "baddate",
        (b"Max-Forwards: 70", b"Max-Forwards: 69"),
        (b"z9hG4bKkdjuw", b"z9hG4bKkdjuw" + STAMP),
    )


def test_regbadct_goes_on_because_the_contact_is_the_registrars() -> None:
    """RFC 4475 §3.1.2.13: 400 is reasonable for whoever reads it."""
    forwarded(
        "regbadct",
        (b"Max-Forwards: 70", b"Max-Forwards: 69"),
        (b"z9hG4bKkdjuw", b"z9hG4bKkdjuw" + STAMP),
    )


def test_badaspec_spaces_in_an_address_get_400() -> None:
    """RFC 4475 §3.1.2.14."""
    assert answered("badaspec")[0].startswith("phone: SIP/2.0 400 ")


@pytest.mark.parametrize("end", [b"", b"\r\n"], ids=["as published", "with its empty line"])
def test_baddn_a_display_name_that_needs_quotes_gets_400(end: bytes) -> None:
    """RFC 4475 §3.1.2.15."""
    line, _ = answered("baddn", raw=torture("baddn") + end)
    assert line.startswith("phone: SIP/2.0 400 ")


def test_badvers_sip_7_gets_505() -> None:
    """RFC 4475 §3.1.2.16."""
    assert answered("badvers")[0].startswith("phone: SIP/2.0 505 ")


def test_mismatch01_a_cseq_of_another_method_gets_400() -> None:
    """RFC 4475 §3.1.2.17."""
    assert answered("mismatch01")[0].startswith("phone: SIP/2.0 400 ")


def test_mismatch02_an_unknown_method_with_another_cseq_gets_501() -> None:
    """RFC 4475 §3.1.2.18: particularly at proxies."""
    assert answered("mismatch02")[0].startswith("phone: SIP/2.0 501 ")


def test_bigcode_a_status_out_of_range_is_dropped() -> None:
    """RFC 4475 §3.1.2.19."""
    assert dropped("bigcode").parts.counts["messages_bad"] == 1


# §3.2 Transaction layer


def test_badbranch_without_an_identifier_is_told_apart_as_rfc_2543_does() -> None:
    """RFC 4475 §3.2.1: the second of its two ways, for an old peer's sake."""
    forwarded(
        "badbranch",
        (b"Max-Forwards: 3", b"Max-Forwards: 2"),
        (b"branch=z9hG4bK", b"branch=z9hG4bK" + STAMP),
    )


def test_badbranch_two_requests_without_an_identifier_are_two() -> None:
    """RFC 4475 §3.2.1: the cookie alone is nobody's branch."""
    house = House()
    for raw in (torture("badbranch"), torture("badbranch").replace(b"CSeq: 8", b"CSeq: 9")):
        house.phone.sends(raw)
    assert house.heard() == 2 * ["trunk: OPTIONS sip:user@example.com SIP/2.0"]
    house.phone.sends(torture("badbranch"))
    assert house.heard() == []


# §3.3 Application layer


def test_insuf_headers_missing_get_400() -> None:
    """RFC 4475 §3.3.1: what is missing is missing in the answer too."""
    line, answer = answered("insuf")
    assert line.startswith("phone: SIP/2.0 400 ")
    assert b"CSeq: 193942 INVITE" in answer
    assert b"Call-ID" not in answer


def test_unkscm_an_unknown_scheme_gets_416() -> None:
    """RFC 4475 §3.3.2: To says nothing about the way."""
    line, _ = answered("unkscm", transport="tcp")
    assert line == "phone: SIP/2.0 416 Unsupported URI Scheme"


def test_novelsc_a_scheme_that_is_not_for_requests_gets_416() -> None:
    """RFC 4475 §3.3.3: no URI of this scheme is ever accepted."""
    line, _ = answered("novelsc", transport="tcp")
    assert line == "phone: SIP/2.0 416 Unsupported URI Scheme"


def test_unksm2_other_schemes_in_headers_go_on_as_they_came() -> None:
    """RFC 4475 §3.3.4: proxies treat it as any other request; 400 is the registrar's."""
    forwarded(
        "unksm2",
        (b"Max-Forwards: 70", b"Max-Forwards: 69"),
        (b"z9hG4bKkdjuw", b"z9hG4bKkdjuw" + STAMP),
    )


def test_bext01_what_a_proxy_must_support_and_does_not_gets_420() -> None:
    """RFC 4475 §3.3.5: in the role of a proxy, so Require is not listed."""
    line, answer = answered("bext01", transport="tcp")
    assert line == "phone: SIP/2.0 420 Bad Extension"
    unsupported = header(parse_message(answer), "unsupported")
    assert unsupported == "noProxiesSupportThis, norDoAnyProxiesSupportThis"


def test_invut_a_body_of_unknown_type_goes_on_as_it_came() -> None:
    """RFC 4475 §3.3.6: 415 is the endpoint's."""
    forwarded(
        "invut",
        (b"Max-Forwards: 70", b"Max-Forwards: 69"),
        (b"z9hG4bKkdjuw", b"z9hG4bKkdjuw" + STAMP),
    )


def test_regaut01_an_unknown_authorization_goes_on_as_it_came() -> None:
    """RFC 4475 §3.3.7."""
    forwarded(
        "regaut01",
        (b"Max-Forwards: 8", b"Max-Forwards: 7"),
        (b"z9hG4bKkdjuw", b"z9hG4bKkdjuw" + STAMP),
        transport="tcp",
    )


def test_multi01_headers_doubled_get_400() -> None:
    """RFC 4475 §3.3.8."""
    assert answered("multi01")[0].startswith("phone: SIP/2.0 400 ")


def test_mcl01_two_lengths_get_400() -> None:
    """RFC 4475 §3.3.9."""
    assert answered("mcl01")[0].startswith("phone: SIP/2.0 400 ")


def test_bcast_a_response_as_published_is_dropped() -> None:
    """RFC 4475 §3.3.10: it is to no request of ours."""
    assert dropped("bcast").parts.counts["responses_stray"] == 1


def test_bcast_a_response_to_a_request_of_ours_goes_where_that_came_from() -> None:
    """RFC 4475 §3.3.10: a stateful proxy doesn't ask the Via."""
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    branch = house.trunk.got_request("INVITE").via.branch
    house.trunk.sends(torture("bcast").replace(b"z9hG4bK1324923", branch))
    assert house.heard() == ["phone: SIP/2.0 200 OK"]


def test_bcast_a_response_to_an_invite_of_before_a_restart_is_dropped() -> None:
    """RFC 4475 §3.3.10: there the Via is all that is left, and it names everybody."""
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    branch = house.trunk.got_request("INVITE").via.branch
    after = house.restarts()
    after.trunk.sends(torture("bcast").replace(b"z9hG4bK1324923", branch))
    assert after.heard() == []
    assert after.parts.counts["responses_bad"] == 1


def test_zeromf_no_forwards_left_get_483() -> None:
    """RFC 4475 §3.3.11."""
    assert answered("zeromf")[0] == "phone: SIP/2.0 483 Too Many Hops"


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("cparam01", id="cparam01_a_parameter_of_the_header"),
        pytest.param("cparam02", id="cparam02_a_parameter_of_the_uri"),
        pytest.param("regescrt", id="regescrt_a_header_in_the_uri"),
    ],
)
def test_a_contact_goes_on_as_it_came(name: str) -> None:
    """RFC 4475 §3.3.12 to §3.3.14: what belongs to what is the registrar's to keep."""
    forwarded(
        name,
        (b"Max-Forwards: 70", b"Max-Forwards: 69"),
        (b"z9hG4bKkdjuw", b"z9hG4bKkdjuw" + STAMP),
    )


def test_sdp01_what_the_caller_accepts_goes_on_as_it_came() -> None:
    """RFC 4475 §3.3.15: 406 is the endpoint's."""
    forwarded(
        "sdp01",
        (b"Max-Forwards: 5", b"Max-Forwards: 4"),
        (b"z9hG4bKkdjuw", b"z9hG4bKkdjuw" + STAMP),
    )


def test_inv2543_rfc_2543_syntax_goes_on_with_what_rfc_3261_adds() -> None:
    """RFC 4475 §3.4.1."""
    house = House(upstream=PASSING)
    house.phone.sends(torture("inv2543"))
    house.writes()
    house.heard()
    went = house.trunk.got_request("INVITE")
    assert went.max_forwards == 70
    ours, theirs = went.values(b"record-route")
    assert theirs == b"<sip:UserB@example.com;maddr=ss1.example.com>"
    plain = OURS.sub(b"", went.raw).replace(b"Record-Route: " + ours + b"\r\n", b"")
    stamped = b"iftgw.example.com" + STAMP
    assert plain == torture("inv2543").replace(b"iftgw.example.com", stamped, 1)
    comes_back(house, house.phone)
