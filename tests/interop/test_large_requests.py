"""A request that is too large for UDP goes over TCP, or over UDP after all (design §6): SIPp."""

import shutil
from pathlib import Path

import pytest

from bench.endpoints import free_port

from .conversation import accept, ack, answer, bye, invite, pause, request, response
from .house import house
from .sipp import answering, call

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed"),
]

LARGE = [
    invite(extra=f"X-Large: {'x' * 1200}\n"),
    response(100, optional=True),
    response(180),
    response(200, remember_route=True),
    ack(),
    pause(100),
    bye(),
    response(200),
]
ANSWERS = [
    request("INVITE", remember_route=True),
    answer(180, "Ringing"),
    answer(200, "OK"),
    request("ACK"),
    request("BYE"),
    accept(),
]


@pytest.mark.parametrize("transport", ["tcp", "udp"], ids=["listening", "refusing"])
def test_a_large_invite_to_a_udp_target_goes_over_tcp_where_it_listens(
    tmp_path: Path, transport: str
) -> None:
    """Who refuses TCP gets it over UDP."""
    port = free_port()
    with (
        answering(tmp_path, ANSWERS, port=port, transport=transport) as callee,
        house(tmp_path, upstream_port=port, more='large-requests = "tcp"') as gate,
    ):
        call(tmp_path, LARGE, port=gate.port)
        [record] = gate.ended_calls(1)
    assert record["outcome"]["kind"] == "answered"
    [asked] = callee.received("INVITE")
    assert f"Via: SIP/2.0/{transport.upper()} " in asked
