"""Ports that nobody uses, and waiting until a SIP element answers on one."""

import socket
import time

HOST = "127.0.0.1"


class NotReady(Exception):
    """The element gave no answer to OPTIONS in time."""


def free_port() -> int:
    """A port that is free for UDP and TCP on 127.0.0.1 right now."""
    for _ in range(100):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind((HOST, 0))
            port = int(udp.getsockname()[1])
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
                try:
                    tcp.bind((HOST, port))
                except OSError:
                    continue
                return port
    raise NotReady("no port is free for both UDP and TCP")


def options_request(port: int, local_port: int, branch: str) -> bytes:
    """An OPTIONS to the element itself."""
    return (
        f"OPTIONS sip:{HOST}:{port} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {HOST}:{local_port};rport;branch=z9hG4bK{branch}\r\n"
        "Max-Forwards: 70\r\n"
        f"From: <sip:probe@{HOST}>;tag={branch}\r\n"
        f"To: <sip:{HOST}:{port}>\r\n"
        f"Call-ID: {branch}@{HOST}\r\n"
        "CSeq: 1 OPTIONS\r\n"
        "Content-Length: 0\r\n\r\n"
    ).encode()


def wait_for_answer(port: int, seconds: float = 15.0) -> float:
    """Ask with OPTIONS over UDP until 200 comes; how many seconds that took."""
    began = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        probe.settimeout(0.1)
        local_port = probe.getsockname()[1]
        for attempt in range(int(seconds * 10)):
            request = options_request(port, local_port, f"probe{local_port}x{attempt}")
            probe.sendto(request, (HOST, port))
            try:
                answer = probe.recv(65535)
            except TimeoutError:
                continue
            except ConnectionRefusedError:
                time.sleep(0.1)
                continue
            if answer.startswith(b"SIP/2.0 200"):
                return time.monotonic() - began
    raise NotReady(f"nothing answered OPTIONS on udp:{HOST}:{port} within {seconds:g} s")
