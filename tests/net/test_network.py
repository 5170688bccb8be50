"""Which listener, which flow; start and end."""

import asyncio
import socket

import pytest
import uvloop

from sipgate.clock import VirtualClock
from sipgate.net import ListenError, Network

from .recorder import Recorder

OPTIONS = b"OPTIONS sip:a@example.com SIP/2.0\r\n\r\n"


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_port_in_use_is_told_with_its_address(transport: str) -> None:
    async def scenario() -> int:
        async with Network(Recorder(), clock=VirtualClock()) as network:
            listener = await network.listen(transport, "127.0.0.1", 0)
            await network.listen(transport, "127.0.0.1", listener.port)
        return listener.port

    with pytest.raises(ListenError) as caught:
        uvloop.run(scenario())
    address, reason = caught.value.address, caught.value.reason
    port = int(address.rpartition(":")[2])
    assert address == f"{transport}:127.0.0.1:{port}"
    assert reason == f"port {port} is in use"


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("203.0.113.77", "203.0.113.77 is no address of this machine"),
        ("2001:db8::77", "2001:db8::77 is no address of this machine"),
        ("no.invalid", "no.invalid is no numeric address"),
    ],
)
def test_an_address_that_is_not_ours_is_told(host: str, reason: str) -> None:
    async def scenario() -> None:
        await Network(Recorder(), clock=VirtualClock()).listen("udp", host, 0)

    with pytest.raises(ListenError) as caught:
        uvloop.run(scenario())
    assert caught.value.reason == reason


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_what_arrives_before_the_start_is_handed_on_after_it(transport: str) -> None:
    async def scenario() -> list[bytes]:
        network = Network(clock=VirtualClock())
        listener = await network.listen(transport, "127.0.0.1", 0)
        kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        raw = OPTIONS.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
        with socket.socket(socket.AF_INET, kind) as phone:
            phone.connect(("127.0.0.1", listener.port))
            phone.send(raw)
            recorder = Recorder()
            network.receiver = recorder
            async with network:
                await recorder.until(lambda: recorder.packets)
        return recorder.packets

    assert uvloop.run(scenario()) == [
        OPTIONS.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
    ]


def test_a_wildcard_is_called_what_the_kernel_uses_towards_the_peer() -> None:
    async def scenario() -> None:
        async with Network(Recorder(), clock=VirtualClock()) as network:
            four = await network.listen("udp", "0.0.0.0", 0)
            six = await network.listen("udp", "::", four.port)  # does not take IPv4 away
            flow = network.flow_to("udp", "127.0.0.1", 5060)
            assert flow.local_sent_by == b"127.0.0.1:%d" % four.port
            flow = network.flow_to("udp", "::1", 5060)
            assert flow.listener is six
            assert flow.local_sent_by == b"[::1]:%d" % six.port
            assert network.flow_to("udp", "0:0::1", 5060) is flow
            assert (four.name, six.name) == (f"udp:0.0.0.0:{four.port}", f"udp:[::]:{six.port}")

    uvloop.run(scenario())


@pytest.mark.parametrize(
    ("advertise", "sent_by"),
    [
        ("gate.example.com:5060", b"gate.example.com:5060"),
        ("[2001:db8::1]:5061", b"[2001:db8::1]:5061"),
        ("198.51.100.1", b"198.51.100.1:PORT"),
        ("2001:db8::1", b"[2001:db8::1]:PORT"),
    ],
)
def test_what_is_advertised_is_said_to_everyone(advertise: str, sent_by: bytes) -> None:
    async def scenario() -> None:
        async with Network(Recorder(), clock=VirtualClock()) as network:
            listener = await network.listen("udp", "0.0.0.0", 0, advertise)
            expected = sent_by.replace(b"PORT", b"%d" % listener.port)
            assert listener.via_sent_by == expected
            assert network.flow_to("udp", "127.0.0.1", 5060).local_sent_by == expected

    uvloop.run(scenario())


def test_of_several_listeners_the_one_on_the_way_to_the_peer_is_taken() -> None:
    async def scenario() -> None:
        async with Network(Recorder(), clock=VirtualClock()) as network:
            other = await network.listen("udp", "127.0.0.2", 0)
            anywhere = await network.listen("udp", "0.0.0.0", 0)
            assert network.flow_to("udp", "127.0.0.1", 5060).listener is anywhere
            exact = await network.listen("udp", "127.0.0.1", 0)
            assert network.flow_to("udp", "127.0.0.3", 5060).listener is exact
            flow = network.flow_to("udp", "127.0.0.3", 5060, listener=other)
            assert flow.listener is other

    uvloop.run(scenario())


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_peer_of_a_family_that_nobody_listens_on_is_lost_when_used(transport: str) -> None:
    async def scenario() -> None:
        recorder = Recorder()
        async with Network(recorder, clock=VirtualClock()) as network:
            await network.listen(transport, "127.0.0.1", 0)
            flow = network.flow_to(transport, "2001:db8::1", 5060)
            assert not flow.is_open
            assert flow.transport == transport
            flow.send(OPTIONS)
            assert recorder.lost == []
            await recorder.until(lambda: recorder.lost)
            assert recorder.lost[0][0] is flow

    uvloop.run(scenario())


def test_a_name_is_no_address_to_send_to() -> None:
    async def scenario() -> None:
        async with Network(Recorder(), clock=VirtualClock()) as network:
            await network.listen("udp", "127.0.0.1", 0)
            with pytest.raises(OSError, match="illegal IP address"):
                network.flow_to("udp", "gate.example.com", 5060)

    uvloop.run(scenario())


def test_tcp_goes_out_where_only_udp_is_listened_on() -> None:
    async def scenario() -> None:
        received = asyncio.Event()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            received.set()
            writer.close()

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        async with server, Network(Recorder(), clock=VirtualClock()) as network:
            listener = await network.listen("udp", "127.0.0.1", 0)
            flow = network.flow_to("tcp", *server.sockets[0].getsockname())
            assert flow.transport == "tcp"
            assert flow.local_sent_by == listener.via_sent_by
            async with asyncio.timeout(10):
                await received.wait()

    uvloop.run(scenario())


async def others() -> set[asyncio.Task[object]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


def test_when_run_returns_nothing_of_the_network_is_left() -> None:
    async def scenario() -> None:
        recorder = Recorder()
        network = Network(recorder, clock=VirtualClock())
        listener = await network.listen("udp", "127.0.0.1", 0)
        await network.listen("tcp", "127.0.0.1", listener.port)
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(network.run())
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
                phone.sendto(OPTIONS, ("127.0.0.1", listener.port))
                await recorder.until(lambda: recorder.packets)
            await network.close()
            await running
        assert await others() == set()
        again = Network(recorder, clock=VirtualClock())
        await again.listen("udp", "127.0.0.1", listener.port)
        await again.listen("tcp", "127.0.0.1", listener.port)
        await again.close()

    uvloop.run(scenario())


def test_a_cancelled_network_lets_a_connection_go_that_was_being_made() -> None:
    async def scenario() -> None:
        recorder = Recorder()
        network = Network(recorder, clock=VirtualClock())
        await network.listen("tcp", "127.0.0.1", 0)
        with socket.socket() as deaf, socket.socket() as filler, socket.socket() as more:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            for sock in (filler, more):
                sock.setblocking(False)
                sock.connect_ex(deaf.getsockname())
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(network.run())
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                flow = network.flow_to("tcp", *deaf.getsockname())
                flow.send(OPTIONS)
                await asyncio.sleep(0)
                running.cancel()
            assert running.cancelled()
        assert not flow.is_open
        assert await others() == set()

    uvloop.run(scenario())


def test_an_error_inside_the_block_comes_out_as_it_is() -> None:
    async def scenario() -> None:
        async with Network(Recorder(), clock=VirtualClock()):
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        uvloop.run(scenario())
