"""The non-INVITE client transaction."""

import pytest

from sipgate.sip import NonInviteClient, NonInviteClientState, Timers
from sipgate.sip.non_invite_client import MOVES

from .samples import response

T = Timers()
START = 1000.0
RAW = b"OPTIONS"  # the machine reads nothing in it
State = NonInviteClientState
TR, P, CO, X = State


def client(state: State = State.TRYING, *, reliable: bool = False) -> NonInviteClient:
    """One that has come to this state at `START`."""
    machine = NonInviteClient(RAW, T, reliable=reliable, now=START)
    match state:
        case State.TRYING:
            pass
        case State.PROCEEDING:
            machine.receive(response(100), START)
        case State.COMPLETED:
            machine.receive(response(200), START)
        case State.TERMINATED:
            machine.end()
    assert machine.state is state
    return machine


def sent_at(machine: NonInviteClient) -> list[float]:
    """When it repeats its request, woken at each of its deadlines until it is over."""
    times = []
    while (now := machine.deadline) is not None:
        if machine.wake(now) == RAW:
            times.append(now - START)
    return times


@pytest.mark.parametrize(
    ("state", "status", "to_core", "then"),
    [
        (TR, 100, True, P),
        (TR, 200, True, CO),
        (TR, 408, True, CO),
        (P, 183, True, P),
        (P, 200, True, CO),
        (P, 603, True, CO),
        (CO, 100, False, CO),
        (CO, 200, False, CO),
        (CO, 500, False, CO),
        (X, 100, False, X),
        (X, 200, False, X),
        (X, 500, False, X),
    ],
)
def test_each_response_in_each_state(state: State, status: int, to_core: bool, then: State) -> None:
    machine = client(state)
    assert machine.receive(response(status), START) == (to_core, None)
    assert machine.state is then
    assert then is state or then in MOVES[state]


def test_the_request_is_repeated_by_timer_e_until_timer_f() -> None:
    machine = client()
    assert sent_at(machine) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert machine.timed_out
    assert machine.state is State.TERMINATED


def test_after_a_provisional_it_is_repeated_every_t2() -> None:
    machine = client(State.PROCEEDING)
    assert sent_at(machine) == [0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]
    assert machine.timed_out


@pytest.mark.parametrize("state", [State.TRYING, State.PROCEEDING])
def test_over_tcp_it_is_sent_once(state: State) -> None:
    machine = client(state, reliable=True)
    assert machine.deadline == START + T.timer_f
    assert sent_at(machine) == []
    assert machine.timed_out


def test_a_final_response_ends_it_after_timer_k() -> None:
    machine = client(State.COMPLETED)
    assert machine.deadline == START + T.timer_k
    assert sent_at(machine) == []
    assert not machine.timed_out


def test_over_tcp_a_final_response_ends_it_at_once() -> None:
    assert client(State.COMPLETED, reliable=True).deadline == START


@pytest.mark.parametrize("state", State)
def test_waking_early_does_nothing(state: State) -> None:
    machine = client(state)
    deadline = machine.deadline
    assert machine.wake((deadline or START) - 0.001) is None
    assert (machine.state, machine.deadline) == (state, deadline)


@pytest.mark.parametrize("state", State)
def test_every_state_can_end(state: State) -> None:
    machine = client(state)
    machine.end()
    machine.end()
    assert (machine.state, machine.deadline) == (State.TERMINATED, None)
