"""Kamailio on both sides of the gate: as the carrier's edge and as a PBX that forks."""

import shutil
from pathlib import Path

import pytest

from bench.endpoints import free_port
from bench.far_end import far_end

from .conversation import accept, ack, answer, bye, hang_up, invite, pause, request, response
from .house import house
from .kamailio_next import is_installed, kamailio_next
from .sipp import answering, call

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not is_installed(), reason="Kamailio is not installed"),
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed"),
]

PLACES_CALL = [
    invite(),
    response(100, optional=True),
    response(180, optional=True),
    response(200, remember_route=True),
    ack(),
    pause(300),
    bye(),
    response(200),
]
IS_CALLED_BACK = [
    invite(),
    response(100, optional=True),
    response(180, optional=True),
    response(200, remember_route=True),
    ack(),
    request("BYE"),
    accept(),
]
HANGS_UP = [
    request("INVITE", remember_route=True),
    answer(180, "Ringing"),
    answer(200, "OK"),
    request("ACK", keep_parties=True),
    pause(200),
    hang_up(),
    response(200),
]


def test_a_call_through_a_kamailio_behind_the_gate_ends_by_both_route_values(
    tmp_path: Path,
) -> None:
    edge_port = free_port()
    with (
        far_end() as carrier,
        kamailio_next(tmp_path, carrier.port, port=edge_port),
        house(tmp_path, upstream_port=edge_port) as gate,
    ):
        call(tmp_path, PLACES_CALL, port=gate.port)
        [record] = gate.ended_calls(1)
    [bye_seen] = carrier.seen("BYE")
    assert bye_seen.header("route") == ""  # both proxies took their own value off
    assert carrier.seen("INVITE")[0].raw.lower().count(b"record-route:") == 2
    assert (record["outcome"]["kind"], record["outcome"]["ended_by"]) == ("answered", "caller")


def test_a_callee_behind_a_kamailio_hangs_up_through_both(tmp_path: Path) -> None:
    callee_port, edge_port = free_port(), free_port()
    with (
        answering(tmp_path, HANGS_UP, port=callee_port),
        kamailio_next(tmp_path, callee_port, port=edge_port),
        house(tmp_path, upstream_port=edge_port) as gate,
    ):
        call(tmp_path, IS_CALLED_BACK, port=gate.port)
        [record] = gate.ended_calls(1)
    assert record["outcome"]["ended_by"] == "callee"


def test_a_call_through_a_kamailio_before_the_gate_is_decided_once(tmp_path: Path) -> None:
    with (
        far_end() as carrier,
        house(tmp_path, upstream_port=carrier.port) as gate,
        kamailio_next(tmp_path, gate.port) as pbx_port,
    ):
        call(tmp_path, PLACES_CALL, port=pbx_port)
        [record] = gate.ended_calls(1)
    assert (record["caller"], record["verdict"]) == ("floor/4711", "allow")
    assert len(carrier.seen("BYE")) == 1


def test_a_pbx_that_forks_to_two_numbers_makes_two_attempts(tmp_path: Path) -> None:
    """The same Call-ID and From tag, another callee: each is decided (design §5)."""
    with far_end() as carrier, house(tmp_path, upstream_port=carrier.port) as gate:
        carrier.statuses_by_user["+493020000002"] = 486
        with kamailio_next(tmp_path, gate.port, fork_to="+493020000002") as pbx_port:
            call(tmp_path, PLACES_CALL, port=pbx_port)
        records = gate.ended_calls(2)
    assert {record["callee"] for record in records} == {"+493020000001", "+493020000002"}
    kinds = {record["callee"]: record["outcome"]["kind"] for record in records}
    assert kinds["+493020000001"] == "answered"
    assert kinds["+493020000002"] in ("busy", "cancelled")  # the 200 may have come before the 486
