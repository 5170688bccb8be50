"""`sipgate callee`: the built-in test callee on a port of its own."""

import asyncio
import contextlib
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .failure import BadInput
from .output import print_json, print_line, print_note
from .settings import AsJson

if TYPE_CHECKING:
    from sipgate.simulate import Address, CalleeEvent

EXAMPLE = "Example: sipgate callee --listen 127.0.0.1:5070 --plan examples/quickstart/callee.yaml"

ListenAt = Annotated[
    str, typer.Option("--listen", metavar="HOST:PORT", help="Where to answer, on UDP and TCP.")
]
PlanFile = Annotated[
    Path | None,
    typer.Option("--plan", metavar="FILE", help="What to do for which number; else answer all."),
]


def callee(
    listen: ListenAt = "127.0.0.1:5070",
    plan: PlanFile = None,
    as_json: AsJson = False,
) -> None:
    """Answer calls as a plan says, and print what happens; ends with Ctrl-C."""
    from sipgate.simulate import load_plan, run_callee

    from .log_output import log_to_stderr

    log_to_stderr("warning")
    plan_read = None if plan is None else load_plan(plan)
    answering = (
        run_callee(listen, plan_read, _json_event)
        if as_json
        else run_callee(listen, plan_read, _shown_event, _shown_address)
    )
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(answering)
    except ValueError as error:
        raise BadInput(f"--listen: {error}") from error


def _shown_address(address: "Address") -> None:
    print_note(f"answering at {address}, UDP and TCP; Ctrl-C ends it")


def _json_event(event: "CalleeEvent") -> None:
    print_json({**asdict(event), "time": _time(event.time)})


def _shown_event(event: "CalleeEvent") -> None:
    words = [_time(event.time), event.kind, event.number, "from", event.caller]
    if event.status is not None:
        words.append(str(event.status))
    if event.ended_by is not None:
        words.append(f"by the {event.ended_by}")
    print_line(" ".join([*words, *event.saw]))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
