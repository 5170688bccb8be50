"""The INVITE server transaction."""

import pytest

from sipgate.sip import InviteServer, InviteServerState, Timers
from sipgate.sip.invite_server import MOVES

T = Timers()
START = 1000.0
State = InviteServerState


def server(state: State = State.PROCEEDING, *, reliable: bool = False) -> InviteServer:
    """One that has come to this state at `START`."""
    machine = InviteServer(T, reliable=reliable, now=START)
    match state:
        case State.PROCEEDING:
            pass
        case State.ACCEPTED:
            machine.respond(200, b"200", START)
        case State.COMPLETED:
            machine.respond(486, b"486", START)
        case State.CONFIRMED:
            machine.respond(486, b"486", START)
            machine.ack(START)
        case State.TERMINATED:
            machine.end()
    assert machine.state is state
    return machine


def sent(machine: InviteServer, until: float) -> list[tuple[float, bytes]]:
    """What it sends when it is woken at each of its deadlines, and when, from `START` on."""
    out = []
    while machine.deadline is not None and machine.deadline <= START + until:
        now = machine.deadline
        raw = machine.wake(now)
        if raw is not None:
            out.append((now - START, raw))
    return out


P, A, CO, CF, X = State


@pytest.mark.parametrize(
    ("state", "given", "sent_now", "then"),
    [
        (P, 100, True, P),
        (P, 180, True, P),
        (P, 200, True, A),
        (P, 302, True, CO),
        (P, 603, True, CO),
        (P, "again", False, P),
        (P, "ack", False, P),
        (P, "early", False, P),
        (P, "wake", False, X),
        (P, "end", False, X),
        (A, 180, False, A),
        (A, 200, True, A),
        (A, 486, False, A),
        (A, "again", False, A),
        (A, "ack", False, A),
        (A, "early", False, A),
        (A, "wake", False, X),
        (A, "end", False, X),
        (CO, 180, False, CO),
        (CO, 200, False, CO),
        (CO, 487, False, CO),
        (CO, "again", True, CO),
        (CO, "ack", False, CF),
        (CO, "early", False, CO),
        (CO, "wake", True, CO),
        (CO, "end", False, X),
        (CF, 180, False, CF),
        (CF, 200, False, CF),
        (CF, 487, False, CF),
        (CF, "again", False, CF),
        (CF, "ack", False, CF),
        (CF, "early", False, CF),
        (CF, "wake", False, X),
        (CF, "end", False, X),
        (X, 180, False, X),
        (X, 200, False, X),
        (X, 487, False, X),
        (X, "again", False, X),
        (X, "ack", False, X),
        (X, "early", False, X),
        (X, "wake", False, X),
        (X, "end", False, X),
    ],
)
def test_each_input_in_each_state(
    state: State, given: int | str, sent_now: bool, then: State
) -> None:
    machine = server(state)
    raw = apply(machine, given, START if given == "early" else machine.deadline or START)
    assert (raw is not None) is sent_now
    assert machine.state is then
    assert then is state or then in MOVES[state]
    assert (machine.deadline is None) is (then is State.TERMINATED)


def apply(machine: InviteServer, given: int | str, now: float) -> bytes | None:
    """Give it one input."""
    match given:
        case int():
            return machine.respond(given, b"%d" % given, now)
        case "again":
            return machine.request_again(now)
        case "ack":
            return machine.ack(now)  # type: ignore[func-returns-value]  # None, like the others
        case "end":
            return machine.end()  # type: ignore[func-returns-value]
        case _:
            return machine.wake(now)


def test_a_refusal_is_repeated_by_timer_g_until_timer_h() -> None:
    machine = server(State.COMPLETED)
    times = [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert sent(machine, 100) == [(at, b"486") for at in times]
    assert machine.state is State.TERMINATED
    assert machine.timed_out


def test_a_refusal_is_sent_once_over_tcp_and_waits_for_its_ack() -> None:
    machine = server(State.COMPLETED, reliable=True)
    assert machine.deadline == START + 32
    assert sent(machine, 100) == []
    assert machine.timed_out


def test_an_ack_ends_the_repeating() -> None:
    machine = server(State.COMPLETED)
    machine.wake(START + 0.5)
    machine.ack(START + 0.7)
    assert machine.deadline == START + 0.7 + T.timer_i
    assert sent(machine, 100) == []
    assert not machine.timed_out


def test_over_tcp_an_ack_ends_it_at_once() -> None:
    machine = server(State.COMPLETED, reliable=True)
    machine.ack(START + 1)
    assert machine.deadline == START + 1


def test_a_repeated_invite_gets_the_last_provisional() -> None:
    machine = server()
    assert machine.request_again(START) is None
    machine.respond(100, b"100", START)
    machine.respond(183, b"183", START)
    assert machine.request_again(START) == b"183"


def test_an_accepted_invite_is_absorbed_but_2xx_go_through() -> None:
    machine = server(State.ACCEPTED)
    assert machine.request_again(START + 1) is None
    assert machine.respond(200, b"other", START + 31) == b"other"
    assert machine.deadline == START + T.timer_l  # repetitions don't prolong it


def test_each_provisional_prolongs_proceeding() -> None:
    machine = server()
    machine.respond(180, b"180", START + 100)
    assert machine.deadline == START + 100 + T.timer_c_limit
    assert sent(machine, 1e6) == []
    assert not machine.timed_out
