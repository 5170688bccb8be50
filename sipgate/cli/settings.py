"""`-c FILE`: the configuration that most commands read."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .failure import BadInput

if TYPE_CHECKING:
    from sipgate.config import Config

ConfigFile = Annotated[
    Path,
    typer.Option(
        "-c",
        "--config",
        envvar="SIPGATE_CONFIG",
        metavar="FILE",
        help="The configuration file.",
    ),
]
DEFAULT_CONFIG = Path("sipgate.toml")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


def read_config(path: Path) -> "Config":
    """Read and check the file, with the environment over it."""
    from sipgate.config import ConfigError, load_config

    try:
        return load_config(path, os.environ)
    except ConfigError as error:
        raise BadInput.of(error.problems) from error
