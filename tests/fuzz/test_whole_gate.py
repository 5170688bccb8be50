"""The play that the fuzzer writes: it has to be able to get anywhere."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.whole_gate import CALLS, Play, Script, check_gate, check_sent

BYE = b"\x01" + CALLS[0]  # over UDP, decided by a policy


def test_a_script_can_play_a_whole_call() -> None:
    play = Play(Script(BYE))
    play.run()
    methods = [raw.split(b" ")[0] for raw in play.house.trunk.got]
    assert methods == [b"INVITE", b"ACK", b"BYE"]
    assert [raw.split(b" ")[1] for raw in play.house.phone.got] == [b"100", b"180", b"200", b"200"]
    assert [outcome.kind for outcome in play.house.outcomes] == ["answered"]
    assert play.packets == 6


def test_a_script_that_ends_early_leaves_nothing_behind() -> None:
    for end in range(len(BYE)):
        check_gate(BYE[:end])


@pytest.mark.parametrize(
    "sent",
    [b"INVITE x SIP/2.0\r\n\r\n", b"\x00"],
    ids=["a request without headers", "nothing that is SIP"],
)
def test_what_can_not_be_read_may_not_be_sent(sent: bytes) -> None:
    with pytest.raises(Exception, match="400"):
        check_sent(sent)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_script_holds(data: bytes) -> None:
    check_gate(data)
