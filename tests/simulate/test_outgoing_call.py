"""One call from an agent's phone: conversations with a gate, on a clock that stands still."""

import pytest

from sipgate.clock import VirtualClock
from sipgate.net import Flow
from sipgate.simulate.endpoint import Core, Endpoint
from sipgate.simulate.outgoing_call import CallPlan, OutgoingCall
from sipgate.simulate.summary import CallResult
from sipgate.sip import Message, Request, Response, Timers, build_response

from .wire import ReliableWire, Wire, request

SAW_NOTHING = b"X-Test-Callee-Saw: nothing"
SAW_TAG = b'X-Test-Callee-Saw: X-SipGate-Verdict: tag; decision="gate-1-42"'
REASON = b'Reason: SIP;cause=403;text="rule=cap;id=g-1"'
CONTACT = b"Contact: <sip:callee@127.0.0.1:5060>"


class Phone(Core):
    """A phone with one call, at one end of a wire."""

    def __init__(self, *, wire: Wire | None = None, own: frozenset[bytes] = frozenset()) -> None:
        self.clock = VirtualClock()
        self.wire = wire or Wire()
        self.results: list[CallResult] = []
        self.gone = 0
        self.endpoint = Endpoint(self.clock, Timers())
        self.endpoint.core = self
        raw = request("INVITE", *(f"{name.decode()}: own" for name in own))
        plan = CallPlan(patience_seconds=10.0, talk_seconds=30.0)
        self.call = OutgoingCall(
            self.endpoint,
            raw,
            b"z9hG4bK1",
            self.wire,
            plan,
            own_headers=own,
            on_over=self.results.append,
            on_gone=self._gone,
        )
        invite = self.wire.take_one()
        assert isinstance(invite, Request)
        self.sent_invite = invite

    def respond(self, status: int, *headers: bytes, tag: bytes = b"callee") -> list[str]:
        """The gate answers the INVITE; what the phone says to that."""
        phrase = b"Whatever"
        raw = build_response(self.sent_invite, status, phrase, to_tag=tag, headers=headers)
        self.endpoint.packet(raw, self.wire)
        return self.wire.take_starts()

    def answer(self, message: Message, status: int = 200) -> list[str]:
        """The gate answers some other request."""
        assert isinstance(message, Request)
        self.endpoint.packet(build_response(message, status, b"OK"), self.wire)
        return self.wire.take_starts()

    def later(self, seconds: float) -> list[str]:
        """So much time goes by at once."""
        self.clock.advance(seconds)
        self.endpoint.schedule.wake(self.clock.now())
        return self.wire.take_starts()

    def result(self) -> tuple[str | None, str, int | None]:
        """The one result."""
        (result,) = self.results
        return result.verdict, result.end, result.status

    def invite(self, request: Request, flow: Flow, now: float) -> None:
        raise AssertionError(request)

    def ack(self, request: Request, now: float) -> None:
        raise AssertionError(request)

    def request(self, request: Request, flow: Flow, now: float) -> None:
        assert self.call.request(request, flow)

    def invite_response(self, response: Response, now: float) -> bool:
        self.call.receive(response, now)
        return True

    def flow_lost(self, flow: Flow, reason: str) -> None:
        self.call.fail(reason)

    def _gone(self) -> None:
        self.gone += 1


def test_a_call_is_answered_and_the_agent_hangs_up() -> None:
    phone = Phone()
    assert phone.respond(100) == []
    assert phone.respond(180, SAW_NOTHING) == []
    assert phone.respond(200, CONTACT, SAW_NOTHING) == ["ACK"]
    assert phone.later(29.9) == []
    assert phone.later(0.2) == ["BYE"]
    assert phone.result() == ("allow", "answered", 200)


def test_the_ack_and_the_bye_follow_the_route_that_the_answer_recorded() -> None:
    phone = Phone()
    raw = build_response(
        phone.sent_invite,
        200,
        b"OK",
        to_tag=b"callee",
        headers=(CONTACT, b"Record-Route: <sip:a;lr>, <sip:b;lr>"),
    )
    phone.endpoint.packet(raw, phone.wire)
    ack = phone.wire.take_one()
    assert ack.lines[0] == b"ACK sip:callee@127.0.0.1:5060 SIP/2.0"
    assert ack.values(b"route") == [b"<sip:b;lr>", b"<sip:a;lr>"]
    assert (ack.cseq_number, ack.to_tag) == (1, b"callee")
    phone.clock.advance(30.0)
    phone.endpoint.schedule.wake(phone.clock.now())
    assert phone.wire.take_one().cseq_number == 2


def test_a_repeated_answer_gets_the_ack_again() -> None:
    phone = Phone()
    phone.respond(200, CONTACT)
    assert phone.respond(200, CONTACT) == ["ACK"]


def test_a_second_branch_that_answers_is_acknowledged_and_ended() -> None:
    phone = Phone()
    phone.respond(200, CONTACT)
    assert phone.respond(200, CONTACT, tag=b"other") == ["ACK", "BYE"]
    assert phone.results == []


def test_the_callee_hangs_up() -> None:
    phone = Phone()
    phone.respond(200, CONTACT, SAW_NOTHING)
    bye = (
        b"BYE sip:4711@127.0.0.1:5070 SIP/2.0\r\n"
        b"Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKbye\r\n"
        b"From: <sip:+4930123@127.0.0.1>;tag=callee\r\nTo: <sip:4711@127.0.0.1>;tag=caller\r\n"
        b"Call-ID: call-1\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n"
    )
    phone.endpoint.packet(bye, phone.wire)
    assert phone.wire.take_starts() == ["200 BYE"]
    assert phone.result() == ("allow", "answered", 200)
    assert phone.later(30.0) == []


def test_patience_ends_in_a_cancel() -> None:
    phone = Phone()
    phone.respond(180, SAW_NOTHING)
    assert phone.later(10.0) == ["CANCEL"]
    assert phone.respond(487) == ["ACK"]
    assert phone.result() == ("allow", "cancelled", 487)


def test_a_cancel_waits_for_a_first_response() -> None:
    phone = Phone()
    assert phone.later(10.0) == ["INVITE"]
    assert phone.respond(100) == ["CANCEL"]
    phone.respond(487)
    assert phone.result() == (None, "cancelled", 487)


def test_an_answer_that_crosses_the_cancel_is_ended_at_once() -> None:
    phone = Phone()
    phone.respond(180)
    phone.later(10.0)
    assert phone.respond(200, CONTACT) == ["ACK", "BYE"]
    assert phone.result() == ("allow", "answered", 200)


def test_a_cancel_that_nothing_answers_ends_after_32_seconds() -> None:
    phone = Phone()
    phone.respond(180, SAW_NOTHING)
    phone.later(10.0)
    phone.later(32.0)
    assert phone.result() == ("allow", "cancelled", None)


def test_silence_is_repeated_into_and_then_unclear() -> None:
    phone = Phone()
    assert phone.later(0.5) == ["INVITE"]
    phone.later(31.6)
    assert phone.result() == (None, "failed", None)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (403, ("reject", "refused")),
        (603, ("reject", "refused")),
        (404, ("reject", "refused")),
        (486, ("allow", "busy")),
        (600, ("allow", "busy")),
        (407, (None, "failed")),
        (408, (None, "failed")),
        (503, (None, "failed")),
        (302, (None, "failed")),
    ],
)
def test_a_final_response_before_any_ringing(status: int, expected: tuple[str, str]) -> None:
    phone = Phone()
    assert phone.respond(status) == ["ACK"]
    assert phone.result() == (*expected, status)


@pytest.mark.parametrize(
    ("before", "final", "expected"),
    [
        ([], [SAW_NOTHING], ("allow", "declined")),
        ([], [SAW_TAG], ("tag", "declined")),
        ([SAW_NOTHING], [], ("allow", "declined")),
    ],
    ids=["callee spoke", "callee spoke of a tag", "it rang"],
)
def test_a_refusal_from_behind_the_gate_is_the_callees(
    before: list[bytes], final: list[bytes], expected: tuple[str, str]
) -> None:
    phone = Phone()
    [phone.respond(180, line) for line in before]
    phone.respond(603, *final)
    assert phone.result() == (*expected, 603)


@pytest.mark.parametrize(
    ("saw", "verdict"),
    [
        (SAW_TAG, "tag"),
        (b"X-Test-Callee-Saw: X-Campaign-Alert: fast", "tag"),
        (b"X-Test-Callee-Saw: X-Campaign: own", "allow"),
        (b'X-Test-Callee-Saw: X-SipGate-Verdict: allow; decision="gate-1-42"', "allow"),
        (SAW_NOTHING, "allow"),
    ],
)
def test_a_tag_is_what_the_callee_saw_and_the_agent_never_sent(saw: bytes, verdict: str) -> None:
    phone = Phone(own=frozenset({b"x-campaign"}))
    phone.respond(180, saw)
    phone.later(10.0)
    phone.respond(487)
    assert phone.results[0].verdict == verdict
    assert len(phone.results[0].tags) == (verdict == "tag")


@pytest.mark.parametrize(
    ("phrase", "headers", "reason"),
    [
        (b"limit of 60 reached", (REASON,), "limit of 60 reached"),
        (b"Forbidden", (REASON,), "rule=cap;id=g-1"),
        (b"Forbidden", (b"Reason: SIP;cause=403",), "Forbidden"),
        (b"", (b"Reason: SIP;text=cap",), "cap"),
        (b"\x1b[2J", (), "\ufffd[2J"),
    ],
)
def test_a_refusals_reason_is_what_the_gate_says_of_its_own(
    phrase: bytes, headers: tuple[bytes, ...], reason: str
) -> None:
    phone = Phone()
    raw = build_response(phone.sent_invite, 403, phrase, to_tag=b"gate", headers=headers)
    phone.endpoint.packet(raw, phone.wire)
    assert phone.results[0].reason == reason


def test_the_policys_tag_stands_before_the_gates() -> None:
    phone = Phone()
    phone.respond(603, SAW_TAG, b"X-Test-Callee-Saw: X-Alert: fast")
    assert phone.results[0].tags == (
        "X-Alert: fast",
        'X-SipGate-Verdict: tag; decision="gate-1-42"',
    )


def test_winding_up_hangs_up_or_cancels() -> None:
    up, ringing = Phone(), Phone()
    up.respond(200, CONTACT)
    ringing.respond(180)
    up.call.wind_up()
    ringing.call.wind_up()
    assert (up.wire.take_starts(), ringing.wire.take_starts()) == (["BYE"], ["CANCEL"])


def test_a_lost_connection_ends_the_call() -> None:
    phone = Phone(wire=ReliableWire())
    phone.endpoint.flow_lost(phone.wire, "reset by the peer")
    assert phone.result() == (None, "failed", None)
    assert phone.results[0].reason == "reset by the peer"
    assert phone.gone == 1


def test_nothing_is_left_when_the_longest_timer_is_over() -> None:
    phone = Phone()
    phone.respond(180)
    phone.respond(200, CONTACT)
    phone.clock.advance(30.0)
    phone.endpoint.schedule.wake(phone.clock.now())
    phone.answer(phone.wire.take_one())
    phone.later(5.1)
    phone.later(32.1)
    assert (phone.gone, phone.endpoint.open_transactions) == (1, 0)
