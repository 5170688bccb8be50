"""Phones that registered through the gate, and what is sent to them (design §6)."""

import re

import pytest

from sipgate.sip import Request

from .house import GATE, End, House, header

CONTACT = 'registrations = "contact"'
PATH = 'registrations = "path"'
PRIVATE = "sip:4711@192.168.1.5:5060;ob"
PUBLIC = ("10.1.0.8", 40112)  # the address that NAT gives the phone
TOKEN = re.compile(r"r[0-9a-f]{24}")


def registers(
    phone: End,
    contact: str = f"<{PRIVATE}>",
    *,
    cseq: int = 1,
    aor: str = "sip:4711@pbx.example.com",
    headers: tuple[str, ...] = (),
    expires: int | None = 300,
) -> Request:
    """Send a REGISTER; gives it as it reached the registrar."""
    lines = [f"Contact: {contact}", *headers]
    if expires is not None:
        lines.append(f"Expires: {expires}")
    phone.asks(
        "REGISTER",
        "sip:pbx.example.com",
        to=aor,
        call_id=f"reg-{phone.name}",
        cseq=cseq,
        branch=f"r{phone.name}{cseq}",
        headers=lines,
    )
    house = phone._house
    house.heard()
    return house.trunk.got_request("REGISTER")


def registered(
    phone: End, contact: str = f"<{PRIVATE}>", *, seconds: int = 300, **fields: object
) -> str:
    """Register and have it confirmed; gives the Contact URI that the registrar has."""
    asked = registers(phone, contact, **fields)  # type: ignore[arg-type]
    known = [f"Contact: {value.decode()};expires={seconds}" for value in asked.values(b"contact")]
    path = [f"Path: {value.decode()}" for value in asked.values(b"path")]
    phone._house.trunk.answers(
        200, method="REGISTER", to=asked, contact=None, headers=[*known, *path]
    )
    phone._house.heard()
    return asked.values(b"contact")[0].decode().partition("<")[2].partition(">")[0]


def natted(house: House, transport: str = "udp") -> End:
    return house.end("natted", *PUBLIC, transport)


def calls_phone(
    end: End, uri: str, *, branch: str = "p1", call_id: str = "in1", headers: tuple[str, ...] = ()
) -> None:
    end.asks(
        "INVITE",
        uri,
        to="sip:4711@pbx.example.com",
        from_user="+493012345",
        from_tag="pf",
        call_id=call_id,
        branch=branch,
        headers=[f"Contact: <sip:pbx@{end.address}>", *headers],
    )


def is_up(house: House, phone: End, caller: End, uri: str) -> None:
    """A call to a phone, answered and acknowledged."""
    calls_phone(caller, uri)
    house.writes()
    house.heard()
    phone.answers(200, contact=PRIVATE)
    house.heard()
    caller.in_dialog("ACK", cseq=1, branch="pa", uri=PRIVATE, from_user="+493012345")
    house.heard()


def test_a_contact_leaves_as_one_at_the_gate() -> None:
    house = House(source=CONTACT)

    asked = registers(house.phone, f'"Agent" <{PRIVATE}>;q=0.5;+sip.instance="<urn:uuid:1>"')

    value = asked.values(b"contact")[0].decode()
    assert re.fullmatch(
        rf'"Agent" <sip:{TOKEN.pattern}@10\.0\.0\.1:5060>;q=0\.5;\+sip\.instance="<urn:uuid:1>"',
        value,
    )


def test_the_contacts_in_the_200_are_the_phones_own() -> None:
    house = House(source=CONTACT)

    asked = registers(house.phone)
    [value] = asked.values(b"contact")
    house.trunk.answers(
        200,
        method="REGISTER",
        contact=None,
        headers=[f"Contact: {value.decode()};expires=60, <sip:4711@10.5.5.5>;expires=9"],
    )

    assert house.heard() == ["phone: SIP/2.0 200 X"]
    assert house.phone.got_response(200).values(b"contact") == [
        f"<{PRIVATE}>;expires=60".encode(),
        b"<sip:4711@10.5.5.5>;expires=9",
    ]


def test_the_contact_of_another_phone_is_put_back_in_the_200_too() -> None:
    house = House(source=CONTACT)
    other = house.end("other", "10.1.0.9", 5060)
    first = registered(house.phone)
    asked = registers(other, "<sip:4711@10.1.0.9>")
    [value] = asked.values(b"contact")

    house.trunk.answers(
        200,
        method="REGISTER",
        to=asked,
        contact=None,
        headers=[f"Contact: <{first}>;expires=60", f"Contact: {value.decode()};expires=60"],
    )
    house.heard()

    assert other.got_response(200).values(b"contact") == [
        f"<{PRIVATE}>;expires=60".encode(),
        b"<sip:4711@10.1.0.9>;expires=60",
    ]


def test_a_refresh_has_the_same_token_also_from_another_port() -> None:
    house = House(source=CONTACT)
    first = registered(house.phone)

    assert registered(natted(house), cseq=2) == first
    assert len(house.parts.bindings) == 1


def test_a_phone_with_an_instance_keeps_its_token_when_its_address_changes() -> None:
    house = House(source=CONTACT)
    instance = ';+sip.instance="<urn:uuid:1>";reg-id=1'
    first = registered(house.phone, f"<{PRIVATE}>{instance}")

    assert registered(house.phone, f"<sip:4711@192.168.9.9>{instance}", cseq=2) == first
    assert registered(house.phone, f"<{PRIVATE}>{instance.replace('=1', '=2')}", cseq=3) != first


def test_a_restarted_gate_gives_the_same_token() -> None:
    house = House(source=CONTACT)
    first = registered(house.phone)

    assert registered(house.restarts().phone, cseq=2) == first


def test_each_of_several_contacts_has_its_own_token() -> None:
    house = House(source=CONTACT)

    asked = registers(house.phone, "<sip:a@10.1.0.7>, sip:b@10.1.0.7;expires=5, <mailto:a@b.c>")

    first, second, third = asked.values(b"contact")
    assert first != second.partition(b";")[0]
    assert second.endswith(b">;expires=5")
    assert third == b"<mailto:a@b.c>"


def test_an_instance_that_moves_names_its_old_contact_in_the_same_request() -> None:
    house = House(source=CONTACT)
    instance = '+sip.instance="<urn:uuid:1>"'
    old = registered(house.phone, f"<{PRIVATE}>;{instance}")

    asked = registers(
        house.phone,
        f"<sip:4711@192.168.1.9>;{instance}, <{PRIVATE}>;expires=0;{instance}",
        cseq=2,
    )

    first, second = asked.values(b"contact")
    assert f"<{old}>".encode() in first
    assert f"<{old}>".encode() not in second


def test_a_star_passes_and_forgets_all_phones_of_the_address() -> None:
    house = House(source=CONTACT)
    registered(house.phone)

    asked = registers(house.phone, "*", cseq=2, expires=0)
    house.trunk.answers(200, method="REGISTER", to=asked, contact=None)

    assert asked.values(b"contact") == [b"*"]
    assert len(house.parts.bindings) == 0


def test_more_contacts_than_any_phone_has_are_refused() -> None:
    house = House(source=CONTACT)
    contacts = ", ".join(f"<sip:u{n}@10.1.0.7>" for n in range(17))

    house.phone.asks("REGISTER", f"sip:{GATE}", headers=[f"Contact: {contacts}"])

    assert house.heard() == ["phone: SIP/2.0 400 more than 16 contacts"]


def test_a_contact_that_cannot_be_read_is_refused() -> None:
    house = House(source=CONTACT)

    house.phone.asks("REGISTER", f"sip:{GATE}", headers=["Contact: <sip:a@b"])

    assert house.heard()[0].startswith("phone: SIP/2.0 400")


def test_a_registration_that_is_only_asked_for_changes_nothing() -> None:
    house = House(source=CONTACT)
    registers(house.phone)

    house.trunk.answers(401, method="REGISTER", contact=None)

    assert len(house.parts.bindings) == 0


def test_a_refused_refresh_leaves_the_old_binding() -> None:
    house = House(source=CONTACT)
    uri = registered(house.phone)
    asked = registers(natted(house), cseq=2)

    house.trunk.answers(403, method="REGISTER", to=asked, contact=None)
    house.heard()
    calls_phone(house.trunk, uri)
    house.writes()

    assert house.heard()[1] == f"phone: INVITE {PRIVATE} SIP/2.0"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (["Contact: {};expires=60", "Expires: 90"], 60),
        (["Contact: {}", "Expires: 90"], 90),
        (["Contact: <sip:x@10.5.5.5>", "Expires: 90"], 90),
        ([], 300),
        (["Contact: {};expires=soon"], 300),
    ],
    ids=["by the contact", "by the header", "of another contact", "as asked", "unreadable"],
)
def test_the_registrar_says_how_long_a_phone_is_registered(
    headers: list[str], seconds: int
) -> None:
    house = House(source=CONTACT)
    asked = registers(house.phone)
    value = asked.values(b"contact")[0].decode()
    house.trunk.answers(
        200, method="REGISTER", contact=None, headers=[line.format(value) for line in headers]
    )
    token = TOKEN.findall(value)[0].encode()

    assert house.parts.bindings.find(token, house.clock.now() + seconds - 1) is not None
    assert house.parts.bindings.find(token, house.clock.now() + seconds) is None


def test_a_phone_that_unregisters_is_forgotten() -> None:
    house = House(source=CONTACT)
    registered(house.phone)

    asked = registers(house.phone, f"<{PRIVATE}>;expires=0", cseq=2)
    house.trunk.answers(200, method="REGISTER", to=asked, contact=None)

    assert len(house.parts.bindings) == 0


def test_a_phone_that_supports_path_keeps_its_contact() -> None:
    house = House(source=PATH)

    asked = registers(house.phone, headers=("Supported: gruu, path",))

    assert asked.values(b"contact") == [f"<{PRIVATE}>".encode()]
    [path] = asked.values(b"path")
    assert re.fullmatch(rf"<sip:{TOKEN.pattern}@10\.0\.0\.1:5060;lr>", path.decode())


def test_our_path_stands_above_those_of_others() -> None:
    house = House(source=PATH)

    asked = registers(house.phone, headers=("Supported: path", "Path: <sip:edge;lr>"))

    assert TOKEN.search(asked.values(b"path")[0].decode())
    assert asked.values(b"path")[1] == b"<sip:edge;lr>"


def test_a_phone_that_wants_outbound_is_told_of_in_the_path() -> None:
    """RFC 5626 §5.1."""
    house = House(source=PATH)
    contact = f'<{PRIVATE}>;+sip.instance="<urn:uuid:1>";reg-id=1'

    asked = registers(house.phone, contact, headers=("Supported: path, outbound",))

    assert asked.values(b"path")[0].endswith(b";lr;ob>")


def test_a_phone_without_path_is_registered_by_contact() -> None:
    house = House(source=PATH)

    assert TOKEN.search(registered(house.phone))


def test_a_registrar_that_ignores_path_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    house = House(source=PATH)
    for cseq in (1, 2):
        asked = registers(house.phone, headers=("Supported: path",), cseq=cseq)
        house.trunk.answers(200, method="REGISTER", to=asked, contact=None)

    assert house.parts.counts["paths_ignored"] == 2
    assert capsys.readouterr().out.count("path_ignored") == 1


@pytest.mark.parametrize("caller", ["trunk", "pbx", "stranger"])
def test_a_call_to_a_phone_goes_down_the_flow_that_it_registered_on(caller: str) -> None:
    house = House(source=CONTACT)
    phone = natted(house)
    uri = registered(phone)

    calls_phone(getattr(house, caller), uri)
    house.writes()

    assert house.heard() == [
        f"{caller}: SIP/2.0 100 Trying",
        f"natted: INVITE {PRIVATE} SIP/2.0",
    ]
    phone.answers(180, contact=PRIVATE)
    phone.answers(200, contact=PRIVATE)
    assert house.heard() == [f"{caller}: SIP/2.0 180 X", f"{caller}: SIP/2.0 200 X"]


def test_a_call_by_path_keeps_its_request_uri() -> None:
    house = House(source=PATH)
    phone = natted(house)
    registered(phone, headers=("Supported: path",))
    [path] = house.trunk.got_request("REGISTER").values(b"path")

    calls_phone(house.trunk, PRIVATE, headers=(f"Route: {path.decode()}",))
    house.writes()

    assert house.heard()[1] == f"natted: INVITE {PRIVATE} SIP/2.0"
    assert phone.got_request("INVITE").index(b"route") is None


@pytest.mark.parametrize(
    ("caller", "source", "who"),
    [
        ("trunk", "trunk", "trunk/+493012345"),
        ("pbx", "pbx", "pbx/+493012345"),
        ("stranger", "-", "-/+493012345"),
    ],
)
def test_a_call_to_a_phone_is_recorded_as_inbound(caller: str, source: str, who: str) -> None:
    rules = "[{id: none, rate: {per: source, limit: 1, window: day}, then: {reject: 403}}]"
    house = House(rules, source=CONTACT)
    uri = registered(natted(house))
    for turn in ("1", "2"):  # no rule is asked
        calls_phone(getattr(house, caller), uri, branch=f"p{turn}", call_id=f"in{turn}")

    first, second = house.decisions
    assert (first.source, first.caller, first.direction) == (source, who, "inbound")
    assert (first.callee, first.callee_kind, first.to_number) == ("4711", "short", None)
    assert (first.target, first.verdict) == ("udp:10.1.0.8:40112", "allow")
    assert second.verdict == "allow"


def test_a_call_to_a_phone_waits_for_its_entry() -> None:
    house = House(source=CONTACT)
    uri = registered(natted(house))

    calls_phone(house.trunk, uri)

    assert house.heard() == ["trunk: SIP/2.0 100 Trying"]


def test_a_call_to_a_phone_whose_answer_names_a_private_address_ends_from_both_sides() -> None:
    for hangs_up in ("caller", "callee"):
        house = House(source=CONTACT)
        phone = natted(house)
        uri = registered(phone)
        is_up(house, phone, house.trunk, uri)
        assert phone.got_request("ACK").uri == PRIVATE.encode()

        if hangs_up == "caller":
            house.trunk.in_dialog("BYE", uri=PRIVATE)
            assert house.heard() == [f"natted: BYE {PRIVATE} SIP/2.0"]
            phone.answers(200, method="BYE")
        else:
            phone.back("BYE")
            assert house.heard() == ["trunk: BYE sip:pbx@10.9.0.9:5080 SIP/2.0"]
            house.trunk.answers(200, method="BYE")
        [outcome] = house.outcomes
        assert (outcome.kind, outcome.ended_by) == ("answered", hangs_up)


def test_a_reinvite_goes_both_ways_in_a_call_to_a_phone() -> None:
    house = House(source=CONTACT)
    phone = natted(house)
    is_up(house, phone, house.trunk, registered(phone))

    house.trunk.in_dialog("INVITE", uri=PRIVATE, headers=["Contact: <sip:pbx@10.9.0.9:5080>"])
    assert house.heard()[-1] == f"natted: INVITE {PRIVATE} SIP/2.0"
    phone.answers(200, contact=PRIVATE)
    house.heard()
    phone.back("INVITE", branch="u2", cseq=3)
    assert house.heard()[-1] == "trunk: INVITE sip:pbx@10.9.0.9:5080 SIP/2.0"
    assert len(house.decisions) == 1


def test_a_cancel_reaches_the_phone() -> None:
    house = House(source=CONTACT)
    phone = natted(house)
    uri = registered(phone)
    calls_phone(house.trunk, uri)
    house.writes()
    house.heard()
    phone.answers(180, contact=PRIVATE)
    house.heard()

    house.trunk.asks(
        "CANCEL", uri, from_user="+493012345", from_tag="pf", call_id="in1", branch="p1"
    )

    assert house.heard() == ["trunk: SIP/2.0 200 OK", f"natted: CANCEL {PRIVATE} SIP/2.0"]


def test_both_phones_that_a_proxy_rings_are_one_call() -> None:
    house = House(source=CONTACT)
    phone, other = natted(house), house.end("other", "10.1.0.9", 5060)
    first, second = registered(phone), registered(other, "<sip:4711@10.1.0.9>")
    calls_phone(house.trunk, first, branch="p1")
    calls_phone(house.trunk, second, branch="p2")
    house.writes()
    house.heard()
    assert len(house.decisions) == 1
    other.answers(200, tag="o", contact="sip:4711@10.1.0.9")
    phone.answers(200, tag="n", contact=PRIVATE)
    house.heard()

    house.trunk.in_dialog("BYE", uri=PRIVATE)

    assert house.heard() == [f"natted: BYE {PRIVATE} SIP/2.0"]


@pytest.mark.parametrize("method", ["OPTIONS", "MESSAGE", "NOTIFY", "SUBSCRIBE"])
def test_other_requests_to_a_phone_go_down_its_flow_unrecorded(method: str) -> None:
    house = House(source=CONTACT)
    phone = natted(house)
    uri = registered(phone)

    house.trunk.asks(method, uri)

    assert house.heard() == [f"natted: {method} {PRIVATE} SIP/2.0"]
    phone.answers(200, method=method)
    assert house.heard() == ["trunk: SIP/2.0 200 X"]
    assert house.decisions == []


def test_a_connection_that_is_gone_gives_430() -> None:
    house = House(source=CONTACT)
    phone = natted(house, "tcp")
    uri = registered(phone)
    phone.wire.open = False

    calls_phone(house.trunk, uri)

    assert house.heard() == ["trunk: SIP/2.0 430 Flow Failed"]
    assert house.decisions == []


def test_a_connection_that_ends_while_the_call_is_recorded_gives_430() -> None:
    house = House(source=CONTACT)
    phone = natted(house, "tcp")
    uri = registered(phone)
    calls_phone(house.trunk, uri)
    phone.wire.open = False
    house.writes()

    assert house.heard()[-1] == "trunk: SIP/2.0 430 Flow Failed"
    [outcome] = house.outcomes
    assert (outcome.kind, outcome.status) == ("failed", 430)


def test_a_connection_that_ends_while_the_phone_rings_gives_430() -> None:
    house = House(source=CONTACT)
    phone = natted(house, "tcp")
    calls_phone(house.trunk, registered(phone))
    house.writes()
    house.heard()

    phone.wire.open = False
    house.parts.proxy.flow_lost(phone.wire, "closed by the peer")

    assert house.heard() == ["trunk: SIP/2.0 430 Flow Failed"]


def test_a_phone_that_has_connected_again_gets_the_requests_of_its_call() -> None:
    house = House(source=CONTACT)
    phone = natted(house, "tcp")
    is_up(house, phone, house.trunk, registered(phone))
    phone.wire.open = False
    again = house.end("again", "10.1.0.8", 40999, "tcp")
    registered(again, cseq=2)

    house.trunk.in_dialog("BYE", uri=PRIVATE)

    assert house.heard() == [f"again: BYE {PRIVATE} SIP/2.0"]


def test_an_expired_registration_gives_430() -> None:
    house = House(source=CONTACT)
    uri = registered(house.phone, seconds=60)
    house.waits(61)
    house.heard()

    calls_phone(house.trunk, uri)

    assert house.heard() == ["trunk: SIP/2.0 430 Flow Failed"]


@pytest.mark.parametrize("caller", ["pbx", "phone"])
def test_a_made_up_token_is_nobody(caller: str) -> None:
    house = House(source=CONTACT)
    registered(house.phone)

    calls_phone(getattr(house, caller), f"sip:r{'0' * 24}@{GATE}")

    assert house.heard() == [f"{caller}: SIP/2.0 404 Not Found"]


def test_a_made_up_token_in_a_route_is_refused() -> None:
    """RFC 5626 §5.3.1: a token that was tampered with gets 403."""
    house = House(source=PATH)

    calls_phone(house.pbx, PRIVATE, headers=(f"Route: <sip:r{'0' * 24}@{GATE};lr>",))

    assert house.heard() == ["pbx: SIP/2.0 403 Forbidden"]


def test_a_made_up_token_opens_nothing_to_a_stranger() -> None:
    house = House(source=CONTACT)

    calls_phone(house.stranger, f"sip:r{'0' * 24}@{GATE}")

    assert house.heard() == []
    assert house.parts.counts["strangers"] == 1


def test_a_token_at_another_host_is_an_ordinary_user() -> None:
    house = House(source=CONTACT)
    uri = registered(house.phone)

    calls_phone(house.pbx, uri.replace("10.0.0.1", "10.0.0.77"))
    house.writes()

    assert house.heard()[-1].startswith("trunk: INVITE")


def test_a_phone_that_shows_its_own_path_makes_an_ordinary_call() -> None:
    """RFC 5626 §5.3.2: outgoing, for the token names the flow that the request came by."""
    house = House(source=PATH)
    phone = natted(house)
    registered(phone, headers=("Supported: path",))
    [path] = house.trunk.got_request("REGISTER").values(b"path")

    phone.calls(headers=[f"Route: {path.decode()}"])
    house.writes()

    assert house.heard()[-1] == "trunk: INVITE sip:+13055550001@10.9.0.9:5080 SIP/2.0"
    assert house.decisions[0].direction == "outbound"


def test_an_emergency_call_by_an_old_path_goes_out() -> None:
    house = House(source=PATH)
    registered(natted(house), headers=("Supported: path",))
    [path] = house.trunk.got_request("REGISTER").values(b"path")

    house.phone.calls("911", headers=[f"Route: {path.decode()}"])

    assert house.heard()[-1] == "trunk: INVITE sip:911@10.9.0.9:5080 SIP/2.0"


def test_an_invite_in_an_unknown_dialog_reaches_no_phone() -> None:
    house = House(source=CONTACT)
    uri = registered(house.phone)

    house.trunk.asks("INVITE", uri, to_tag="made-up")

    assert house.heard() == ["trunk: SIP/2.0 481 Call/Transaction Does Not Exist"]


def test_an_upstream_still_may_not_call_numbers() -> None:
    house = House(source=CONTACT)
    registered(house.phone)

    calls_phone(house.trunk, f"sip:+13055550001@{GATE}")

    assert house.heard() == ["trunk: SIP/2.0 403 Forbidden"]


def test_a_draining_gate_takes_no_calls_to_phones() -> None:
    house = House(source=CONTACT)
    uri = registered(house.phone)
    house.parts.proxy.is_draining = True

    calls_phone(house.trunk, uri)

    assert house.heard() == ["trunk: SIP/2.0 503 Service Unavailable"]


def test_one_phone_calls_another_through_a_proxy_and_is_decided_once() -> None:
    house = House(source=CONTACT + '\nextensions = ["47xx"]')
    phone, other = natted(house), house.end("other", "10.1.0.9", 5060)
    uri = registered(other, "<sip:4712@192.168.7.7>", aor="sip:4712@pbx.example.com")
    registered(phone)
    phone.asks(
        "INVITE", f"sip:4712@{GATE}", headers=[f"Contact: <{PRIVATE}>"], call_id="x", branch="x"
    )
    house.writes()
    house.heard()
    asked = house.trunk.got_request("INVITE")
    vias = "\r\n".join(f"Via: {value.decode()}" for value in asked.values(b"via"))
    routes = [f"Record-Route: {value.decode()}" for value in asked.values(b"record-route")]
    house.trunk.asks(
        "INVITE",
        uri,
        to=f"sip:4712@{GATE}",
        call_id="x",
        via=f"Via: SIP/2.0/UDP 10.9.0.9:5080;branch=z9hG4bKpp\r\n{vias}",
        headers=[f"Contact: <{PRIVATE}>", *routes],
        max_forwards=69,
    )

    assert house.heard()[-1] == "other: INVITE sip:4712@192.168.7.7 SIP/2.0"
    other.answers(200, contact="sip:4712@192.168.7.7")
    house.heard()
    assert len(house.decisions) == 1
    assert house.decisions[0].direction == "outbound"
    answer = house.trunk.got_response(200, "INVITE")
    routes = [f"Route: {value.decode()}" for value in answer.values(b"record-route")]
    phone.asks(
        "BYE",
        "sip:4712@192.168.7.7",
        to_tag="t1",
        call_id="x",
        cseq=2,
        branch="y",
        headers=routes[::-1],
    )
    assert house.heard() == ["other: BYE sip:4712@192.168.7.7 SIP/2.0"]


def test_asserted_identity_is_kept_from_a_phone_where_the_caller_wants_privacy() -> None:
    house = House(source=CONTACT)
    phone = natted(house)
    uri = registered(phone)
    asserted = "P-Asserted-Identity: <sip:+493012345@x>"

    calls_phone(house.trunk, uri, headers=(asserted,))
    calls_phone(house.trunk, uri, headers=(asserted, "Privacy: id"), branch="p2", call_id="in2")
    house.writes()
    house.heard()

    first, second = [raw for raw in phone.got if raw.startswith(b"INVITE")]
    assert asserted.encode() in first
    assert asserted.encode() not in second


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_notify_in_the_subscription_of_a_phone_behind_nat_reaches_it(transport: str) -> None:
    house = House(source=CONTACT)
    phone = natted(house, transport)
    registered(phone)
    phone.asks("SUBSCRIBE", f"sip:4712@{GATE}", headers=[f"Contact: <{PRIVATE}>"], call_id="s")
    house.heard()
    house.trunk.answers(200, method="SUBSCRIBE")
    house.heard()

    house.trunk.back("NOTIFY", asked="SUBSCRIBE")

    assert house.heard() == [f"natted: NOTIFY {PRIVATE} SIP/2.0"]
    routes = [
        f"Route: {value.decode()}"
        for value in phone.got_response(200, "SUBSCRIBE").values(b"record-route")
    ]
    phone.asks(
        "SUBSCRIBE",
        "sip:callee@10.9.0.9:5080",
        to_tag="t1",
        call_id="s",
        cseq=2,
        branch="s2",
        headers=[f"Contact: <{PRIVATE}>", *routes[::-1]],
    )
    assert house.heard() == ["trunk: SUBSCRIBE sip:callee@10.9.0.9:5080 SIP/2.0"]


def test_a_call_of_a_phone_behind_nat_gets_its_requests_down_the_flow_that_it_used() -> None:
    """Without any registration: the active call keeps the caller's flow (design §6, NAT)."""
    house = House()
    phone = natted(house)
    phone.asks(
        "INVITE",
        f"sip:+13055550001@{GATE}",
        via="Via: SIP/2.0/UDP 192.168.1.5:5060;rport;branch=z9hG4bKn",
        headers=[f"Contact: <{PRIVATE}>"],
    )
    house.writes()
    house.heard()
    house.trunk.answers(200)
    assert house.heard() == ["natted: SIP/2.0 200 X"]
    phone.in_dialog("ACK", cseq=1, branch="na")
    house.heard()

    house.trunk.back("BYE")

    assert house.heard() == [f"natted: BYE {PRIVATE} SIP/2.0"]


def test_without_registrations_nothing_is_looked_up() -> None:
    house = House()

    calls_phone(house.pbx, f"sip:r{'0' * 24}@{GATE}")
    house.writes()

    assert house.heard()[-1].startswith("trunk: INVITE")


def test_nothing_is_left_when_all_has_ended() -> None:
    house = House(source=CONTACT)
    phone = natted(house)
    is_up(house, phone, house.trunk, registered(phone))
    house.trunk.in_dialog("BYE", uri=PRIVATE)
    house.heard()
    phone.answers(200, method="BYE")
    asked = registers(phone, f"<{PRIVATE}>;expires=0", cseq=2)
    house.trunk.answers(200, method="REGISTER", to=asked, contact=None)

    house.waits(100)

    assert house.leftovers() == {}
    assert header(asked, "expires") == "300"


def test_after_a_restart_a_phone_over_udp_is_reached() -> None:
    house = House(source=CONTACT)
    uri = registered(natted(house))
    after = house.restarts()

    calls_phone(after.trunk, uri)
    after.writes()

    assert after.heard()[-1] == f"10.1.0.8:40112: INVITE {PRIVATE} SIP/2.0"


def test_after_a_restart_a_phone_over_tcp_has_to_connect_again() -> None:
    house = House(source=CONTACT)
    uri = registered(natted(house, "tcp"))
    after = house.restarts()
    calls_phone(after.trunk, uri)
    assert after.heard() == ["trunk: SIP/2.0 430 Flow Failed"]

    registered(natted(after, "tcp"), cseq=2)
    calls_phone(after.trunk, uri, branch="p2")
    after.writes()

    assert after.heard()[-1] == f"natted: INVITE {PRIVATE} SIP/2.0"


def test_a_call_to_a_phone_that_was_up_before_a_restart_ends_as_it_should() -> None:
    house = House(source=CONTACT)
    phone = natted(house)
    is_up(house, phone, house.trunk, registered(phone))
    house.writes()
    after = house.restarts()

    after.trunk.in_dialog("BYE", uri=PRIVATE)

    assert after.heard() == [f"10.1.0.8:40112: BYE {PRIVATE} SIP/2.0"]


def test_a_cancel_after_a_restart_reaches_the_phone() -> None:
    house = House(source=CONTACT)
    phone = natted(house)
    uri = registered(phone)
    calls_phone(house.trunk, uri)
    house.writes()
    house.heard()
    sent = phone.got_request("INVITE")
    after = house.restarts()
    again = natted(after)

    after.trunk.asks(
        "CANCEL", uri, from_user="+493012345", from_tag="pf", call_id="in1", branch="p1"
    )

    assert after.heard() == [f"natted: CANCEL {PRIVATE} SIP/2.0"]
    assert again.got_request("CANCEL").via.branch == sent.via.branch


SIPS = "sips:4711@192.168.1.5:5061"


def test_a_sips_contact_is_reached_over_tls() -> None:
    house = House(source=CONTACT)
    phone = natted(house, "tls")
    uri = registered(phone, f"<{SIPS}>")

    calls_phone(house.trunk, uri)
    house.writes()

    assert house.heard()[-1] == f"natted: INVITE {SIPS} SIP/2.0"
    assert phone.got_request("INVITE").via.transport == b"TLS"


def test_a_sips_contact_is_not_reached_over_anything_else() -> None:
    """RFC 5630 §5.3."""
    house = House(source=CONTACT)
    uri = registered(natted(house), f"<{SIPS}>")

    calls_phone(house.trunk, uri)
    house.writes()

    assert house.heard()[-1] == "trunk: SIP/2.0 480 Temporarily Unavailable"
    [outcome] = house.outcomes
    assert (outcome.kind, outcome.status) == ("failed", 480)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_contact_says_how_the_gate_is_reached_from_upstream(transport: str) -> None:
    house = House(source=CONTACT, transport=transport)

    uri = registered(house.phone)

    assert uri.endswith("@10.0.0.1:5060" + (";transport=tcp" if transport == "tcp" else ""))
