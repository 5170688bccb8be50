"""TLS in the proxy: what Via and Record-Route say, sips, certificates as identity (design §6)."""

import pytest

from sipgate.proxy import Source, SourceTable

from .house import GATE, PHONE, TRUNK, House, header

CERTIFIED = 'match = ["10.1.0.0/16"]'


def test_a_call_to_a_tls_target_says_so_in_via_and_record_route() -> None:
    house = House(transport="tls")
    house.phone.calls()
    house.writes()
    house.heard()
    went = house.trunk.got_request("INVITE")
    assert went.via.transport == b"TLS"
    outward, inward = went.values(b"record-route")
    assert outward.endswith(b";transport=tls;lr>")
    assert b"transport" not in inward  # RFC 5658: two values, one for each side


def test_a_phone_on_tls_is_answered_on_its_connection() -> None:
    house = House(phone_transport="tls")
    house.call_up()
    house.trunk.back("BYE")
    assert house.heard()[-1].startswith("phone: BYE")
    assert house.phone.wire.transport == "tls"


def test_rfc_5630_5_3_sips_without_tls_gets_480_with_a_warning() -> None:
    house = House()
    house.phone.asks("INVITE", f"sips:+13055550001@{GATE}")
    house.writes()
    house.heard()
    assert header(house.phone.got_response(480), "warning") == '380 sipgate "SIPS needs TLS"'


def test_sips_goes_over_tls_with_sips_in_record_route() -> None:
    house = House(transport="tls", phone_transport="tls")
    house.phone.asks("INVITE", f"sips:+13055550001@{GATE}", headers=["Contact: <sips:a@10.1.0.7>"])
    house.writes()
    assert house.heard()[-1] == "trunk: INVITE sips:+13055550001@10.9.0.9:5080 SIP/2.0"
    values = house.trunk.got_request("INVITE").values(b"record-route")
    assert values
    assert all(value.startswith(b"<sips:") and b"transport" not in value for value in values)


def test_sips_goes_on_as_sip_where_the_operator_wants_it_and_is_counted() -> None:
    house = House(upstream='sips = "downgrade"')
    house.phone.asks("INVITE", f"sips:+13055550001@{GATE}", headers=["Contact: <sip:a@10.1.0.7>"])
    house.writes()
    assert house.heard()[-1] == "trunk: INVITE sip:+13055550001@10.9.0.9:5080 SIP/2.0"
    assert house.parts.counts["sips_downgraded"] == 1
    assert house.decisions[0].request_uri.startswith("sips:")
    assert (house.decisions[0].target or "").startswith("udp:")


def test_an_emergency_call_by_sips_goes_out_over_what_there_is() -> None:
    house = House()
    house.phone.asks("INVITE", f"sips:911@{GATE}", headers=["Contact: <sip:a@10.1.0.7>"])
    assert house.heard()[-1].startswith("trunk: INVITE ")


def test_a_certificate_is_an_identity() -> None:
    house = House(phone_transport="tls", identity='["tls", "from"]')
    house.phone.calls(call_id="c1", branch="x1")
    house.writes()
    house.phone.wire.peer_names = frozenset({"pbx.example.com"})
    house.phone.calls("+13055550002", call_id="c2", branch="x2")
    house.writes()
    assert [entry.caller for entry in house.decisions] == ["hq/4711", "hq/pbx.example.com"]


def test_a_source_is_found_by_its_certificate_whatever_its_address() -> None:
    house = House()
    known = house.parts.proxy._sources.named("hq")
    assert known is not None
    certified = Source(
        name="pbx-tls",
        networks=(),
        certificates=("PBX.example.com",),
        upstream="trunk",
        dial_plan=known.dial_plan,
    )
    table = SourceTable([known, certified])
    flow = house.end("pbx", PHONE, 40000, "tls").wire
    assert table.find_flow(flow) is known
    flow.peer_names = frozenset({"pbx.example.com"})
    assert table.find_flow(flow) is certified


@pytest.mark.parametrize("via_host", ["pbx.example.com", "other.example.com"])
def test_rfc_5923_a_connection_is_used_for_new_requests_where_alias_is_proven(
    via_host: str,
) -> None:
    house = House(phone_transport="tls")
    house.phone.wire.peer_names = frozenset({"pbx.example.com"})
    via = f"Via: SIP/2.0/TLS {via_host}:5061;branch=z9hG4bKx1;alias"
    house.phone.calls(via=via)
    reused = house.air.flow_to("tls", PHONE, 5061) is house.phone.wire
    assert reused is (via_host == "pbx.example.com")


def test_the_upstream_is_known_by_its_address_over_tls_too() -> None:
    house = House(transport="tls")
    house.end("trunk again", TRUNK, 39000, "tls").asks("OPTIONS", f"sip:{GATE}")
    assert house.heard() == ["trunk again: SIP/2.0 200 OK"]
