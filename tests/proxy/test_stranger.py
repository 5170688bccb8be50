"""Strangers: counted per address, bounded, handed over once."""

from sipgate.proxy.stranger import StrangerTable
from sipgate.store import Stranger


def test_packets_of_one_address_are_one_row() -> None:
    table = StrangerTable()
    table.knocked("192.0.2.1", b"REGISTER", b"friendly", "no source", 100.0, "udp")
    table.knocked("192.0.2.1", b"INVITE", None, "no source", 105.0, "udp")
    assert table.due_rows() == [
        Stranger(
            address="192.0.2.1",
            transport="udp",
            first_time=100.0,
            last_time=105.0,
            packets=2,
            reason="no source",
            method="INVITE",
            user_agent="friendly",
        )
    ]


def test_rows_are_handed_over_once() -> None:
    table = StrangerTable()
    table.knocked("192.0.2.1", b"INVITE", None, "no source", 100.0)
    table.due_rows()
    assert table.due_rows() == []
    table.knocked("192.0.2.1", b"INVITE", None, "no source", 120.0)
    assert [(row.packets, row.first_time) for row in table.due_rows()] == [(1, 120.0)]


def test_the_least_recent_go_when_there_are_too_many() -> None:
    table = StrangerTable(most=2)
    for host in ("a", "b", "a", "c"):
        table.knocked(host, b"INVITE", None, "no source", 1.0)
    assert [row.address for row in table.due_rows()] == ["a", "c"]


def test_what_a_stranger_writes_is_cut_and_made_readable() -> None:
    table = StrangerTable()
    table.knocked("a", b"M" * 500, b"\xff" + b"u" * 500, "no source", 1.0)
    (row,) = table.due_rows()
    assert len(row.method) == 200
    assert row.user_agent is not None
    assert row.user_agent.startswith("\\xffu")


def test_a_calendar_that_goes_back_gives_no_row_that_ends_before_it_begins() -> None:
    table = StrangerTable()
    table.knocked("a", b"INVITE", None, "no source", 100.0)
    table.knocked("a", b"INVITE", None, "no source", 90.0)
    (row,) = table.due_rows()
    assert row.first_time <= row.last_time
