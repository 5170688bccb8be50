"""Garbage over real sockets: the gate answers what can be answered and goes on as before."""

import random
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.endpoints import HOST, wait_for_answer
from bench.far_end import far_end

from .house import House, house

pytestmark = pytest.mark.interop

INVITE_LINES = [
    "INVITE sip:+493020000001@{gate} SIP/2.0",
    "Via: SIP/2.0/UDP {here};rport;branch=z9hG4bKbad{n}",
    "Max-Forwards: 70",
    "From: <sip:4711@{gate}>;tag=bad{n}",
    "To: <sip:+493020000001@{gate}>",
    "Call-ID: bad{n}@{here}",
    "CSeq: 1 INVITE",
    "Contact: <sip:4711@{here}>",
    "Content-Length: 0",
]
SEED = 3


def without(name: str) -> list[str]:
    """The INVITE with a header missing."""
    return [line for line in INVITE_LINES if not line.startswith(f"{name}:")]


def doubled(name: str) -> list[str]:
    """The INVITE with a header twice."""
    [line] = [line for line in INVITE_LINES if line.startswith(f"{name}:")]
    return [*INVITE_LINES, line]


def changed(name: str, value: str) -> list[str]:
    """The INVITE with another value in a header."""
    new = f"{name}: {value}"
    return [new if line.startswith(f"{name}:") else line for line in INVITE_LINES]


ANSWERED_400 = {
    "no Max-Forwards number": changed("Max-Forwards", "many"),
    "two Call-IDs": doubled("Call-ID"),
    "two CSeqs": doubled("CSeq"),
    "two Froms": doubled("From"),
    "two Tos": doubled("To"),
    "two Max-Forwards": doubled("Max-Forwards"),
    "Content-Length too large": changed("Content-Length", "9999"),
    "Content-Length negative": changed("Content-Length", "-1"),
    "Content-Length no number": changed("Content-Length", "ten"),
    "CSeq of another method": changed("CSeq", "1 BYE"),
    "two different Content-Lengths": [*INVITE_LINES, "Content-Length: 5"],
}
NO_TRACE = {  # what cannot be answered, or need not be
    "no Via": without("Via"),
    "no From": without("From"),
    "no To": without("To"),
    "no Call-ID": without("Call-ID"),
    "no CSeq": without("CSeq"),
    "NUL in a header": changed("Contact", "<sip:4711@\0>"),
    "NUL in the Request-URI": ["INVITE sip:+49\x0030@{gate} SIP/2.0", *INVITE_LINES[1:]],
    "1,000 Vias": INVITE_LINES[:2]
    + [f"Via: SIP/2.0/UDP 127.0.0.9;branch=z9hG4bK{n}" for n in range(1000)]
    + INVITE_LINES[2:],
    "1,000 Vias in a line": changed(
        "Via", ", ".join(f"SIP/2.0/UDP {{here}};branch=z9hG4bK{n}" for n in range(1000))
    ),
    "a header of 60,000 bytes": [*INVITE_LINES, "Subject: " + "x" * 60_000],
    "5,000 headers": [*INVITE_LINES, *(f"X-H: {n}" for n in range(5000))],
    "a colon alone": [*INVITE_LINES, ":"],
    "no colon": [*INVITE_LINES, "nonsense"],
    "a fold first": [INVITE_LINES[0], " folded", *INVITE_LINES[1:]],
    "another version": ["INVITE sip:1@{gate} SIP/7.0", *INVITE_LINES[1:]],
    "no version": ["INVITE sip:1@{gate}", *INVITE_LINES[1:]],
    "an unknown scheme": ["INVITE xyz:1@{gate} SIP/2.0", *INVITE_LINES[1:]],
}


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One gate that lives through all of this file."""
    with house(tmp_path_factory.mktemp("gate")) as running:
        yield running


@pytest.fixture(autouse=True)
def is_well_afterwards(gate: House) -> Iterator[None]:
    """It still answers, and nothing went wrong inside."""
    yield
    wait_for_answer(gate.port, 5.0)
    assert "Traceback" not in gate.log()


class Garbler:
    """A peer that sends what it likes over UDP."""

    def __init__(self, gate: House) -> None:
        self._gate = gate
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._sent = 0

    def __enter__(self) -> "Garbler":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def request(self, lines: list[str], body: bytes = b"") -> bytes:
        """The lines as one message, with this peer's address and a number of its own."""
        self._sent += 1
        host, port = self._socket.getsockname()
        text = "\r\n".join(lines)
        for word, value in (
            ("{gate}", f"{HOST}:{self._gate.port}"),
            ("{here}", f"{host}:{port}"),
            ("{n}", str(self._sent)),
        ):
            text = text.replace(word, value)
        return text.encode() + b"\r\n\r\n" + body

    def send(self, raw: bytes) -> None:
        """Send one datagram."""
        self._socket.sendto(raw, (HOST, self._gate.port))

    def final_status(self) -> int:
        """The first final response's status."""
        self._socket.settimeout(3.0)
        while True:
            status = int(self._socket.recv(65535).split(b" ")[1])
            if status >= 200:
                return status


@pytest.mark.parametrize("lines", ANSWERED_400.values(), ids=list(ANSWERED_400))
def test_what_a_response_can_be_routed_for_gets_400(gate: House, lines: list[str]) -> None:
    with Garbler(gate) as peer:
        peer.send(peer.request(lines))
        status = peer.final_status()
    assert status == 400


def test_no_malformed_request_stops_the_gate(gate: House) -> None:
    with Garbler(gate) as peer:
        for lines in NO_TRACE.values():
            raw = peer.request(lines)
            peer.send(raw[:65_000])
            wait_for_answer(gate.port, 3.0)


def test_random_bytes_do_not_stop_the_gate(gate: House) -> None:
    chance = random.Random(SEED)
    with Garbler(gate) as peer:
        for size in (0, 1, 2, 4, 16, 100, 1000, 9000, 65_000):
            for _ in range(20):
                peer.send(chance.randbytes(size))
            wait_for_answer(gate.port, 3.0)


def test_a_truncated_invite_does_not_stop_the_gate(gate: House) -> None:
    with Garbler(gate) as peer:
        whole = peer.request(INVITE_LINES)
        for length in range(0, len(whole), 3):
            peer.send(whole[:length])


def test_flipped_bytes_do_not_stop_the_gate(gate: House) -> None:
    chance = random.Random(SEED)
    with Garbler(gate) as peer:
        for _ in range(1000):
            raw = bytearray(peer.request(INVITE_LINES))
            for _ in range(chance.randint(1, 8)):
                raw[chance.randrange(len(raw))] = chance.randrange(256)
            peer.send(bytes(raw))


def test_a_binary_body_arrives_as_it_was_sent(tmp_path: Path) -> None:
    body = bytes(range(256)) * 4
    with far_end() as carrier, house(tmp_path, upstream_port=carrier.port) as other:
        with Garbler(other) as peer:
            lines = changed("Content-Length", str(len(body)))
            peer.send(peer.request([*lines, "Content-Type: application/octet-stream"], body))
            status = peer.final_status()
        [invite, *_] = carrier.seen("INVITE")
    assert status == 200
    assert invite.raw.endswith(b"\r\n\r\n" + body)


STREAMS = {
    "random": random.Random(SEED).randbytes(100_000),
    "one endless line": b"x" * 300_000,
    "no Content-Length": b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\r\n",
    "Content-Length beyond all bounds": b"OPTIONS sip:a@b SIP/2.0\r\nl: 99999999999\r\n\r\n",
    "Content-Length twice": b"OPTIONS sip:a@b SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\nab",
    "half a message": b"INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h",
    "line ends only": b"\r\n" * 50_000,
    "NUL bytes": b"\0" * 100_000,
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=list(STREAMS))
def test_a_bad_stream_ends_alone(gate: House, stream: bytes) -> None:
    with socket.create_connection((HOST, gate.port), timeout=5.0) as connection:
        try:
            connection.sendall(stream)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65535):
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass  # closed on us, as it should
