"""`sipgate simulate FILE --virtual`: the rooms against a configuration, without waiting."""

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from sipgate.clock import SystemClock
from sipgate.gate import load_policy
from sipgate.simulate import (
    GateLife,
    RoomPlayed,
    Scenario,
    Surroundings,
    load_plan,
    play_rooms,
    render_end,
)

from .failure import CannotDo
from .output import counted, print_json, print_line, print_table
from .settings import read_config
from .simulated_gate import SimulatedGate
from .simulated_landscape import stage_of

PIPE_COLUMNS = 160  # a pipe or file has no width of its own


def play_virtually(
    scenario: Scenario, config_file: Path, policy_file: Path | None, *, as_json: bool
) -> None:
    """Play the rooms, and tell what they saw and what the gate decided by which rule."""
    config = read_config(config_file)
    policy = load_policy(policy_file or config.gate.policy, timezone=config.gate.timezone)
    stage = stage_of(config, policy)
    plans = {
        target.host: load_plan(upstream.plan)
        for upstream in config.upstream
        for target in stage.targets[upstream.name]
        if upstream.plan is not None
    }

    def make_gate(around: Surroundings) -> GateLife:
        return SimulatedGate(around, config, policy, stage.targets)

    started = time.monotonic()
    played = play_rooms(
        scenario, stage.landscape, make_gate, plans=plans, time=SystemClock().time()
    )
    summary = replace(played.summary, gate=f"{config.gate.name}, simulated")
    if played.errors:
        raise CannotDo(f"sipgate: the simulated gate failed: {played.errors[0]!r}")
    if as_json:
        print_json(summary.as_json() | {"decisions": _decisions(played)})
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPE_COLUMNS
    console.print(render_end(summary))
    print_line("")
    print_table(
        ("verdict", "rule", "calls"),
        [(one["verdict"], one["rule"], one["calls"]) for one in _decisions(played)],
    )
    seconds = time.monotonic() - started
    print_line(f"{counted(len(played.evidence.decisions), 'decision')} in {seconds:.1f} s")


def _decisions(played: RoomPlayed) -> list[dict[str, str | int | None]]:
    """How often each rule settled a verdict, as the gate's ledger has it; most often first."""
    counts = Counter((entry.verdict, entry.rule) for entry in played.evidence.decisions)
    return [
        {"verdict": verdict, "rule": rule, "calls": calls}
        for (verdict, rule), calls in counts.most_common()
    ]
