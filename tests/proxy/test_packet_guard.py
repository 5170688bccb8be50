"""What is turned away unread, and what never is (design §6 Strangers, §15 overload)."""

from collections.abc import Callable
from hashlib import sha256

import pytest

from sipgate.net import Arrived
from sipgate.proxy import packet_guard, stateless_refusal
from sipgate.proxy.overload import ASKED_SECONDS
from sipgate.sip import Response, parse_message, secret_hash

from .house import GATE, End, House, header

SLOW = "[limits]\npackets-per-second = 5"
SHY = "[limits]\nstranger-packets-per-second = 5"
FEW = "[limits]\ntransactions-per-source = 10"
SCANNER = ["User-Agent: friendly-scanner"]


def overloaded(house: House) -> None:
    """The house's queues are long, and have been."""
    overload = house.parts.overload
    overload.queue_age = lambda: 0.2
    for step in range(20):
        overload.observe(house.clock.now() + step / 50, queue=1.0, loop=0.0, ledger=0.0)
    assert overload.is_overloaded


def relieved(house: House) -> None:
    """The queues are short again; the overload is not over yet."""
    house.parts.overload.queue_age = lambda: 0.0
    house.clock.advance(ASKED_SECONDS)


def call(house: House, number: int, **fields: object) -> None:
    """One of many calls, each with a branch and Call-ID of its own."""
    house.phone.calls(call_id=f"c{number}", branch=f"b{number}", **fields)  # type: ignore[arg-type]


# Overload


def test_a_new_call_in_overload_gets_503_with_retry_after_and_leaves_nothing() -> None:
    house = House()
    overloaded(house)
    house.phone.calls()
    assert house.heard() == ["phone: SIP/2.0 503 Service Unavailable"]
    answer = house.phone.got_response(503)
    assert header(answer, "retry-after") in ("1", "2", "3")
    assert answer.to_tag
    assert house.leftovers() == {}
    assert house.decisions == []
    assert house.parts.counts["invites_shed"] == 1


def test_the_seconds_to_wait_differ_from_call_to_call() -> None:
    house = House()
    overloaded(house)
    for number in range(30):
        call(house, number)
    house.heard()
    answers = [parse_message(raw) for raw in house.phone.got]
    assert {header(answer, "retry-after") for answer in answers} == {"1", "2", "3"}


def test_the_ack_to_such_a_503_goes_nowhere_and_is_no_stray() -> None:
    house = House()
    overloaded(house)
    house.phone.calls()
    house.heard()
    house.phone.acknowledges(503)
    assert house.heard() == []
    assert house.parts.counts["acks_stray"] == 0


def test_a_retransmission_of_a_call_that_is_served_is_absorbed() -> None:
    house = House()
    invite = house.phone.calls()
    house.heard()
    overloaded(house)
    house.phone.sends(invite)
    assert house.heard() == ["phone: SIP/2.0 100 Trying"]
    house.writes()
    assert house.heard() == ["trunk: INVITE sip:+13055550001@10.9.0.9:5080 SIP/2.0"]


def test_a_call_that_was_refused_is_refused_again_when_there_is_room_and_rings_nowhere() -> None:
    house = House()
    overloaded(house)
    invite = house.phone.calls()
    house.heard()
    first = house.phone.got[-1]
    relieved(house)
    house.phone.sends(invite)
    assert house.heard() == ["phone: SIP/2.0 503 Service Unavailable"]
    assert house.phone.got[-1] == first
    house.phone.calls(branch="b2", cseq=2)
    assert house.heard() == ["phone: SIP/2.0 100 Trying"]


def test_a_refusal_is_forgotten_once_nobody_can_repeat_the_call() -> None:
    house = House()
    overloaded(house)
    invite = house.phone.calls()
    house.heard()
    relieved(house)
    house.waits(2 * stateless_refusal.REMEMBERED_SECONDS + 1)
    house.phone.sends(invite)
    assert house.heard() == ["phone: SIP/2.0 100 Trying"]


def test_the_memory_of_refusals_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stateless_refusal, "MOST_REMEMBERED", 50)
    house = House()
    overloaded(house)
    for number in range(1000):
        call(house, number)
    assert len(house.parts.proxy._guard._refusals) <= 100


@pytest.mark.parametrize("callee", ["911", "9-1-1", "urn:service:sos", "urn:service:sos.fire"])
def test_an_emergency_call_is_served_in_overload(callee: str) -> None:
    house = House()
    overloaded(house)
    uri = callee if callee.startswith("urn:") else f"sip:{callee}@{GATE}"
    house.phone.asks("INVITE", uri)
    assert [line.split(" ")[0:2] for line in house.heard()] == [
        ["phone:", "SIP/2.0"],
        ["trunk:", "INVITE"],
    ]
    assert house.parts.counts["calls_emergency"] == 1


def test_a_call_that_is_up_is_served_in_overload_to_its_end() -> None:
    house = House()
    house.call_up()
    overloaded(house)
    house.phone.in_dialog("INVITE", cseq=2, branch="r1")
    assert [line.split(" ")[1] for line in house.heard()] == ["SIP/2.0", "INVITE"]
    house.trunk.answers(200)
    house.phone.in_dialog("ACK", cseq=2, branch="r2")
    house.phone.in_dialog("BYE", cseq=3, branch="r3")
    assert house.heard() == [
        "phone: SIP/2.0 200 X",
        "trunk: ACK sip:callee@10.9.0.9:5080 SIP/2.0",
        "trunk: BYE sip:callee@10.9.0.9:5080 SIP/2.0",
    ]
    house.trunk.answers(200, method="BYE")
    assert house.heard() == ["phone: SIP/2.0 200 X"]


def test_a_call_can_be_cancelled_in_overload() -> None:
    house = House()
    house.phone.calls()
    house.writes()
    house.heard()
    house.trunk.answers(100, tag="", contact=None)
    overloaded(house)
    house.phone.asks("CANCEL", f"sip:+13055550001@{GATE}")
    assert "phone: SIP/2.0 200 OK" in house.heard()


@pytest.mark.parametrize("method", ["REGISTER", "OPTIONS", "MESSAGE", "SUBSCRIBE"])
def test_other_requests_are_served_in_overload(method: str) -> None:
    house = House()
    overloaded(house)
    house.phone.asks(method, "sip:10.9.0.9:5080")
    assert [line.split(":")[0] for line in house.heard()] == ["trunk"]


def test_line_ends_before_an_ack_hide_nothing() -> None:
    house = House()
    house.call_up()
    overloaded(house)
    invite = house.phone.asks("INVITE", f"sip:+13055550002@{GATE}", call_id="c2", branch="b2")
    house.phone.sends(b"\r\n\r\n" + invite)
    assert house.heard() == 2 * ["phone: SIP/2.0 503 Service Unavailable"]


def test_a_refusal_goes_where_a_via_with_rport_asks_for_it() -> None:
    house = House()
    overloaded(house)
    house.phone.calls(via="Via: SIP/2.0/UDP 192.168.1.4:5070;rport;branch=z9hG4bKnat")
    assert house.heard() == ["phone: SIP/2.0 503 Service Unavailable"]
    via = header(house.phone.got_response(503), "via")
    assert via is not None
    assert "received=10.1.0.7" in via
    assert "rport=5060" in via


def test_when_answers_would_come_too_late_a_new_call_is_dropped_until_it_comes_again() -> None:
    house = House()
    overloaded(house)
    house.parts.overload.queue_age = lambda: 0.6
    invite = house.phone.calls()
    emergency(house)
    assert [line.split(" ")[0:2] for line in house.heard()] == [
        ["phone:", "SIP/2.0"],
        ["trunk:", "INVITE"],
    ]
    assert house.parts.counts["invites_dropped"] == 1
    house.parts.overload.queue_age = lambda: 0.2
    house.clock.advance(ASKED_SECONDS)
    house.phone.sends(invite)
    assert house.heard() == ["phone: SIP/2.0 503 Service Unavailable"]


# Packets of a source


def test_a_source_that_sends_too_many_requests_gets_them_served_later() -> None:
    house = House(upstream=SLOW)
    served: set[int] = set()
    waits = [0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]  # Timer E, RFC 3261 §17.1.2.2
    for wait in [*waits, 0.0]:
        for number in range(40):
            if number not in served:
                house.phone.asks(
                    "REGISTER", "sip:10.9.0.9:5080", call_id=f"r{number}", branch=f"r{number}"
                )
        house.heard()
        for raw in house.trunk.got:
            served.add(int(parse_message(raw).call_id[1:]))
        house.waits(wait)
    assert len(served) == 40
    assert house.parts.counts["requests_limited"] > 0


def test_two_hundred_phones_behind_one_address_all_register_at_once() -> None:
    house = House()
    for number in range(200):
        house.phone.asks("REGISTER", "sip:10.9.0.9:5080", call_id=f"r{number}", branch=f"r{number}")
    assert len(house.heard()) == 200
    assert house.parts.counts["requests_limited"] == 0


def test_over_a_connection_too_many_requests_are_answered_for_nothing_comes_again() -> None:
    house = House(upstream=SLOW, phone_transport="tcp")
    for number in range(7):
        call(house, number)
    heard = house.heard()
    assert heard == 5 * ["phone: SIP/2.0 100 Trying"] + 2 * [
        "phone: SIP/2.0 503 Service Unavailable"
    ]
    assert house.phone.wire.is_open


def test_what_is_limited_over_udp_is_not_answered_so_that_its_repeat_is_a_new_call() -> None:
    house = House(upstream=SLOW)
    for number in range(6):
        call(house, number)
    assert len(house.heard()) == 5
    house.waits(0.5)
    call(house, 5)
    assert house.heard() == ["phone: SIP/2.0 100 Trying"]


def emergency(house: House) -> None:
    house.phone.calls("911", call_id="e1", branch="e1")


def bye(house: House) -> None:
    house.phone.in_dialog("BYE")


def reinvite(house: House) -> None:
    house.phone.in_dialog("INVITE", branch="again")


def info(house: House) -> None:
    house.phone.in_dialog("INFO", branch="info")


@pytest.mark.parametrize("sent", [emergency, bye, reinvite, info])
def test_what_belongs_to_a_call_passes_a_source_that_is_over_its_limit(
    sent: Callable[[House], None],
) -> None:
    house = House(upstream=SLOW)
    house.call_up()
    for number in range(20):
        call(house, 100 + number)
    house.heard()
    sent(house)
    assert any(line.startswith("trunk: ") for line in house.heard())


def test_a_retransmission_is_absorbed_whatever_its_source_has_sent() -> None:
    house = House(upstream=SLOW)
    invite = house.phone.calls()
    for number in range(20):
        call(house, 100 + number)
    house.heard()
    house.phone.sends(invite)
    assert house.heard() == ["phone: SIP/2.0 100 Trying"]


ANYBODY = (
    'realm = "example.com"\n[[source]]\nname = "road"\nmatch = ["any"]\nidentity = ["digest"]\n'
    'realm = "example.com"\nregion = "US"\nupstream = "trunk"'
)
ROAD_SECRETS = {"road/4711": {"SHA-256": secret_hash("SHA-256", "4711", "example.com", "open")}}


def open_house() -> House:
    """A gate that lets anybody in who knows a password, and hears five packets of others."""
    return House(source=ANYBODY, upstream=SHY, identity='["digest"]', secrets=ROAD_SECRETS)


def knocks(end: End, times: int) -> None:
    for number in range(times):
        end.asks("REGISTER", f"sip:{GATE}", call_id=f"k{number}", branch=f"k{number}")


def test_who_came_by_any_has_no_more_than_a_stranger_before_a_password_is_right() -> None:
    house = open_house()
    knocks(house.stranger, 100)
    assert house.heard() == 5 * ["stranger: SIP/2.0 407 Proxy Authentication Required"]
    assert house.parts.counts["packets_limited"] == 95
    [row] = house.parts.strangers.due_rows()
    assert (row.address, row.packets) == ("192.0.2.66", 95)


def test_once_a_password_was_right_its_address_has_what_sources_have() -> None:
    house = open_house()
    uri = f"sip:{GATE}"
    house.stranger.asks("REGISTER", uri)
    house.heard()
    shown = proof_of(house.stranger.got_response(407), "REGISTER", uri)
    house.stranger.asks("REGISTER", uri, cseq=2, branch="b2", headers=[shown])
    assert house.heard()[0].startswith("trunk: REGISTER ")
    knocks(house.stranger, 100)
    assert len(house.heard()) == 100
    assert house.parts.counts["packets_limited"] == 0


def test_an_emergency_call_passes_whoever_came_by_any_and_sent_too_much() -> None:
    house = open_house()
    knocks(house.stranger, 20)
    house.heard()
    house.stranger.calls("911", call_id="e1", branch="e1")
    assert any(line.startswith("trunk: INVITE sip:911@") for line in house.heard())


def test_an_upstream_that_only_any_matches_is_no_stranger() -> None:
    house = open_house()
    for number in range(50):
        house.trunk.asks("OPTIONS", f"sip:{GATE}", call_id=f"o{number}", branch=f"o{number}")
    assert house.heard() == 50 * ["trunk: SIP/2.0 200 OK"]


def proof_of(challenged: Response, method: str, uri: str) -> str:
    """The right answer to a challenge, as of RFC 2069: without qop."""
    nonce = (challenged.first(b"proxy-authenticate") or b"").decode().split('nonce="')[1][:44]
    secret = ROAD_SECRETS["road/4711"]["SHA-256"]
    asked = sha256(f"{method}:{uri}".encode()).hexdigest()
    response = sha256(f"{secret}:{nonce}:{asked}".encode()).hexdigest()
    return (
        f'Proxy-Authorization: Digest username="4711", realm="example.com", nonce="{nonce}",'
        f' uri="{uri}", response="{response}", algorithm=SHA-256'
    )


def test_one_address_of_a_source_does_not_slow_another() -> None:
    house = House(upstream=SLOW)
    other = house.end("other", "10.1.0.8", 5060)
    for number in range(20):
        call(house, number)
    house.heard()
    other.calls(call_id="o1", branch="o1")
    assert house.heard() == ["other: SIP/2.0 100 Trying"]


# Transactions of a source


def test_a_source_with_too_many_open_requests_gets_503_until_some_have_ended() -> None:
    house = House(upstream=FEW)
    for number in range(12):
        call(house, number)
    heard = house.heard()
    assert heard == 10 * ["phone: SIP/2.0 100 Trying"] + 2 * [
        "phone: SIP/2.0 503 Service Unavailable"
    ]
    assert house.parts.counts["transactions_limited"] == 2
    assert header(house.phone.got_response(503), "retry-after") in ("1", "2", "3")
    house.pbx.calls(call_id="p1")  # another source has its own
    assert house.heard() == ["pbx: SIP/2.0 100 Trying"]
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.heard()
    house.phone.calls(call_id="later", branch="later")
    house.pbx.calls(call_id="later", branch="later2")
    assert house.heard() == [
        "phone: SIP/2.0 503 Service Unavailable",
        "pbx: SIP/2.0 100 Trying",
    ]


def test_an_ended_request_makes_room_for_the_next() -> None:
    house = House(upstream=FEW)
    for number in range(10):
        call(house, number)
    house.writes()
    house.heard()
    house.trunk.answers(486)
    house.heard()
    house.phone.asks(
        "ACK",
        f"sip:+13055550001@{GATE}",
        to_tag=house.phone.got_response(486).to_tag.decode(),
        call_id="c9",
        branch="b9",
    )
    call(house, 50)
    assert house.heard()[-1] == "phone: SIP/2.0 100 Trying"


def test_an_emergency_call_passes_a_source_whose_requests_are_all_open() -> None:
    house = House(upstream=FEW)
    for number in range(12):
        call(house, number)
    house.heard()
    emergency(house)
    assert [line.split(" ")[0] for line in house.heard()] == ["phone:", "trunk:"]


# Strangers


def test_a_scanner_is_looked_at_a_few_times_and_counted_always() -> None:
    house = House(upstream=SHY)
    for number in range(100):
        house.stranger.asks(
            "OPTIONS", f"sip:100@{GATE}", call_id=f"s{number}", branch=f"s{number}", headers=SCANNER
        )
    assert house.heard() == []
    assert house.parts.counts["strangers"] == 5
    assert house.parts.counts["packets_limited"] == 95
    row = house.parts.strangers.due_rows()[0]
    assert (row.packets, row.method, row.user_agent) == (100, "OPTIONS", "friendly-scanner")
    assert row.reason == "no [[source]] matches its address"


def test_one_that_never_stops_is_still_listed_after_its_row_was_written() -> None:
    house = House(upstream=SHY)
    for _ in range(10):
        house.stranger.sends(b"INVITE sip:100@a SIP/2.0\r\n\r\n")
    house.parts.strangers.due_rows()
    house.stranger.sends(b"INVITE sip:100@a SIP/2.0\r\n\r\n")
    row = house.parts.strangers.due_rows()[0]
    assert (row.packets, row.reason) == (1, "more packets than stranger-packets-per-second")


def test_a_stranger_over_its_limit_gets_no_answer_even_where_strangers_get_one() -> None:
    house = House(upstream=SHY, gate='unknown-source = "403"')
    for number in range(20):
        house.stranger.calls(call_id=f"s{number}", branch=f"s{number}")
    assert house.heard() == 5 * ["stranger: SIP/2.0 403 Forbidden"]


def flooding(house: House, end: End) -> None:
    """A far end that sends from an address of nobody's, and a lot."""
    for _ in range(30):
        end.sends(b"OPTIONS sip:a@b SIP/2.0\r\n\r\n")
    assert house.parts.counts["packets_limited"] > 0


def test_the_far_end_of_a_call_is_heard_whatever_its_address_sends() -> None:
    house = House(upstream=SHY)
    house.phone.calls()
    house.writes()
    house.heard()
    elsewhere = house.end("elsewhere", "198.51.100.77", 5060)
    flooding(house, elsewhere)
    elsewhere.answers(200, to=house.trunk.got_request("INVITE"))
    assert house.heard() == ["phone: SIP/2.0 200 X"]
    elsewhere.got = house.trunk.got
    elsewhere.back("BYE")
    assert house.heard() == ["phone: BYE sip:4711@10.1.0.7:5060 SIP/2.0"]


def test_a_response_to_nothing_of_ours_is_thrown_away_unread() -> None:
    house = House(upstream=SHY)
    flooding(house, house.stranger)
    before = house.parts.counts["packets_limited"]
    house.stranger.sends(
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK0123456789abcdef\r\n\r\n"
    )
    assert house.parts.counts["packets_limited"] == before + 1


# Memory


def test_a_flood_of_a_strangers_branches_and_vias_leaves_nothing_behind() -> None:
    house = House()
    for number in range(3000):
        far = f"198.51.{number % 250}.{number // 250}:{5000 + number}"
        house.stranger.calls(
            call_id=f"s{number}",
            branch=f"s{number}",
            via=f"Via: SIP/2.0/UDP {far};branch=z9hG4bKs{number}",
        )
    assert house.heard() == []
    assert house.leftovers() == {}
    assert len(house.parts.strangers) == 1


def test_a_flood_of_forged_addresses_fills_no_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packet_guard, "MOST_BUCKETS", 100)
    house = House()
    for number in range(3000):
        end = house.end("forged", f"198.{18 + number % 2}.{number % 250}.{number // 250}", 5060)
        end.asks("REGISTER", f"sip:{GATE}", call_id=f"s{number}", branch=f"s{number}")
    assert len(house.parts.proxy._guard._stranger_buckets) <= 200
    assert house.leftovers() == {}


def test_a_flood_of_a_sources_requests_stops_at_the_bound_of_the_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House(upstream="[limits]\npackets-per-second = 1000000")
    monkeypatch.setattr(house.parts.proxy._guard, "_most_kept", 100)
    for number in range(1000):
        house.phone.asks("OPTIONS", f"sip:{GATE}", call_id=f"o{number}", branch=f"o{number}")
        house.phone.asks(
            "BYE", "sip:x@10.9.0.9:5080", to_tag="no", call_id=f"y{number}", branch=f"y{number}"
        )
    assert len(house.parts.table) <= 2 * 100 + 1
    answers = [parse_message(raw) for raw in house.phone.got]
    assert all(isinstance(answer, Response) for answer in answers)
    house.heard()
    emergency(house)
    assert any(line.startswith("trunk: INVITE") for line in house.heard())
    house.waits(70)
    house.phone.calls(call_id="after", branch="after")
    assert house.heard()[-1] == "phone: SIP/2.0 100 Trying"


@pytest.mark.parametrize(
    ("params", "answered"),
    [
        (";rport;branch=z9hG4bK1", ";rport=5060;branch=z9hG4bK1;received=10.1.0.7"),
        (";branch=z9hG4bK1;rport", ";branch=z9hG4bK1;rport=5060;received=10.1.0.7"),
        (
            "; rport ;branch=z9hG4bK1;x=1",
            ";rport=5060;branch=z9hG4bK1;x=1;received=10.1.0.7",
        ),
        (";branch=z9hG4bK1", ";branch=z9hG4bK1;received=10.1.0.7"),
        (";rport=9;received=6.6.6.6;branch=z9hG4bK1", None),
    ],
    ids=["first", "last", "spaced", "without rport", "made up"],
)
def test_a_refusals_via_says_where_the_call_came_from(params: str, answered: str | None) -> None:
    house = House()
    overloaded(house)
    house.phone.calls(via=f"Via: SIP/2.0/UDP 192.168.1.4:5070{params}")
    house.heard()
    raw, wire = house.air.log[-1][1], house.air.log[-1][0]
    via = header(parse_message(raw), "via")
    assert via is not None
    assert "6.6.6.6" not in via
    if answered is not None:
        assert via == "SIP/2.0/UDP 192.168.1.4:5070" + answered
    assert (wire.host, wire.port) == ("10.1.0.7", 5060 if "rport" in params else 5070)


@pytest.mark.parametrize(
    "uri",
    [
        "tel:911",
        "tel:911;phone-context=+1",
        "tel:9-1-1",
        f"sip:%39%31%31@{GATE}",
        f"sip:911:pw@{GATE}",
        f"sip:911,,5@{GATE}",
        f"sip:911;isub=5@{GATE}",
        f"sip:%EF%BC%99%EF%BC%91%EF%BC%91@{GATE}",
    ],
)
def test_an_emergency_call_in_any_spelling_is_served_in_overload(uri: str) -> None:
    house = House()
    overloaded(house)
    house.phone.asks("INVITE", uri)
    assert [line for line in house.heard() if line.startswith("trunk: INVITE ")]
    assert house.parts.counts["calls_emergency"] == 1


# Packets that arrive together


def test_packets_that_arrive_together_are_handled_as_one_by_one() -> None:
    one_by_one, together = House(), House()
    overloaded(one_by_one)
    overloaded(together)
    raws = [one_by_one.phone.calls(call_id=f"c{n}", branch=f"b{n}") for n in range(5)]
    raws += [one_by_one.phone.asks("OPTIONS", f"sip:{GATE}", call_id="o", branch="o")]
    arrived = Arrived([(raw, together.phone.wire) for raw in raws])
    together.parts.proxy.take(arrived, together.clock.now() + 1.0)
    assert arrived.at == 6
    heard = together.heard()
    assert heard == one_by_one.heard()
    assert heard.count("phone: SIP/2.0 503 Service Unavailable") == 5
    assert together.parts.counts == one_by_one.parts.counts


def test_when_it_is_late_the_rest_of_what_arrived_together_waits() -> None:
    house = House()
    raws = [house.phone.asks("OPTIONS", f"sip:{GATE}", branch=f"o{n}") for n in range(3)]
    house.heard()
    arrived = Arrived([(raw, house.phone.wire) for raw in raws])
    house.parts.proxy.take(arrived, house.clock.now())
    assert arrived.at == 1
