"""Sockets that outlive the network that opened them."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from sipgate.clock import SystemClock, VirtualClock
from sipgate.net import InheritedSockets, Network, inherit
from sipgate.net.inherited import FIRST_DESCRIPTOR, MOST_DESCRIPTORS, bequeathed

from .authority import Authority
from .recorder import WAIT_SECONDS, Recorder
from .test_tls import believer, connect, server

OPTIONS = b"OPTIONS sip:a@example.com SIP/2.0\r\n\r\n"
WHOLE = (
    b"OPTIONS sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\nFrom: <sip:a@h>;t"
    b"ag=1\r\nTo: <sip:b@h>\r\nCSeq: 1 OPTIONS\r\nCall-ID: 1\r\nContent-Length: 0\r\n\r\n"
)


@pytest.fixture
def bound() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


async def handed_over(network: Network) -> InheritedSockets:
    """What a network leaves behind, as its successor finds it."""
    descriptors = network.hand_over()
    await network.close()
    return InheritedSockets(socket.socket(fileno=descriptor) for descriptor in descriptors)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_datagram_that_arrives_between_two_programs_is_handled_by_the_second(host: str) -> None:
    async def conversation() -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        before, after = Recorder(), Recorder()
        with socket.socket(family, socket.SOCK_DGRAM) as phone:
            phone.settimeout(WAIT_SECONDS)
            async with Network(before, clock=VirtualClock()) as network:
                port = (await network.listen("udp", host, 0)).port
                phone.sendto(OPTIONS, (host, port))
                await before.until(lambda: before.packets)
                left = await handed_over(network)
            phone.sendto(b"NEXT", (host, port))
            after.on_packet = lambda raw, flow: flow.send(b"answer")
            async with Network(after, clock=VirtualClock(), inherited=left) as network:
                await network.listen("udp", host, port)
                assert len(left) == 0
                await after.until(lambda: after.packets)
                raw, sender = phone.recvfrom(100)
        assert (before.packets, after.packets) == ([OPTIONS], [b"NEXT"])
        assert (raw, sender[1]) == (b"answer", port)

    uvloop.run(conversation())


def test_a_connection_that_is_made_between_two_programs_is_accepted_by_the_second() -> None:
    async def conversation() -> None:
        after = Recorder()
        async with Network(Recorder(), clock=VirtualClock()) as network:
            port = (await network.listen("tcp", "127.0.0.1", 0)).port
            left = await handed_over(network)
        with socket.create_connection(("127.0.0.1", port)) as phone:
            phone.sendall(WHOLE)
            async with Network(after, clock=VirtualClock(), inherited=left) as network:
                await network.listen("tcp", "127.0.0.1", port)
                await after.until(lambda: after.packets)
        assert after.packets == [WHOLE]

    uvloop.run(conversation())


def test_a_tls_listener_is_handed_over_too(tmp_path: Path) -> None:
    async def conversation() -> None:
        after = Recorder()
        authority = Authority(tmp_path)
        tls = server(authority)
        async with Network(Recorder(), clock=SystemClock()) as network:
            port = (await network.listen("tls", "127.0.0.1", 0, tls=tls)).port
            left = await handed_over(network)
        async with Network(after, clock=SystemClock(), inherited=left) as network:
            listener = await network.listen("tls", "127.0.0.1", port, tls=tls)
            _, writer = await connect(listener, believer(authority))
            writer.write(WHOLE)
            await after.until(lambda: after.packets)
            writer.close()
            await after.until(lambda: after.lost)
        assert after.packets == [WHOLE]

    uvloop.run(conversation())


def test_what_is_handed_over_is_not_read_any_more() -> None:
    async def conversation() -> None:
        before = Recorder()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            async with Network(before, clock=VirtualClock()) as network:
                port = (await network.listen("udp", "127.0.0.1", 0)).port
                descriptors = network.hand_over()
                phone.sendto(OPTIONS, ("127.0.0.1", port))
                await network.close()
        (descriptor,) = descriptors
        with socket.socket(fileno=descriptor) as left:
            assert left.recv(100) == OPTIONS
        assert before.packets == []

    uvloop.run(conversation())


def test_a_socket_goes_to_the_listener_of_its_transport_and_address(bound: socket.socket) -> None:
    host, port = bound.getsockname()
    sockets = InheritedSockets([bound.dup()])
    assert sockets.take("tcp", host, port) is None
    assert sockets.take("udp", "127.0.0.2", port) is None
    assert sockets.take("udp", host, port + 1) is None
    found = sockets.take("udp", host, port)
    assert found is not None
    found.close()
    assert sockets.take("udp", host, port) is None


def test_an_ipv6_address_is_found_in_any_spelling() -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.bind(("::1", 0))
        sockets = InheritedSockets([sock.dup()])
        found = sockets.take("udp", "0:0:0:0:0:0:0:1", sock.getsockname()[1])
    assert found is not None
    found.close()


def test_what_nobody_takes_is_closed(bound: socket.socket) -> None:
    copy = bound.dup()
    sockets = InheritedSockets([copy])
    sockets.close()
    assert (len(sockets), copy.fileno()) == (0, -1)


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"LISTEN_FDS": "1", "LISTEN_PID": "1"}, id="for another process"),
        pytest.param({"LISTEN_FDS": "many", "LISTEN_PID": str(os.getpid())}, id="no number"),
        pytest.param({"LISTEN_FDS": "1"}, id="for nobody"),
    ],
)
def test_what_is_for_nobody_here_is_left_alone(environ: dict[str, str]) -> None:
    assert len(inherit(environ)) == 0
    assert environ == {}


def test_a_copy_for_the_successor_lies_above_where_it_finds_its_sockets(
    bound: socket.socket,
) -> None:
    copy = bequeathed(bound.fileno())
    assert copy >= FIRST_DESCRIPTOR + MOST_DESCRIPTORS
    assert not os.get_inheritable(copy)
    os.close(copy)
