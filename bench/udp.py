"""What one datagram in and one out cost: `python -m bench.udp [--seconds N] [--thread]`.

An echo over loopback, driven from another process that keeps a window of datagrams under way.
Figures are CPU microseconds of the echoing process (user and system) per datagram in and out.
`bare` is an asyncio.DatagramProtocol on uvloop, what asyncio-dgram and our flows stand against.
With `--thread` a second thread of ours works a third of the time, as the ledger's writer does.
"""

import argparse
import asyncio
import multiprocessing
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
import uvloop

from sipgate.clock import SystemClock
from sipgate.net import Flow, Network
from sipgate.sip import BadMessage

WINDOWS = (1, 8, 32)  # 1: each datagram wakes the loop; 32: as many as libuv reads at once
DATAGRAM = b"INVITE sip:+15551234567@example.com SIP/2.0\r\n".ljust(800, b"x")


class Bare(asyncio.DatagramProtocol):
    """The least that can be done; `sends` by the transport or by the socket itself."""

    def __init__(self, sock: socket.socket | None) -> None:
        self._sock = sock
        self.handled = 0
        self._sendto: Callable[[bytes, Any], object]

    def connection_made(self, transport: Any) -> None:
        self._sendto = transport.sendto if self._sock is None else self._sock.sendto

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.handled += 1
        self._sendto(data, addr)


class Echo:
    """The receiver of a network."""

    def __init__(self) -> None:
        self.handled = 0

    def packet(self, raw: bytes, flow: Flow) -> None:
        self.handled += 1
        flow.send(raw)

    def packet_failed(self, raw: bytes, flow: Flow) -> None:
        raise AssertionError(raw)

    def flow_lost(self, flow: Flow, reason: str) -> None:
        raise AssertionError(reason)

    def bad_stream(self, flow: Flow, error: BadMessage) -> None:
        raise error


async def bare(window: int, seconds: float, *, by_socket: bool) -> float:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    transport, protocol = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: Bare(sock if by_socket else None), sock=sock
    )
    try:
        return await measure(sock.getsockname(), window, seconds, lambda: protocol.handled)
    finally:
        transport.close()


async def sipgate_net(window: int, seconds: float) -> float:
    echo = Echo()
    async with Network(echo, clock=SystemClock()) as network:
        listener = await network.listen("udp", "127.0.0.1", 0)
        address = ("127.0.0.1", listener.port)
        return await measure(address, window, seconds, lambda: echo.handled)


async def measure(
    address: tuple[str, int], window: int, seconds: float, handled: Callable[[], int]
) -> float:
    """CPU microseconds of this thread per datagram, once the driver has warmed up."""
    driver = multiprocessing.get_context("spawn").Process(target=drive, args=(address, window))
    driver.start()
    try:
        while handled() < 1000:  # noqa: ASYNC110 - nobody tells, and waiting costs nothing
            await asyncio.sleep(0.05)
        before, cpu_before = handled(), time.thread_time()
        await asyncio.sleep(seconds)
        return (time.thread_time() - cpu_before) * 1e6 / (handled() - before)
    finally:
        driver.kill()
        driver.join()


def drive(address: tuple[str, int], window: int) -> None:
    """Keep `window` datagrams under way until killed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        sock.settimeout(0.2)
        while True:
            for _ in range(window):
                sock.send(DATAGRAM)
            try:
                for _ in range(window):
                    sock.recv(65535)
            except TimeoutError:  # lost some: begin again
                continue


def work_sometimes(stop: threading.Event) -> None:
    while not stop.wait(0.001):
        sum(range(20_000))


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seconds", type=float, default=1.0)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--thread", action="store_true")
    options = arguments.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    sys.setswitchinterval(0.0005)
    stop = threading.Event()
    if options.thread:
        threading.Thread(target=work_sometimes, args=(stop,), daemon=True).start()
    ways: dict[str, Callable[[int], Any]] = {
        "bare, transport.sendto": lambda window: bare(window, options.seconds, by_socket=False),
        "bare, socket.sendto": lambda window: bare(window, options.seconds, by_socket=True),
        "sipgate.net": lambda window: sipgate_net(window, options.seconds),
    }
    print(f"{'CPU µs per datagram in and out':32}" + "".join(f"window {w:<6}" for w in WINDOWS))
    for name, way in ways.items():
        best = [min(uvloop.run(way(window)) for _ in range(options.rounds)) for window in WINDOWS]
        print(f"{name:32}" + "".join(f"{figure:<13.1f}" for figure in best))
    stop.set()


if __name__ == "__main__":
    main()
