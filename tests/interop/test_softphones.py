"""Softphones register, call, hang up and meet their limit through a real gate."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from bench.far_end import FarEnd, far_end

from .house import house

pytestmark = pytest.mark.interop

PHONE_SECONDS = 60

needs_pjsip = pytest.mark.skipif(
    importlib.util.find_spec("pjsua2") is None, reason="pjsua2-python is not installed"
)
needs_pyvoip = pytest.mark.skipif(
    importlib.util.find_spec("pyVoIP") is None, reason="pyVoIP is not installed"
)


@needs_pjsip
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_pjsip_registers_calls_and_hangs_up(tmp_path: Path, transport: str) -> None:
    with far_end() as carrier, house(tmp_path, upstream_port=carrier.port) as gate:
        told = use_phone("phone_pjsip.py", gate.port, "4711", transport, "+493020000001")
        [record] = gate.ended_calls(1)
    assert told["registered"] == 200
    assert [call["answered"] for call in told["calls"]] == [True]
    assert carrier.seen("REGISTER")[0].header("contact").count("4711@127.0.0.1")
    assert len(call_ids(carrier, "BYE")) == 1
    assert (record["caller"], record["verdict"]) == ("floor/4711", "allow")
    assert record["outcome"]["kind"] == "answered"
    assert record["outcome"]["ended_by"] == "caller"


@needs_pjsip
def test_pjsip_is_told_why_it_is_refused(tmp_path: Path) -> None:
    numbers = [f"+4930200000{n:02}" for n in range(3)]
    with far_end() as carrier, house(tmp_path, upstream_port=carrier.port, limit=2) as gate:
        told = use_phone("phone_pjsip.py", gate.port, "4711", "udp", *numbers)
        records = gate.ended_calls(3)
    assert [call["answered"] for call in told["calls"]] == [True, True, False]
    assert told["calls"][2]["status"] == 403
    assert told["calls"][2]["reason"] == "limit of 2 calls reached"
    assert [record["verdict"] for record in records] == ["allow", "allow", "reject"]
    assert len(call_ids(carrier, "INVITE")) == 2


@needs_pjsip
def test_what_microsip_sends_arrives_unchanged(tmp_path: Path) -> None:
    with far_end() as carrier, house(tmp_path, upstream_port=carrier.port) as gate:
        use_phone("phone_pjsip.py", gate.port, "4711", "udp", "+493020000001")
    invite = carrier.seen("INVITE")[0]
    assert invite.header("user-agent") == "MicroSIP/3.21.3"
    assert invite.header("supported").startswith("replaces, 100rel, timer")
    assert invite.uri == f"sip:+493020000001@127.0.0.1:{carrier.port}"
    assert b"\r\ns=pjmedia\r\n" in invite.raw


@needs_pyvoip
def test_pyvoip_registers_calls_and_hangs_up(tmp_path: Path) -> None:
    with far_end() as carrier, house(tmp_path, upstream_port=carrier.port) as gate:
        told = use_phone("phone_pyvoip.py", gate.port, "4712", "+493020000001")
        [record] = gate.ended_calls(1)
    assert told == {"registered": True, "states": ["ANSWERED"]}
    assert len(call_ids(carrier, "REGISTER")) == 1
    assert len(call_ids(carrier, "BYE")) == 1
    assert (record["caller"], record["outcome"]["kind"]) == ("floor/4712", "answered")


@needs_pyvoip
def test_the_ack_of_pyvoip_arrives_though_its_to_tag_is_wrong(tmp_path: Path) -> None:
    """RFC 6026 §7.1: what matches the INVITE's transaction in Accepted goes to the core."""
    with far_end() as carrier, house(tmp_path, upstream_port=carrier.port) as gate:
        use_phone("phone_pyvoip.py", gate.port, "4712", "+493020000001")
    assert len(call_ids(carrier, "ACK")) == 1


@needs_pyvoip
def test_pyvoip_meets_its_limit(tmp_path: Path) -> None:
    with far_end() as carrier, house(tmp_path, upstream_port=carrier.port, limit=1) as gate:
        told = use_phone("phone_pyvoip.py", gate.port, "4712", "+493020000001", "+493020000002")
        records = gate.ended_calls(2)
    assert told["states"] == ["ANSWERED", "DIALING"]
    assert [record["verdict"] for record in records] == ["allow", "reject"]
    assert len(call_ids(carrier, "INVITE")) == 1


def use_phone(script: str, port: int, *words: str) -> dict[str, Any]:
    """Run a phone to its end; what it told in its last line."""
    command = [sys.executable, str(Path(__file__).parent / script), str(port), *words]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=PHONE_SECONDS)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return cast(dict[str, Any], json.loads(finished.stdout.splitlines()[-1]))


def call_ids(carrier: FarEnd, method: str) -> set[str]:
    """The Call-IDs of a method's requests, so that repeats count once."""
    return {request.call_id for request in carrier.seen(method)}
