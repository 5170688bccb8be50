"""TCP over real sockets on uvloop."""

import asyncio
import socket
from collections.abc import Callable

import uvloop
from structlog.testing import capture_logs

from sipgate.clock import VirtualClock
from sipgate.net import Flow, Listener, NetLimits, Network

from .recorder import WAIT_SECONDS, Recorder

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
HEAD = b"OPTIONS sip:a@example.com SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n"
HEAD += b"From: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\nCSeq: 1 OPTIONS\r\n"


def message(call_id: str, body: bytes = b"") -> bytes:
    return (
        HEAD
        + b"Call-ID: %s\r\nContent-Length: %d\r\n\r\n"
        % (
            call_id.encode(),
            len(body),
        )
        + body
    )


async def until(holds: Callable[[], object]) -> None:
    """Wait for what nobody tells: let the loop turn until it is so."""
    async with asyncio.timeout(WAIT_SECONDS):
        while not holds():  # noqa: ASYNC110 - a state of the kernel's, no event for it
            await asyncio.sleep(0)


async def connect(listener: Listener) -> Streams:
    return await asyncio.open_connection("127.0.0.1", listener.port)


async def closed(streams: Streams) -> bytes:
    """What a peer still gets until the end of its connection."""
    reader, writer = streams
    async with asyncio.timeout(WAIT_SECONDS):
        rest = await reader.read()
    writer.close()
    return rest


def test_a_stream_is_cut_into_messages_and_answered_on_its_flow() -> None:
    async def conversation() -> None:
        recorder = Recorder()
        recorder.on_packet = lambda raw, flow: flow.send(b"got %d\n" % len(raw))
        async with Network(recorder, clock=VirtualClock()) as network:
            phone = reader, writer = await connect(await network.listen("tcp", "127.0.0.1", 0))
            first, second = message("one", b"body"), message("two")
            writer.write(first + second[:40])
            assert await reader.readline() == b"got %d\n" % len(first)
            writer.write(second[40:])
            assert await reader.readline() == b"got %d\n" % len(second)
            assert recorder.packets == [first, second]
            flow = recorder.flows[0]
            assert recorder.flows[1] is flow
            assert (flow.transport, flow.reliable, flow.is_open) == ("tcp", True, True)
            assert (flow.host, flow.port) == writer.get_extra_info("sockname")
            writer.close()
            await recorder.until(lambda: recorder.lost)
            assert recorder.lost == [(flow, "closed by the peer")]
            assert not flow.is_open
            await closed(phone)

    uvloop.run(conversation())


def test_a_ping_gets_a_pong() -> None:
    async def conversation() -> bytes:
        async with Network(Recorder(), clock=VirtualClock()) as network:
            phone = reader, writer = await connect(await network.listen("tcp", "127.0.0.1", 0))
            writer.write(b"\r\n\r\n")
            pong = await reader.readexactly(2)
            assert network.counts.keep_alives == 1
            writer.close()
            await closed(phone)
            return pong

    assert uvloop.run(conversation()) == b"\r\n"


def test_what_is_sent_before_the_connection_stands_goes_out_in_order_on_one_connection() -> None:
    async def conversation() -> None:
        accepted: asyncio.Queue[Streams] = asyncio.Queue()
        recorder = Recorder()
        server = await asyncio.start_server(lambda *pair: accepted.put_nowait(pair), "127.0.0.1", 0)
        target = server.sockets[0].getsockname()
        async with server, Network(recorder, clock=VirtualClock()) as network:
            listener = await network.listen("tcp", "127.0.0.1", 0)
            flow = network.flow_to("tcp", *target)
            flow.send(b"one ")
            assert network.flow_to("tcp", *target) is flow
            flow.send(b"two ")
            reader, writer = await accepted.get()
            assert await reader.readexactly(8) == b"one two "
            assert network.flow_to("tcp", *target) is flow
            flow.send(b"three")
            assert await reader.readexactly(5) == b"three"
            writer.write(message("answer"))
            await recorder.until(lambda: recorder.packets)
            assert recorder.flows == [flow]
            assert accepted.empty()
            assert flow.local_sent_by == b"127.0.0.1:%d" % listener.port
            writer.close()

    uvloop.run(conversation())


def test_an_accepted_connection_is_used_again_for_its_peer() -> None:
    async def conversation() -> None:
        recorder = Recorder()
        async with Network(recorder, clock=VirtualClock()) as network:
            _, writer = await connect(await network.listen("tcp", "127.0.0.1", 0))
            writer.write(message("hello"))
            await recorder.until(lambda: recorder.flows)
            host, port = writer.get_extra_info("sockname")
            assert network.flow_to("tcp", host, port) is recorder.flows[0]
            writer.close()

    uvloop.run(conversation())


def test_a_refused_connection_is_told_once_with_what_is_unsent_and_tried_anew() -> None:
    async def conversation() -> None:
        recorder = Recorder()
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            target = nobody.getsockname()
            async with Network(recorder, clock=VirtualClock()) as network:
                await network.listen("tcp", "127.0.0.1", 0)
                flow = network.flow_to("tcp", *target)
                assert flow.is_open
                flow.send(b"one")
                flow.send(b"two")
                await recorder.until(lambda: recorder.lost)
                flow.send(b"three")
                again = network.flow_to("tcp", *target)
                assert again is not flow
                await recorder.until(lambda: len(recorder.lost) == 2)
                assert [lost for lost, _ in recorder.lost] == [flow, again]
                assert recorder.lost[0][1].endswith("(2 unsent)")
                assert network.counts.unsent == 3

    uvloop.run(conversation())


def test_what_waits_for_a_connection_can_be_withdrawn() -> None:
    async def conversation() -> None:
        recorder = Recorder()
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            async with Network(recorder, clock=VirtualClock()) as network:
                await network.listen("tcp", "127.0.0.1", 0)
                flow = network.flow_to("tcp", *nobody.getsockname())
                for data in (b"one", b"two"):
                    flow.send(data)
                assert flow.withdraw(b"one")
                assert not flow.withdraw(b"one")
                await recorder.until(lambda: recorder.lost)
                assert recorder.lost[0][1].endswith("(1 unsent)")
                assert not flow.withdraw(b"two")

    uvloop.run(conversation())


def test_a_connection_that_nobody_answers_is_given_up() -> None:
    async def conversation() -> list[tuple[Flow, str]]:
        recorder = Recorder()
        limits = NetLimits(connect_seconds=0.05)
        with socket.socket() as deaf, socket.socket() as filler, socket.socket() as more:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)  # one waits in the queue, then the kernel drops what asks
            for sock in (filler, more):
                sock.setblocking(False)
                sock.connect_ex(deaf.getsockname())
            async with Network(recorder, clock=VirtualClock(), limits=limits) as network:
                await network.listen("tcp", "127.0.0.1", 0)
                network.flow_to("tcp", *deaf.getsockname()).send(b"hello")
                await recorder.until(lambda: recorder.lost)
        return recorder.lost

    ((_, reason),) = uvloop.run(conversation())
    assert reason == "no connection within 0.05 s (1 unsent)"


def test_a_peer_that_does_not_read_ends_its_own_connection_and_delays_nobody() -> None:
    async def conversation() -> None:
        recorder = Recorder()
        limits = NetLimits(buffered_bytes=100_000)
        async with Network(recorder, clock=VirtualClock(), limits=limits) as network:
            listener = await network.listen("tcp", "127.0.0.1", 0)
            slow, quick = await connect(listener), await connect(listener)
            for _, writer in (slow, quick):
                writer.write(message("hello"))
            await recorder.until(lambda: len(recorder.flows) == 2)
            by_port = {flow.port: flow for flow in recorder.flows}
            slow_flow = by_port[slow[1].get_extra_info("sockname")[1]]
            quick_flow = by_port[quick[1].get_extra_info("sockname")[1]]
            slow[1].transport.pause_reading()  # type: ignore[attr-defined]
            async with asyncio.timeout(WAIT_SECONDS):
                while slow_flow.is_open:
                    slow_flow.send(b"x" * 50_000)
                    quick_flow.send(b"y")
                    await quick[0].readexactly(1)
            await recorder.until(lambda: recorder.lost)
            slow_flow.send(b"more")
            assert recorder.lost == [(slow_flow, "the peer does not read what it is sent")]
            assert quick_flow.is_open
            slow[1].close()
            quick[1].close()

    uvloop.run(conversation())


def test_a_connection_that_never_says_anything_whole_is_ended() -> None:
    async def conversation() -> None:
        recorder = Recorder()
        clock = VirtualClock()
        async with Network(recorder, clock=clock) as network:
            listener = await network.listen("tcp", "127.0.0.1", 0)
            silent, talker = await connect(listener), await connect(listener)
            silent[1].write(b"\r\n\r\nOPTIONS ")
            assert await silent[0].readexactly(2) == b"\r\n"
            talker[1].write(message("hello"))
            await recorder.until(lambda: recorder.packets)
            clock.advance(29)
            network.sweep()
            assert recorder.flows[0].is_open
            clock.advance(2)
            network.sweep()
            assert await closed(silent) == b""
            network.sweep()
            assert recorder.flows[0].is_open
            assert [reason for _, reason in recorder.lost] == ["sent no whole message in time"]
            talker[1].close()

    uvloop.run(conversation())


def test_a_peer_that_sends_a_message_byte_by_byte_is_ended() -> None:
    async def conversation() -> None:
        recorder, clock = Recorder(), VirtualClock()
        async with Network(recorder, clock=clock) as network:
            _, writer = slow = await connect(await network.listen("tcp", "127.0.0.1", 0))
            writer.write(message("quick") + message("slow")[:20])
            await recorder.until(lambda: recorder.packets)
            flow = recorder.flows[0]
            for byte in message("slow")[20:49]:
                clock.advance(1)
                writer.write(bytes([byte]))
                await asyncio.sleep(0)
                network.sweep()
            assert flow.is_open
            clock.advance(2)
            network.sweep()
            assert await closed(slow) == b""
            await recorder.until(lambda: recorder.lost)
            assert recorder.lost == [(flow, "did not end its message in time")]

    uvloop.run(conversation())


def test_a_connection_may_be_idle_between_messages_with_half_a_keep_alive() -> None:
    async def conversation() -> None:
        recorder, clock = Recorder(), VirtualClock()
        async with Network(recorder, clock=clock) as network:
            phone = reader, writer = await connect(await network.listen("tcp", "127.0.0.1", 0))
            first = message("one")
            writer.write(first[:50])
            await asyncio.sleep(0)
            writer.write(first[50:] + b"\r\n")
            await recorder.until(lambda: recorder.packets)
            clock.advance(3600)
            network.sweep()
            writer.write(b"\r\n")
            assert await reader.readexactly(2) == b"\r\n"
            assert recorder.flows[0].is_open
            writer.close()
            await closed(phone)

    uvloop.run(conversation())


def test_one_address_cannot_have_all_connections() -> None:
    async def conversation() -> None:
        recorder = Recorder()
        limits = NetLimits(connections=4, connections_per_host=2)
        async with Network(recorder, clock=VirtualClock(), limits=limits) as network:
            listener = await network.listen("tcp", "127.0.0.1", 0)
            mine = [await connect(listener) for _ in range(2)]
            for number, (_, writer) in enumerate(mine):
                writer.write(message(str(number)))
            await recorder.until(lambda: len(recorder.packets) == 2)
            assert await closed(await connect(listener)) == b""
            other = await asyncio.open_connection(
                "127.0.0.1", listener.port, local_addr=("127.0.0.2", 0)
            )
            other[1].write(message("other"))
            await recorder.until(lambda: len(recorder.packets) == 3)
            mine[0][1].close()
            await recorder.until(lambda: recorder.lost)
            again = await connect(listener)
            again[1].write(message("again"))
            await recorder.until(lambda: len(recorder.packets) == 4)
            for _, writer in (mine[1], other, again):
                writer.close()

    uvloop.run(conversation())


def test_of_too_many_connections_a_silent_one_goes_first_and_then_the_new_one() -> None:
    async def conversation() -> None:
        recorder = Recorder()
        limits = NetLimits(connections=1)
        async with Network(recorder, clock=VirtualClock(), limits=limits) as network:
            listener = await network.listen("tcp", "127.0.0.1", 0)
            silent = await connect(listener)
            talker = await connect(listener)
            assert await closed(silent) == b""
            talker[1].write(message("hello"))
            await recorder.until(lambda: recorder.packets)
            late = await connect(listener)
            assert await closed(late) == b""
            assert recorder.flows[0].is_open
            assert network.counts.refused_connections == 2
            talker[1].close()

    uvloop.run(conversation())


def test_after_a_bad_message_the_answer_still_arrives_and_then_it_closes() -> None:
    async def conversation() -> None:
        recorder = Recorder()
        recorder.on_bad_stream = lambda flow: flow.send(b"answer")
        async with Network(recorder, clock=VirtualClock()) as network:
            phone = _, writer = await connect(await network.listen("tcp", "127.0.0.1", 0))
            writer.write(message("good") + HEAD + b"\r\n" + b"junk" * 50_000)
            assert await closed(phone) == b"answer"
            await recorder.until(lambda: recorder.lost)
            assert recorder.packets == [message("good")]
            ((flow, error),) = recorder.bad
            assert error.status == 400
            assert recorder.lost == [(flow, "the stream could not be followed")]

    uvloop.run(conversation())


def test_who_keeps_a_bad_stream_open_is_cut_off() -> None:
    async def conversation() -> None:
        recorder = Recorder()
        clock = VirtualClock()
        async with Network(recorder, clock=clock) as network:
            reader, writer = await connect(await network.listen("tcp", "127.0.0.1", 0))
            writer.write(HEAD + b"\r\n")
            assert await reader.read() == b""
            clock.advance(3)
            network.sweep()
            await recorder.until(lambda: recorder.lost)
            writer.close()

    uvloop.run(conversation())


def test_an_exception_for_one_message_leaves_the_connection_open() -> None:
    def fail_once(raw: bytes, flow: Flow) -> None:
        assert b"broken" not in raw, "as planned"

    async def conversation() -> Network:
        recorder = Recorder()
        recorder.on_packet = fail_once
        async with Network(recorder, clock=VirtualClock()) as network:
            _, writer = await connect(await network.listen("tcp", "127.0.0.1", 0))
            writer.write(message("broken") + message("fine"))
            await recorder.until(lambda: len(recorder.packets) == 2)
            assert recorder.flows[0].is_open
            writer.close()
        return network

    with capture_logs() as logs:
        assert uvloop.run(conversation()).counts.failed == 1
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["packet_failed"]


def test_many_messages_in_one_read_give_the_loop_its_turns() -> None:
    async def conversation() -> list[int]:
        recorder = Recorder()
        clock = VirtualClock()
        loop = asyncio.get_running_loop()
        turns = [0]

        def next_turn() -> None:
            turns.append(0)
            if len(recorder.packets) < 100:
                loop.call_soon(next_turn)

        def count(raw: bytes, flow: Flow) -> None:
            clock.advance(0.0006)
            turns[-1] += 1

        recorder.on_packet = count
        async with Network(recorder, clock=clock) as network:
            _, writer = await connect(await network.listen("tcp", "127.0.0.1", 0))
            loop.call_soon(next_turn)
            sent = [message(f"call-{number}") for number in range(100)]
            writer.write(b"".join(sent))
            await recorder.until(lambda: len(recorder.packets) == 100)
            assert recorder.packets == sent
            writer.close()
        return turns

    assert set(uvloop.run(conversation())) <= {0, 1, 2}


def test_what_is_buffered_goes_out_before_the_network_is_closed() -> None:
    async def conversation() -> tuple[int, Recorder]:
        recorder = Recorder()
        async with Network(recorder, clock=VirtualClock()) as network:
            phone = _, writer = await connect(await network.listen("tcp", "127.0.0.1", 0))
            writer.write(message("hello"))
            await recorder.until(lambda: recorder.flows)
            recorder.flows[0].send(b"x" * 900_000)
            reading = asyncio.ensure_future(closed(phone))
        return len(await reading), recorder

    received, recorder = uvloop.run(conversation())
    assert received == 900_000
    assert recorder.lost == []  # nobody is told while the gate stops
