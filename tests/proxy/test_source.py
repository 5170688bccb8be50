"""Sources: the most specific network wins."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipgate.numbers import DialPlan
from sipgate.proxy.source import CACHED_HOSTS, Source, SourceTable

PLAN = DialPlan()


def source(name: str, *networks: str) -> Source:
    return Source(
        name=name,
        networks=tuple(ip_network(network) for network in networks),
        upstream="carrier",
        dial_plan=PLAN,
    )


TABLE = SourceTable(
    [
        source("office", "10.0.0.0/8", "2001:db8::/32"),
        source("floor", "10.1.0.0/16"),
        source("pbx", "10.1.2.3", "2001:db8::7"),
        source("mapped", "::ffff:192.0.2.0/120", "::ffff:198.51.100.7"),
    ]
)


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("10.9.9.9", "office"),
        ("10.1.9.9", "floor"),
        ("10.1.2.3", "pbx"),
        ("10.1.2.4", "floor"),
        ("2001:db8::1", "office"),
        ("2001:db8::7", "pbx"),
        ("2001:0DB8:0::7", "pbx"),
        ("[2001:db8::7]", "pbx"),
        ("2001:db8::7%eth0", "pbx"),
        ("::ffff:10.1.2.3", "pbx"),
        ("192.0.2.9", "mapped"),
        ("::ffff:192.0.2.9", "mapped"),
        ("198.51.100.7", "mapped"),
    ],
)
def test_the_most_specific_network_wins(host: str, name: str) -> None:
    found = TABLE.find(host)
    assert found is not None
    assert found.name == name
    assert TABLE.find(host) is found


@pytest.mark.parametrize("host", ["11.0.0.1", "2001:db9::1", "", "pbx.example.com"])
def test_an_address_in_no_network_is_a_stranger(host: str) -> None:
    assert TABLE.find(host) is None
    assert TABLE.find(host) is None


def test_a_network_of_everything_takes_what_is_left() -> None:
    table = SourceTable([source("any", "0.0.0.0/0", "::/0"), source("pbx", "10.1.2.3")])
    names = [table.find(host) for host in ("192.0.2.1", "2001:db8::1", "10.1.2.3")]
    assert [found.name for found in names if found is not None] == ["any", "any", "pbx"]


def test_two_sources_with_one_network_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/8 is in two sources: a, b"):
        SourceTable([source("a", "10.0.0.0/8"), source("b", "10.0.0.0/8")])


def test_two_sources_with_one_name_are_an_error() -> None:
    with pytest.raises(ValueError, match="two sources are named a"):
        SourceTable([source("a", "10.0.0.0/8"), source("a", "11.0.0.0/8")])


def test_one_source_may_repeat_a_network() -> None:
    assert SourceTable([source("a", "10.0.0.1", "10.0.0.1/32")]).find("10.0.0.1") is not None


def test_a_source_is_found_by_name() -> None:
    found = TABLE.named("floor")
    assert found is not None
    assert found.name == "floor"
    assert TABLE.named("gone") is None


def test_a_flood_of_addresses_does_not_fill_the_memory() -> None:
    table = SourceTable([source("pbx", "10.1.2.3")])
    for number in range(CACHED_HOSTS + 10):
        table.find(f"192.{number >> 16}.{number >> 8 & 255}.{number & 255}")
    assert len(table._sources_by_host) <= CACHED_HOSTS
    assert table.find("10.1.2.3") is not None


def test_an_open_network_has_a_strangers_limits_only_where_passwords_are_asked_for() -> None:
    everywhere = source("all", "0.0.0.0/0")
    assert not everywhere.takes_anybody
    assert replace(everywhere, realm="example.com").takes_anybody
    assert not replace(source("hq", "10.0.0.0/8"), realm="example.com").takes_anybody
