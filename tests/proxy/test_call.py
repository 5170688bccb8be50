"""Active calls: found by their tags, in either order, until they are over."""

from ipaddress import ip_network

from sipgate.gate import Attempt, Decision
from sipgate.numbers import DialPlan
from sipgate.proxy import ActiveCalls, Call, Source

ATTEMPT = Attempt(
    source="hq",
    caller="hq/1",
    organisation="hq",
    callee="+13055550001",
    callee_kind="number",
    callee_spelled="13055550001",
    call_id="c",
    from_tag="f",
    cseq=1,
)
SOURCE = Source(
    name="hq",
    networks=(ip_network("10.0.0.0/8"),),
    upstream="trunk",
    dial_plan=DialPlan(region="US"),
)


def call(seq: int = 1, call_id: bytes = b"c", tag: bytes = b"f") -> Call:
    return Call(
        call_id=call_id,
        caller_tag=tag,
        attempt=ATTEMPT,
        source=SOURCE,
        decision=Decision(verdict="allow", policy="p", revision="1", policy_sha256=""),
        seq=seq,
        emergency=False,
        inbound=False,
        started_at=100.0,
        caller_flow=None,
        caller_contact=None,
    )


def test_a_dialog_is_known_from_either_end_once_its_tag_was_seen() -> None:
    calls, one = ActiveCalls(), call()
    calls.add(one)
    assert calls.find(b"c", b"f", b"t") is None
    one.saw_tag(b"t")
    one.saw_tag(b"t2")
    assert calls.find(b"c", b"f", b"t") is one
    assert calls.find(b"c", b"t2", b"f") is one
    assert calls.find(b"c", b"t", b"t2") is None
    assert calls.find(b"other", b"f", b"t") is None


def test_tags_are_kept_once_and_only_so_many() -> None:
    one = call()
    one.saw_tag(b"")
    for _ in range(2):
        for number in range(100):
            one.saw_tag(b"%d" % number)
    assert len(one.callee_tags) == 32


def test_several_calls_of_one_call_id_are_told_apart() -> None:
    calls, first, second, other = ActiveCalls(), call(1), call(2), call(3, tag=b"g")
    for one in (first, second, other):
        calls.add(one)
    assert calls.find_attempt(b"c", b"f") is second
    assert calls.find_decision(b"c", 1) is first
    assert calls.find_seq(3) is other
    calls.remove(second)
    assert calls.find_attempt(b"c", b"f") is first
    assert len(calls) == 2


def test_a_removed_call_leaves_nothing_and_goes_once() -> None:
    calls, one = ActiveCalls(), call()
    calls.add(one)
    calls.remove(one)
    calls.remove(one)
    assert len(calls) == 0
    assert list(calls) == []
    assert calls.find_seq(1) is None


def test_ring_and_talk_are_milliseconds() -> None:
    one = call()
    one.ringing_at, one.answered_at = 101.0, 103.5
    outcome = one.outcome("answered", 200, 110.0, ended_by="caller")
    assert (outcome.ring_ms, outcome.talk_ms) == (2500, 6500)


def test_a_call_that_nobody_answered_has_no_talk() -> None:
    one = call()
    outcome = one.outcome("failed", 404, 110.0)
    assert (outcome.ring_ms, outcome.talk_ms) == (None, None)
    one.ringing_at = 104.0
    assert one.outcome("unanswered", 487, 110.0).ring_ms == 6000
