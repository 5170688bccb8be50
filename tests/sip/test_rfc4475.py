"""RFC 4475's torture messages as the codec reads them; what the gate does with each is in
`tests/proxy/test_rfc4475.py`.

A proxy reads what it works with and leaves the rest as it came (RFC 3261 §16.3, reasonable syntax),
so some of the invalid messages are read here.
"""

import pytest

from sipgate.sip import (
    BadMessage,
    Limits,
    Message,
    Request,
    Response,
    Splice,
    StreamFramer,
    Via,
    parse_message,
    parse_name_addr,
    parse_uri,
    parse_via,
    unescape_user,
)
from sipgate.sip.plain import build_plain_reader

from .samples import torture

DEFAULTS = (65535, 256, 8192, 70)


def read(name: str) -> Request:
    """A request that has to be readable, and printable byte for byte."""
    message = parse_message(torture(name))
    assert isinstance(message, Request)
    assert torture(name).startswith(Splice(message).to_bytes())
    return message


def read_response(name: str) -> Response:
    """The same for a response."""
    message = parse_message(torture(name))
    assert isinstance(message, Response)
    assert Splice(message).to_bytes() == torture(name)
    return message


def refused(name: str) -> BadMessage:
    """What is wrong with a message; the reader in C leaves it to the one that says so."""
    assert build_plain_reader(Request, Response, Via)(torture(name), *DEFAULTS) is None
    with pytest.raises(BadMessage) as caught:
        parse_message(torture(name))
    return caught.value


def all_vias(message: Message) -> list[Via]:
    return [parse_via(value) for value in message.values(b"via")]


# §3.1.1 Valid messages


def test_wsinv_a_short_tortuous_invite_is_read() -> None:
    """RFC 4475 §3.1.1.1."""
    message = read("wsinv")
    assert message.uri == b"sip:vivekg@chair-dnrc.example.com;unknownparam"
    assert (message.cseq_number, message.cseq_method, message.max_forwards) == (9, b"INVITE", 68)
    assert (message.from_tag, message.to_tag) == (b"98asjd8", b"1918181833n")
    assert parse_name_addr(message.first(b"from") or b"").display == b'J Rosenberg \\"'
    assert [(via.transport, via.sent_by, via.branch) for via in all_vias(message)] == [
        (b"UDP", b"192.0.2.2", b"390skdjuw"),
        (b"TCP", b"spindle.example.com", b"z9hG4bK9ikj8"),
        (b"UDP", b"192.168.255.111", b"z9hG4bK30239"),
    ]
    assert message.first(b"subject") == b""
    assert message.first(b"unknownheaderwithunusualvalue") == b";;,,;;,;"
    assert message.first(b"newfangledheader") == b"newfangled value continued newfangled value"
    contact = parse_name_addr(message.first(b"contact") or b"")
    assert contact.display == b'Quoted string ""'
    assert contact.params == {b"newparam": b"newvalue", b"secondparam": None, b"q": b"0.33"}
    assert len(message.body) == 150


def test_intmeth_a_wide_range_of_valid_characters_is_read() -> None:
    """RFC 4475 §3.1.1.2: % is no escape in a method, quotes open nothing in a Call-ID."""
    message = read("intmeth")
    assert message.method == b"!interesting-Method0123456789_*+`.%indeed'~"
    uri = parse_uri(message.uri)
    assert uri.user == b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
    assert uri.password == b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"
    assert uri.host == b"example.com"
    assert message.via.branch == b"z9hG4bK-.!%66*_+`'~"
    assert message.from_tag == b"_token~1'+`*%!-."
    to = parse_name_addr(message.first(b"to") or b"")
    assert to.display == b"BEL:\x07 NUL:\x00 DEL:\x7f"
    from_ = parse_name_addr(message.first(b"from") or b"")
    assert from_.params[b"fromparam''~+*_!.-%"] == '"работающий"'.encode()
    assert message.call_id == b"intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{"
    assert message.max_forwards == 255
    assert message.first(b"extensionheader-!.%*+_`'~") == "\ufeff大停電".encode()


def test_esc01_escapes_are_decoded_once_and_only_where_they_are_escapes() -> None:
    """RFC 4475 §3.1.1.3."""
    message = read("esc01")
    uri = parse_uri(message.uri)
    assert (uri.user, uri.host) == (b"sips%3Auser%40example.com", b"example.net")
    assert unescape_user(uri.user or b"") == "sips:user@example.com"
    from_ = parse_uri(parse_name_addr(message.first(b"from") or b"").uri)
    assert unescape_user(from_.user or b"") == "I have spaces"
    contact = parse_uri(parse_name_addr(message.first(b"contact") or b"").uri)
    assert contact.params[b"n%61me"] == b"v%61lue%25%34%31"  # as spelled: nobody unescapes twice


def test_escnull_escaped_nulls_shorten_no_user_part() -> None:
    """RFC 4475 §3.1.1.4."""
    message = read("escnull")
    to = parse_uri(parse_name_addr(message.first(b"to") or b"").uri)
    assert unescape_user(to.user or b"") == "null-\0-null"
    contacts = [parse_uri(parse_name_addr(c).uri) for c in message.values(b"contact")]
    assert [unescape_user(contact.user or b"") for contact in contacts] == ["\0", "\0\0"]


def test_esc02_a_percent_sign_that_is_no_escape_stays() -> None:
    """RFC 4475 §3.1.1.5: neither REGISTER nor a third Contact."""
    message = read("esc02")
    assert message.method == b"RE%47IST%45R"
    assert parse_name_addr(message.first(b"to") or b"").display == b"%Z%45"
    assert message.values(b"contact") == [
        b"<sip:alias1@host1.example.com>",
        b"<sip:alias3@host3.example.com>",
    ]
    assert message.first(b"c%6fntact") == b"<sip:alias2@host2.example.com>"


def test_lwsdisp_a_display_name_may_touch_its_address() -> None:
    """RFC 4475 §3.1.1.6."""
    message = read("lwsdisp")
    from_ = parse_name_addr(message.first(b"from") or b"")
    assert (from_.display, from_.uri) == (b"caller", b"sip:caller@example.com")
    assert message.from_tag == b"323"


def test_longreq_long_values_are_read() -> None:
    """RFC 4475 §3.1.1.7."""
    message = read("longreq")
    assert message.from_tag == b"12" + 50 * b"982" + b"424"
    assert message.call_id == b"longreq.one" + 20 * b"really" + b"longcallid"
    vias = all_vias(message)
    assert len(vias) == 34
    assert vias[-1].branch == b"very" + 50 * b"long" + b"branchvalue"
    assert vias[-1].received == b"192.0.2.5"


def test_dblreq_octets_behind_the_body_are_no_message() -> None:
    """RFC 4475 §3.1.1.8."""
    message = read("dblreq")
    assert message.method == b"REGISTER"
    assert message.body == b""
    assert b"INVITE" not in Splice(message).to_bytes()


def test_semiuri_a_user_part_may_have_semicolons() -> None:
    """RFC 4475 §3.1.1.9."""
    uri = parse_uri(read("semiuri").uri)
    assert unescape_user(uri.user or b"") == "user;par=u@example.net"
    assert (uri.host, uri.params) == (b"example.com", {})


def test_transports_unknown_transports_are_read() -> None:
    """RFC 4475 §3.1.1.10."""
    assert [via.transport for via in all_vias(read("transports"))] == [
        b"UDP",
        b"SCTP",
        b"TLS",
        b"UNKNOWN",
        b"TCP",
    ]


def test_mpart01_a_binary_body_is_framed_by_its_length() -> None:
    """RFC 4475 §3.1.1.11."""
    message = read("mpart01")
    assert len(message.body) == 553
    assert b"\x00" in message.body
    assert StreamFramer(Limits()).feed(2 * torture("mpart01")) == 2 * [torture("mpart01")]


def test_unreason_an_unusual_reason_phrase_is_read() -> None:
    """RFC 4475 §3.1.1.12."""
    message = read_response("unreason")
    assert message.status == 200
    assert message.phrase.decode() == "= 2**3 * 5**2 но сто девяносто девять - простое"


def test_noreason_an_empty_reason_phrase_is_read() -> None:
    """RFC 4475 §3.1.1.13."""
    message = read_response("noreason")
    assert (message.status, message.phrase) == (100, b"")


# §3.1.2 Invalid messages


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        pytest.param("badinv01", 400, "Via", id="badinv01_separators_with_nothing_between"),
        pytest.param("clerr", 400, "content-length", id="clerr_a_length_of_more_than_there_is"),
        pytest.param("ncl", 400, "content-length", id="ncl_a_negative_length"),
        pytest.param("scalar02", 400, "cseq", id="scalar02_a_cseq_out_of_range"),
        pytest.param("quotbal", 400, "quotes", id="quotbal_a_quote_without_end"),
        pytest.param("ltgtruri", 400, "Request-URI", id="ltgtruri_a_request_uri_in_brackets"),
        pytest.param("lwsruri", 400, "three words", id="lwsruri_a_space_in_the_request_uri"),
        pytest.param("lwsstart", 400, "three words", id="lwsstart_spaces_in_the_start_line"),
        pytest.param("trws", 400, "three words", id="trws_spaces_behind_the_start_line"),
        pytest.param("escruri", 400, "headers in it", id="escruri_headers_in_the_request_uri"),
        pytest.param("badaspec", 400, "URI", id="badaspec_spaces_in_an_address"),
        pytest.param("baddn", 400, "no empty line", id="baddn_as_it_was_published"),
        pytest.param("badvers", 505, "version", id="badvers_sip_7"),
        pytest.param("mismatch01", 400, "method", id="mismatch01_a_cseq_of_another_method"),
        pytest.param("mismatch02", 501, "method", id="mismatch02_an_unknown_method_and_a_cseq"),
        pytest.param("insuf", 400, "call-id", id="insuf_headers_missing"),
        pytest.param("multi01", 400, "more than one", id="multi01_headers_doubled"),
        pytest.param("mcl01", 400, "more than one", id="mcl01_two_lengths"),
    ],
)
def test_an_invalid_request_is_refused_and_can_be_answered(
    name: str, status: int, reason: str
) -> None:
    """RFC 4475 §3.1.2, §3.3.1, §3.3.8 and §3.3.9."""
    error = refused(name)
    assert error.status == status
    assert reason in error.reason
    assert error.request is not None


def test_baddn_a_display_name_that_needs_quotes_is_refused() -> None:
    """RFC 4475 §3.1.2.15; the archive's file ends before the empty line."""
    with pytest.raises(BadMessage, match="a display name that needs quotes") as caught:
        parse_message(torture("baddn") + b"\r\n")
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("scalarlg", id="scalarlg_a_cseq_out_of_range"),
        pytest.param("bigcode", id="bigcode_a_status_out_of_range"),
    ],
)
def test_an_invalid_response_is_refused_and_nobody_answers(name: str) -> None:
    """RFC 4475 §3.1.2.5 and §3.1.2.19: simply dropped."""
    assert refused(name).request is None


@pytest.mark.parametrize("name", ["ncl", "mcl01"])
def test_a_stream_with_such_a_length_can_not_be_followed(name: str) -> None:
    """RFC 4475 §3.1.2.3 and §3.3.9: answered, then closed."""
    framer = StreamFramer(Limits())
    with pytest.raises(BadMessage) as caught:
        framer.feed(torture(name))
    assert caught.value.request is not None
    assert framer.broken is not None


def test_clerr_over_a_stream_waits_for_the_rest() -> None:
    """RFC 4475 §3.1.2.2: nothing else can be done there."""
    framer = StreamFramer(Limits())
    assert framer.feed(torture("clerr")) == []
    rest = 9999 - len(torture("clerr").partition(b"\r\n\r\n")[2])
    assert framer.feed(b"x" * rest) == [torture("clerr") + b"x" * rest]


def test_baddate_is_read_because_no_proxy_works_with_a_date() -> None:
    """RFC 4475 §3.1.2.12; RFC 3261 §16.3 says so of this very header."""
    assert read("baddate").first(b"date") == b"Fri, 01 Jan 2010 16:00:00 EST"


def test_regbadct_is_read_and_its_contact_is_none() -> None:
    """RFC 4475 §3.1.2.13: who works with the Contact finds that it needs brackets."""
    with pytest.raises(BadMessage, match="needs <>"):
        parse_name_addr(read("regbadct").first(b"contact") or b"")


# §3.2 and §3.3: well-formed, and for layers above to judge


def test_badbranch_is_read_without_an_identifier() -> None:
    """RFC 4475 §3.2.1."""
    assert read("badbranch").via.branch == b"z9hG4bK"


@pytest.mark.parametrize(
    ("name", "scheme", "opaque"),
    [
        pytest.param("unkscm", b"nobodyknowsthisscheme", b"totallyopaquecontent", id="unkscm"),
        pytest.param("novelsc", b"soap.beep", b"//192.0.2.103:3002", id="novelsc"),
    ],
)
def test_another_scheme_in_the_request_uri_is_read(name: str, scheme: bytes, opaque: bytes) -> None:
    """RFC 4475 §3.3.2 and §3.3.3."""
    uri = parse_uri(read(name).uri)
    assert (uri.scheme, uri.opaque) == (scheme, opaque)


def test_unksm2_other_schemes_in_headers_are_read() -> None:
    """RFC 4475 §3.3.4."""
    message = read("unksm2")
    assert message.from_tag == b"3234233"
    addresses = [message.first(name) or b"" for name in (b"to", b"from", b"contact")]
    assert [parse_uri(parse_name_addr(value).uri).scheme for value in addresses] == [
        b"isbn",
        b"http",
        b"name",
    ]


def test_bext01_all_that_a_proxy_must_support_is_read() -> None:
    """RFC 4475 §3.3.5."""
    assert read("bext01").values(b"proxy-require") == [
        b"noProxiesSupportThis",
        b"norDoAnyProxiesSupportThis",
    ]


def test_invut_a_body_of_unknown_type_is_read() -> None:
    """RFC 4475 §3.3.6."""
    assert read("invut").body == b'<audio>\r\n <pcmu port="443"/>\r\n</audio>\r\n'


def test_regaut01_an_unknown_authorization_is_read() -> None:
    """RFC 4475 §3.3.7."""
    assert read("regaut01").first(b"authorization") == b"NoOneKnowsThisScheme opaque-data=here"


def test_bcast_a_response_for_the_broadcast_address_is_read() -> None:
    """RFC 4475 §3.3.10: well-formed; that it goes nowhere is the proxy's part."""
    vias = all_vias(read_response("bcast"))
    assert [via.host for via in vias] == [b"192.0.2.198", b"255.255.255.255"]


def test_zeromf_no_forwards_are_read() -> None:
    """RFC 4475 §3.3.11."""
    assert read("zeromf").max_forwards == 0


@pytest.mark.parametrize(
    ("name", "header_params", "uri_params", "headers"),
    [
        pytest.param("cparam01", {b"unknownparam": None}, {}, b"", id="cparam01_of_the_header"),
        pytest.param("cparam02", {}, {b"unknownparam": None}, b"", id="cparam02_of_the_uri"),
        pytest.param(
            "regescrt", {}, {}, b"Route=%3Csip:sip.example.com%3E", id="regescrt_a_uri_s_header"
        ),
    ],
)
def test_what_belongs_to_a_contact_and_what_to_its_uri(
    name: str,
    header_params: dict[bytes, bytes | None],
    uri_params: dict[bytes, bytes | None],
    headers: bytes,
) -> None:
    """RFC 4475 §3.3.12 to §3.3.14."""
    contact = parse_name_addr(read(name).first(b"contact") or b"")
    assert contact.params == header_params
    uri = parse_uri(contact.uri)
    assert (uri.params, uri.headers) == (uri_params, headers)


def test_sdp01_what_the_caller_accepts_is_read() -> None:
    """RFC 4475 §3.3.15."""
    assert read("sdp01").first(b"accept") == b"text/nobodyKnowsThis"


def test_inv2543_rfc_2543_syntax_is_read() -> None:
    """RFC 4475 §3.4.1: no branch, no tag, no length, no Max-Forwards."""
    message = read("inv2543")
    assert (message.via.branch, message.from_tag, message.max_forwards) == (b"", b"", None)
    assert message.body.startswith(b"v=0\r\n")
    to = parse_name_addr(message.first(b"to") or b"")
    assert to.params == {b"user": b"phone"}  # the header's: nobody put the URI in brackets
