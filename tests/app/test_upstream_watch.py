"""Targets by name: where they lead, and what happens when nobody says."""

import asyncio
from pathlib import Path
from typing import cast

from structlog.testing import capture_logs

from sipgate.app.upstream_watch import UpstreamWatch, targets_known
from sipgate.clock import VirtualClock
from sipgate.config import Config, load_config
from sipgate.net import Resolver
from sipgate.proxy import Prober, Upstream
from tests.net.test_resolver import Records

TEXT = """
[gate]
policy = "policy.yaml"
[[listen]]
address = "127.0.0.1:0"
[[source]]
name = "hq"
match = ["10.0.0.0/8"]
[[upstream]]
name = "carrier"
targets = ["sip:gw.example:5070", "sip:192.0.2.9"]
"""


class NoProbes:
    def follow(self, upstream: Upstream, now: float) -> None:
        pass


def config(folder: Path) -> Config:
    (folder / "policy.yaml").touch()
    (folder / "sipgate.toml").write_text(TEXT)
    return load_config(folder / "sipgate.toml", {})


def watch(folder: Path, records: Records) -> tuple[UpstreamWatch, Upstream, VirtualClock]:
    settings, clock = config(folder), VirtualClock()
    resolver = Resolver(clock, records)
    upstream = Upstream(
        name="carrier", targets=targets_known(settings.upstream[0].targets, resolver)
    )
    prober = cast(Prober, NoProbes())
    made = UpstreamWatch(settings, {"carrier": upstream}, resolver, prober, clock)
    return made, upstream, clock


def keys(upstream: Upstream) -> list[str]:
    return [target.key.decode() for target in upstream.targets]


def test_numeric_targets_are_there_at_once_and_names_come_in_their_place(tmp_path: Path) -> None:
    async def scenario() -> None:
        records = Records()
        records.hosts["gw.example"] = ["192.0.2.1", "192.0.2.2"]
        made, upstream, _ = watch(tmp_path, records)
        assert keys(upstream) == ["udp:192.0.2.9:5060"]
        wait = await made.resolve()
        assert keys(upstream) == [
            "udp:192.0.2.1:5070",
            "udp:192.0.2.2:5070",
            "udp:192.0.2.9:5060",
        ]
        assert upstream.targets[0].uri_hostport == b"gw.example:5070"
        assert 290 < wait < 300

    asyncio.run(scenario())


def test_a_name_that_leads_nowhere_is_told_once_and_asked_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        records = Records()
        records.error = "no answer"
        made, upstream, clock = watch(tmp_path, records)
        with capture_logs() as logs:
            assert await made.resolve() == 5.0
            clock.advance(6)
            await made.resolve()
        assert [line["event"] for line in logs] == ["target_unresolved"]
        assert keys(upstream) == ["udp:192.0.2.9:5060"]
        records.error = None
        records.hosts["gw.example"] = ["192.0.2.1"]
        clock.advance(6)
        await made.resolve()
        assert keys(upstream)[0] == "udp:192.0.2.1:5070"

    asyncio.run(scenario())


def test_where_a_name_led_before_is_better_than_nowhere(tmp_path: Path) -> None:
    async def scenario() -> None:
        records = Records()
        records.hosts["gw.example"] = ["192.0.2.1"]
        made, upstream, clock = watch(tmp_path, records)
        await made.resolve()
        clock.advance(1000)
        records.hosts.clear()
        await made.resolve()
        assert keys(upstream)[0] == "udp:192.0.2.1:5070"

    asyncio.run(scenario())


def test_the_start_does_not_wait_for_silent_name_servers(tmp_path: Path) -> None:
    async def scenario() -> None:
        records = Records()
        records.may_answer.clear()
        made, _, _ = watch(tmp_path, records)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(made.run())
            await made.wait_first(0.05)
            running.cancel()

    asyncio.run(scenario())


def test_a_death_is_told(tmp_path: Path) -> None:
    _, upstream, _ = watch(tmp_path, Records())
    with capture_logs() as logs:
        upstream.failed(upstream.targets[0].key, 1.0)
        upstream.heard(upstream.targets[0].key, 200, 2.0)
    assert [line["event"] for line in logs] == ["target_died", "target_revived"]
