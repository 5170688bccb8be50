"""`sipgate simulate`: a room of agents against a gate, with a live table."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.live import Live

from .failure import BadInput
from .output import print_json
from .settings import DEFAULT_CONFIG, AsJson

if TYPE_CHECKING:
    from sipgate.simulate import Scenario, Summary

EXAMPLE = "Example: sipgate simulate examples/scenarios/article.yaml --pace 60"

PIPE_COLUMNS = 160  # a pipe or file has no width of its own

ScenarioFile = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="The scenario.", show_default=False)
]
GateAt = Annotated[
    str | None,
    typer.Option("--gate", metavar="HOST:PORT", help="Another gate than the scenario names."),
]
Pace = Annotated[
    float | None, typer.Option("--pace", metavar="X", help="So many times as fast as life.")
]
Faults = Annotated[
    bool,
    typer.Option(
        "--faults",
        help="Instead of a scenario: plays in a simulated network where all sorts of things fail.",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", help="With --faults: the play to tell, or the first."),
]
Seeds = Annotated[
    int | None, typer.Option("--seeds", metavar="N", help="With --faults: how many plays.")
]
SimulatedConfig = Annotated[
    Path | None,
    typer.Option(
        "-c",
        "--config",
        metavar="FILE",
        help="With --virtual and --faults: the configuration that is played.",
        show_default=False,
    ),
]
SimulatedPolicy = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help="With --config: another policy than it names.",
        show_default=False,
    ),
]
Virtual = Annotated[
    bool,
    typer.Option(
        "--virtual",
        help="Play the scenario against a configuration on a virtual clock: hours in seconds.",
    ),
]


def simulate(
    scenario: ScenarioFile = None,
    gate: GateAt = None,
    pace: Pace = None,
    virtual: Virtual = False,
    faults: Faults = False,
    seed: Seed = None,
    seeds: Seeds = None,
    config: SimulatedConfig = None,
    policy: SimulatedPolicy = None,
    as_json: AsJson = False,
) -> None:
    """Let simulated agents call through a gate, and say what became of their calls.

    Ctrl-C ends the calls that are up properly, and says what there was so far.
    With --virtual the gate is one that is made of your configuration for this play alone: it opens
    no socket and writes nothing, so a policy can be tried before it goes live.
    With --faults whole gates are played on a virtual clock, thousands a minute, while messages are
    lost, disks fail and the gate is killed; exit code 1 when a promise was not kept.
    """
    from .log_output import log_to_stderr

    log_to_stderr("warning")
    if faults:
        if scenario is not None or gate is not None or pace is not None or virtual:
            raise BadInput("sipgate: --faults plays no scenario; expected no FILE beside it")
        if policy is not None and config is None:
            raise BadInput("sipgate: --policy needs --config")
        from .fault_plays import play_faults

        play_faults(config, policy, seed=seed, seeds=seeds, as_json=as_json)
        return
    if seed is not None or seeds is not None:
        raise BadInput("sipgate: --seed and --seeds need --faults")
    if scenario is None:
        raise BadInput("sipgate: no scenario; expected FILE, or --faults")
    if virtual:
        if gate is not None:
            raise BadInput("sipgate: --virtual makes a gate of its own; expected no --gate")
        from .virtual_room import play_virtually

        played_scenario = _scenario(scenario, None, pace)
        play_virtually(played_scenario, config or DEFAULT_CONFIG, policy, as_json=as_json)
        return
    if config is not None or policy is not None:
        raise BadInput("sipgate: --config and --policy need --virtual or --faults")
    from sipgate.simulate import render, render_end

    played = _scenario(scenario, gate, pace)
    if as_json:
        print_json(asyncio.run(_play(played, None)).as_json())
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPE_COLUMNS
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        summary = asyncio.run(_play(played, lambda now: live.update(render(now))))
    console.print(render_end(summary))


def _scenario(path: Path, gate: str | None, pace: float | None) -> "Scenario":
    from sipgate.simulate import load_scenario, parse_address

    scenario = load_scenario(path)
    try:
        if pace is not None:
            scenario = scenario.at_pace(pace)
        if gate is not None:
            scenario = scenario.model_copy(update={"gate": parse_address(gate)})
    except ValueError as error:
        raise BadInput(f"sipgate: {error}") from error
    return scenario


async def _play(scenario: "Scenario", on_update: "Callable[[Summary], None] | None") -> "Summary":
    from sipgate.simulate import run_scenario

    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    return await run_scenario(scenario, on_update, stop=stop)
