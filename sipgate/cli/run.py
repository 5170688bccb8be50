"""`sipgate run`: the gate itself."""

import shlex
import sys
from pathlib import Path

import typer

from .settings import DEFAULT_CONFIG, ConfigFile, read_config

EXAMPLE = "Example: sipgate run -c /etc/sipgate/sipgate.toml"


def run(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the gate until SIGTERM.

    SIGHUP reads policy and lists again; SIGUSR2 puts a newly installed
    version in its place without losing a call.
    """
    settings = read_config(config)
    from sipgate import app

    from .log_output import log_to_stderr

    log_to_stderr("info")
    raise typer.Exit(app.run(settings, look=_look(config), check=_check(config)))


def _check(config: Path) -> list[str]:
    """The command that asks the program as it is installed now whether it would start."""
    program = sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv) + 1]  # without our words
    return [sys.executable, *program, "check", "-c", str(config)]


def _look(config: Path) -> str:
    """The command that shows this gate's decisions, as it can be pasted where `run` was typed."""
    return shlex.join([sys.argv[0], "calls", "-c", str(config)])
