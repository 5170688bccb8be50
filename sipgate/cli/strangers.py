"""`sipgate strangers`: who sent SIP without being a source."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from .moment import rfc_3339
from .output import print_json, print_line, print_table
from .ownership import store_to_read
from .settings import DEFAULT_CONFIG, AsJson, ConfigFile, read_config

if TYPE_CHECKING:
    from sipgate.config import Config
    from sipgate.store import Stranger

EXAMPLE = "Example: sipgate strangers --limit 5"


def strangers(
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="N", help="So many, the most recent first.")
    ] = 20,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List who knocked, since when, how often, why nothing matched, and what would admit them."""
    settings = read_config(config)
    found = asyncio.run(_read(settings))[:limit]
    if as_json:
        for stranger in found:
            facts = asdict(stranger) | {
                "first_time": rfc_3339(stranger.first_time),
                "last_time": rfc_3339(stranger.last_time),
                "admit": _admitting(settings, [stranger.address]),
            }
            print_json(facts)
        return
    if not found:
        print_line("nobody: all SIP came from sources")
        return
    print_table(
        ("address", "over", "since (UTC)", "last (UTC)", "packets", "sent", "user agent", "why"),
        [
            (
                stranger.address,
                stranger.transport,
                rfc_3339(stranger.first_time)[:19].replace("T", " "),
                rfc_3339(stranger.last_time)[:19].replace("T", " "),
                stranger.packets,
                stranger.method,
                stranger.user_agent,
                stranger.reason,
            )
            for stranger in found
        ],
    )
    print_line(f"\nThese lines in {config} would admit them; keep the addresses that you know:\n")
    print_line(_admitting(settings, list(dict.fromkeys(item.address for item in found))))


async def _read(config: "Config") -> "list[Stranger]":
    from sipgate.store import StrangerStore

    async with store_to_read(config) as engine:
        return await StrangerStore(engine).all()


def _admitting(config: "Config", addresses: Sequence[str]) -> str:
    """A `[[source]]` for addresses; the upstreams' own send calls in, which nobody decides."""
    targets = {target.host for upstream in config.upstream for target in upstream.targets}
    inbound = [address for address in addresses if address in targets]
    others = [address for address in addresses if address not in targets]
    blocks = []
    for name, listed, more in (("new", others, ()), ("inbound", inbound, ("decide = false",))):
        if listed:
            match = ", ".join(f'"{address}"' for address in listed)
            lines = ["[[source]]", f'name = "{name}"', f"match = [{match}]", *more]
            lines.append(f'upstream = "{config.upstream[0].name}"')
            blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
