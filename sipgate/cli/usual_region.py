"""Where national numbers in files and arguments are dialled, if nobody says."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sipgate.config import Config

RegionCode = Annotated[
    str | None,
    typer.Option(
        "--region", metavar="CC", help="Where national numbers are dialled; else the sources' one."
    ),
]


def usual_region(config: "Config") -> str | None:
    """The region that all sources with one agree on, else the policy's."""
    from sipgate.gate import PolicyError, load_policy

    regions = {source.region for source in config.source if source.region is not None}
    if len(regions) == 1:
        return regions.pop()
    if regions:
        return None
    try:
        return load_policy(config.gate.policy).region
    except (PolicyError, OSError):
        return None
