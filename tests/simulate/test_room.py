"""Dialer rooms, over real sockets on free ports; a second or so each."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest

from sipgate.clock import SystemClock
from sipgate.net import Flow, ListenError
from sipgate.simulate.callee import AnsweringEnd, CalleeEvent, answering_end, run_callee
from sipgate.simulate.endpoint import Core, Endpoint, server_key
from sipgate.simulate.plan import parse_plan
from sipgate.simulate.room import GateUnreachable, NumberPool, run_scenario
from sipgate.simulate.scenario import Numbers, Scenario, parse_scenario
from sipgate.simulate.spelling import Address
from sipgate.simulate.summary import Summary
from sipgate.sip import Request, Response, Timers, build_response

ANY_PORT = Address("127.0.0.1", 0)


QUICK = "every: 50ms, talk: 20ms"


def scenario(port: int, room: str, **top: object) -> Scenario:
    """Two agents; `room` as in a YAML flow mapping."""
    keys = {"calls": 20, **top}
    return parse_scenario(
        f"scenario: test\ngate: 127.0.0.1:{port}\n"
        + "".join(f"{key}: {value}\n" for key, value in keys.items())
        + 'rooms: [{name: one, agents: {count: 2, extension: "47##"}, jitter: 0,'
        + f' numbers: {{first: "+4930100", count: 100}}, {room}}}]\n'
    )


class StrictGate(Core):
    """Stands for a gate that refuses all calls after the first few, whoever calls."""

    def __init__(self, allowed: int) -> None:
        self.endpoint = Endpoint(SystemClock(), Timers())
        self.endpoint.core = self
        self._left = allowed
        self._seen: set[object] = set()

    def invite(self, request: Request, flow: Flow, now: float) -> None:
        key = server_key(request)
        if key in self._seen:
            return
        self._seen.add(key)
        status, phrase = (486, b"Busy Here") if self._left > 0 else (403, b"Forbidden")
        reason = b'Reason: SIP;cause=403;text="enough"'
        headers = () if self._left > 0 else (reason,)
        self._left -= 1
        flow.send(build_response(request, status, phrase, to_tag=b"gate", headers=headers))

    def ack(self, request: Request, now: float) -> None:
        """Nothing was going to be repeated."""

    def request(self, request: Request, flow: Flow, now: float) -> None:
        self.endpoint.answer(request, flow, 200)

    def invite_response(self, response: Response, now: float) -> bool:
        return False

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """The scenario is over."""


@asynccontextmanager
async def strict_gate(allowed: int) -> AsyncIterator[int]:
    gate = StrictGate(allowed)
    async with gate.endpoint.running():
        yield (await gate.endpoint.network.listen("udp", "127.0.0.1", 0)).port


def play(
    room: str, *, plan: str = "seed: 1", **top: object
) -> tuple[Summary, AnsweringEnd, list[CalleeEvent]]:
    """Let a room call the test callee itself, as if a gate let all through."""
    events: list[CalleeEvent] = []

    async def run() -> tuple[Summary, AnsweringEnd, list[CalleeEvent]]:
        async with answering_end(ANY_PORT, parse_plan(plan), on_event=events.append) as (end, udp):
            return await run_scenario(scenario(udp.port, room, **top)), end, events

    return asyncio.run(run())


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_answered_calls_end_by_either_side_and_leave_nothing_up(transport: str) -> None:
    room = QUICK + ", called: {answered: 1, rings: 10ms}"
    summary, end, events = play(room, transport=transport)
    assert summary.totals["answered"] == summary.totals["allowed"] == 20
    assert end.open_calls == 0
    ended_by = Counter(event.ended_by for event in events if event.kind == "ended")
    assert ended_by.total() == 20
    assert set(ended_by) == {"caller", "callee"}


def test_shares_decide_what_the_callee_does() -> None:
    room = "every: 20ms, ring-patience: 30ms, called: {busy: 0.4, declined: 0.3, rings: 1ms}"
    summary, _, _ = play(room, calls=60)
    totals = summary.totals
    assert totals["busy"] == pytest.approx(24, abs=10)
    assert totals["declined"] == pytest.approx(18, abs=10)
    assert totals["cancelled"] == 60 - totals["busy"] - totals["declined"]
    assert totals["allowed"] == 60


def test_without_shares_the_callees_plan_decides() -> None:
    summary, _, _ = play(QUICK, plan="others: {do: busy}")
    assert summary.totals["busy"] == 20


def test_headers_that_the_room_sends_are_no_tags() -> None:
    summary, _, events = play(QUICK + ", campaign: loans, called: {busy: 1}")
    assert summary.totals["tagged"] == 0
    assert events[0].saw == ("X-Campaign: loans",)


def test_the_pace_makes_a_long_day_short() -> None:
    room = "every: 60s, ring-patience: 20s, called: {answered: 0}"
    summary, _, _ = play(room, pace=1000, duration="10m", calls=1000)
    assert summary.elapsed_seconds < 5
    assert 12 <= summary.totals["attempts"] <= 22
    assert summary.totals["open"] == 0


def test_calls_that_are_up_at_the_end_are_ended_properly() -> None:
    room = "every: 10ms, talk: 1h, called: {answered: 1, rings: 1ms}"
    summary, end, _ = play(room, duration="300ms")
    assert (summary.totals["answered"], summary.totals["open"], end.open_calls) == (2, 0, 0)


def test_a_scenario_can_be_stopped_early() -> None:
    async def run() -> Summary:
        stop = asyncio.Event()
        async with answering_end(ANY_PORT) as (_, udp):
            played = scenario(udp.port, QUICK, duration="1h", calls=10**6)
            return await run_scenario(played, lambda summary: stop.set(), stop=stop)

    summary = asyncio.run(run())
    assert summary.is_over
    assert summary.elapsed_seconds < 5


def test_a_gate_that_refuses_is_seen_as_such_by_each_agent() -> None:
    async def run() -> Summary:
        async with strict_gate(allowed=6) as port:
            return await run_scenario(scenario(port, "every: 20ms"))

    summary = asyncio.run(run())
    assert (summary.totals["busy"], summary.totals["refused"]) == (6, 14)
    assert {agent.last_reason for agent in summary.agents} == {"enough"}
    assert all(agent.attempts == 10 for agent in summary.agents)


def test_a_gate_that_is_not_there_is_told() -> None:
    unused = scenario(9, "every: 20ms", transport="tcp")
    with pytest.raises(GateUnreachable, match=r"tcp:127\.0\.0\.1:9: .*is the gate running"):
        asyncio.run(run_scenario(unused))


def test_a_scenario_may_bring_its_own_callee() -> None:
    played = parse_scenario(
        """
        scenario: test
        gate: 127.0.0.1:1
        calls: 1
        callee: {listen: "127.0.0.1:0", plan: {others: {do: busy}}}
        rooms: [{name: a, agents: {extension: "1"}, numbers: {list: ["1"]}, every: 1s}]
        """
    )
    assert played.callee is not None
    assert played.callee.plan.others.do == "busy"


def test_a_callee_on_a_port_in_use_says_so() -> None:
    async def run() -> None:
        async with answering_end(ANY_PORT) as (_, udp):
            await run_callee(f"127.0.0.1:{udp.port}")

    with pytest.raises(ListenError, match="in use"):
        asyncio.run(run())


def test_a_pool_gives_out_each_number_once_before_it_starts_again() -> None:
    pool = NumberPool(Numbers(first="100", count=3), Random(1))
    assert [pool.take() for _ in range(4)] == ["100", "101", "102", "100"]


def test_recalled_numbers_are_those_given_out_before() -> None:
    pool = NumberPool(Numbers(first="1000", count=1000, recalled=0.5), Random(1))
    taken = [pool.take() for _ in range(200)]
    assert len(set(taken)) == pytest.approx(100, abs=20)


def caller_of(event: CalleeEvent) -> str:
    """The user of the From URI."""
    return event.caller.removeprefix("sip:").partition("@")[0]


def test_lines_are_shared_out_and_counted_together() -> None:
    played = parse_scenario(
        """
        scenario: test
        gate: 127.0.0.1:1
        duration: 1s
        rooms:
          - name: a
            agents: {count: 2, extension: "4#", lines: 1.5}
            numbers: {list: ["1"]}
            every: 10ms
            ring-patience: 1h
            called: {answered: 0}
        """
    )
    events: list[CalleeEvent] = []

    async def run() -> Summary:
        async with answering_end(ANY_PORT, parse_plan("seed: 1"), on_event=events.append) as (
            _,
            udp,
        ):
            here = played.model_copy(update={"gate": Address("127.0.0.1", udp.port)})
            return await run_scenario(here)

    summary = asyncio.run(run())
    called = Counter(caller_of(event) for event in events if event.kind == "called")
    assert called == {"41": 2, "42": 1}  # three lines, all of which ring to the end
    assert [(tally.extension, tally.attempts) for tally in summary.agents] == [("41", 2), ("42", 1)]


def test_numbers_are_presented_in_turn_and_the_agent_is_asserted() -> None:
    room = QUICK + ', clis: {first: "+12025550100", count: 3}, called: {busy: 1}'
    _, _, events = play(room, calls=6)
    called = [caller_of(event) for event in events if event.kind == "called"]
    assert sorted(called) == sorted([f"+1202555010{n}" for n in range(3)] * 2)


def test_a_neighbour_is_almost_the_called_number() -> None:
    _, _, events = play(QUICK + ", neighbour: true, called: {busy: 1}")
    called = [(event.number, caller_of(event)) for event in events if event.kind == "called"]
    assert len(called) == 20
    assert [(n[:-4], len(n)) for n, _ in called] == [(cli[:-4], len(cli)) for _, cli in called]
    assert len({cli[-4:] for _, cli in called}) > 10


def test_a_redialler_tries_a_busy_number_again_so_often_and_goes_on() -> None:
    room = QUICK + ", redials: {times: 4, pause: 1ms-2ms}, called: {busy: 1}"
    _, _, events = play(room, calls=20)
    tries = Counter(event.number for event in events if event.kind == "called")
    assert max(tries.values()) == 5
    assert len(tries) <= 6


def test_abandoned_calls_are_dropped_by_the_agents_side() -> None:
    room = (
        "every: 50ms, talk: 1h, abandons: {share: 1, after: 5ms-10ms},"
        " called: {answered: 1, rings: 1ms}, agent-hangs-up: 0"
    )
    _, _, events = play(room, calls=10)
    assert {event.ended_by for event in events if event.kind == "ended"} == {"caller"}


def test_invalid_numbers_get_404() -> None:
    _, _, events = play(QUICK + ", called: {invalid: 1}", calls=4)
    assert {event.status for event in events if event.kind == "refused"} == {404}
