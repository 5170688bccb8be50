"""TLS over real sockets on uvloop: who is proven, who is not, and what a handshake may cost."""

import asyncio
import socket
import ssl
from collections.abc import Coroutine
from pathlib import Path

import pytest
import uvloop

from sipgate.clock import SystemClock
from sipgate.net import CertificateError, ClientTls, Listener, NetLimits, Network, ServerTls

from .authority import Authority
from .recorder import WAIT_SECONDS, Recorder
from .test_tcp import message, until

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def run(conversation: Coroutine[object, object, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(conversation)


def believer(authority: Authority, certificate: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.file))
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


async def connect(
    listener: Listener, context: ssl.SSLContext, host: str = "127.0.0.1", name: str = "localhost"
) -> Streams:
    return await asyncio.open_connection(host, listener.port, ssl=context, server_hostname=name)


def server(authority: Authority, *names: str, verify_client: str = "no") -> ServerTls:
    return ServerTls(
        certificate_file=authority.issue(*(names or ("localhost",))),
        ca_file=authority.file,
        verify_client=verify_client,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_messages_come_and_go_over_tls(tmp_path: Path, host: str) -> None:
    authority = Authority(tmp_path)

    async def conversation() -> None:
        recorder = Recorder()
        recorder.on_packet = lambda raw, flow: flow.send(b"got %d\n" % len(raw))
        async with Network(recorder, clock=SystemClock()) as network:
            listener = await network.listen("tls", host, 0, tls=server(authority))
            reader, writer = await connect(listener, believer(authority), host)
            first, second = message("one", b"body"), message("two")
            writer.write(first + second)
            assert await reader.readline() == b"got %d\n" % len(first)
            assert await reader.readline() == b"got %d\n" % len(second)
            flow = recorder.flows[0]
            assert (flow.transport, flow.reliable, flow.is_secure) == ("tls", True, True)
            assert flow.peer_names == frozenset()
            writer.close()
            await recorder.until(lambda: recorder.lost)

    run(conversation())


def test_a_client_certificate_proves_its_names(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def conversation() -> None:
        recorder = Recorder()
        async with Network(recorder, clock=SystemClock()) as network:
            tls = server(authority, verify_client="require")
            listener = await network.listen("tls", "127.0.0.1", 0, tls=tls)
            context = believer(authority, authority.issue("pbx.example.com"))
            _, writer = await connect(listener, context)
            writer.write(message("one"))
            await recorder.until(lambda: recorder.packets)
            assert recorder.flows[0].peer_names == {"pbx.example.com"}
            writer.close()

    run(conversation())


@pytest.mark.parametrize("certificate", ["none", "foreign"])
def test_a_client_without_a_good_certificate_is_refused_and_counted(
    tmp_path: Path, certificate: str
) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")

    async def conversation() -> None:
        recorder = Recorder()
        async with Network(recorder, clock=SystemClock()) as network:
            tls = server(authority, verify_client="require")
            listener = await network.listen("tls", "127.0.0.1", 0, tls=tls)
            shown = stranger.issue("pbx.example.com") if certificate == "foreign" else None
            try:
                reader, writer = await connect(listener, believer(authority, shown))
                writer.write(message("one"))
                assert await reader.read() == b""
            except (ssl.SSLError, ConnectionError):
                pass
            await until(lambda: network.counts.failed_handshakes)
            assert recorder.packets == []

    run(conversation())


def test_a_target_is_met_by_the_name_that_its_certificate_proves(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def conversation() -> None:
        far, near = Recorder(), Recorder()
        async with (
            Network(far, clock=SystemClock()) as there,
            Network(near, clock=SystemClock()) as here,
        ):
            tls = server(authority, "gw.example.com")
            listener = await there.listen("tls", "127.0.0.1", 0, tls=tls)
            await here.listen("udp", "127.0.0.1", 0)
            here.trust("gw.example.com", ClientTls(ca_file=authority.file))
            flow = here.flow_to("tls", "127.0.0.1", listener.port, server_name="gw.example.com")
            flow.send(message("one"))
            await far.until(lambda: far.packets)
            assert flow.peer_names == {"gw.example.com"}
            again = here.flow_to("tls", "127.0.0.1", listener.port, server_name="gw.example.com")
            assert again is flow
            other = here.flow_to("tls", "127.0.0.1", listener.port, server_name="b.example.com")
            assert other is not flow

    run(conversation())


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("another name", "its certificate is for gw.example.com, not for sip.example.com"),
        ("another authority", "certificate verify failed"),
    ],
)
def test_a_target_that_proves_something_else_gets_nothing(
    tmp_path: Path, settings: str, told: str
) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")

    async def conversation() -> None:
        far, near = Recorder(), Recorder()
        async with (
            Network(far, clock=SystemClock()) as there,
            Network(near, clock=SystemClock()) as here,
        ):
            tls = server(authority, "gw.example.com")
            listener = await there.listen("tls", "127.0.0.1", 0, tls=tls)
            await here.listen("udp", "127.0.0.1", 0)
            believed = stranger if settings == "another authority" else authority
            here.trust("sip.example.com", ClientTls(ca_file=believed.file))
            flow = here.flow_to("tls", "127.0.0.1", listener.port, server_name="sip.example.com")
            flow.send(message("one"))
            await near.until(lambda: near.lost)
            assert told in near.lost[0][1].lower().replace("_", " ")
            assert far.packets == []

    run(conversation())


def test_the_name_to_prove_may_be_set_apart_from_the_host(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def conversation() -> None:
        far, near = Recorder(), Recorder()
        async with (
            Network(far, clock=SystemClock()) as there,
            Network(near, clock=SystemClock()) as here,
        ):
            tls = server(authority, "*.carrier.example")
            listener = await there.listen("tls", "127.0.0.1", 0, tls=tls)
            await here.listen("udp", "127.0.0.1", 0)
            settings = ClientTls(ca_file=authority.file, server_name="sip.carrier.example")
            here.trust("127.0.0.1", settings)
            here.flow_to("tls", "127.0.0.1", listener.port).send(message("one"))
            await far.until(lambda: far.packets)

    run(conversation())


def test_new_certificates_are_for_new_connections_and_old_ones_live_on(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def conversation() -> None:
        recorder = Recorder()
        async with Network(recorder, clock=SystemClock()) as network:
            tls = server(authority)
            listener = await network.listen("tls", "127.0.0.1", 0, tls=tls)
            _, old = await connect(listener, believer(authority))
            newer = Authority(tmp_path, "newer")
            tls.certificate_file.write_bytes(newer.issue("localhost").read_bytes())
            read = network.read_certificates()
            _, other = await connect(listener, believer(authority))  # read is not used
            other.close()
            network.use_certificates(read)
            _, new = await connect(listener, believer(newer))
            for number, writer in enumerate((old, new), 1):
                writer.write(message(f"m{number}"))
                await recorder.until(lambda number=number: len(recorder.packets) == number)
            old.close()
            new.close()

    run(conversation())


def test_a_certificate_that_can_not_be_read_leaves_the_old_one(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def conversation() -> None:
        async with Network(Recorder(), clock=SystemClock()) as network:
            tls = server(authority)
            listener = await network.listen("tls", "127.0.0.1", 0, tls=tls)
            tls.certificate_file.write_text("nonsense")
            with pytest.raises(CertificateError):
                network.read_certificates()
            _, writer = await connect(listener, believer(authority))
            writer.close()

    run(conversation())


def test_who_never_shakes_hands_is_let_go_and_delays_nobody(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def conversation() -> None:
        recorder = Recorder()
        limits = NetLimits(connections=3, connect_seconds=0.3)
        async with Network(recorder, clock=SystemClock(), limits=limits) as network:
            listener = await network.listen("tls", "127.0.0.1", 0, tls=server(authority))
            idle = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(6)]
            await until(lambda: network.counts.refused_connections == 3)
            await until(lambda: network.counts.failed_handshakes == 3)
            _, writer = await connect(listener, believer(authority))
            writer.write(message("one"))
            await recorder.until(lambda: recorder.packets)
            for _, other in (*idle, (None, writer)):
                other.close()

    run(conversation())


def test_a_peer_that_speaks_no_tls_is_counted(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def conversation() -> None:
        recorder = Recorder()
        async with Network(recorder, clock=SystemClock()) as network:
            listener = await network.listen("tls", "127.0.0.1", 0, tls=server(authority))
            reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
            writer.write(message("one"))
            async with asyncio.timeout(WAIT_SECONDS):
                await reader.read()
            await until(lambda: network.counts.failed_handshakes == 1)
            assert recorder.packets == []
            writer.close()

    run(conversation())


def test_a_peer_that_stops_reading_is_let_go_and_delays_nobody(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def conversation() -> None:
        recorder = Recorder()
        limits = NetLimits(buffered_bytes=100_000)
        async with Network(recorder, clock=SystemClock(), limits=limits) as network:
            listener = await network.listen("tls", "127.0.0.1", 0, tls=server(authority))
            _, stalled = await connect(listener, believer(authority))
            sock = stalled.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.write(message("stalled"))
            await recorder.until(lambda: recorder.packets)
            stalled.transport.pause_reading()  # type: ignore[attr-defined]
            flow = recorder.flows[0]
            for _ in range(2000):
                flow.send(b"x" * 10_000)
                if not flow.is_open:
                    break
            assert not flow.is_open
            reader, writer = await connect(listener, believer(authority))
            recorder.on_packet = lambda raw, flow: flow.send(b"fine\n")
            writer.write(message("other"))
            assert await reader.readline() == b"fine\n"
            await recorder.until(lambda: recorder.lost)
            writer.close()
            stalled.transport.abort()

    run(conversation())


def test_rfc_5923_an_alias_is_taken_where_the_certificate_proves_the_sent_by(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path)

    async def conversation() -> None:
        recorder = Recorder()
        async with Network(recorder, clock=SystemClock()) as network:
            tls = server(authority, verify_client="request")
            listener = await network.listen("tls", "127.0.0.1", 0, tls=tls)
            context = believer(authority, authority.issue("pbx.example.com"))
            _, writer = await connect(listener, context)
            writer.write(message("one"))
            await recorder.until(lambda: recorder.packets)
            flow = recorder.flows[0]
            assert not network.alias(flow, "other.example.com", 5061)
            assert network.alias(flow, "pbx.example.com", 5061)
            assert network.flow_to("tls", "127.0.0.1", 5061, server_name="pbx.example.com") is flow
            writer.close()
            await recorder.until(lambda: recorder.lost)
            assert (
                network.flow_to("tls", "127.0.0.1", 5061, server_name="pbx.example.com") is not flow
            )

    run(conversation())


def test_one_address_can_not_hold_all_handshakes(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def conversation() -> None:
        limits = NetLimits(connections=20, connections_per_host=2, connect_seconds=0.5)
        async with Network(Recorder(), clock=SystemClock(), limits=limits) as network:
            listener = await network.listen("tls", "127.0.0.1", 0, tls=server(authority))
            idle = [await asyncio.open_connection("127.0.0.1", listener.port) for _ in range(5)]
            await until(lambda: network.counts.refused_connections == 3)
            for _, writer in idle:
                writer.close()

    run(conversation())


def test_garbage_over_tls_ends_the_connection_with_its_answer(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    async def conversation() -> None:
        recorder = Recorder()
        recorder.on_bad_stream = lambda flow: flow.send(b"SIP/2.0 400 no\r\n\r\n")
        async with Network(recorder, clock=SystemClock()) as network:
            listener = await network.listen("tls", "127.0.0.1", 0, tls=server(authority))
            reader, writer = await connect(listener, believer(authority))
            writer.write(b"X" * 70_000)
            async with asyncio.timeout(WAIT_SECONDS):
                assert (await reader.read()).startswith(b"SIP/2.0 400")
            await recorder.until(lambda: recorder.lost)
            writer.close()

    run(conversation())
