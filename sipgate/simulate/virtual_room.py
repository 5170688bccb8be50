"""Plays a scenario's rooms against a gate in a simulated network: hours of life in seconds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from sipgate.clock import VirtualClock

from .agenda import Agenda
from .callee import AnsweringEnd
from .evidence import Evidence
from .network_play import GateMaker, Landscape, Surroundings
from .plan import CalleePlan, default_plan
from .room import WIND_UP_SECONDS, GateUnreachable, Play
from .scenario import Scenario
from .simulated_disk import SimulatedDisk
from .simulated_network import SimulatedNetwork
from .spelling import Address
from .summary import Summary
from .virtual_endpoint import TokenCounter, virtual_endpoint

START_SECONDS = 1.0  # the gate is up by then
LAST_WORDS_SECONDS = 300.0  # outcomes of what was cut off are written by then


@dataclass(slots=True)
class RoomPlayed:
    """What the rooms saw, and what the gate has written."""

    summary: Summary
    evidence: Evidence
    errors: list[Exception] = field(default_factory=list)


def play_rooms(
    scenario: Scenario,
    landscape: Landscape,
    make_gate: GateMaker,
    *,
    plans: Mapping[str, CalleePlan],
    time: float,
) -> RoomPlayed:
    """Play it to its end; the calendar begins at `time`.

    All agents sit at the landscape's first caller's address. `plans` are those of targets, by
    address; the scenario's own callee takes the place of all. Raises GateUnreachable where the
    gate doesn't listen on the scenario's transport.
    """
    errors: list[Exception] = []
    agenda = Agenda(VirtualClock(time=time), errors.append)
    network = SimulatedNetwork(agenda, Random(scenario.seed))
    new_token = TokenCounter()
    own_plan = None if scenario.callee is None else CalleePlan(scenario.callee.plan)
    for transport, address, port in landscape.targets:
        host = network.host(address)
        host.open(transport, port)
        plan = own_plan or plans.get(address) or default_plan()
        AnsweringEnd(plan, endpoint=virtual_endpoint(agenda, host, new_token))
    evidence, disk = Evidence(), SimulatedDisk()
    disk.on_written = evidence.written
    gate_host = network.host(landscape.gate)
    for at in landscape.gate_ports:
        gate_host.open(at.transport, at.port, at.advertise)
    make_gate(
        Surroundings(
            agenda=agenda,
            host=gate_host,
            disk=disk,
            random=Random(scenario.seed),
            has_failed=errors.append,
        )
    )
    ports = [at.port for at in landscape.gate_ports if at.transport == scenario.transport]
    if not ports:
        raise GateUnreachable(str(scenario.gate), f"it does not listen on {scenario.transport}")
    placed = scenario.model_copy(update={"gate": Address(landscape.gate, ports[0])})
    room_host = network.host(landscape.callers[0][0])
    play = Play(placed, agenda.clock, endpoint=virtual_endpoint(agenda, room_host, new_token))
    play.seat(lambda: room_host.open(scenario.transport, 0))
    agenda.run(agenda.clock.now() + START_SECONDS)
    _run(play, agenda, scenario)
    summary = play.summary(is_over=True)
    agenda.run(agenda.clock.now() + LAST_WORDS_SECONDS)
    return RoomPlayed(summary, evidence, errors)


def _run(play: Play, agenda: Agenda, scenario: Scenario) -> None:
    play.begin()
    now = agenda.clock.now()
    total = scenario.real_seconds
    until = float("inf") if total is None else now + total
    agenda.run(until, stop=lambda: play.has_ended)
    play.wind_up()
    give_up_at = agenda.clock.now() + WIND_UP_SECONDS
    agenda.run(give_up_at, stop=lambda: not play.open_calls)
