"""When a running gate gives way to a new program, and when it doesn't."""

import asyncio
import os
import sys
from collections.abc import Sequence

import pytest
import uvloop
from structlog.testing import capture_logs

from sipgate.app import upgrade
from sipgate.app.upgrade import Upgrade
from sipgate.clock import VirtualClock
from sipgate.net import Network
from tests.proxy.house import House

FINE = (sys.executable, "-c", "")


def asked(check: Sequence[str], house: House) -> tuple[bool, list[dict[str, object]]]:
    """Ask a gate whose new program checks so; whether it gave way, and what it logged."""

    async def conversation() -> bool:
        stop = asyncio.Event()
        upgrading = Upgrade(check)
        async with Network(clock=VirtualClock()) as network:
            await network.listen("udp", "127.0.0.1", 0)
            await network.listen("tcp", "127.0.0.1", 0)
            work = asyncio.create_task(upgrading.run(house.parts, network, stop))
            upgrading.ask()
            with capture_logs() as logs:
                async with asyncio.timeout(20):
                    while not stop.is_set() and not any(  # noqa: ASYNC110 - a log has no event
                        line["event"] == "upgrade_refused" for line in logs
                    ):
                        await asyncio.sleep(0.01)
            told.extend(dict(line) for line in logs)
            work.cancel()
            await asyncio.wait([work])
        assert len(upgrading.descriptors) == (2 if stop.is_set() else 0)
        for descriptor in upgrading.descriptors:
            os.close(descriptor)
        return stop.is_set()

    told: list[dict[str, object]] = []
    return uvloop.run(conversation()), told


def test_a_program_that_would_start_gets_the_sockets() -> None:
    gave_way, logs = asked(FINE, House())
    assert gave_way
    assert {"event": "upgrade_started", "log_level": "info", "transactions": 0, "calls": 0} in logs


@pytest.mark.parametrize(
    ("check", "problem"),
    [
        pytest.param(
            (sys.executable, "-c", "raise SystemExit('gate.toml:1:1: nonsense')"),
            "gate.toml:1:1: nonsense",
            id="a mistake",
        ),
        pytest.param(
            (sys.executable, "-c", "raise SystemExit(2)"), "sipgate check ended with 2", id="mute"
        ),
        pytest.param(
            ("/nowhere/sipgate", "check"), "/nowhere/sipgate: No such file or directory", id="gone"
        ),
        pytest.param((), "this gate doesn't know its own command", id="no command"),
    ],
)
def test_a_program_that_would_not_start_is_refused(check: Sequence[str], problem: str) -> None:
    gave_way, logs = asked(check, House())
    assert not gave_way
    assert logs == [{"event": "upgrade_refused", "log_level": "error", "problem": problem}]


def test_while_calls_wait_for_the_disk_nobody_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade, "SETTLE_SECONDS", 0.05)
    house = House()
    house.phone.calls()
    gave_way, logs = asked(FINE, house)
    assert not gave_way
    assert [line["problem"] for line in logs] == ["calls wait for the disk"]


def test_a_check_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upgrade, "CHECK_SECONDS", 0.05)
    gave_way, logs = asked((sys.executable, "-c", "while True: pass"), House())
    assert not gave_way
    assert [line["problem"] for line in logs] == ["sipgate check doesn't end"]
