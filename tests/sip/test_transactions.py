"""All four transactions, given anything in any order: RFC 3261 §17, RFC 4320, RFC 6026.

Each model knows nothing of the machine's inside but its state and deadline. It holds that only
legal moves are made, that a state has a deadline or is the end, that every machine ends by itself
in bounded time, and that what it sends is what the RFC lets it send there.
"""

from enum import Enum

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sipgate.sip import (
    InviteClient,
    InviteServer,
    NonInviteClient,
    NonInviteServer,
    Timers,
    invite_client,
    invite_server,
    non_invite_client,
    non_invite_server,
)

from .samples import INVITE, response

T = Timers()
START = 1000.0
MOST_WAKES = 200
STATUSES = st.sampled_from([100, 180, 183, 199, 200, 202, 302, 401, 408, 486, 487, 503, 603, 699])
SECONDS = st.sampled_from([0.0, 0.001, 0.1, 0.5, 1.0, 3.5, 4.0, 5.0, 31.9, 32.0, 64.0, 500.0])
LONGEST = 2 * T.timer_c_limit  # no machine that nobody talks to lives longer

Machine = InviteServer | InviteClient | NonInviteServer | NonInviteClient


class Transaction(RuleBasedStateMachine):
    """What holds for each of them."""

    machine: Machine
    moves: dict[Enum, set[Enum]]
    over: Enum

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.reliable = False
        self.finals: list[int] = []  # that were sent, or went up to the core
        self.before: Enum | None = None

    def begin(self, machine: Machine, moves: object, *, reliable: bool) -> None:
        self.machine = machine
        self.moves = moves  # type: ignore[assignment]
        self.over = list(type(machine.state))[-1]
        self.reliable = reliable
        self.before = machine.state

    def woken(self) -> bytes | None:
        """Wake it, as its owner does after each step of time."""
        due = self.machine.deadline
        raw = self.machine.wake(self.now)
        if due is None or self.now < due:
            assert raw is None
            assert self.machine.deadline == due
        return raw

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        """The owner wakes it at each deadline on the way."""
        until = self.now + seconds
        for _ in range(MOST_WAKES):
            due = self.machine.deadline
            if due is None or due > until:
                break
            self.now = max(self.now, due)
            self.repeats(self.woken())
            if due is not None and self.machine.deadline is not None:
                assert self.machine.deadline > due or self.machine.state is not self.before
            self._moved()
        else:
            raise AssertionError("it is due for ever")
        self.now = until

    @rule(seconds=SECONDS)
    def it_is_woken_late(self, seconds: float) -> None:
        """The owner was busy: one wake for all that was due."""
        self.now += seconds
        self.repeats(self.woken())

    @rule()
    def it_is_woken_early_or_twice(self) -> None:
        self.woken()
        deadline, state = self.machine.deadline, self.machine.state
        if deadline is not None and deadline > self.now:
            assert self.machine.wake(self.now) is None
            assert (self.machine.deadline, self.machine.state) == (deadline, state)

    @precondition(lambda self: self.machine.state is not self.over)
    @rule()
    def its_owner_ends_it(self) -> None:
        self.machine.end()
        assert self.machine.state is self.over

    def repeats(self, raw: bytes | None) -> None:
        """What a wake sent; each model says what may be."""
        raise NotImplementedError

    def _moved(self) -> None:
        before, self.before = self.before, self.machine.state
        assert before is not None
        # A step of the model may be several of the machine's; but each goes along `moves`.
        assert self.machine.state in _reachable(self.moves, before)

    @invariant()
    def only_legal_moves_are_made(self) -> None:
        if self.before is not None:
            self._moved()

    @invariant()
    def it_has_a_deadline_or_is_over(self) -> None:
        if self.before is not None:
            assert (self.machine.deadline is None) == (self.machine.state is self.over)

    @invariant()
    def one_final_answer_stands(self) -> None:
        refusals = [status for status in self.finals if status >= 300]
        assert len(refusals) <= 1
        assert not refusals or len(self.finals) == 1

    def teardown(self) -> None:
        """Left alone it ends by itself, in bounded time."""
        if self.before is None:
            return
        end = self.now + LONGEST
        for _ in range(MOST_WAKES):
            due = self.machine.deadline
            if due is None:
                break
            assert due <= end
            self.now = max(self.now, due)
            self.repeats(self.woken())
        assert self.machine.state is self.over
        assert self.machine.deadline is None


def _reachable(moves: dict[Enum, set[Enum]], state: Enum) -> set[Enum]:
    found, left = {state}, [state]
    while left:
        for following in moves[left.pop()]:
            if following not in found:
                found.add(following)
                left.append(following)
    return found


class InviteServerModel(Transaction):
    """RFC 3261 §17.2.1 as changed by RFC 6026 §7.1."""

    machine: InviteServer

    @initialize(reliable=st.booleans())
    def made(self, reliable: bool) -> None:
        machine = InviteServer(T, reliable=reliable, now=self.now)
        self.begin(machine, invite_server.MOVES, reliable=reliable)
        self.answer: bytes | None = None
        self.is_acknowledged = False

    @rule(status=STATUSES)
    def core_responds(self, status: int) -> None:
        state, raw = self.machine.state, b"%d" % status
        sent = self.machine.respond(status, raw, self.now)
        is_2xx = 200 <= status <= 299
        may_be = state is invite_server.InviteServerState.PROCEEDING or (
            state is invite_server.InviteServerState.ACCEPTED and is_2xx
        )
        assert sent == (raw if may_be else None)
        if sent is not None:
            self.answer = None if is_2xx else raw
            if status >= 200:
                self.finals.append(status)

    @rule()
    def invite_comes_again(self) -> None:
        over = self.machine.state is self.over
        repeated = self.machine.request_again(self.now)
        assert repeated == (None if over or self.is_acknowledged else self.answer)

    @rule()
    def ack_comes(self) -> None:
        refused = self.machine.state is invite_server.InviteServerState.COMPLETED
        self.machine.ack(self.now)
        self.is_acknowledged = self.is_acknowledged or refused

    def repeats(self, raw: bytes | None) -> None:
        if raw is not None:  # Timer G: a refusal over UDP, until its ACK
            assert not self.reliable
            assert not self.is_acknowledged
            assert raw == self.answer
            assert self.finals
            assert self.finals[0] >= 300

    @invariant()
    def no_ack_is_missed_unless_one_was_due(self) -> None:
        if self.before is not None and self.machine.timed_out:
            assert not self.is_acknowledged
            assert self.finals
            assert self.finals[0] >= 300


class InviteClientModel(Transaction):
    """RFC 3261 §17.1.1 as changed by RFC 6026 §7.2."""

    machine: InviteClient

    @initialize(reliable=st.booleans())
    def made(self, reliable: bool) -> None:
        machine = InviteClient(INVITE, T, reliable=reliable, now=self.now)
        self.begin(machine, invite_client.MOVES, reliable=reliable)
        self.heard = False
        self.acks: set[bytes] = set()

    @rule(status=STATUSES)
    def response_comes(self, status: int) -> None:
        state = self.machine.state
        goes_up, ack = self.machine.receive(response(status), self.now)
        states = invite_client.InviteClientState
        open_states = (states.CALLING, states.PROCEEDING)
        is_2xx = 200 <= status <= 299
        assert goes_up == (state in open_states or (state is states.ACCEPTED and is_2xx))
        acknowledges = status >= 300 and (state in open_states or state is states.COMPLETED)
        assert (ack is not None) == acknowledges
        if ack is not None:
            self.acks.add(ack)
        self.heard = self.heard or state in open_states
        if goes_up and status >= 200:
            self.finals.append(status)

    def repeats(self, raw: bytes | None) -> None:
        if raw is not None:  # Timer A: over UDP, as long as nobody has said anything
            assert not self.reliable
            assert not self.heard
            assert raw == INVITE

    @invariant()
    def each_refusal_gets_the_same_ack(self) -> None:
        if self.before is not None:
            assert len(self.acks) <= 1
            assert all(ack.startswith(b"ACK sip:") for ack in self.acks)

    @invariant()
    def it_timed_out_only_without_a_final_response(self) -> None:
        if self.before is not None and self.machine.timed_out:
            assert self.finals == []


class NonInviteServerModel(Transaction):
    """RFC 3261 §17.2.2 as changed by RFC 4320 §4."""

    machine: NonInviteServer

    @initialize(reliable=st.booleans())
    def made(self, reliable: bool) -> None:
        machine = NonInviteServer(T, reliable=reliable, now=self.now)
        self.begin(machine, non_invite_server.MOVES, reliable=reliable)
        self.begun_at = self.now
        self.answer: bytes | None = None

    @rule(status=STATUSES)
    def core_responds(self, status: int) -> None:
        state, raw = self.machine.state, b"%d" % status
        sent = self.machine.respond(status, raw, self.now)
        states = non_invite_server.NonInviteServerState
        is_open = state in (states.TRYING, states.PROCEEDING)
        is_late = self.reliable or self.now >= self.begun_at + 3.5  # RFC 4320 §4.1
        may_be = is_open and status != 408 and (status >= 200 or (status == 100 and is_late))
        assert sent == (raw if may_be else None)
        if sent is not None:
            self.answer = raw
            if status >= 200:
                self.finals.append(status)

    @rule()
    def request_comes_again(self) -> None:
        over = self.machine.state is self.over
        assert self.machine.request_again(self.now) == (None if over else self.answer)

    def repeats(self, raw: bytes | None) -> None:
        assert raw is None  # a server of these never repeats by itself

    @invariant()
    def nobody_waits_longer_than_the_clients_timer_f(self) -> None:
        if self.before is not None and self.machine.deadline is not None:
            limit = T.timer_f + (T.timer_j if self.finals else 0)
            assert self.machine.deadline <= max(self.now, self.begun_at + T.timer_f) + limit


class NonInviteClientModel(Transaction):
    """RFC 3261 §17.1.2."""

    machine: NonInviteClient

    @initialize(reliable=st.booleans())
    def made(self, reliable: bool) -> None:
        machine = NonInviteClient(b"OPTIONS", T, reliable=reliable, now=self.now)
        self.begin(machine, non_invite_client.MOVES, reliable=reliable)
        self.repeated = 0

    @rule(status=STATUSES)
    def response_comes(self, status: int) -> None:
        state = self.machine.state
        states = non_invite_client.NonInviteClientState
        goes_up, sent_back = self.machine.receive(response(status), self.now)
        assert sent_back is None
        assert goes_up == (state in (states.TRYING, states.PROCEEDING))
        if goes_up and status >= 200:
            self.finals.append(status)

    def repeats(self, raw: bytes | None) -> None:
        if raw is not None:  # Timer E
            self.repeated += 1
            assert not self.reliable
            assert self.finals == []
            assert raw == b"OPTIONS"

    @invariant()
    def it_is_repeated_no_more_than_the_rfc_says(self) -> None:
        if self.before is not None:
            assert self.repeated <= 10  # RFC 3261 §17.1.2.2: 500 ms to 4 s apart, for 32 s

    @invariant()
    def it_timed_out_only_without_a_final_response(self) -> None:
        if self.before is not None and self.machine.timed_out:
            assert self.finals == []


EXAMPLES = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestInviteServer = InviteServerModel.TestCase
TestInviteServer.settings = EXAMPLES
TestInviteClient = InviteClientModel.TestCase
TestInviteClient.settings = EXAMPLES
TestNonInviteServer = NonInviteServerModel.TestCase
TestNonInviteServer.settings = EXAMPLES
TestNonInviteClient = NonInviteClientModel.TestCase
TestNonInviteClient.settings = EXAMPLES
