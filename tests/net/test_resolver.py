"""Host names, against a resolver that a test plays."""

import asyncio
import socket

import pytest

from sipgate.clock import VirtualClock
from sipgate.net import ResolveError, Resolver

IPV4 = (socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("198.51.100.10", 0))
IPV6 = (socket.AF_INET6, socket.SOCK_DGRAM, 17, "", ("2001:db8::1", 0, 0, 0))


class Answers:
    """Stands in for the loop's `getaddrinfo`."""

    def __init__(self, *rows: object, error: Exception | None = None) -> None:
        self.rows = list(rows)
        self.error = error
        self.asked = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        asyncio.get_running_loop().getaddrinfo = self  # type: ignore[method-assign, assignment]

    async def __call__(self, host: str, port: None, *, type: int) -> list[object]:
        self.asked += 1
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return self.rows


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("198.51.100.10", "198.51.100.10"),
        ("[2001:DB8:0::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
    ],
)
def test_a_numeric_host_is_known_at_once(host: str, address: str) -> None:
    assert Resolver(VirtualClock()).lookup(host) == address


def test_a_name_is_asked_once_and_again_after_a_minute() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        answers = Answers(IPV6, IPV4)
        resolver = Resolver(clock)
        assert resolver.lookup("gw.example.com") is None
        assert await resolver.resolve("gw.example.com") == "198.51.100.10"
        clock.advance(59)
        assert resolver.lookup("gw.example.com") == "198.51.100.10"
        assert await resolver.resolve("gw.example.com") == "198.51.100.10"
        assert answers.asked == 1
        clock.advance(2)
        assert resolver.lookup("gw.example.com") is None
        await resolver.resolve("gw.example.com")
        assert answers.asked == 2

    asyncio.run(scenario())


def test_a_name_with_ipv6_only_gives_that() -> None:
    async def scenario() -> str:
        Answers(IPV6)
        return await Resolver(VirtualClock()).resolve("six.example.com")

    assert asyncio.run(scenario()) == "2001:db8::1"


def test_many_who_ask_at_once_share_one_question() -> None:
    async def scenario() -> tuple[list[str], int]:
        answers = Answers(IPV4)
        answers.may_answer.clear()
        resolver = Resolver(VirtualClock())
        async with asyncio.TaskGroup() as tasks:
            asking = [tasks.create_task(resolver.resolve("gw.example.com")) for _ in range(3)]
            await asyncio.sleep(0)
            answers.may_answer.set()
        return [task.result() for task in asking], answers.asked

    assert asyncio.run(scenario()) == (["198.51.100.10"] * 3, 1)


def test_when_the_one_that_asks_is_cancelled_another_asks() -> None:
    async def scenario() -> tuple[str, int]:
        answers = Answers(IPV4)
        answers.may_answer.clear()
        resolver = Resolver(VirtualClock())
        async with asyncio.TaskGroup() as tasks:
            first = tasks.create_task(resolver.resolve("gw.example.com"))
            second = tasks.create_task(resolver.resolve("gw.example.com"))
            await asyncio.sleep(0)
            first.cancel()
            answers.may_answer.set()
        assert first.cancelled()
        return second.result(), answers.asked

    assert asyncio.run(scenario()) == ("198.51.100.10", 2)


def test_a_failure_says_why_and_is_kept_for_five_seconds() -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        answers = Answers(error=socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        resolver = Resolver(clock)
        with pytest.raises(ResolveError, match=r"^no\.example\.com: name or service not known$"):
            await resolver.resolve("no.example.com")
        with pytest.raises(ResolveError):
            await resolver.resolve("no.example.com")
        assert answers.asked == 1
        clock.advance(6)
        answers.error, answers.rows = None, [IPV4]
        assert await resolver.resolve("no.example.com") == "198.51.100.10"

    asyncio.run(scenario())
