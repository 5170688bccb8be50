"""The watchers watched: a gate that breaks a promise is found out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sipgate.cli.fault_stage import own_plays
from sipgate.cli.simulated_gate import SimulatedGate
from sipgate.ledger import Entry
from sipgate.net import Flow
from sipgate.simulate import CALM, FaultPlan, Limit, NetworkPlay
from sipgate.simulate.invariants import broken_promises

SEEDS = range(12)


def calm_play(seed: int) -> NetworkPlay:
    """The play of a seed without its faults."""
    play = own_plays()(seed)
    return NetworkPlay(
        seed, play.landscape, play.make_gate, faults=FaultPlan(CALM), calls=play.calls
    )


def told_of(sabotage: Callable[[SimulatedGate], None]) -> str:
    """All that is found in a few plays with a gate that was tampered with."""
    found: list[str] = []
    for seed in SEEDS:
        play = calm_play(seed)
        make_gate = play.make_gate

        def tampered(around: Any, make: Callable[[Any], Any] = make_gate) -> Any:
            gate = make(around)
            sabotage(gate)
            return gate

        play.make_gate = tampered
        found += play.play().broken
    return "\n".join(found)


def trusts_the_disk_too_early(gate: SimulatedGate) -> None:
    ledger = gate.ledger
    append = ledger.append

    def append_and_believe(entry: Entry, urgent: bool = True) -> int:
        seq = append(entry, urgent)
        ledger.durable(seq)
        return seq

    ledger.append = append_and_believe  # type: ignore[method-assign]


def loses_answers(gate: SimulatedGate) -> None:
    tamper(
        gate, lambda raw: None if raw.startswith(b"SIP/2.0 200") and b" INVITE\r" in raw else raw
    )


def rewrites_a_header(gate: SimulatedGate) -> None:
    tamper(gate, lambda raw: raw.replace(b"application/sdp", b"application/SDP"))


def stumbles_over_byes(gate: SimulatedGate) -> None:
    def stumble(raw: bytes) -> bytes:
        assert not raw.startswith(b"BYE ")
        return raw

    tamper(gate, stumble)


def forgets_nothing(gate: SimulatedGate) -> None:
    gate.parts.calls.remove = lambda call: None  # type: ignore[method-assign]


def writes_no_outcome(gate: SimulatedGate) -> None:
    gate.parts.recorder.write_outcome = lambda *args: None  # type: ignore[method-assign]


def frees_no_line(gate: SimulatedGate) -> None:
    gate.parts.engine.ended = lambda *args: []  # type: ignore[method-assign]


def tamper(gate: SimulatedGate, change: Callable[[bytes], bytes | None]) -> None:
    """Let every packet go through someone's hands first."""
    packet = gate.packet

    def changed(raw: bytes, flow: Flow) -> None:
        seen = change(raw)
        if seen is not None:
            packet(seen, flow)

    gate.packet = changed  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("sabotage", "sentence"),
    [
        (trusts_the_disk_too_early, "without a durable decision that lets it"),
        (loses_answers, "never reached the caller"),
        (rewrites_a_header, "was changed on its way"),
        (stumbles_over_byes, "an exception at"),
        (forgets_nothing, "left in the gate's calls"),
        (writes_no_outcome, "has 0 outcomes"),
        (frees_no_line, "left in the gate's calls in progress"),
    ],
)
def test_a_gate_that_breaks_a_promise_is_found_out(
    sabotage: Callable[[SimulatedGate], None], sentence: str
) -> None:
    assert sentence in told_of(sabotage)


def test_a_gate_without_sabotage_breaks_nothing() -> None:
    assert told_of(lambda gate: None) == ""


@pytest.mark.parametrize(
    "limit",
    [
        Limit(name="stricter", kind="concurrent", per=("caller",), limit=1),
        Limit(name="stricter", kind="rate", per=("caller",), limit=1, window_seconds=60.0),
        Limit(name="stricter", kind="rate", per=("source",), limit=1),
    ],
    ids=["at once", "in a minute", "in a day"],
)
def test_a_limit_that_the_gate_does_not_keep_is_exceeded(limit: Limit) -> None:
    found: list[str] = []
    for seed in SEEDS:
        play = calm_play(seed)
        play.landscape = replace(play.landscape, limits=(limit,))
        found += play.play().broken
    assert any(one.startswith("limit stricter of 1 ") for one in found)


def test_two_final_responses_are_one_too_many() -> None:
    play = calm_play(3)
    play.play()
    invite = play.invites[0]
    invite.finals.append((486, b"another"))
    invite.finals.append((200, b"yet another"))
    assert any("more than one final response" in one for one in broken_promises(play))


def test_an_invite_without_a_final_response_and_an_emergency_call_are_missed() -> None:
    play = next(
        play
        for play in map(calm_play, range(99))
        if any(call.is_emergency and call.patience_seconds > 99 for call in play.calls)
    )
    play.play()
    for invite in play.invites:
        invite.finals.clear()
    found = "\n".join(broken_promises(play))
    assert "got no final response" in found
    assert "is an emergency call and got [] only" in found
