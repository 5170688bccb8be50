"""RFC 3263 §4 without a network: which records are asked for, and in which order they are tried."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.net.location import Naptr, Srv, Wish, default_port, ordered, services

rows = st.lists(
    st.builds(
        Srv,
        st.integers(0, 3),
        st.integers(0, 100),
        st.just(5060),
        st.sampled_from([f"h{n}.example" for n in range(9)]),
    ),
    max_size=12,
)


@pytest.mark.parametrize(
    ("wish", "transport"),
    [
        (Wish("a.example"), ""),
        (Wish("a.example", 5070), "udp"),
        (Wish("a.example", 0, "tcp"), "tcp"),
        (Wish("a.example", is_secure=True), ""),
        (Wish("a.example", 5071, is_secure=True), "tls"),
        (Wish("a.example", 0, "tcp", is_secure=True), "tls"),
    ],
)
def test_rfc_3263_4_1_a_uri_may_fix_its_transport(wish: Wish, transport: str) -> None:
    assert wish.fixed_transport == transport


def test_rfc_3263_4_1_naptr_records_are_taken_by_order_and_preference() -> None:
    found = services(
        [
            Naptr(90, 50, "s", "SIP+D2T", "_sip._tcp.example.com"),
            Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.example.com"),
            Naptr(90, 10, "S", "sip+d2u", "_sip._udp.example.com"),
            Naptr(10, 10, "u", "E2U+sip", "."),
        ],
        ("udp", "tcp", "tls"),
        is_secure=False,
    )

    assert [one.transport for one in found] == ["tls", "udp", "tcp"]


def test_rfc_3263_4_1_what_we_do_not_speak_is_passed_over() -> None:
    offered = [Naptr(1, 1, "s", "SIPS+D2T", "x"), Naptr(2, 1, "s", "SIP+D2S", "y")]

    assert services(offered, ("udp", "tcp"), is_secure=False) == []


def test_rfc_3263_4_1_a_sips_uri_takes_nothing_but_tls() -> None:
    offered = [Naptr(1, 1, "s", "SIP+D2U", "x"), Naptr(2, 1, "s", "SIPS+D2T", "y")]

    assert [one.name for one in services(offered, ("udp", "tls"), is_secure=True)] == ["y"]


@given(rows, st.integers())
def test_every_server_has_its_turn_and_priorities_come_in_order(rows: list[Srv], seed: int) -> None:
    tried = ordered(rows, Random(seed))

    assert Counter(tried) == Counter(rows)
    assert [row.priority for row in tried] == sorted(row.priority for row in rows)


def test_rfc_2782_weights_share_the_load() -> None:
    random = Random(7)
    heavy, light, idle = Srv(1, 75, 1, "heavy"), Srv(1, 25, 1, "light"), Srv(1, 0, 1, "idle")

    first = Counter(ordered([light, idle, heavy], random)[0].target for _ in range(4000))

    assert 2800 < first["heavy"] < 3200
    assert 800 < first["light"] < 1200
    assert first["idle"] < 120


def test_a_target_of_a_dot_is_no_server() -> None:
    assert ordered([Srv(0, 0, 5060, ".")], Random(1)) == []


def test_ports_where_nobody_names_one() -> None:
    assert (default_port("udp"), default_port("tcp"), default_port("tls")) == (5060, 5060, 5061)
