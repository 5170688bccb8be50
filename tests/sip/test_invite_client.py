"""The INVITE client transaction."""

import pytest

from sipgate.sip import InviteClient, InviteClientState, Timers, build_ack
from sipgate.sip.invite_client import MOVES

from .samples import INVITE, response

T = Timers()
START = 1000.0
State = InviteClientState


def client(state: State = State.CALLING, *, reliable: bool = False) -> InviteClient:
    """One that has come to this state at `START`."""
    machine = InviteClient(INVITE, T, reliable=reliable, now=START)
    match state:
        case State.CALLING:
            pass
        case State.PROCEEDING:
            machine.receive(response(180), START)
        case State.ACCEPTED:
            machine.receive(response(200), START)
        case State.COMPLETED:
            machine.receive(response(486), START)
        case State.TERMINATED:
            machine.end()
    assert machine.state is state
    return machine


C, P, A, CO, X = State
ACK = build_ack(INVITE, response(486))


@pytest.mark.parametrize(
    ("state", "status", "to_core", "ack", "then"),
    [
        (C, 100, True, None, P),
        (C, 180, True, None, P),
        (C, 200, True, None, A),
        (C, 302, True, ACK, CO),
        (C, 603, True, ACK, CO),
        (P, 100, True, None, P),
        (P, 200, True, None, A),
        (P, 487, True, ACK, CO),
        (A, 180, False, None, A),
        (A, 200, True, None, A),
        (A, 299, True, None, A),
        (A, 486, False, None, A),
        (CO, 180, False, None, CO),
        (CO, 200, False, None, CO),
        (CO, 486, False, ACK, CO),
        (CO, 600, False, ACK, CO),
        (X, 180, False, None, X),
        (X, 200, False, None, X),
        (X, 486, False, None, X),
    ],
)
def test_each_response_in_each_state(
    state: State, status: int, to_core: bool, ack: bytes | None, then: State
) -> None:
    machine = client(state)
    assert machine.receive(response(status), START + 0.1) == (to_core, ack)
    assert machine.state is then
    assert then is state or then in MOVES[state]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("reliable", [False, True])
def test_waking_early_does_nothing(state: State, reliable: bool) -> None:
    machine = client(state, reliable=reliable)
    deadline = machine.deadline
    assert machine.wake((deadline or START) - 0.001) is None
    assert (machine.state, machine.deadline) == (state, deadline)


@pytest.mark.parametrize("state", State)
def test_every_state_can_end(state: State) -> None:
    machine = client(state)
    machine.end()
    machine.end()
    assert (machine.state, machine.deadline) == (State.TERMINATED, None)
    assert machine.wake(START + 1e6) is None


@pytest.mark.parametrize(
    ("state", "seconds"),
    [(P, T.timer_c_limit), (A, T.timer_m), (CO, T.timer_d)],
)
def test_every_state_has_its_time(state: State, seconds: float) -> None:
    machine = client(state)
    assert machine.deadline == START + seconds
    assert machine.wake(START + seconds) is None
    assert machine.state is State.TERMINATED


def test_the_invite_is_repeated_by_timer_a_until_timer_b() -> None:
    machine = client()
    assert sent_at(machine) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert machine.timed_out
    assert machine.state is State.TERMINATED


def test_over_tcp_it_is_sent_once() -> None:
    machine = client(reliable=True)
    assert machine.deadline == START + T.timer_b
    assert sent_at(machine) == []
    assert machine.timed_out


def test_a_provisional_ends_the_repeating_and_prolongs() -> None:
    machine = client()
    machine.receive(response(100), START + 0.4)
    machine.receive(response(180), START + 50)
    assert machine.deadline == START + 50 + T.timer_c_limit
    assert sent_at(machine) == []
    assert machine.timed_out


def test_no_time_out_where_a_final_came() -> None:
    machine = client(State.ACCEPTED)
    assert sent_at(machine) == []
    assert not machine.timed_out


def test_over_tcp_a_refusal_ends_it_at_once() -> None:
    machine = client(reliable=True)
    machine.receive(response(486), START + 1)
    assert machine.deadline == START + 1


def sent_at(machine: InviteClient) -> list[float]:
    """When it repeats its INVITE, woken at each of its deadlines until it is over."""
    times = []
    while (now := machine.deadline) is not None:
        if machine.wake(now) == INVITE:
            times.append(now - START)
    return times
