"""Contacts on their way out and back: whatever a phone says, it gets its own words again."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipgate.proxy.flow_token import has_token_shape
from sipgate.sip import NameAddr, parse_name_addr, parse_uri

from .house import GATE, House
from .test_phone_sender import CONTACT, PATH

USER = st.text("abcXYZ0129-_.!~*'()&=+$,;?/%", min_size=1, max_size=8)
HOST = st.sampled_from(["192.168.1.5", "[2001:db8::5]", "phone.local", "10.1.0.7:5062"])
URI_PARAMS = st.sampled_from(["", ";ob", ";transport=tcp", ";rinstance=0f;line=x"])
SCHEME = st.sampled_from(["sip", "sips", "SIP", "tel", "mailto"])
DISPLAY = st.sampled_from(["", "Agent ", '"Agent, \\"4711\\" <sip:x@y>" ', '"" '])
PARAMS = st.sampled_from(
    ["", ";expires=60", ";q=0.5;expires=0", ';+sip.instance="<urn:uuid:1>"', ";reg-id=1;x"]
)


@st.composite
def contact(draw: st.DrawFn) -> str:
    """One Contact value, mostly right."""
    uri = f"{draw(SCHEME)}:{draw(USER)}@{draw(HOST)}{draw(URI_PARAMS)}"
    return f"{draw(DISPLAY)}<{uri}>{draw(PARAMS)}"


def facts(value: bytes) -> tuple[bytes, dict[bytes, bytes | None]]:
    """What must stay of a Contact."""
    read: NameAddr = parse_name_addr(value)
    return read.display, read.params


@given(st.lists(contact() | st.just("*") | st.text('<>"*;,:@sip.a1 \\', max_size=12), max_size=4))
@example(["<sip:a@192.168.1.5>", "<sip:a@192.168.1.5>;expires=0"])
@example(["sip:a@192.168.1.5;expires=60"])
def test_a_phone_gets_its_own_contacts_again(values: list[str]) -> None:
    house = House(source=CONTACT)
    lines = [f"Contact: {value}" for value in values]
    house.phone.asks("REGISTER", f"sip:{GATE}", to="sip:4711@x", headers=lines)
    [said] = house.heard()
    if said.startswith("phone: SIP/2.0 400"):
        return
    assert said == "trunk: REGISTER sip:10.9.0.9:5080 SIP/2.0"
    asked = house.trunk.got_request("REGISTER")
    out = asked.values(b"contact")
    own = [part.strip() for part in asked_for(values)]
    assert len(out) == len(own)
    for sent, value in zip(out, own, strict=True):
        if sent != value:
            assert facts(sent) == facts(value)
            uri = parse_uri(parse_name_addr(sent).uri)
            assert has_token_shape(uri.user or b"")
            assert (uri.host, uri.port) == (b"10.0.0.1", 5060)

    house.trunk.answers(
        200,
        method="REGISTER",
        contact=None,
        headers=[f"Contact: {value.decode()}" for value in out],
    )

    assert house.heard() == ["phone: SIP/2.0 200 X"]
    back = house.phone.got_response(200).values(b"contact")
    assert [_spelled(value) for value in back] == [_spelled(value) for value in own]
    assert house.parts.counts["messages_bad"] == 0


def asked_for(values: list[str]) -> list[bytes]:
    """The Contact values as the gate's own reader splits them."""
    house = House(source='registrations = "pass"')
    lines = [f"Contact: {value}" for value in values]
    house.phone.asks("REGISTER", f"sip:{GATE}", to="sip:4711@x", headers=lines)
    house.heard()
    return house.trunk.got_request("REGISTER").values(b"contact")


def _spelled(value: bytes) -> tuple[bytes, bytes, dict[bytes, bytes | None]]:
    if value == b"*":
        return value, b"", {}
    read = parse_name_addr(value)
    return read.display, read.uri, read.params


@given(st.lists(st.text('<>"*;,:@sipr.a10=expires \\', max_size=30), max_size=4), st.booleans())
@example(["<sip:r@x>;expires=99999999999999999999"], True)
@example(["<sip:"], False)
def test_whatever_a_registrar_says_the_phone_gets_its_answer(
    contacts: list[str], by_path: bool
) -> None:
    house = House(source=PATH if by_path else CONTACT)
    house.phone.asks(
        "REGISTER",
        f"sip:{GATE}",
        to="sip:4711@x",
        headers=["Contact: <sip:4711@10.1.0.7>", "Supported: path"],
    )
    house.heard()

    house.trunk.answers(
        200,
        method="REGISTER",
        contact=None,
        headers=[f"Contact: {value}" for value in contacts],
    )

    assert house.heard() == ["phone: SIP/2.0 200 X"]
    for binding in house.parts.bindings:
        assert binding.expires_at <= house.clock.now() + 30 * 86400


def test_another_scheme_in_to_names_a_phone_too() -> None:
    house = House(source=CONTACT)
    house.phone.asks(
        "REGISTER",
        f"sip:{GATE}",
        to="tel:+493012345",
        headers=["Contact: <sip:4711@10.1.0.7>"],
    )
    house.heard()
    asked = house.trunk.got_request("REGISTER")
    [value] = asked.values(b"contact")
    lines = [f"Contact: {value.decode()}"]
    house.trunk.answers(200, method="REGISTER", contact=None, headers=lines)
    uri = parse_name_addr(value).uri.decode()
    house.heard()

    house.trunk.asks("INVITE", uri, headers=["Contact: <sip:x@10.9.0.9:5080>"])
    house.writes()

    assert house.heard()[-1] == "phone: INVITE sip:4711@10.1.0.7 SIP/2.0"
    assert house.decisions[0].callee == "+493012345"


@pytest.mark.parametrize("aor", ["x", "urn:service:sos", "mailto:4711@x"])
def test_an_address_of_record_that_is_none_is_refused(aor: str) -> None:
    house = House(source=CONTACT)

    house.phone.asks("REGISTER", f"sip:{GATE}", to=aor, headers=["Contact: <sip:4711@10.1.0.7>"])

    assert house.heard()[0].startswith("phone: SIP/2.0 400")
    assert len(house.parts.bindings) == 0
