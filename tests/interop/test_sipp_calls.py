"""SIPp as callers and callees through a real gate, over UDP and TCP."""

import shutil
from pathlib import Path

import pytest

from .conversation import (
    accept,
    ack,
    ack_to_refusal,
    answer,
    bye,
    cancel,
    end_cancelled_invite,
    hang_up,
    invite,
    invite_to_be_cancelled,
    pause,
    refusal,
    request,
    response,
)
from .house import house
from .sipp import answering, call

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed"),
]

BOTH_SIDES = [
    pytest.param("udp", "udp", id="udp-to-udp"),
    pytest.param("tcp", "tcp", id="tcp-to-tcp"),
    pytest.param("udp", "tcp", id="udp-to-tcp"),
    pytest.param("tcp", "udp", id="tcp-to-udp"),
]
EACH = ["udp", "tcp"]

PLACES_CALL = [
    invite(),
    response(100, optional=True),
    response(180),
    response(200, remember_route=True),
    ack(),
    pause(300),
    bye(),
    response(200),
]
ANSWERS = [
    request("INVITE", remember_route=True),
    answer(180, "Ringing"),
    answer(200, "OK"),
    request("ACK"),
    request("BYE"),
    accept(),
]
IS_REFUSED = [
    invite(),
    response(100, optional=True),
    refusal(403, "403 limit of 2 calls reached"),
    ack_to_refusal(),
]
IS_DENIED = [
    invite(),
    response(100, optional=True),
    refusal(403, "403 this person is on the deny list"),
    ack_to_refusal(),
]
PLACES_CALL_AND_WAITS = [
    invite(),
    response(100, optional=True),
    response(180),
    response(200, remember_route=True),
    ack(),
    request("BYE"),
    accept(),
]
ANSWERS_AND_HANGS_UP = [
    request("INVITE", remember_route=True),
    answer(180, "Ringing"),
    answer(200, "OK"),
    request("ACK", keep_parties=True),
    pause(300),
    hang_up(),
    response(200),
]
GIVES_UP = [
    invite(),
    response(100, optional=True),
    response(180),
    pause(500),
    cancel(reason='SIP;cause=487;text="ring patience"'),
    response(200),
    response(487),
    ack_to_refusal(),
]
RINGS_UNTIL_CANCELLED = [
    invite_to_be_cancelled(),
    answer(180, "Ringing"),
    request("CANCEL"),
    accept(),
    end_cancelled_invite(),
    request("ACK"),
]
HOLDS = [
    invite(),
    response(100, optional=True),
    response(180),
    response(200, remember_route=True),
    ack(),
    pause(100),
    invite(2, dialog=True, hold=True),
    response(100, optional=True),
    response(200),
    ack(2),
    pause(100),
    bye(3),
    response(200),
]
IS_HELD = [
    request("INVITE", remember_route=True),
    answer(180, "Ringing"),
    answer(200, "OK"),
    request("ACK"),
    request("INVITE"),
    accept(sdp=True),
    request("ACK"),
    request("BYE"),
    accept(),
]
FINDS_BUSY = [invite(), response(100, optional=True), response(486), ack_to_refusal()]
IS_BUSY = [request("INVITE"), answer(486, "Busy Here"), request("ACK")]
FINDS_NOBODY = [
    invite(),
    response(100, optional=True),
    response(180),
    response(480),
    ack_to_refusal(),
]
DOES_NOT_ANSWER = [
    request("INVITE"),
    answer(180, "Ringing"),
    pause(500),
    answer(480, "Temporarily Unavailable"),
    request("ACK"),
]
IS_CHALLENGED = [
    invite(),
    response(100, optional=True),
    response(407, challenge=True),
    ack_to_refusal(),
    invite(2, extra="[authentication username=floor password=secret]\n"),
    response(100, optional=True),
    response(180),
    response(200, remember_route=True),
    ack(2),
    pause(100),
    bye(3),
    response(200),
]
CHALLENGE = 'Proxy-Authenticate: Digest realm="carrier", nonce="n1", algorithm=MD5, qop="auth"\n'
CHALLENGES = [
    request("INVITE"),
    answer(407, "Proxy Authentication Required", extra=CHALLENGE),
    request("ACK"),
    request("INVITE", remember_route=True),
    answer(180, "Ringing"),
    answer(200, "OK"),
    request("ACK"),
    request("BYE"),
    accept(),
]


@pytest.mark.parametrize(("caller_side", "callee_side"), BOTH_SIDES)
def test_an_allowed_call_is_recorded_with_its_outcome(
    tmp_path: Path, caller_side: str, callee_side: str
) -> None:
    with (
        house(tmp_path, upstream_transport=callee_side) as gate,
        answering(tmp_path, ANSWERS, port=gate.upstream_port, transport=callee_side) as callee,
    ):
        call(tmp_path, PLACES_CALL, port=gate.port, transport=caller_side, caller="4711")
        [record] = gate.ended_calls(1)
    assert record["verdict"] == "allow"
    assert (record["source"], record["caller"]) == ("floor", "floor/4711")
    assert record["callee"] == "+493020000001"
    assert (record["policy"], record["revision"]) == ("interop", "7")
    assert record["outcome"]["kind"] == "answered"
    assert record["outcome"]["status"] == 200
    assert record["outcome"]["ended_by"] == "caller"
    assert 0.2 <= record["outcome"]["talk_seconds"] <= 3.0
    assert len(callee.received("INVITE")) == 1
    assert len(callee.received("BYE")) == 1


@pytest.mark.parametrize("side", EACH)
def test_the_callee_may_hang_up(tmp_path: Path, side: str) -> None:
    with (
        house(tmp_path, upstream_transport=side) as gate,
        answering(tmp_path, ANSWERS_AND_HANGS_UP, port=gate.upstream_port, transport=side),
    ):
        call(tmp_path, PLACES_CALL_AND_WAITS, port=gate.port, transport=side)
        [record] = gate.ended_calls(1)
    assert record["outcome"]["kind"] == "answered"
    assert record["outcome"]["ended_by"] == "callee"


@pytest.mark.parametrize("side", EACH)
def test_a_call_over_the_limit_gets_403_with_the_reason(tmp_path: Path, side: str) -> None:
    with (
        house(tmp_path, upstream_transport=side, limit=2) as gate,
        answering(tmp_path, ANSWERS, port=gate.upstream_port, transport=side, calls=2) as callee,
    ):
        call(tmp_path, PLACES_CALL, port=gate.port, transport=side, calls=2, name="within")
        call(tmp_path, IS_REFUSED, port=gate.port, transport=side, name="over")
        records = gate.ended_calls(3)
        invites = callee.received("INVITE")
    assert [record["verdict"] for record in records] == ["allow", "allow", "reject"]
    assert records[2]["rule"] == "minute-cap"
    assert records[2]["reason"] == "limit of 2 calls reached"
    assert len(invites) == 2


@pytest.mark.parametrize("side", EACH)
def test_a_listed_callee_is_never_called(tmp_path: Path, side: str) -> None:
    numbers = tmp_path / "deny.txt"
    numbers.write_text("+493020000001\n")
    with (
        house(tmp_path, upstream_transport=side) as gate,
        answering(tmp_path, ANSWERS, port=gate.upstream_port, transport=side, calls=None) as callee,
    ):
        gate.sipgate("list", "import", "deny", str(numbers))
        call(tmp_path, IS_DENIED, port=gate.port, transport=side)
        [record] = gate.calls()
        invites = callee.received("INVITE")
    assert (record["verdict"], record["rule"]) == ("reject", "deny-list")
    assert invites == []


@pytest.mark.parametrize(("caller_side", "callee_side"), BOTH_SIDES)
def test_a_cancelled_call_ends_on_both_sides(
    tmp_path: Path, caller_side: str, callee_side: str
) -> None:
    with (
        house(tmp_path, upstream_transport=callee_side) as gate,
        answering(
            tmp_path, RINGS_UNTIL_CANCELLED, port=gate.upstream_port, transport=callee_side
        ) as callee,
    ):
        call(tmp_path, GIVES_UP, port=gate.port, transport=caller_side)
        [record] = gate.ended_calls(1)
        cancels = callee.received("CANCEL")
    assert record["verdict"] == "allow"
    assert record["outcome"]["kind"] == "cancelled"
    assert 0.3 <= record["outcome"]["ring_seconds"] <= 3.0
    assert len(cancels) == 1
    assert "ring patience" in cancels[0]


@pytest.mark.parametrize(("caller_side", "callee_side"), BOTH_SIDES)
def test_a_reinvite_in_a_call_is_no_second_attempt(
    tmp_path: Path, caller_side: str, callee_side: str
) -> None:
    with (
        house(tmp_path, upstream_transport=callee_side, limit=1) as gate,
        answering(tmp_path, IS_HELD, port=gate.upstream_port, transport=callee_side),
    ):
        call(tmp_path, HOLDS, port=gate.port, transport=caller_side)
        [record] = gate.ended_calls(1)
    assert record["outcome"]["kind"] == "answered"


@pytest.mark.parametrize("side", EACH)
def test_a_busy_callee_is_recorded(tmp_path: Path, side: str) -> None:
    with (
        house(tmp_path, upstream_transport=side) as gate,
        answering(tmp_path, IS_BUSY, port=gate.upstream_port, transport=side),
    ):
        call(tmp_path, FINDS_BUSY, port=gate.port, transport=side)
        [record] = gate.ended_calls(1)
    assert (record["outcome"]["kind"], record["outcome"]["status"]) == ("busy", 486)


@pytest.mark.parametrize("side", EACH)
def test_a_callee_that_does_not_answer_is_recorded(tmp_path: Path, side: str) -> None:
    with (
        house(tmp_path, upstream_transport=side) as gate,
        answering(tmp_path, DOES_NOT_ANSWER, port=gate.upstream_port, transport=side),
    ):
        call(tmp_path, FINDS_NOBODY, port=gate.port, transport=side)
        [record] = gate.ended_calls(1)
    assert (record["outcome"]["kind"], record["outcome"]["status"]) == ("unanswered", 480)
    assert record["outcome"]["ring_seconds"] >= 0.3


@pytest.mark.parametrize("side", EACH)
def test_a_digest_retry_is_one_decision_and_one_count(tmp_path: Path, side: str) -> None:
    with (
        house(tmp_path, upstream_transport=side, limit=1) as gate,
        answering(tmp_path, CHALLENGES, port=gate.upstream_port, transport=side) as callee,
    ):
        call(tmp_path, IS_CHALLENGED, port=gate.port, transport=side)
        [record] = gate.ended_calls(1)
        invites = callee.received("INVITE")
    assert record["verdict"] == "allow"
    assert record["outcome"]["kind"] == "answered"
    assert len(invites) == 2
    assert "Proxy-Authorization: Digest" in invites[1]
