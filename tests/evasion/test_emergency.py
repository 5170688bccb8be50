"""Emergency marks on an ordinary number (design §18): only the Request-URI decides (§7)."""

import pytest

from tests.proxy.house import House

ORDINARY = "[{id: none, rate: {per: caller, limit: 0, window: day}, then: {reject: 403}}]"


@pytest.fixture
def closed() -> House:
    return House(ORDINARY)


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": ["Priority: emergency"]},
        {"headers": ["Resource-Priority: esnet.0"]},
        {"headers": ["Geolocation: <cid:here>", "Geolocation-Routing: yes"]},
        {"to": "urn:service:sos"},
        {"to": "sip:911@10.0.0.1"},
        {"from_user": "911"},
    ],
)
def test_marks_beside_the_request_uri_make_no_emergency(
    closed: House, fields: dict[str, object]
) -> None:
    closed.phone.calls(**fields)
    closed.writes()

    assert closed.heard()[-1].startswith("phone: SIP/2.0 403")
    assert not closed.decisions[-1].emergency


def test_an_emergency_urn_in_a_route_makes_no_emergency(closed: House) -> None:
    closed.phone.calls(headers=["Route: <urn:service:sos>"])

    closed.writes()
    assert closed.heard()[-1].startswith("phone: SIP/2.0 403")
    assert not closed.decisions[-1].emergency


@pytest.mark.parametrize(
    "user", ["9113055550001", "911#13055550001", "+1911", "13055550911", "911;phone-context=+1305"]
)
def test_a_number_that_begins_or_ends_like_an_emergency_is_none(closed: House, user: str) -> None:
    closed.phone.calls(user)
    closed.writes()

    lines = closed.heard()
    assert not any(line.startswith("trunk: INVITE") and "911@" not in line for line in lines)
    for entry in closed.decisions:
        assert entry.verdict == "reject" or entry.emergency


@pytest.mark.parametrize("user", ["911,13055550001", "911p13055550001", "911;ext=13055550001"])
def test_nothing_beside_the_emergency_number_goes_out(closed: House, user: str) -> None:
    closed.phone.calls(user)
    closed.writes()

    for line in closed.heard():
        assert "13055550001" not in line.partition("sip:")[2].partition(" ")[0]


def test_an_emergency_host_makes_no_emergency(closed: House) -> None:
    closed.phone.asks("INVITE", "sip:+13055550001@911", headers=["Contact: <sip:a@10.1.0.7>"])
    closed.writes()

    assert closed.heard()[-1].startswith("phone: SIP/2.0 403")


def test_the_tags_of_an_emergency_call_open_no_way_to_a_number(closed: House) -> None:
    closed.phone.calls("911")
    closed.heard()
    closed.trunk.answers(200)
    closed.heard()

    closed.phone.in_dialog("INVITE", branch="r1", uri="sip:+13055550001@192.0.2.200")
    closed.writes()

    assert closed.heard()[-1].startswith("phone: SIP/2.0 403")
    assert (closed.decisions[-1].callee, closed.decisions[-1].verdict) == ("+13055550001", "reject")


@pytest.mark.parametrize("rest", ["", ", <sip:192.0.2.200;lr>"])
def test_the_token_of_an_emergency_call_with_a_made_up_tag_opens_none_either(
    closed: House, rest: str
) -> None:
    closed.phone.calls("911")
    closed.heard()
    closed.trunk.answers(200)
    closed.heard()
    token = closed.trunk.got_request("INVITE").values(b"record-route")[0].decode()

    closed.phone.asks(
        "INVITE",
        "sip:+13055550001@192.0.2.200",
        to_tag="made-up",
        cseq=9,
        branch="r1",
        headers=[f"Route: {token}{rest}", "Contact: <sip:4711@10.1.0.7>"],
    )
    closed.writes()

    assert closed.heard()[-1].startswith("phone: SIP/2.0 403")


def test_a_reinvite_of_an_emergency_call_goes_to_its_party(closed: House) -> None:
    closed.phone.calls("911")
    closed.heard()
    closed.trunk.answers(200, contact="sip:+13055559999@10.9.0.9:5080")
    closed.heard()

    closed.phone.in_dialog("INVITE", branch="r1", uri="sip:+13055559999@10.9.0.9:5080")

    assert closed.heard()[-1] == "trunk: INVITE sip:+13055559999@10.9.0.9:5080 SIP/2.0"
