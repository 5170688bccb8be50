"""Phones that register through the gate at a Kamailio, and are called there."""

import importlib.util
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from .conversation import accept, ack, bye, invite, pause, request, response
from .house import House, house
from .kamailio_next import is_installed, kamailio_registrar
from .nat import nat
from .sipp import call

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not is_installed(), reason="Kamailio is not installed"),
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed"),
    pytest.mark.skipif(
        importlib.util.find_spec("pjsua2") is None, reason="pjsua2-python is not installed"
    ),
]

SECONDS = 60
HANGS_UP = [
    invite(),
    response(100, optional=True),
    response(180, optional=True),
    response(200, remember_route=True),
    ack(),
    pause(300),
    bye(),
    response(200),
]
IS_HUNG_UP_ON = [*HANGS_UP[:5], request("BYE"), accept()]


class Phone:
    """A PJSIP phone that is registered and waits for a call."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")  # PJSIP says hello first
        told = next((line for line in lines if line.startswith("{")), None)
        assert told, process.communicate(timeout=SECONDS)
        self.registered = json.loads(told)["registered"]

    def calls(self) -> list[dict[str, Any]]:
        """What became of its calls, once it has ended."""
        out, error = self.process.communicate(timeout=SECONDS)
        assert self.process.returncode == 0, error
        return cast(list[dict[str, Any]], json.loads(out.splitlines()[-1])["calls"])


@contextmanager
def phone(port: int, transport: str = "udp", does: str = "wait") -> Iterator[Phone]:
    """A phone with extension 4711 whose way to the gate begins at `port`."""
    script = Path(__file__).parent / "phone_pjsip.py"
    command = [sys.executable, str(script), str(port), "4711", transport, does]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield Phone(process)
    finally:
        process.kill()
        process.communicate()


def phones(gate: House) -> list[dict[str, Any]]:
    """What `sipgate phones` says once there is one."""
    until = time.monotonic() + 10
    while True:
        lines = gate.sipgate("phones", "--json").splitlines()
        if lines or time.monotonic() > until:
            return [cast(dict[str, Any], json.loads(line)) for line in lines]
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("does", "conversation", "ended_by"),
    [("wait", HANGS_UP, "caller"), ("wait-and-hang-up", IS_HUNG_UP_ON, "callee")],
    ids=["the caller hangs up", "the phone hangs up"],
)
def test_a_phone_behind_nat_is_called_through_the_hole_that_it_registered_by(
    tmp_path: Path, does: str, conversation: list[str], ended_by: str
) -> None:
    with (
        kamailio_registrar(tmp_path) as registrar,
        house(tmp_path, upstream_port=registrar, registrations="contact") as gate,
        nat(gate.port) as hole,
        phone(hole.inside_port, does=does) as pjsip,
    ):
        [known] = phones(gate)
        call(tmp_path, conversation, port=registrar, callee="4711", caller="4712")
        calls = pjsip.calls()
        [record] = gate.ended_calls(1)
    assert pjsip.registered == 200
    assert [one["answered"] for one in calls] == [True]
    assert known["flow"] == f"udp:127.0.0.1:{hole.outside_port}"
    assert known["nat"] is True
    assert (record["direction"], record["callee"]) == ("inbound", "4711")
    assert record["caller"] == "floor/4712"
    assert (record["outcome"]["kind"], record["outcome"]["ended_by"]) == ("answered", ended_by)


@pytest.mark.parametrize("registrations", ["contact", "path"])
def test_a_phone_over_tcp_is_called_down_its_connection(tmp_path: Path, registrations: str) -> None:
    with (
        kamailio_registrar(tmp_path) as registrar,
        house(tmp_path, upstream_port=registrar, registrations=registrations) as gate,
        phone(gate.port, "tcp") as pjsip,
    ):
        [known] = phones(gate)
        call(tmp_path, HANGS_UP, port=registrar, callee="4711", caller="4712")
        calls = pjsip.calls()
        [record] = gate.ended_calls(1)
        counts = json.loads(gate.sipgate("status", "--json"))["counts"]
    assert [one["answered"] for one in calls] == [True]
    assert (known["registrations"], known["flow"][:4]) == (registrations, "tcp:")
    assert record["outcome"]["kind"] == "answered"
    assert "paths_ignored" not in counts


def test_a_phone_is_called_after_the_gate_was_killed(tmp_path: Path) -> None:
    with (
        kamailio_registrar(tmp_path) as registrar,
        house(tmp_path, upstream_port=registrar, registrations="contact") as gate,
        nat(gate.port) as hole,
        phone(hole.inside_port) as pjsip,
    ):
        assert len(phones(gate)) == 1
        gate.gate.kill()
        gate.gate.start()
        call(tmp_path, HANGS_UP, port=registrar, callee="4711", caller="4712")
        calls = pjsip.calls()
        keep_alives = hole.keep_alives
    assert [one["answered"] for one in calls] == [True]
    assert keep_alives >= 1  # the first comes at once after a restart


def test_a_phone_that_has_hung_up_its_connection_is_not_there(tmp_path: Path) -> None:
    with (
        kamailio_registrar(tmp_path) as registrar,
        house(tmp_path, upstream_port=registrar, registrations="contact") as gate,
    ):
        with phone(gate.port, "tcp"):  # it is killed: nothing is unregistered
            assert len(phones(gate)) == 1
        gone = [invite(), response(100, optional=True), response(430)]
        call(tmp_path, gone, port=registrar, callee="4711", caller="4712")
