"""`sipgate run`: the gate itself."""

import typer

from .settings import DEFAULT_CONFIG, ConfigFile, read_config

EXAMPLE = "Example: sipgate run -c /etc/sipgate/sipgate.toml"


def run(config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Run the gate until SIGTERM; SIGHUP reads policy and lists again."""
    settings = read_config(config)
    from sipgate import app

    raise typer.Exit(app.run(settings))
