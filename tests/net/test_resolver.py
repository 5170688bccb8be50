"""Locating servers (RFC 3263), against records that a test plays."""

import asyncio
from random import Random

import pytest

from sipgate.clock import VirtualClock
from sipgate.net import LookupFailed, Place, ResolveError, Resolver, Wish
from sipgate.net.location import Naptr, Srv
from sipgate.net.name_records import Answer


class Records:
    """What DNS says, by hand."""

    def __init__(self) -> None:
        self.naptrs: dict[str, list[Naptr]] = {}
        self.srvs: dict[str, list[Srv]] = {}
        self.hosts: dict[str, list[str]] = {}
        self.seconds = 300.0
        self.asked: list[str] = []
        self.error: str | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def naptr(self, name: str) -> Answer[Naptr]:
        await self._asked("NAPTR " + name)
        return self.naptrs.get(name, []), self.seconds

    async def srv(self, name: str) -> Answer[Srv]:
        await self._asked("SRV " + name)
        return self.srvs.get(name, []), self.seconds

    async def addresses(self, name: str) -> Answer[str]:
        await self._asked("A " + name)
        return self.hosts.get(name, []), self.seconds

    async def _asked(self, what: str) -> None:
        self.asked.append(what)
        await self.may_answer.wait()
        if self.error is not None:
            raise LookupFailed(self.error)


def located(records: Records, wish: Wish, *spoken: str) -> list[str]:
    async def scenario() -> list[str]:
        resolver = Resolver(
            VirtualClock(), records, spoken=spoken or ("udp", "tcp", "tls"), random=Random(1)
        )
        found = await resolver.locate(wish)
        return [f"{place.transport}:{place.host}:{place.port}" for place in found.places]

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("198.51.100.10", "198.51.100.10"),
        ("[2001:DB8:0::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_numeric_host_is_known_at_once(host: str, address: str) -> None:
    assert Resolver(VirtualClock(), Records()).lookup(host) == address


@pytest.mark.parametrize(
    ("wish", "place"),
    [
        (Wish("192.0.2.1"), "udp:192.0.2.1:5060"),
        (Wish("192.0.2.1", 5070), "udp:192.0.2.1:5070"),
        (Wish("192.0.2.1", 0, "tcp"), "tcp:192.0.2.1:5060"),
        (Wish("192.0.2.1", 0, "tls"), "tls:192.0.2.1:5061"),
        (Wish("192.0.2.1", is_secure=True), "tls:192.0.2.1:5061"),
    ],
)
def test_rfc_3263_4_2_a_numeric_host_needs_no_dns(wish: Wish, place: str) -> None:
    records = Records()

    assert located(records, wish) == [place]
    assert records.asked == []


def test_rfc_3263_4_2_with_a_port_only_addresses_are_asked() -> None:
    records = Records()
    records.hosts["gw.example"] = ["192.0.2.1", "192.0.2.2"]

    assert located(records, Wish("gw.example", 5070)) == [
        "udp:192.0.2.1:5070",
        "udp:192.0.2.2:5070",
    ]
    assert records.asked == ["A gw.example"]


def test_rfc_3263_4_1_naptr_then_srv_then_addresses() -> None:
    records = Records()
    records.naptrs["example.com"] = [
        Naptr(10, 1, "s", "SIP+D2T", "_sip._tcp.example.com"),
        Naptr(20, 1, "s", "SIP+D2U", "_sip._udp.example.com"),
    ]
    records.srvs["_sip._tcp.example.com"] = [Srv(2, 0, 5070, "b.x"), Srv(1, 0, 5060, "a.x")]
    records.srvs["_sip._udp.example.com"] = [Srv(1, 0, 5060, "a.x")]
    records.hosts.update({"a.x": ["192.0.2.1"], "b.x": ["192.0.2.2"]})

    assert located(records, Wish("example.com")) == [
        "tcp:192.0.2.1:5060",
        "tcp:192.0.2.2:5070",
        "udp:192.0.2.1:5060",
    ]


def test_rfc_3263_4_1_without_naptr_srv_is_asked_for_each_transport() -> None:
    records = Records()
    records.srvs["_sip._tcp.example.com"] = [Srv(1, 0, 5062, "a.x")]
    records.hosts["a.x"] = ["192.0.2.1"]

    assert located(records, Wish("example.com")) == ["tcp:192.0.2.1:5062"]
    assert "SRV _sips._tcp.example.com" not in records.asked


def test_rfc_3263_4_2_without_any_srv_the_host_itself_is_taken() -> None:
    records = Records()
    records.hosts["example.com"] = ["192.0.2.1"]

    assert located(records, Wish("example.com")) == ["udp:192.0.2.1:5060"]
    assert located(records, Wish("example.com", 0, "tcp")) == ["tcp:192.0.2.1:5060"]


def test_rfc_3263_4_1_a_sips_uri_asks_for_tls_only() -> None:
    records = Records()
    records.srvs["_sips._tcp.example.com"] = [Srv(1, 0, 5071, "a.x")]
    records.hosts["a.x"] = ["192.0.2.1"]

    assert located(records, Wish("example.com", is_secure=True)) == ["tls:192.0.2.1:5071"]
    assert "SRV _sip._udp.example.com" not in records.asked


def test_a_host_that_offers_nothing_that_we_speak_leads_nowhere() -> None:
    records = Records()
    records.naptrs["example.com"] = [Naptr(1, 1, "s", "SIPS+D2T", "_sips._tcp.example.com")]
    records.hosts["example.com"] = ["192.0.2.1"]

    with pytest.raises(ResolveError, match="no server by a transport of ours"):
        located(records, Wish("example.com"), "udp", "tcp")


def test_naptr_records_of_something_else_do_not_count() -> None:
    records = Records()
    records.naptrs["example.com"] = [Naptr(1, 1, "u", "E2U+email", ".")]
    records.hosts["example.com"] = ["192.0.2.1"]

    assert located(records, Wish("example.com")) == ["udp:192.0.2.1:5060"]


def test_a_name_is_asked_again_when_its_time_is_up() -> None:
    async def scenario() -> None:
        clock, records = VirtualClock(), Records()
        records.hosts["gw.example"] = ["192.0.2.1"]
        records.seconds = 60.0
        resolver = Resolver(clock, records)
        assert resolver.lookup("gw.example") is None
        assert await resolver.resolve("gw.example") == "192.0.2.1"
        clock.advance(59)
        assert resolver.lookup("gw.example") == "192.0.2.1"
        assert len(records.asked) == 1
        clock.advance(2)
        assert resolver.lookup("gw.example") is None
        records.hosts["gw.example"] = ["192.0.2.9"]
        assert await resolver.resolve("gw.example") == "192.0.2.9"

    asyncio.run(scenario())


def test_many_who_ask_at_once_share_one_question() -> None:
    async def scenario() -> tuple[list[str], int]:
        records = Records()
        records.hosts["gw.example"] = ["192.0.2.1"]
        records.may_answer.clear()
        resolver = Resolver(VirtualClock(), records)
        async with asyncio.TaskGroup() as tasks:
            asking = [tasks.create_task(resolver.resolve("gw.example")) for _ in range(3)]
            await asyncio.sleep(0)
            records.may_answer.set()
        return [task.result() for task in asking], len(records.asked)

    assert asyncio.run(scenario()) == (["192.0.2.1"] * 3, 1)


def test_when_the_one_that_asks_is_cancelled_another_asks() -> None:
    async def scenario() -> tuple[str, int]:
        records = Records()
        records.hosts["gw.example"] = ["192.0.2.1"]
        records.may_answer.clear()
        resolver = Resolver(VirtualClock(), records)
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(resolver.resolve("gw.example"))
            second = tasks.create_task(resolver.resolve("gw.example"))
            await asyncio.sleep(0.01)
            first.cancel()
            records.may_answer.set()
        assert first.cancelled()
        return second.result(), len(records.asked)

    assert asyncio.run(scenario()) == ("192.0.2.1", 2)


def test_a_failure_says_why_and_is_kept_for_five_seconds() -> None:
    async def scenario() -> None:
        clock, records = VirtualClock(), Records()
        resolver = Resolver(clock, records)
        with pytest.raises(ResolveError, match=r"^no\.example: no such host name"):
            await resolver.resolve("no.example")
        with pytest.raises(ResolveError):
            await resolver.resolve("no.example")
        assert len(records.asked) == 1
        clock.advance(6)
        records.hosts["no.example"] = ["192.0.2.1"]
        assert await resolver.resolve("no.example") == "192.0.2.1"

    asyncio.run(scenario())


def test_rfc_8767_while_the_name_servers_are_silent_what_they_said_last_holds() -> None:
    async def scenario() -> None:
        clock, records = VirtualClock(), Records()
        records.hosts["gw.example"] = ["192.0.2.1"]
        resolver = Resolver(clock, records)
        await resolver.resolve("gw.example")
        clock.advance(3600)
        records.error = "no answer"
        assert await resolver.resolve("gw.example") == "192.0.2.1"
        assert resolver.located(Wish("gw.example", 1, "udp")) is not None
        with pytest.raises(ResolveError, match="no answer"):
            await resolver.resolve("other.example")

    asyncio.run(scenario())


def test_a_host_with_very_many_servers_gives_only_some() -> None:
    records = Records()
    records.hosts["gw.example"] = [f"10.0.{n // 250}.{n % 250}" for n in range(1000)]

    assert len(located(records, Wish("gw.example"))) == 32


def test_places_tell_what_they_are() -> None:
    async def scenario() -> Place:
        records = Records()
        records.hosts["gw.example"] = ["2001:db8::1"]
        found = await Resolver(VirtualClock(), records).locate(Wish("gw.example", 5062, "tcp"))
        return found.places[0]

    assert asyncio.run(scenario()) == Place("tcp", "2001:db8::1", 5062)
