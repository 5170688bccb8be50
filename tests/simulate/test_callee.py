"""The test callee: conversations with a gate, on a clock that stands still."""

import pytest

from sipgate.clock import VirtualClock
from sipgate.simulate.callee import RING_LIMIT_SECONDS, AnsweringEnd, CalleeEvent
from sipgate.simulate.plan import CalleePlan, parse_plan
from sipgate.sip import Message, Response

from .wire import ReliableWire, Wire, request, start_of

AT_ONCE = "others: {do: answer, ring: 0s}"


class Line:
    """A callee at one end of a wire."""

    def __init__(self, plan: str = AT_ONCE, *, wire: Wire | None = None) -> None:
        self.clock = VirtualClock()
        self.wire = wire or Wire()
        self.events: list[CalleeEvent] = []
        plan_: CalleePlan = parse_plan(plan)
        self.end = AnsweringEnd(plan_, clock=self.clock, on_event=self.events.append)

    def hear(self, raw: bytes) -> list[str]:
        """What the callee says to this."""
        self.end.endpoint.packet(raw, self.wire)
        return self.wire.take_starts()

    def wait(self, seconds: float) -> list[str]:
        """What it says by itself in so many seconds."""
        until = self.clock.now() + seconds
        while True:
            next_at = self.end.endpoint.schedule.wake(self.clock.now())
            if next_at is None or next_at > until:
                break
            self.clock.advance(max(next_at - self.clock.now(), 0.0))
        self.clock.advance(max(until - self.clock.now(), 0.0))
        return self.wire.take_starts()

    def later(self, seconds: float) -> Message:
        """The one message that it sends when so much time has gone by at once."""
        self.clock.advance(seconds)
        self.end.endpoint.schedule.wake(self.clock.now())
        return self.wire.take_one()

    def call(self, *headers: str) -> str:
        """Place a call that is answered at once; gives the callee's tag."""
        self.end.endpoint.packet(request("INVITE", *headers), self.wire)
        answer = self.wire.take_one()
        assert start_of(answer) == "200 INVITE"
        tag = answer.to_tag.decode()
        assert self.hear(request("ACK", branch="ack", to_tag=tag)) == []
        return tag

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def assert_idle(self) -> None:
        """After the longest timer nothing is left in any table."""
        self.wait(64.0)
        assert (self.end.open_calls, self.end.open_transactions) == (0, 0)


def test_a_call_rings_is_answered_and_ends_with_the_callers_bye() -> None:
    line = Line("others: {do: answer, ring: 2s}")
    assert line.hear(request("INVITE")) == ["180 INVITE"]
    assert line.wait(1.9) == []
    answer = line.later(0.2)
    assert start_of(answer) == "200 INVITE"
    tag = answer.to_tag.decode()
    assert line.hear(request("ACK", branch="ack", to_tag=tag)) == []
    assert line.wait(3600.0) == []
    assert line.hear(request("BYE", branch="bye", to_tag=tag, cseq=2)) == ["200 BYE"]
    assert line.kinds() == ["called", "answered", "ended"]
    assert line.events[-1].ended_by == "caller"
    line.assert_idle()


def test_the_ringing_and_the_answer_carry_one_tag_a_contact_and_an_answer_to_the_offer() -> None:
    line = Line("others: {do: answer, ring: 1s}")
    offer = "v=0\r\nm=audio 4000 RTP/AVP 0\r\n"
    line.end.endpoint.packet(
        request("INVITE", "Record-Route: <sip:gate;lr>", body=offer), line.wire
    )
    ringing = line.wire.take_one()
    answer = line.later(1.0)
    assert ringing.to_tag == answer.to_tag != b""
    assert answer.first(b"contact") == b"<sip:+4930123@127.0.0.1:5070>"
    assert answer.first(b"record-route") == b"<sip:gate;lr>"
    assert b"m=audio 9 RTP/AVP 0" in answer.body


def test_a_repeated_invite_gets_the_last_response_again() -> None:
    line = Line("others: {do: ring}")
    assert line.hear(request("INVITE")) == ["180 INVITE"]
    assert line.hear(request("INVITE")) == ["180 INVITE"]
    assert line.kinds() == ["called"]


def test_the_answer_is_repeated_until_its_ack_comes() -> None:
    line = Line()
    line.end.endpoint.packet(request("INVITE"), line.wire)
    tag = line.wire.take_one().to_tag.decode()
    assert line.wait(3.6) == ["200 INVITE"] * 3  # after 0.5, 1 and 2 s more
    assert line.hear(request("ACK", branch="ack", to_tag=tag)) == []
    assert line.wait(60.0) == []


@pytest.mark.parametrize("wire", [Wire(), ReliableWire()], ids=["udp", "tcp"])
def test_an_answer_without_ack_ends_in_a_bye_after_32_seconds(wire: Wire) -> None:
    line = Line(wire=wire)
    contact = b":5060;transport=tcp>" if wire.reliable else b":5060>"
    assert line.hear(request("INVITE").replace(b":5060>", contact)) == ["200 INVITE"]
    said = line.wait(31.9)
    assert set(said) == {"200 INVITE"}
    assert line.wait(0.2) == ["BYE"]
    assert line.kinds() == ["called", "answered", "lost", "ended"]
    line.assert_idle()


def test_the_callee_hangs_up_when_the_talk_is_over() -> None:
    line = Line("others: {do: answer, ring: 0s, talk: 8s}")
    tag = line.call("Record-Route: <sip:key@127.0.0.1:5060;lr>")
    assert line.wait(7.9) == []
    bye = line.later(0.2)
    assert bye.lines[0] == b"BYE sip:4711@127.0.0.1:5060 SIP/2.0"
    assert bye.first(b"route") == b"<sip:key@127.0.0.1:5060;lr>"
    assert (bye.from_tag.decode(), bye.to_tag) == (tag, b"caller")
    assert line.events[-1].ended_by == "callee"


def test_no_bye_leaves_before_the_ack_has_come() -> None:
    line = Line("others: {do: answer, ring: 0s, talk: 1s}")
    line.end.endpoint.packet(request("INVITE"), line.wire)
    tag = line.wire.take_one().to_tag.decode()
    assert "BYE" not in line.wait(5.0)
    assert line.hear(request("ACK", branch="ack", to_tag=tag)) == ["BYE"]


def test_a_cancel_ends_the_ringing_with_487() -> None:
    line = Line("others: {do: ring}")
    line.hear(request("INVITE"))
    assert line.hear(request("CANCEL")) == ["200 CANCEL", "487 INVITE"]
    assert line.wait(1.6) == ["487 INVITE"] * 2  # until the ACK
    assert line.hear(request("ACK")) == []
    assert line.kinds() == ["called", "cancelled"]
    line.assert_idle()


def test_a_cancel_after_the_answer_changes_nothing() -> None:
    line = Line()
    line.call()
    assert line.hear(request("CANCEL")) == ["200 CANCEL"]
    assert line.end.open_calls == 1


def test_a_cancel_for_nothing_gets_481() -> None:
    assert Line().hear(request("CANCEL")) == ["481 CANCEL"]


def test_ringing_for_ever_ends_with_480() -> None:
    line = Line("others: {do: ring}")
    line.hear(request("INVITE"))
    assert line.wait(RING_LIMIT_SECONDS - 1) == []
    assert line.wait(1.1) == ["480 INVITE"]
    line.hear(request("ACK"))
    line.assert_idle()


@pytest.mark.parametrize(
    ("plan", "status"),
    [("{do: busy}", "486"), ("{do: refuse}", "603"), ("{do: refuse, code: 404}", "404")],
)
def test_a_refusal_comes_at_once(plan: str, status: str) -> None:
    line = Line(f"others: {plan}")
    assert line.hear(request("INVITE")) == [f"{status} INVITE"]
    assert line.hear(request("ACK")) == []
    line.assert_idle()


def test_a_refusal_may_come_after_some_ringing_with_a_phrase_of_its_own() -> None:
    line = Line("others: {do: refuse, code: 480, ring: 2s, phrase: Gone Fishing}")
    assert line.hear(request("INVITE")) == ["180 INVITE"]
    assert line.later(2.0).lines[0] == b"SIP/2.0 480 Gone Fishing"


def test_a_reinvite_is_answered_in_its_call_and_moves_the_target() -> None:
    line = Line("others: {do: answer, ring: 0s, talk: 10s}")
    tag = line.call()
    again = request("INVITE", branch="2", to_tag=tag, cseq=2)
    moved = again.replace(b"Contact: <sip:4711@", b"Contact: <sip:moved@")
    assert line.hear(moved) == ["200 INVITE"]
    assert line.hear(request("ACK", branch="ack2", to_tag=tag, cseq=2)) == []
    assert line.kinds() == ["called", "answered"]
    assert line.later(10.0).lines[0].startswith(b"BYE sip:moved@")


def test_an_invite_with_a_foreign_tag_gets_481() -> None:
    line = Line()
    line.call()
    assert line.hear(request("INVITE", branch="2", to_tag="foreign")) == ["481 INVITE"]


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("OPTIONS", "200"),
        ("MESSAGE", "200"),
        ("INFO", "200"),
        ("REGISTER", "200"),
        ("BYE", "481"),
        ("SUBSCRIBE", "405"),
        ("invite", "405"),
    ],
)
def test_other_requests_outside_a_call(method: str, status: str) -> None:
    line = Line()
    assert line.hear(request(method)) == [f"{status} {method}"]
    assert line.hear(request(method)) == [f"{status} {method}"]  # its repetition
    line.assert_idle()


@pytest.mark.parametrize("method", ["INFO", "UPDATE", "MESSAGE", "OPTIONS", "PRACK"])
def test_requests_in_a_call_need_the_call(method: str) -> None:
    line = Line()
    tag = line.call()
    assert line.hear(request(method, branch="a", to_tag=tag, cseq=2)) == [f"200 {method}"]
    assert line.hear(request(method, branch="b", to_tag="x", cseq=2)) == [f"481 {method}"]


def test_an_extension_that_is_required_is_refused_by_name() -> None:
    line = Line()
    line.end.endpoint.packet(request("INVITE", "Require: 100rel, x"), line.wire)
    refusal = line.wire.take_one()
    assert (start_of(refusal), refusal.first(b"unsupported")) == ("420 INVITE", b"100rel, x")


def test_a_registration_gets_its_contacts_back_with_their_time() -> None:
    line = Line()
    raw = request(
        "REGISTER", "Contact: <sip:b@10.0.0.2>;expires=60", "Expires: 300", "Path: <sip:p>"
    )
    line.end.endpoint.packet(raw, line.wire)
    answer = line.wire.take_one()
    assert answer.values(b"contact") == [
        b"<sip:4711@127.0.0.1:5060>;expires=300",
        b"<sip:b@10.0.0.2>;expires=60",
    ]
    assert answer.values(b"path") == [b"<sip:p>"]


@pytest.mark.parametrize("contact", ["*", "<sip:4711@127.0.0.1:5060>"])
def test_a_registration_that_ends_names_no_contact(contact: str) -> None:
    line = Line()
    raw = request("REGISTER", "Expires: 0").replace(
        b"Contact: <sip:4711@127.0.0.1:5060>", b"Contact: " + contact.encode()
    )
    line.end.endpoint.packet(raw, line.wire)
    assert line.wire.take_one().values(b"contact") == []


def test_the_caller_is_told_which_extension_headers_arrived() -> None:
    line = Line("others: {do: ring}")
    headers = ('X-SipGate-Verdict: tag; decision="gate-1-42"', "x-alert:  fast", "Subject: no")
    line.end.endpoint.packet(request("INVITE", *headers), line.wire)
    ringing = line.wire.take_one()
    assert isinstance(ringing, Response)
    saw = [ringing.lines[index] for index in ringing.indexes(b"x-test-callee-saw")]
    assert saw == [
        b'X-Test-Callee-Saw: X-SipGate-Verdict: tag; decision="gate-1-42"',
        b"X-Test-Callee-Saw: x-alert: fast",
    ]
    assert line.events[0].saw == ('X-SipGate-Verdict: tag; decision="gate-1-42"', "x-alert: fast")


def test_a_caller_may_choose_the_fate() -> None:
    assert Line().hear(request("INVITE", "X-Test-Callee: busy")) == ["486 INVITE"]


def test_a_caller_who_asks_for_nonsense_meets_the_plan() -> None:
    assert Line().hear(request("INVITE", "X-Test-Callee: sing")) == ["200 INVITE"]


def test_a_plan_may_be_deaf_to_callers() -> None:
    line = Line(AT_ONCE + "\nobey-callers: false")
    assert line.hear(request("INVITE", "X-Test-Callee: busy")) == ["200 INVITE"]


def test_what_cannot_be_read_gets_400_where_an_answer_can_be_routed() -> None:
    line = Line()
    assert line.hear(b"\x00garbage\r\n\r\n") == []
    assert line.hear(request("OPTIONS").replace(b"1 OPTIONS", b"1 INFO")) == ["400 INFO"]
    assert line.hear(request("INVITE").replace(b"<sip:4711@127.0.0.1:5060>", b"<<")) == [
        "400 INVITE"
    ]
    assert line.end.endpoint.counts.unreadable == 3
