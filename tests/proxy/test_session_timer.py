"""Session timers (RFC 4028): asked for, seen, and what a call is without its refreshes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.proxy.session_timer import asked_timer, promised_timer, session_interval
from sipgate.sip import Request, Response, parse_message

from .house import House


def invite(*headers: str) -> Request:
    lines = [
        "INVITE sip:a@b SIP/2.0",
        "Via: SIP/2.0/UDP h;branch=z9hG4bK1",
        "From: <sip:a@b>;tag=1",
        "To: <sip:b@b>",
        "Call-ID: 1",
        "CSeq: 1 INVITE",
        *headers,
    ]
    message = parse_message(("\r\n".join(lines) + "\r\n\r\n").encode())
    assert isinstance(message, Request)
    return message


def ok(*headers: str) -> Response:
    lines = [
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/UDP h;branch=z9hG4bK1",
        "From: <sip:a@b>;tag=1",
        "To: <sip:b@b>;tag=2",
        "Call-ID: 1",
        "CSeq: 1 INVITE",
        *headers,
    ]
    message = parse_message(("\r\n".join(lines) + "\r\n\r\n").encode())
    assert isinstance(message, Response)
    return message


@pytest.mark.parametrize(
    ("headers", "removed", "appended", "promised"),
    [
        ((), 0, b"Session-Expires: 1800", 0),
        (("Supported: timer",), 0, b"Session-Expires: 1800", 1800),
        (("Min-SE: 3600",), 0, b"Session-Expires: 3600", 0),
        (("Session-Expires: 900",), 0, None, 0),
        (("x: 900;refresher=uac", "k: 100rel, timer"), 0, None, 900),
        (("Session-Expires: 7200;refresher=uas",), 1, b"Session-Expires: 1800;refresher=uas", 0),
        (("Session-Expires: 7200", "Min-SE: 5400"), 1, b"Session-Expires: 5400", 0),
        (("Session-Expires: nonsense",), 1, b"Session-Expires: 1800", 0),
    ],
)
def test_a_timer_is_asked_for_and_only_made_shorter_rfc_4028_8_1(
    headers: tuple[str, ...], removed: int, appended: bytes | None, promised: int
) -> None:
    edit = asked_timer(invite(*headers), 1800)

    assert len(edit.remove) == removed
    assert edit.append == (() if appended is None else (appended,))
    assert edit.promised == promised


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(90, 10**5))
def test_an_interval_is_never_below_min_se_nor_above_what_was_asked(
    asked: int, least: int, wanted: int
) -> None:
    request = invite(f"Session-Expires: {asked}", f"Min-SE: {least}")

    edit = asked_timer(request, wanted)

    if edit.append:
        sent = int(edit.append[0].partition(b": ")[2])
        assert max(least, 90) <= sent or least == 0
        assert sent < asked


def test_a_2xx_without_a_timer_gets_one_for_a_caller_that_knows_them_rfc_4028_8_2() -> None:
    assert promised_timer(ok(), 1800) == (
        b"Session-Expires: 1800;refresher=uac",
        b"Require: timer",
    )


def test_a_2xx_that_requires_timers_already_says_so_once() -> None:
    assert promised_timer(ok("Require: timer"), 1800) == (b"Session-Expires: 1800;refresher=uac",)


def test_a_2xx_with_a_timer_and_one_for_a_caller_without_stay_as_they_are() -> None:
    assert promised_timer(ok("Session-Expires: 600;refresher=uas"), 1800) == ()
    assert promised_timer(ok(), 0) == ()


def test_an_interval_that_can_not_be_read_is_none() -> None:
    assert session_interval(ok("Session-Expires: 99999999999")) is None
    assert session_interval(ok("Session-Expires: -5")) is None
    assert session_interval(ok("x: 300;refresher=uas")) == 300


def timed(house: House, interval: int) -> None:
    house.phone.calls(headers=["Supported: timer", f"Session-Expires: {interval}"])
    house.writes()
    house.heard()
    house.trunk.answers(200, headers=[f"Session-Expires: {interval};refresher=uac"])
    house.heard()


def test_a_call_whose_session_is_not_refreshed_is_over() -> None:
    house = House()
    timed(house, 1800)

    house.waits(1800 + 31)
    assert house.outcomes == []
    house.waits(2)

    [outcome] = house.outcomes
    assert (outcome.kind, outcome.ended_by, outcome.reason) == (
        "answered",
        "lost",
        "session expired",
    )
    assert house.parts.engine.calls_in_progress == 0


def test_a_call_without_a_timer_lasts_until_max_call() -> None:
    house = House()
    house.call_up()

    house.waits(7200)

    assert house.outcomes == []


def test_after_a_restart_a_session_has_one_more_interval() -> None:
    house = House()
    timed(house, 1800)
    house.writes()
    house.clock.advance(1700)

    after = house.restarts()
    after.waits(1800 + 30)
    assert after.outcomes == []
    after.waits(3)

    assert after.outcomes[-1].reason == "session expired"


ASKS = 'session-timer = "30m"'


def test_a_timer_is_asked_for_where_the_operator_wants_it() -> None:
    house = House(gate=ASKS)
    house.phone.calls()
    house.writes()
    house.heard()
    assert house.trunk.got_request("INVITE").values(b"session-expires") == [b"1800"]


def test_a_caller_that_knows_timers_gets_one_though_the_callee_knows_none() -> None:
    house = House(gate=ASKS)
    house.phone.calls(headers=["Supported: timer"])
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.heard()
    answer = house.phone.got_response(200)
    assert answer.values(b"session-expires") == [b"1800;refresher=uac"]
    assert answer.values(b"require") == [b"timer"]
    house.waits(1800 + 33)
    assert house.outcomes[-1].reason == "session expired"


def test_each_refresh_of_either_kind_keeps_the_call_up() -> None:
    house = House(gate=ASKS)
    house.phone.calls(headers=["Supported: timer"])
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.heard()
    house.phone.in_dialog("ACK", cseq=1, branch="a1")
    for number, method in enumerate(("INVITE", "UPDATE", "INVITE"), 2):
        house.waits(1700)
        house.phone.in_dialog(
            method, cseq=number, branch=f"r{number}", headers=["Supported: timer"]
        )
        house.heard()
        house.trunk.answers(200, method=method)
        house.heard()
        house.phone.in_dialog("ACK", cseq=number, branch=f"a{number}")
        house.heard()
    assert house.outcomes == []
    house.waits(1833)
    assert house.outcomes[-1].reason == "session expired"


def test_without_the_setting_no_header_is_touched() -> None:
    house = House()
    house.phone.calls(headers=["Supported: timer"])
    house.writes()
    house.heard()
    assert house.trunk.got_request("INVITE").first(b"session-expires") is None
