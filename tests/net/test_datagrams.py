"""Many datagrams with one system call, and the addresses that go with them."""

import errno
import socket
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.net.datagrams import (
    AT_ONCE,
    ManyAtOnce,
    build_many_at_once,
    choose_many_at_once,
    pack_address,
    receive_singly,
    unpack_address,
)

MANY = build_many_at_once()
needs_c = pytest.mark.skipif(MANY is None, reason="the C part was not built")
hosts = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])


def many() -> ManyAtOnce:
    """The C part, in a test that needs it."""
    assert MANY is not None
    return MANY


def bound(host: str = "127.0.0.1") -> socket.socket:
    """A socket that waits for nothing."""
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind((host, 0))
    return sock


@needs_c
@hosts
def test_what_waits_is_read_in_order_with_the_address_of_each(host: str) -> None:
    with bound(host) as gate, bound(host) as phone, bound(host) as trunk:
        for number, peer in enumerate([phone, trunk, phone]):
            peer.sendto(b"%d" % number * (1 + 1000 * number), gate.getsockname())
        got = many().receive(gate.fileno(), AT_ONCE)
        assert [raw for raw, _ in got] == [b"0", b"1" * 1001, b"2" * 2001]
        addresses = [unpack_address(packed) for _, packed in got]
        assert addresses == [phone.getsockname(), trunk.getsockname(), phone.getsockname()]
        assert many().receive(gate.fileno(), AT_ONCE) == []


@needs_c
def test_no_more_is_read_than_was_asked_for() -> None:
    with bound() as gate, bound() as phone:
        for number in range(2 * AT_ONCE):
            phone.sendto(b"%d" % number, gate.getsockname())
        assert len(many().receive(gate.fileno(), 3)) == 3
        assert len(many().receive(gate.fileno(), 0)) == 0
        assert len(many().receive(gate.fileno(), -5)) == 0
        assert len(many().receive(gate.fileno(), 1000)) == AT_ONCE
        assert len(many().receive(gate.fileno(), 1000)) == AT_ONCE - 3


@needs_c
def test_empty_and_the_largest_datagrams_are_read_whole() -> None:
    with bound() as gate, bound() as phone:
        for raw in (b"", b"x" * 65507, b"y"):
            phone.sendto(raw, gate.getsockname())
        assert [raw for raw, _ in many().receive(gate.fileno(), 9)] == [b"", b"x" * 65507, b"y"]


@needs_c
def test_a_descriptor_that_is_no_socket_is_an_error() -> None:
    with bound() as gate:
        descriptor = gate.fileno()
    with pytest.raises(OSError, match=r"."):
        many().receive(descriptor, 1)
    assert many().send_all(descriptor, [(b"x", pack_address(("127.0.0.1", 9)), None)], 0) == (
        0,
        errno.EBADF,
    )


@needs_c
@hosts
def test_more_than_fit_into_one_call_are_all_sent_in_order(host: str) -> None:
    with bound(host) as gate, bound(host) as phone:
        packed = pack_address(phone.getsockname())
        messages = [(b"%d" % number, packed, None) for number in range(3 * AT_ONCE + 1)]
        assert many().send_all(gate.fileno(), messages, 1) == (len(messages), 0)
        got = [phone.recv(100) for _ in messages[1:]]
        assert got == [raw for raw, _, _ in messages[1:]]


@needs_c
def test_the_first_that_can_not_leave_is_named_and_those_before_it_have_left() -> None:
    with bound() as gate, bound() as phone:
        good = pack_address(phone.getsockname())
        forbidden = pack_address(("255.255.255.255", 9))  # needs SO_BROADCAST
        messages = [(b"1", good, None), (b"2", forbidden, None), (b"3", good, None)]
        assert many().send_all(gate.fileno(), messages, 0) == (1, errno.EACCES)
        assert many().send_all(gate.fileno(), messages, 2) == (3, 0)
        assert [phone.recv(9), phone.recv(9)] == [b"1", b"3"]


@needs_c
@pytest.mark.parametrize("wrong", [b"x", (b"x",), ("x", b"a"), (b"x", None)])
def test_what_is_no_message_is_refused(wrong: object) -> None:
    with bound() as gate, pytest.raises(TypeError):
        many().send_all(gate.fileno(), [wrong], 0)  # type: ignore[list-item]


@needs_c
def test_a_place_that_is_not_there_is_refused() -> None:
    with bound() as gate, pytest.raises(ValueError, match="no such message"):
        many().send_all(gate.fileno(), [], 1)


def test_they_are_read_singly_where_there_is_no_c_part() -> None:
    with bound() as gate, bound() as phone:
        for number in range(5):
            phone.sendto(b"%d" % number, gate.getsockname())
        found = receive_singly(gate, 3) + receive_singly(gate, 3) + receive_singly(gate, 3)
        assert found == [(b"%d" % number, phone.getsockname()) for number in range(5)]


def test_the_c_part_can_be_missing_or_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIPGATE_PURE", "1")
    assert choose_many_at_once() is None
    monkeypatch.delenv("SIPGATE_PURE")
    monkeypatch.setitem(sys.modules, "sipgate.net._datagrams", None)
    assert choose_many_at_once() is None


@given(st.ip_addresses(v=4), st.integers(0, 65535))
def test_an_ipv4_address_comes_back_from_its_packed_form(host: object, port: int) -> None:
    assert unpack_address(pack_address((str(host), port))) == (str(host), port)


@given(st.ip_addresses(v=6), st.integers(0, 65535), st.integers(0, 2**20 - 1), st.integers(0, 99))
def test_an_ipv6_address_comes_back_from_its_packed_form(
    host: object, port: int, flow_info: int, scope: int
) -> None:
    spelled = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, str(host)))
    address = (spelled, port, flow_info, scope)
    assert unpack_address(pack_address(address)) == address


def test_a_zone_beside_its_scope_adds_nothing() -> None:
    assert pack_address(("fe80::1%lo", 9, 0, 1)) == pack_address(("fe80::1", 9, 0, 1))


def test_a_name_has_no_packed_form() -> None:
    with pytest.raises(OSError, match=r"."):
        pack_address(("sip.example.com", 5060))
