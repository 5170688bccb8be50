"""UDP over real sockets on uvloop."""

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvloop
from structlog.testing import capture_logs

from sipgate.clock import VirtualClock
from sipgate.net import Counts, Flow, Listener, NetLimits, Network
from sipgate.net.datagrams import ManyAtOnce, Message
from sipgate.net.delivery import Delivery
from sipgate.net.listener import open_socket
from sipgate.net.local_addresses import LocalAddresses
from sipgate.net.udp import BATCH_PACKETS, UdpSocket

from .recorder import WAIT_SECONDS, Recorder

OPTIONS = b"OPTIONS sip:a@example.com SIP/2.0\r\n\r\n"
ACK = b"ACK sip:a@example.com SIP/2.0\r\n\r\n"


def peer(host: str = "127.0.0.1") -> socket.socket:
    """A plain socket that stands for a phone."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.settimeout(WAIT_SECONDS)
    sock.bind((host, 0))
    return sock


@asynccontextmanager
async def udp_socket(
    recorder: Recorder, limits: NetLimits | None = None
) -> AsyncIterator[UdpSocket]:
    """One open socket without its reader."""
    clock = VirtualClock()
    sock = open_socket("udp", "127.0.0.1", 0)
    listener = Listener(
        "udp", *sock.getsockname(), advertise=None, local_addresses=LocalAddresses(clock)
    )
    delivery = Delivery(recorder, Counts(), VirtualClock())
    udp = UdpSocket(sock, listener, delivery, limits or NetLimits(), clock, lambda raw: True)
    await udp.open()
    try:
        yield udp
    finally:
        udp.close()
        await asyncio.sleep(0)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_answer_goes_back_down_the_flow_that_the_question_came_on(host: str) -> None:
    async def conversation() -> tuple[bytes, int, int]:
        recorder = Recorder()
        async with Network(recorder, clock=VirtualClock()) as network:
            listener = await network.listen("udp", host, 0)
            recorder.on_packet = lambda raw, flow: flow.send(b"answer to " + raw)
            with peer(host) as phone:
                phone.sendto(OPTIONS, (host, listener.port))
                await recorder.until(lambda: recorder.packets)
                flow = recorder.flows[0]
                assert (flow.host, flow.port) == phone.getsockname()[:2]
                assert flow.host_bytes == host.encode()
                assert (flow.transport, flow.reliable, flow.is_open) == ("udp", False, True)
                raw, address = phone.recvfrom(65535)
                return raw, address[1], listener.port

    raw, sent_from, listening_on = uvloop.run(conversation())
    assert raw == b"answer to " + OPTIONS
    assert sent_from == listening_on


def test_the_same_peer_is_the_same_flow_whoever_asks() -> None:
    async def conversation() -> None:
        recorder = Recorder()
        async with Network(recorder, clock=VirtualClock()) as network:
            listener = await network.listen("udp", "127.0.0.1", 0)
            with peer() as phone, peer() as other:
                for sock in (phone, other, phone):
                    sock.sendto(OPTIONS, ("127.0.0.1", listener.port))
                await recorder.until(lambda: len(recorder.packets) == 3)
                first, second, third = recorder.flows
                assert first is third
                assert first is not second
                assert network.flow_to("udp", *phone.getsockname()) is first
                assert first.name == f"udp:127.0.0.1:{phone.getsockname()[1]}"

    uvloop.run(conversation())


def test_an_exception_for_one_packet_is_logged_and_the_next_is_handled() -> None:
    def fail_once(raw: bytes, flow: Flow) -> None:
        assert raw != b"BROKEN", "as planned"

    async def conversation() -> Network:
        recorder = Recorder()
        recorder.on_packet = fail_once
        async with Network(recorder, clock=VirtualClock()) as network:
            listener = await network.listen("udp", "127.0.0.1", 0)
            with peer() as phone:
                phone.sendto(b"BROKEN", ("127.0.0.1", listener.port))
                phone.sendto(OPTIONS, ("127.0.0.1", listener.port))
                await recorder.until(lambda: OPTIONS in recorder.packets)
        return network

    with capture_logs() as logs:
        network = uvloop.run(conversation())
    assert (network.counts.packets, network.counts.failed) == (2, 1)
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["packet_failed"]


def test_keep_alives_are_no_packets() -> None:
    async def conversation() -> Network:
        recorder = Recorder()
        async with Network(recorder, clock=VirtualClock()) as network:
            listener = await network.listen("udp", "127.0.0.1", 0)
            with peer() as phone:
                for raw in (b"\r\n\r\n", b"\0", b"\r\n", OPTIONS):
                    phone.sendto(raw, ("127.0.0.1", listener.port))
                await recorder.until(lambda: recorder.packets)
            assert recorder.packets == [OPTIONS]
        return network

    assert uvloop.run(conversation()).counts.keep_alives == 3


async def packets_per_turn(packet_seconds: float) -> list[int]:
    """How many of 300 waiting datagrams are handled in each turn of the loop."""
    recorder = Recorder()
    clock = VirtualClock()
    loop = asyncio.get_running_loop()
    turns = [0]

    def next_turn() -> None:
        turns.append(0)
        if len(recorder.packets) < 300:
            loop.call_soon(next_turn)

    def count(raw: bytes, flow: Flow) -> None:
        clock.advance(packet_seconds)
        turns[-1] += 1

    recorder.on_packet = count
    network = Network(recorder, clock=clock)
    listener = await network.listen("udp", "127.0.0.1", 0)
    with peer() as phone:
        for number in range(300):
            phone.sendto(b"%d" % number * 5, ("127.0.0.1", listener.port))
    async with network:
        loop.call_soon(next_turn)
        await recorder.until(lambda: len(recorder.packets) == 300)
    assert recorder.packets == [b"%d" % number * 5 for number in range(300)]
    return [handled for handled in turns if handled]


def test_cheap_packets_share_a_turn_of_the_loop_but_not_all_of_them() -> None:
    turns = uvloop.run(packets_per_turn(packet_seconds=0.0))
    assert max(turns) <= BATCH_PACKETS + 32  # so many does libuv read in a turn
    assert len(turns) < 10


def test_dear_packets_give_the_loop_a_turn_after_three_milliseconds() -> None:
    turns = uvloop.run(packets_per_turn(packet_seconds=0.0006))
    assert max(turns) <= 2 + 5  # what came in the turn, and what had waited


def test_over_the_limit_the_oldest_are_shed_but_none_that_must_be_spared() -> None:
    async def flood() -> tuple[list[bytes], Counts]:
        recorder = Recorder()
        network = Network(recorder, clock=VirtualClock(), limits=NetLimits(udp_queue_packets=16))
        listener = await network.listen("udp", "127.0.0.1", 0)
        with peer() as phone:
            for raw in [*[OPTIONS, ACK] * 10, *[OPTIONS] * 9, b"last one"]:
                phone.sendto(raw, ("127.0.0.1", listener.port))
        async with network:
            await recorder.until(lambda: recorder.packets[-1:] == [b"last one"])
        return recorder.packets, network.counts

    packets, counts = uvloop.run(flood())
    assert packets.count(ACK) == 10
    assert counts.shed > 10
    assert len(packets) + counts.shed == 30


def test_who_floods_with_what_must_be_spared_is_shed_all_the_same() -> None:
    async def flood() -> Counts:
        recorder = Recorder()
        network = Network(recorder, clock=VirtualClock(), limits=NetLimits(udp_queue_packets=4))
        listener = await network.listen("udp", "127.0.0.1", 0)
        with peer() as phone:
            for raw in [*[ACK] * 29, b"last one"]:
                phone.sendto(raw, ("127.0.0.1", listener.port))
        async with network:
            await recorder.until(lambda: recorder.packets[-1:] == [b"last one"])
        return network.counts

    assert uvloop.run(flood()).shed > 10


def test_the_age_of_the_queue_is_how_long_the_next_datagram_has_waited() -> None:
    async def conversation() -> list[float]:
        recorder = Recorder()
        clock = VirtualClock()
        network = Network(recorder, clock=clock)
        ages = []

        def slow(raw: bytes, flow: Flow) -> None:
            ages.append(network.queue_age_seconds())
            clock.advance(0.25)

        recorder.on_packet = slow
        listener = await network.listen("udp", "127.0.0.1", 0)
        with peer() as phone:
            for _ in range(4):
                phone.sendto(OPTIONS, ("127.0.0.1", listener.port))
        async with network:
            await recorder.until(lambda: len(recorder.packets) == 4)
            ages.append(network.queue_age_seconds())
        return ages

    ages = uvloop.run(conversation())
    assert ages == [0.0, 0.0, 0.25, 0.0, 0.0]


def test_an_error_for_one_peer_is_told_later_and_once_and_stops_nobody_else() -> None:
    async def conversation() -> tuple[list[tuple[Flow, str]], Flow, bytes]:
        recorder = Recorder()
        async with Network(recorder, clock=VirtualClock()) as network:
            await network.listen("udp", "127.0.0.1", 0)
            forbidden = network.flow_to("udp", "255.255.255.255", 5060)  # needs SO_BROADCAST
            with peer() as phone:
                forbidden.send(OPTIONS)
                forbidden.send(OPTIONS)
                network.flow_to("udp", *phone.getsockname()).send(ACK)
                assert recorder.lost == []
                await recorder.until(lambda: recorder.lost)
                await asyncio.sleep(0)
                return recorder.lost, forbidden, phone.recv(65535)

    lost, forbidden, received = uvloop.run(conversation())
    assert [flow for flow, _ in lost] == [forbidden]
    assert lost[0][1] == "permission denied"
    assert received == ACK


def test_errors_without_a_peer_are_counted_and_stop_no_datagram() -> None:
    async def conversation() -> Counts:
        recorder = Recorder()
        async with udp_socket(recorder) as udp, asyncio.TaskGroup() as tasks:
            readers = [tasks.create_task(udp.run()), tasks.create_task(udp.watch_errors())]
            with peer() as phone:
                for number in range(3):
                    udp._stream._excq.put_nowait(ConnectionRefusedError(errno.ECONNREFUSED, "no"))
                    phone.sendto(b"packet %d" % number, ("127.0.0.1", udp.listener.port))
                await recorder.until(lambda: len(recorder.packets) == 3)
                udp._stream._excq.put_nowait(ConnectionRefusedError(errno.ECONNREFUSED, "no"))
                phone.sendto(b"packet 3", ("127.0.0.1", udp.listener.port))
                await recorder.until(lambda: len(recorder.packets) == 4)
            for reader in readers:
                reader.cancel()
            return udp._delivery.counts

    assert uvloop.run(conversation()).udp_errors == 4


class FullSocket(socket.socket):
    """A socket without room for another datagram."""

    def sendto(self, *_: object) -> int:
        raise BlockingIOError(errno.EAGAIN, "full")


@pytest.mark.parametrize("is_built", [False, True], ids=["singly", "many at once"])
def test_a_full_kernel_buffer_makes_a_datagram_wait_and_a_full_queue_loses_it(
    is_built: bool,
) -> None:
    def full(descriptor: int, messages: list[Message], start: int, /) -> tuple[int, int]:
        return start, errno.EAGAIN

    async def conversation() -> tuple[bytes, list[tuple[Flow, str]]]:
        recorder = Recorder()
        async with udp_socket(recorder) as udp:
            udp._many = ManyAtOnce(lambda descriptor, most: [], full) if is_built else None
            with FullSocket(fileno=os.dup(udp.fileno())) as sock, peer() as phone:
                udp._socket = sock
                flow = udp.flow(phone.getsockname())
                flow.send(OPTIONS)
                await asyncio.sleep(0.01)
                received = phone.recv(65535)
                flow.send(b"x" * ((1 << 20) + 1))
                await recorder.until(lambda: recorder.lost)
                return received, recorder.lost

    received, lost = uvloop.run(conversation())
    assert received == OPTIONS
    assert len(lost) == 1


def test_what_is_sent_in_a_turn_goes_out_in_order() -> None:
    async def conversation() -> list[bytes]:
        recorder = Recorder()
        async with Network(recorder, clock=VirtualClock()) as network:
            listener = await network.listen("udp", "127.0.0.1", 0)
            recorder.on_packet = lambda raw, flow: flow.send(b"to " + raw)
            with peer() as phone:
                for number in range(100):
                    phone.sendto(b"packet %d" % number, ("127.0.0.1", listener.port))
                await recorder.until(lambda: len(recorder.packets) == 100)
                await asyncio.sleep(0)
                return [phone.recv(99) for _ in range(100)]

    assert uvloop.run(conversation()) == [b"to packet %d" % number for number in range(100)]


def test_what_is_sent_when_nothing_came_goes_out_too() -> None:
    async def conversation() -> list[bytes]:
        recorder = Recorder()
        async with Network(recorder, clock=VirtualClock()) as network:
            await network.listen("udp", "::1", 0)
            with peer("::1") as phone, peer("::1") as other:
                network.flow_to("udp", *phone.getsockname()[:2]).send(OPTIONS)
                network.flow_to("udp", *other.getsockname()[:2]).send(ACK)
                await asyncio.sleep(0.01)
                return [phone.recv(99), other.recv(99)]

    assert uvloop.run(conversation()) == [OPTIONS, ACK]


def test_one_that_can_not_leave_is_told_and_stops_none_beside_it() -> None:
    async def conversation() -> tuple[list[tuple[Flow, str]], Flow, list[bytes]]:
        recorder = Recorder()
        async with Network(recorder, clock=VirtualClock()) as network:
            await network.listen("udp", "127.0.0.1", 0)
            forbidden = network.flow_to("udp", "255.255.255.255", 5060)
            with peer() as phone:
                flow = network.flow_to("udp", *phone.getsockname())
                flow.send(OPTIONS)
                forbidden.send(OPTIONS)
                flow.send(ACK)
                await recorder.until(lambda: recorder.lost)
                return recorder.lost, forbidden, [phone.recv(99), phone.recv(99)]

    lost, forbidden, received = uvloop.run(conversation())
    assert lost == [(forbidden, "permission denied")]
    assert received == [OPTIONS, ACK]


def test_datagrams_that_wait_in_the_kernel_come_in_order_whichever_way_they_are_read() -> None:
    async def conversation() -> tuple[list[bytes], list[Flow]]:
        recorder = Recorder()
        network = Network(recorder, clock=VirtualClock())
        listener = await network.listen("udp", "127.0.0.1", 0)
        async with network:
            with peer() as phone, peer() as other:
                for number in range(600):
                    (phone, other)[number % 2].sendto(
                        b"packet %d" % number, ("127.0.0.1", listener.port)
                    )
                await recorder.until(lambda: len(recorder.packets) == 600)
        return recorder.packets, recorder.flows

    packets, flows = uvloop.run(conversation())
    assert packets == [b"packet %d" % number for number in range(600)]
    assert len(set(flows[::2])) == len(set(flows[1::2])) == 1
    assert flows[0] is not flows[1]


def test_a_peer_that_is_forgotten_is_forgotten_under_both_addresses() -> None:
    async def scenario() -> None:
        recorder = Recorder()
        async with udp_socket(recorder, NetLimits(udp_peers=2)) as udp:
            with peer() as phone:
                phone.sendto(OPTIONS, ("127.0.0.1", udp.listener.port))
                (read,) = udp._read_some(1)
                assert read[1] is udp.flow(phone.getsockname())
                for port in range(1000, 1100):
                    udp.flow(("10.9.9.9", port))
                assert len(udp._flows_by_packed) <= len(udp._flows) == 2
                phone.sendto(OPTIONS, ("127.0.0.1", udp.listener.port))
                (again,) = udp._read_some(1)
                assert again[1] is udp.flow(phone.getsockname())
                assert again[1] is not read[1]

    uvloop.run(scenario())


def test_a_flood_of_new_peers_does_not_push_out_one_that_comes_again() -> None:
    async def scenario() -> None:
        async with udp_socket(Recorder(), NetLimits(udp_peers=3)) as udp:
            trunk = udp.flow(("10.0.0.1", 5060))
            for port in range(1000, 1100):
                udp.flow(("10.9.9.9", port))
                assert udp.flow(("10.0.0.1", 5060)) is trunk
            assert len(udp._flows) == 3

    uvloop.run(scenario())


def test_what_was_sent_before_the_close_goes_out() -> None:
    async def scenario() -> bytes:
        async with Network(Recorder(), clock=VirtualClock()) as network:
            await network.listen("udp", "127.0.0.1", 0)
            with peer() as phone:
                network.flow_to("udp", *phone.getsockname()).send(OPTIONS)
                await network.close()
                return phone.recv(99)

    assert uvloop.run(scenario()) == OPTIONS


def test_after_the_close_a_send_does_nothing() -> None:
    async def scenario() -> tuple[Recorder, Flow]:
        recorder = Recorder()
        async with Network(recorder, clock=VirtualClock()) as network:
            await network.listen("udp", "127.0.0.1", 0)
            flow = network.flow_to("udp", "127.0.0.1", 9)
        flow.send(OPTIONS)
        await asyncio.sleep(0)
        return recorder, flow

    recorder, flow = uvloop.run(scenario())
    assert not flow.is_open
    assert recorder.lost == []
