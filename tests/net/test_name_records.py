"""Names asked of a real name server, over a real socket."""

import asyncio
from pathlib import Path

import pytest

import sipgate.net.name_records as name_records
from sipgate.net.location import Naptr, Srv
from sipgate.net.name_records import LookupFailed, MachineRecords, hosts_in

from .zone import Zone, serving

NO_HOSTS = Path("/dev/null")


def test_records_are_read_with_the_time_that_they_hold() -> None:
    async def scenario() -> None:
        zone = Zone(
            'example.com. 600 IN NAPTR 10 20 "s" "SIP+D2U" "" _sip._udp.example.com.',
            "_sip._udp.example.com. 120 IN SRV 1 2 5062 gw.example.com.",
            "gw.example.com. 60 IN A 192.0.2.1",
            "gw.example.com. 30 IN AAAA 2001:db8::1",
        )
        async with serving(zone) as resolver:
            records = MachineRecords(NO_HOSTS, resolver)
            assert await records.naptr("example.com") == (
                [Naptr(10, 20, "s", "SIP+D2U", "_sip._udp.example.com")],
                600.0,
            )
            assert await records.srv("_sip._udp.example.com") == (
                [Srv(1, 2, 5062, "gw.example.com")],
                120.0,
            )
            assert await records.addresses("gw.example.com") == (
                ["192.0.2.1", "2001:db8::1"],
                30.0,
            )

    asyncio.run(scenario())


def test_no_such_name_is_an_answer() -> None:
    async def scenario() -> None:
        async with serving(Zone("a.example. 1 IN A 192.0.2.1")) as resolver:
            records = MachineRecords(NO_HOSTS, resolver)
            assert (await records.addresses("b.example"))[0] == []
            assert (await records.srv("a.example"))[0] == []

    asyncio.run(scenario())


def test_silence_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_records, "ASK_SECONDS", 0.3)

    async def scenario() -> None:
        zone = Zone()
        zone.is_silent = True
        async with serving(zone) as resolver:
            with pytest.raises(LookupFailed, match="no answer from a name server"):
                await MachineRecords(NO_HOSTS, resolver).addresses("a.example")

    asyncio.run(scenario())


def test_a_name_that_no_dns_message_can_hold_fails_in_words() -> None:
    async def scenario() -> None:
        async with serving(Zone()) as resolver:
            with pytest.raises(LookupFailed):
                await MachineRecords(NO_HOSTS, resolver).addresses("a" * 70 + ".example")

    asyncio.run(scenario())


def test_the_hosts_file_comes_first(tmp_path: Path) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text(
        "# comment\n2001:db8::7 gw\n192.0.2.7\tgw GW.example.com # more\nnonsense gw\n\n"
    )

    async def scenario() -> None:
        zone = Zone()
        async with serving(zone) as resolver:
            found, _ = await MachineRecords(hosts, resolver).addresses("gw")
        assert found == ["192.0.2.7", "2001:db8::7"]
        assert zone.asked == []

    asyncio.run(scenario())
    assert hosts_in(hosts, "gw.example.com.") == ["192.0.2.7"]
    assert hosts_in(tmp_path / "none", "gw") == []
