"""What a request to an upstream says (design §6): all that came, but for what the gate owns."""

import pytest

from .house import GATE, PHONE, House, header

ODD = [
    "x-Odd-Header :   two  spaces ",
    'Subject: "quoted, with comma"; a=b',
    "s: compact, not subject",
    "Supported: 100rel,\r\n  timer,\ttdialog",
    "Allow: INVITE",
    "Allow: ACK",
]
BODY = "v=0\r\no=- 1 1 IN IP4 x\r\n\x00\x7f\r\n\r\nend"


def forwarded(house: House, method: str = "INVITE") -> list[str]:
    """The lines of what the trunk got."""
    house.writes()
    house.heard()
    return house.trunk.got_request(method).raw.decode().split("\r\n")


def test_all_that_the_gate_does_not_own_leaves_byte_for_byte() -> None:
    house = House(upstream='tags = "none"')
    raw = house.phone.asks("INVITE", "sip:+13055550001@elsewhere.example", headers=ODD, body=BODY)
    lines = forwarded(house)
    came = raw.decode().split("\r\n")
    assert lines[0] == came[0]
    assert lines[1].startswith("Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK")
    assert lines[2].startswith("Record-Route: <sip:")
    assert lines[2].endswith("@10.0.0.1:5060;lr>")
    assert lines[3:6] == ["Max-Breadth: 60", came[1], "Max-Forwards: 69"]
    assert lines[6:] == came[3:]


@pytest.mark.parametrize(
    ("came", "went"),
    [
        (f"sip:+13055550001@{GATE}", "sip:+13055550001@10.9.0.9:5080"),
        (
            f"sip:%2B13055550001;x=y@{GATE};user=phone",
            "sip:%2B13055550001;x=y@10.9.0.9:5080;user=phone",
        ),
        ("sip:1:secret@10.0.0.1", "sip:1:secret@10.9.0.9:5080"),
        ("sip:1@GATE.example.com;p=1", "sip:1@10.9.0.9:5080;p=1"),
        ("sip:1@elsewhere.example", "sip:1@elsewhere.example"),
        ("sip:1@10.0.0.1:5099", "sip:1@10.0.0.1:5099"),
        ("tel:+1-305-555-0001;ext=5", "tel:+1-305-555-0001;ext=5"),
    ],
)
def test_only_the_gates_own_host_in_the_request_uri_is_rewritten(came: str, went: str) -> None:
    house = House(gate='aliases = ["gate.example.com"]')
    house.phone.asks("INVITE", came)
    assert forwarded(house)[0] == f"INVITE {went} SIP/2.0"


def test_the_gates_headers_of_a_caller_are_removed() -> None:
    house = House()
    house.phone.calls(headers=["X-SipGate-Verdict: allow", "x-sipgate-anything: 1", "X-SipGat: 2"])
    lines = forwarded(house)
    assert [line for line in lines if "gat" in line.lower() and line[0] in "xX"] == [
        "X-SipGat: 2",
        'X-SipGate-Verdict: allow; decision="gate-1-1"',
    ]


def test_a_gate_in_front_may_send_them() -> None:
    house = House(source="accept-tags = true", upstream='tags = "none"')
    house.phone.calls(headers=["X-SipGate-Verdict: tag"])
    assert "X-SipGate-Verdict: tag" in forwarded(house)


@pytest.mark.parametrize(
    ("tags", "line"),
    [
        ("id", 'allow; decision="gate-1-1"'),
        ("full", 'allow; decision="gate-1-1"; rule=""; policy="test"'),
        ("none", None),
    ],
)
def test_the_verdict_says_as_much_as_configured(tags: str, line: str | None) -> None:
    house = House(upstream=f'tags = "{tags}"')
    house.phone.calls()
    forwarded(house)
    assert header(house.trunk.got_request("INVITE"), "x-sipgate-verdict") == line


@pytest.mark.parametrize("method", ["REGISTER", "MESSAGE", "SUBSCRIBE", "BYE"])
def test_no_other_request_gets_tags(method: str) -> None:
    house = House()
    house.phone.asks(method, f"sip:1@{GATE}", headers=["X-SipGate-Verdict: allow"])
    assert not [line for line in forwarded(house, method) if line.startswith("X-SipGate")]


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_an_untrusted_source_asserts_nothing(method: str) -> None:
    house = House()
    house.phone.asks(
        method,
        f"sip:+13055550001@{GATE}",
        headers=[
            "P-Asserted-Identity: <sip:a@b>",
            "P-Asserted-Identity: <tel:+1>",
            "P-Preferred-Identity: <sip:c@d>",
        ],
    )
    assert not [line for line in forwarded(house, method) if line.startswith("P-")]


def test_a_trusted_source_asserts() -> None:
    house = House()
    house.pbx.calls(headers=["P-Asserted-Identity: <sip:4712@pbx>", "Privacy: id"])
    assert "P-Asserted-Identity: <sip:4712@pbx>" in forwarded(house)
    assert house.decisions[0].caller == "pbx/4712"


def test_an_untrusted_upstream_does_not_see_what_is_private() -> None:
    house = House(upstream="trusted = false")
    house.pbx.calls(headers=["P-Asserted-Identity: <sip:4712@pbx>", "Privacy: id"])
    assert not [line for line in forwarded(house) if line.startswith("P-")]


# Routes


def test_a_route_to_the_upstream_is_kept() -> None:
    house = House()
    house.phone.calls(headers=["Route: <sip:10.0.0.1:5060;lr>, <sip:10.9.0.9:5080;lr>"])
    assert "Route: <sip:10.9.0.9:5080;lr>" in forwarded(house)


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "REGISTER"])
def test_a_route_round_the_upstream_gets_403(method: str) -> None:
    house = House()
    house.phone.asks(method, f"sip:+13055550001@{GATE}", headers=["Route: <sip:192.0.2.1;lr>"])
    house.writes()
    assert house.heard()[-1] == "phone: SIP/2.0 403 Route set not allowed"
    assert [entry.verdict for entry in house.decisions] == ["reject"] * (method == "INVITE")


def test_a_route_that_goes_on_from_the_upstream_gets_403() -> None:
    house = House()
    house.phone.calls(headers=["Route: <sip:10.9.0.9:5080;lr>", "Route: <sip:192.0.2.1;lr>"])
    house.writes()
    assert house.heard()[-1] == "phone: SIP/2.0 403 Route set not allowed"


def test_a_source_that_may_route_keeps_its_route_but_goes_to_the_upstream() -> None:
    house = House(source="routes = true")
    house.phone.calls(headers=["Route: <sip:192.0.2.1;lr>"])
    assert "Route: <sip:192.0.2.1;lr>" in forwarded(house)


# Other requests


@pytest.mark.parametrize("method", ["REGISTER", "OPTIONS", "MESSAGE", "SUBSCRIBE", "PUBLISH"])
def test_other_requests_go_to_the_upstream(method: str) -> None:
    house = House()
    house.phone.asks(method, "sip:someone@192.0.2.77")
    assert house.heard() == [f"trunk: {method} sip:someone@192.0.2.77 SIP/2.0"]
    house.trunk.answers(200, method=method)
    assert house.heard() == ["phone: SIP/2.0 200 X"]


@pytest.mark.parametrize(
    ("method", "recorded"),
    [
        ("INVITE", True),
        ("SUBSCRIBE", True),
        ("REFER", True),
        ("NOTIFY", True),
        ("REGISTER", False),
        ("MESSAGE", False),
    ],
)
def test_what_makes_a_dialog_is_record_routed(method: str, recorded: bool) -> None:
    house = House()
    house.phone.asks(method, f"sip:+13055550001@{GATE}")
    forwarded(house, method)
    assert (house.trunk.got_request(method).first(b"record-route") is not None) is recorded


def test_our_record_route_comes_before_those_of_others() -> None:
    house = House()
    house.phone.calls(headers=[f"Record-Route: <sip:{PHONE};lr>"])
    forwarded(house)
    values = house.trunk.got_request("INVITE").values(b"record-route")
    assert len(values) == 2
    assert values[1] == f"<sip:{PHONE};lr>".encode()


def test_registrations_can_be_refused() -> None:
    house = House(source='registrations = "refuse"')
    house.phone.asks("REGISTER", f"sip:{GATE}")
    assert house.heard() == ["phone: SIP/2.0 403 Registration not allowed"]


def test_a_message_to_sips_gets_480() -> None:
    house = House()
    house.phone.asks("MESSAGE", f"sips:1@{GATE}")
    assert [line[:18] for line in house.heard()] == ["phone: SIP/2.0 480"]


def test_a_spiral_keeps_the_tags_that_it_left_with() -> None:
    house = House(
        '[{id: t, rate: {per: caller, limit: 0, window: 1h}, then: {tag: {X-Alert: "yes"}}}]'
    )
    house.phone.calls()
    sent = "\r\n".join(forwarded(house)).replace(
        "\r\n", "\r\nVia: SIP/2.0/UDP 10.2.0.2:5060;branch=z9hG4bKp\r\n", 1
    )
    house.pbx.sends(sent.replace("INVITE sip:+1305", "INVITE sip:1305", 1))
    house.heard()
    again = house.trunk.got_request("INVITE")
    assert len(again.values(b"via")) == 4
    assert again.values(b"x-alert") == [b"yes"]
    assert len(again.values(b"x-sipgate-verdict")) == 1
