"""The non-INVITE server transaction."""

import pytest

from sipgate.sip import NonInviteServer, NonInviteServerState, Timers
from sipgate.sip.non_invite_server import MOVES

T = Timers()
START = 1000.0
LATE = START + 3.5  # the client's Timer E is T2
State = NonInviteServerState
TR, P, CO, X = State


def server(state: State = State.TRYING, *, reliable: bool = False) -> NonInviteServer:
    """One that has come to this state."""
    machine = NonInviteServer(T, reliable=reliable, now=START)
    match state:
        case State.TRYING:
            pass
        case State.PROCEEDING:
            machine.respond(100, b"100", LATE)
        case State.COMPLETED:
            machine.respond(200, b"200", LATE)
        case State.TERMINATED:
            machine.end()
    assert machine.state is state
    return machine


@pytest.mark.parametrize(
    ("state", "status", "is_sent", "then"),
    [
        (TR, 100, True, P),
        (TR, 180, False, TR),
        (TR, 200, True, CO),
        (TR, 404, True, CO),
        (TR, 408, False, TR),
        (P, 100, True, P),
        (P, 183, False, P),
        (P, 200, True, CO),
        (P, 408, False, P),
        (P, 603, True, CO),
        (CO, 100, False, CO),
        (CO, 200, False, CO),
        (CO, 408, False, CO),
        (CO, 500, False, CO),
        (X, 100, False, X),
        (X, 200, False, X),
        (X, 500, False, X),
    ],
)
def test_each_response_in_each_state(state: State, status: int, is_sent: bool, then: State) -> None:
    machine = server(state)
    raw = machine.respond(status, b"new", LATE)
    assert raw == (b"new" if is_sent else None)
    assert machine.state is then
    assert then is state or then in MOVES[state]


def test_a_100_is_not_sent_early_over_udp() -> None:
    machine = server()
    assert machine.trying_at == LATE
    assert machine.respond(100, b"100", LATE - 0.1) is None
    assert machine.state is State.TRYING


def test_a_100_may_be_sent_early_over_tcp() -> None:
    machine = NonInviteServer(T, reliable=True, now=START)
    assert machine.respond(100, b"100", START) == b"100"


@pytest.mark.parametrize(("state", "repeated"), [(TR, None), (P, b"100"), (CO, b"200"), (X, None)])
def test_a_repeated_request_gets_what_was_said_last(state: State, repeated: bytes | None) -> None:
    assert server(state).request_again(LATE) == repeated


@pytest.mark.parametrize(("state", "seconds"), [(TR, 32), (P, 32), (CO, 3.5 + 32)])
def test_every_state_has_its_time(state: State, seconds: float) -> None:
    machine = server(state)
    assert [machine.deadline, machine.wake(START + seconds - 0.1)] == [START + seconds, None]
    assert machine.state is state
    machine.wake(START + seconds)
    assert [machine.state, machine.deadline] == [State.TERMINATED, None]
    assert machine.wake(START + 100) is None
    assert machine.request_again(START + 100) is None


def test_over_tcp_the_answer_ends_it_at_once() -> None:
    machine = NonInviteServer(T, reliable=True, now=START)
    machine.respond(200, b"200", START + 1)
    assert machine.deadline == START + 1


@pytest.mark.parametrize("state", State)
def test_every_state_can_end(state: State) -> None:
    machine = server(state)
    machine.end()
    machine.end()
    assert (machine.state, machine.deadline) == (State.TERMINATED, None)
