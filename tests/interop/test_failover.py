"""Calls go to the next target when one is gone (design §6, Targets): SIPp and two carriers."""

import shutil
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from bench.endpoints import free_port
from bench.far_end import FarEnd, far_end

from .conversation import accept, ack, answer, bye, invite, pause, request, response
from .house import House, house
from .sipp import SippCallee, answering, call

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed"),
]

EACH = ["udp", "tcp"]
PLACES_CALL = [
    invite(),
    response(100, optional=True),
    response(180, optional=True),
    response(200, remember_route=True),
    ack(),
    pause(100),
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
IS_OUT_OF_ORDER = [request("INVITE"), answer(503, "Service Unavailable"), request("ACK")]
STATE_SECONDS = 20.0  # for probes to tell the gate that a target has died or is back
MORE = 'probe = "1s"\nanswer-within = "1s"\n'


def test_calls_go_on_when_the_first_target_is_gone(tmp_path: Path) -> None:
    with (
        far_end() as first,
        far_end() as second,
        house(tmp_path, upstream_port=first.port, spare_port=second.port, more=MORE) as gate,
    ):
        call(tmp_path, PLACES_CALL, port=gate.port, name="before")
        wait_for_probe(first)  # only who has answered one dies by silence to the next
        first.close()
        # Nobody listens there any more: silence, then the second one answers.
        call(tmp_path, PLACES_CALL, port=gate.port, name="while")
        records = gate.ended_calls(2)
        first_asked = len(second.seen("INVITE"))
        deadline = time.monotonic() + 40
        while '"target_died"' not in gate.log() and time.monotonic() < deadline:
            time.sleep(0.2)
        assert '"target_died"' in gate.log()
        began = time.monotonic()
        call(tmp_path, PLACES_CALL, port=gate.port, name="after")
        assert time.monotonic() - began < 1.0 + 0.9  # no waiting for the dead one
    assert first_asked == 1
    assert [record["outcome"]["kind"] for record in records] == ["answered", "answered"]
    assert len({invite.call_id for invite in second.seen("INVITE")}) == 2


def two_targets(
    folder: Path, ports: Sequence[int], transport: str, more: str = ""
) -> AbstractContextManager[House]:
    """A gate before two callees."""
    first, second = ports
    return house(
        folder, upstream_port=first, spare_port=second, upstream_transport=transport, more=more
    )


def kill(callee: SippCallee) -> None:
    """End it as a power cut would."""
    callee.process.kill()
    callee.process.wait()


def invites(callee: SippCallee) -> int:
    """How many calls it was offered; a repeated INVITE is the same call."""
    first = (
        text.partition("Call-ID: ")[2].partition("\n")[0] for text in callee.received("INVITE")
    )
    return len(set(first))


def pinged(
    folder: Path, port: int, transport: str, name: str
) -> AbstractContextManager[SippCallee]:
    """A callee that answers probes too."""
    return answering(
        folder, ANSWERS, port=port, transport=transport, calls=None, name=name, pings=True
    )


def wait_for_probe(end: FarEnd) -> None:
    """Until it has had one, and answers it."""
    deadline = time.monotonic() + STATE_SECONDS
    while not end.seen("OPTIONS"):
        assert time.monotonic() < deadline, "no probe came"
        time.sleep(0.05)


def wait_for(gate: House, event: str) -> None:
    """Until the gate has logged it."""
    deadline = time.monotonic() + STATE_SECONDS
    while f'"{event}"' not in gate.log():
        assert time.monotonic() < deadline, f"no {event} in {gate.log()[-3000:]}"
        time.sleep(0.1)


def all_answered(gate: House, count: int) -> bool:
    """Whether there were just so many attempts, each decided once, answered and ended."""
    records = gate.ended_calls(count)
    kinds = [
        (one["verdict"], one["outcome"]["kind"], one["outcome"]["ended_by"]) for one in records
    ]
    return kinds == [("allow", "answered", "caller")] * count


@pytest.mark.parametrize("side", EACH)
def test_calls_go_on_to_the_other_when_one_of_two_targets_is_killed(
    tmp_path: Path, side: str
) -> None:
    ports = [free_port(), free_port()]
    with (
        two_targets(tmp_path, ports, side, 'answer-within = "500ms"') as gate,
        answering(tmp_path, ANSWERS, port=ports[0], transport=side, calls=None, name="one") as one,
        answering(tmp_path, ANSWERS, port=ports[1], transport=side, calls=None, name="two") as two,
    ):
        call(tmp_path, PLACES_CALL, port=gate.port, calls=4, name="before")
        before = (invites(one), invites(two))
        kill(one)
        call(tmp_path, PLACES_CALL, port=gate.port, calls=4, name="after")
        after = (invites(one), invites(two))
        assert all_answered(gate, 8)
    assert before == (4, 0)
    assert after == (4, 4)


@pytest.mark.parametrize("side", EACH)
def test_a_target_that_was_killed_takes_calls_again_once_it_is_back(
    tmp_path: Path, side: str
) -> None:
    ports = [free_port(), free_port()]
    settings = 'answer-within = "500ms"\nprobe = "1s"'
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(pinged(tmp_path, port, side, name))
            for port, name in zip(ports, ("one", "two"), strict=True)
        )
        gate = stack.enter_context(two_targets(tmp_path, ports, side, settings))
        call(tmp_path, PLACES_CALL, port=gate.port, calls=2, name="before")
        time.sleep(2.5)  # it has answered a probe by now, so that silence to others counts
        kill(one)
        wait_for(gate, "target_died")
        call(tmp_path, PLACES_CALL, port=gate.port, calls=2, name="without")
        while_dead = (invites(one), invites(two))
        again = stack.enter_context(pinged(tmp_path, ports[0], side, "again"))
        wait_for(gate, "target_revived")
        call(tmp_path, PLACES_CALL, port=gate.port, calls=2, name="afterwards")
        afterwards = (invites(again), invites(two))
        assert all_answered(gate, 6)
    assert while_dead == (2, 2)
    assert afterwards == (2, 2)


def test_a_target_that_says_503_loses_no_call(tmp_path: Path) -> None:
    ports = [free_port(), free_port()]
    with (
        two_targets(tmp_path, ports, "udp") as gate,
        answering(tmp_path, IS_OUT_OF_ORDER, port=ports[0], calls=4, name="one") as one,
        answering(tmp_path, ANSWERS, port=ports[1], calls=4, name="two") as two,
    ):
        call(tmp_path, PLACES_CALL, port=gate.port, calls=4)
        assert all_answered(gate, 4)
    assert (invites(one), invites(two)) == (4, 4)


def test_calls_are_spread_by_round_robin_and_one_target_that_is_killed_leaves_its_share(
    tmp_path: Path,
) -> None:
    ports = [free_port(), free_port()]
    with (
        two_targets(
            tmp_path, ports, "tcp", 'select = "round-robin"\nanswer-within = "500ms"'
        ) as gate,
        answering(tmp_path, ANSWERS, port=ports[0], transport="tcp", calls=None, name="one") as one,
        answering(tmp_path, ANSWERS, port=ports[1], transport="tcp", calls=None, name="two") as two,
    ):
        call(tmp_path, PLACES_CALL, port=gate.port, calls=6, name="before")
        before = (invites(one), invites(two))
        kill(one)
        call(tmp_path, PLACES_CALL, port=gate.port, calls=4, name="after")
        after = (invites(one), invites(two))
        assert all_answered(gate, 10)
    assert before == (3, 3)
    assert after == (3, 7)
