"""A NAT: what a phone sends to its inside port leaves from another one, and only answers get in."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.endpoints import HOST

PACKET_BYTES = 65535
LOOK_SECONDS = 0.1


@dataclass(slots=True)
class Nat:
    """One hole in a NAT."""

    inside_port: int  # what the phone takes for the gate
    outside_port: int  # where the gate sees the phone
    keep_alives: int = 0  # packets without a message that came from outside


@contextmanager
def nat(gate_port: int) -> Iterator[Nat]:
    """Forward UDP between one phone inside and the gate at `gate_port`."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as inside,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outside,
    ):
        inside.bind((HOST, 0))
        outside.bind((HOST, 0))
        hole = Nat(inside.getsockname()[1], outside.getsockname()[1])
        ended = threading.Event()
        thread = threading.Thread(target=_forward, args=(inside, outside, gate_port, hole, ended))
        thread.start()
        try:
            yield hole
        finally:
            ended.set()
            thread.join()


def _forward(
    inside: socket.socket,
    outside: socket.socket,
    gate_port: int,
    hole: Nat,
    ended: threading.Event,
) -> None:
    phone = None
    while not ended.is_set():
        readable, _, _ = select.select([inside, outside], [], [], LOOK_SECONDS)
        if inside in readable:
            packet, phone = inside.recvfrom(PACKET_BYTES)
            outside.sendto(packet, (HOST, gate_port))
        if outside in readable:
            packet, sender = outside.recvfrom(PACKET_BYTES)
            if sender[1] != gate_port or phone is None:
                continue  # nobody inside has sent there
            if not packet.strip():
                hole.keep_alives += 1
            inside.sendto(packet, phone)
