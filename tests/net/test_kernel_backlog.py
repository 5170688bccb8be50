"""What waits in the kernel is seen, and how long it takes is learnt."""

import socket
import sys

import pytest

from sipgate.net.kernel_backlog import DATAGRAM_BYTES, FIRST_GUESS, KernelBacklog

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="SO_MEMINFO is Linux's")

DATAGRAM = b"x" * 400  # 1,280 bytes accounted for


@pytest.fixture
def pair() -> "tuple[socket.socket, socket.socket]":
    """One that listens and one that sends to it."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 0))
    sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sending.connect(listening.getsockname())
    return listening, sending


def test_an_empty_buffer_is_no_wait(pair: "tuple[socket.socket, socket.socket]") -> None:
    listening, sending = pair
    with listening, sending:
        assert KernelBacklog(listening).seconds(0, 1.0) == 0.0


def test_a_buffer_with_datagrams_in_it_is_a_wait_until_they_are_read(
    pair: "tuple[socket.socket, socket.socket]",
) -> None:
    listening, sending = pair
    with listening, sending:
        backlog = KernelBacklog(listening)
        for _ in range(60):
            sending.send(DATAGRAM)
        waits = backlog.seconds(0, 1.0)
        assert waits == pytest.approx(60 * FIRST_GUESS, rel=0.5)
        for _ in range(60):
            listening.recv(1000)
        assert backlog.seconds(60, 1.002) == 0.0


def test_a_buffer_that_is_more_than_half_full_is_filling(
    pair: "tuple[socket.socket, socket.socket]",
) -> None:
    listening, sending = pair
    with listening, sending:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64_000)  # the kernel doubles it
        backlog = KernelBacklog(listening)
        for _ in range(40):
            sending.send(DATAGRAM)
        backlog.seconds(0, 1.0)
        assert not backlog.is_filling
        for _ in range(40):
            sending.send(DATAGRAM)
        backlog.seconds(0, 2.0)
        assert backlog.is_filling


def test_the_kernel_is_not_asked_again_within_a_millisecond(
    pair: "tuple[socket.socket, socket.socket]",
) -> None:
    listening, sending = pair
    with listening, sending:
        backlog = KernelBacklog(listening)
        assert backlog.seconds(0, 1.0) == 0.0
        sending.send(DATAGRAM)
        assert backlog.seconds(0, 1.0005) == 0.0
        assert backlog.seconds(0, 1.002) > 0.0


def test_a_slow_reader_makes_the_same_buffer_a_longer_wait(
    pair: "tuple[socket.socket, socket.socket]",
) -> None:
    listening, sending = pair
    with listening, sending:
        backlog = KernelBacklog(listening)
        for _ in range(60):
            sending.send(DATAGRAM)
        quick = backlog.seconds(0, 1.0)
        for step in range(1, 40):
            slow = backlog.seconds(10 * step, 1.0 + step * 0.01)  # 1 ms each
        assert slow > 10 * quick
        assert slow == pytest.approx(60 * 1280 / DATAGRAM_BYTES * 0.001, rel=0.3)


def test_a_closed_socket_has_nothing_waiting(pair: "tuple[socket.socket, socket.socket]") -> None:
    listening, sending = pair
    sending.close()
    listening.close()
    assert KernelBacklog(listening).seconds(0, 1.0) == 0.0
