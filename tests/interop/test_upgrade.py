"""An upgrade under load: SIGUSR2 puts a new program in the gate's place, and no call fails."""

import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from .conversation import accept, ack, answer, bye, invite, pause, request, response
from .house import House, house
from .sipp import answering, call

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed"),
]

CALLS, RATE = 1200, 40
UPGRADE_SECONDS = 40.0

PLACES_CALL = [
    invite(),
    response(100, optional=True),
    response(180, optional=True),  # not repeated, so a full buffer of SIPp's may lose it
    response(200, remember_route=True),
    ack(),
    pause(1500),
    bye(),
    response(200),
]
ANSWERS = [
    request("INVITE", remember_route=True),
    answer(180, "Ringing"),
    pause(300),
    answer(200, "OK"),
    request("ACK"),
    request("BYE"),
    accept(),
    pause(3000),  # a BYE that comes again is answered again (RFC 3261 §17.2.2)
]


def upgrade(here: House, starts: int) -> None:
    """Ask for an upgrade and wait until the gate has started that often."""
    os.kill(here.gate.pid, signal.SIGUSR2)
    until = time.monotonic() + UPGRADE_SECONDS
    while here.log().count('"gate_started"') < starts:
        assert time.monotonic() < until, here.log()[-3000:]
        time.sleep(0.05)


def test_two_upgrades_under_load_lose_no_call(tmp_path: Path) -> None:
    with (
        house(tmp_path, limit=10_000) as here,
        answering(tmp_path, ANSWERS, port=here.upstream_port, calls=None),
        ThreadPoolExecutor(1) as pool,
    ):
        pid = here.gate.pid
        calling = pool.submit(
            call,
            tmp_path,
            PLACES_CALL,
            port=here.port,
            calls=CALLS,
            options=["-r", str(RATE), "-buff_size", "4000000"],
            seconds=120,
        )
        time.sleep(1.5)
        upgrade(here, starts=2)
        time.sleep(1.5)
        upgrade(here, starts=3)
        assert not calling.done()
        calling.result()
        assert here.gate.pid == pid
        calls = here.ended_calls(CALLS)
        assert len(calls) == CALLS
        assert {(one["verdict"], one["outcome"]["kind"]) for one in calls} == {
            ("allow", "answered")
        }
        assert {one["outcome"]["ended_by"] for one in calls} == {"caller"}


def test_a_configuration_that_would_not_start_is_refused_and_the_gate_goes_on(
    tmp_path: Path,
) -> None:
    with house(tmp_path) as here:
        good = here.gate.configuration.read_text()
        here.gate.configuration.write_text(good + "\n[nonsense]\n")
        os.kill(here.gate.pid, signal.SIGUSR2)
        until = time.monotonic() + UPGRADE_SECONDS
        while "upgrade_refused" not in here.log():
            assert time.monotonic() < until, here.log()[-3000:]
            time.sleep(0.05)
        assert "nonsense" in here.log()
        here.gate.configuration.write_text(good)
        with answering(tmp_path, ANSWERS, port=here.upstream_port, calls=None):
            call(tmp_path, PLACES_CALL, port=here.port)
        assert here.log().count('"gate_started"') == 1
