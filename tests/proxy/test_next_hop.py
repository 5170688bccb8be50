"""Route sets and the hop after them (RFC 3261 §16.4, §16.6)."""

from collections.abc import Callable, Sequence
from typing import cast

import pytest

from sipgate.clock import VirtualClock
from sipgate.net import Flow, Location, Network, Place, Resolver, Wish
from sipgate.proxy import HopResolver, OwnAddresses
from sipgate.proxy.next_hop import Hop, RouteReader, RouteSet, UnsupportedHop, hop_of, route_hop
from sipgate.sip import BadMessage, Request, parse_message, parse_uri

from .house import Air, Numeric

AIR = Air(VirtualClock())
PHONE = AIR.flow_to("udp", "10.1.0.7", 5060)
READER = RouteReader(OwnAddresses([PHONE.listener], ["gate.example"]))
OURS = "<sip:0123456789abcdef@10.0.0.1:5060;lr>"


def request(*routes: str, uri: str = "sip:1@a") -> Request:
    lines = "".join(f"Route: {route}\r\n" for route in routes)
    message = parse_message(
        (
            f"BYE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\n{lines}"
            "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: c\r\nCSeq: 2 BYE\r\n\r\n"
        ).encode()
    )
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("routes", "read"),
    [
        ([], RouteSet()),
        ([OURS], RouteSet(1, b"0123456789abcdef")),
        ([OURS, "<sip:r;lr>"], RouteSet(1, b"0123456789abcdef", (b"<sip:r;lr>",))),
        ([f"{OURS}, {OURS}"], RouteSet(2, b"0123456789abcdef")),
        ([f"{OURS}, {OURS}, {OURS}"], RouteSet(2, b"0123456789abcdef", (OURS.encode(),))),
        (["<sip:gate.example;lr>"], RouteSet(1)),
        (["<sip:r;lr>", OURS], RouteSet(0, b"", (b"<sip:r;lr>", OURS.encode()))),
    ],
    ids=["none", "ours", "ours and more", "two", "no third", "an alias", "not the topmost"],
)
def test_our_own_values_are_told_from_the_rest(routes: list[str], read: RouteSet) -> None:
    assert READER.read(request(*routes), PHONE) == read


def test_the_second_value_is_ours_by_its_token_whatever_its_address() -> None:
    other_side = "<sip:0123456789abcdef@172.16.0.1:5060;transport=tcp;lr>"
    assert READER.read(request(OURS, other_side), PHONE) == RouteSet(2, b"0123456789abcdef")


def test_a_route_that_is_none_is_a_bad_message() -> None:
    with pytest.raises(BadMessage):
        READER.read(request("<nothing"), PHONE)


def test_what_a_strict_router_did_is_undone() -> None:
    strict = request("<sip:r;lr>", "<sip:callee@x>", uri=OURS.strip("<>"))
    loose = READER.loosened(strict, PHONE)
    assert loose.uri == b"sip:callee@x"
    assert loose.values(b"route") == [OURS.encode(), b"<sip:r;lr>"]


@pytest.mark.parametrize(
    "untouched",
    [
        request(OURS),
        request("<sip:r;lr>", uri="sip:1@elsewhere;lr"),
        request(uri=OURS.strip("<>")),
    ],
    ids=["loose already", "not ours", "no route"],
)
def test_what_no_strict_router_did_stays(untouched: Request) -> None:
    assert READER.loosened(untouched, PHONE) is untouched


@pytest.mark.parametrize(
    ("uri", "hop"),
    [
        (b"sip:1@10.0.0.9", Hop("udp", "10.0.0.9", 5060)),
        (b"sip:10.0.0.9:5070;transport=TCP", Hop("tcp", "10.0.0.9", 5070)),
        (b"sip:[2001:db8::1]:5070", Hop("udp", "2001:db8::1", 5070)),
        (
            b"sip:1@Name.example;lr",
            Hop("udp", "name.example", 5060, Wish("name.example")),
        ),
        (
            b"sip:name.example:5070;transport=tcp",
            Hop("tcp", "name.example", 5070, Wish("name.example", 5070, "tcp")),
        ),
        (b"sip:1@name.example;maddr=10.0.0.9", Hop("udp", "10.0.0.9", 5060)),
        (b"sips:1@10.0.0.9", Hop("tls", "10.0.0.9", 5061)),
        (b"sips:1@10.0.0.9:5070;transport=tcp", Hop("tls", "10.0.0.9", 5070)),
        (b"sip:1@10.0.0.9;transport=tls", Hop("tls", "10.0.0.9", 5061)),
        (
            b"sips:1@name.example",
            Hop("tls", "name.example", 5061, Wish("name.example", is_secure=True)),
        ),
        (b"sip:1@name.example:5070;maddr=[2001:db8::1]", Hop("udp", "2001:db8::1", 5070)),
    ],
)
def test_a_sip_uri_names_a_hop(uri: bytes, hop: Hop) -> None:
    assert hop_of(parse_uri(uri)) == hop
    assert route_hop(b"<" + uri + b">") == hop


@pytest.mark.parametrize(
    ("uri", "status"),
    [(b"sips:1@a;transport=udp", 480), (b"tel:+1", 416), (b"sip:1@a;transport=sctp", 480)],
)
def test_other_uris_name_no_hop(uri: bytes, status: int) -> None:
    with pytest.raises(UnsupportedHop) as caught:
        hop_of(parse_uri(uri))
    assert caught.value.status == status


def resolver() -> HopResolver:
    return HopResolver(cast(Network, AIR), cast(Resolver, Numeric()))


def test_a_numeric_hop_is_found_at_once_and_remembered() -> None:
    hops, found = resolver(), list[object]()
    for _ in range(2):
        hops.with_flow(Hop("udp", "10.1.0.7", 5060), found.append)
    assert found == [PHONE, PHONE]


def test_a_connection_that_is_lost_is_made_again() -> None:
    hops, hop = resolver(), Hop("tcp", "10.9.0.9", 5080)
    first = hops.numeric_flow(hop)
    AIR.flow_to("tcp", "10.9.0.9", 5080).open = False
    assert hops.numeric_flow(hop) is not first


def test_a_name_is_asked_for_and_its_flow_comes_later() -> None:
    hops, asked, found = resolver(), list[Wish](), list[object]()
    wish = Wish("name.example")
    hops.with_flow(Hop("udp", "name.example", 5060, wish), found.append)
    assert found == [None]  # nobody to ask

    def ask(wish: Wish, use: Callable[[Sequence[Place]], None]) -> None:
        asked.append(wish)
        use((Place("udp", "10.1.0.7", 5060),))

    hops.ask_with(ask)
    hops.with_flow(Hop("udp", "name.example", 5060, wish), found.append)
    assert (asked, found) == ([wish], [None, PHONE])


def test_rfc_3263_4_3_of_several_places_one_that_is_connected_is_taken() -> None:
    wish = Wish("name.example", 0, "tcp")
    places = (Place("tcp", "10.9.0.1", 5060), Place("tcp", "10.9.0.2", 5060))

    class Known:
        def located(self, asked: Wish) -> Location | None:
            return Location(places, 1e9) if asked == wish else None

    class Half:
        """A network in which one of the two can't be reached."""

        def flow_to(self, transport: str, host: str, port: int) -> object:
            flow = AIR.flow_to(transport, host, port)
            flow.open = host != "10.9.0.1"
            return flow

    hops = HopResolver(cast(Network, Half()), cast(Resolver, Known()))
    found: list[Flow | None] = []
    hops.with_flow(Hop("tcp", "name.example", 5060, wish), found.append)
    assert [flow.host for flow in found if flow] == ["10.9.0.2"]


def test_rfc_3263_4_3_a_place_whose_connection_failed_is_passed_over_by_the_next_request() -> None:
    air = Air(VirtualClock())
    hops = HopResolver(cast(Network, air), cast(Resolver, Numeric()))
    places = tuple(Place("tcp", f"10.9.0.{number}", 5060) for number in (1, 2, 3))
    hops.ask_with(lambda wish, use: use(places))
    found: list[Flow] = []

    def ask() -> str:
        hops.with_flow(Hop("tcp", "name.example", 5060, Wish("name.example")), take)
        return found[-1].host

    def take(flow: Flow | None) -> None:
        assert flow is not None
        found.append(flow)

    went = []
    for _ in range(4):
        went.append(ask())
        assert ask() == went[-1]  # it stays where the connection stands
        found[-1].close("refused")

    assert went == ["10.9.0.1", "10.9.0.2", "10.9.0.3", "10.9.0.1"]


def test_a_name_that_leads_nowhere_gives_no_flow() -> None:
    hops, found = resolver(), list[object]()
    hops.ask_with(lambda wish, use: use(()))
    hops.with_flow(Hop("udp", "name.example", 5060, Wish("name.example")), found.append)
    assert found == [None]
