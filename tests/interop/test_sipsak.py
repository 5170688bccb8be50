"""sipsak: pings, traces and trash."""

import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from bench.endpoints import HOST
from bench.far_end import far_end

from .conversation import ack, bye, invite, response
from .house import House, house
from .sipp import call

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("sipsak") is None, reason="sipsak is not installed"),
]


def four_digits() -> int:
    """A free port below 10000: sipsak 0.9.8 writes no more than four digits into its URI."""
    for port in range(5100, 9999):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            try:
                udp.bind((HOST, port))
            except OSError:
                continue
            return port
    raise AssertionError("no port below 10000 is free")


def sipsak(gate: House, *words: str, user: str = "") -> subprocess.CompletedProcess[str]:
    place = f"sip:{user}127.0.0.1:{gate.port}"
    command = ["sipsak", *words, "-s", place]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, errors="replace")


def test_a_ping_is_answered_by_the_gate(tmp_path: Path) -> None:
    with (
        far_end() as carrier,
        house(tmp_path, upstream_port=carrier.port, port=four_digits()) as gate,
    ):
        finished = sipsak(gate, "-vv")
    assert finished.returncode == 0, finished.stdout
    assert "SIP/2.0 200 OK" in finished.stdout
    assert carrier.seen("OPTIONS") == []


def test_a_trace_sees_the_gate_and_then_the_carrier(tmp_path: Path) -> None:
    """sipsak counts Max-Forwards up from 0: 483 comes from the gate, 200 from behind it."""
    with (
        far_end() as carrier,
        house(tmp_path, upstream_port=carrier.port, port=four_digits()) as gate,
    ):
        finished = sipsak(gate, "-T", user="+493020000001@")
    assert "483" in finished.stdout, finished.stdout
    assert len(carrier.seen("OPTIONS")) == 1


def test_trash_is_survived_and_calls_go_on(tmp_path: Path) -> None:
    with (
        far_end() as carrier,
        house(tmp_path, upstream_port=carrier.port, port=four_digits()) as gate,
    ):
        sipsak(gate, "-R", "-t", "200")
        call(
            tmp_path,
            [
                invite(),
                response(100, optional=True),
                response(180, optional=True),
                response(200, remember_route=True),
                ack(),
                bye(),
                response(200),
            ],
            port=gate.port,
        )
        [record] = gate.ended_calls(1)
    assert record["outcome"]["kind"] == "answered"
