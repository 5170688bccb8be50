"""`sipgate phones`: who has registered through the gate, and where."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from .moment import rfc_3339
from .output import print_json, print_line, print_table
from .ownership import store_to_read
from .settings import DEFAULT_CONFIG, AsJson, ConfigFile, read_config

if TYPE_CHECKING:
    from sipgate.config import Config
    from sipgate.store import Registration

EXAMPLE = "Example: sipgate phones 4711"


def phones(
    user: Annotated[
        str | None, typer.Argument(metavar="[USER]", help="Only this user, such as 4711.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """List the phones registered through the gate: where each is, and for how long.

    For sources with `registrations = "contact"` or `"path"`; what has changed
    in the last second may be missing, a refresh of the last ten too.
    """
    settings = read_config(config)
    found = [row for row in asyncio.run(_read(settings)) if row.expires_time > time.time()]
    if user is not None:
        found = [row for row in found if _shown(row.aor).partition("@")[0] == user]
    if as_json:
        for row in found:
            print_json(_facts(row))
        return
    if not found:
        print_line("no phone is registered through the gate")
        return
    print_table(
        ("phone", "registered as", "is at", "behind NAT", "until (UTC)", "by", "user agent"),
        [
            (
                _shown(row.aor),
                _shown(row.contact),
                row.flow,
                "yes" if row.is_natted else "no",
                rfc_3339(row.expires_time)[:19].replace("T", " "),
                "path" if row.by_path else "contact",
                None if row.user_agent is None else _shown(row.user_agent),
            )
            for row in found
        ],
    )


async def _read(config: "Config") -> "list[Registration]":
    from sipgate.store import RegistrationStore

    async with store_to_read(config) as engine:
        return await RegistrationStore(engine).all()


def _facts(row: "Registration") -> dict[str, object]:
    return {
        "phone": _shown(row.aor),
        "contact": _shown(row.contact),
        "flow": row.flow,
        "listener": row.listener,
        "nat": row.is_natted,
        "registrations": "path" if row.by_path else "contact",
        "source": row.source,
        "upstream": row.upstream,
        "token": row.token,
        "user_agent": None if row.user_agent is None else _shown(row.user_agent),
        "registered": rfc_3339(row.registered_time),
        "refreshed": rfc_3339(row.refreshed_time),
        "expires": rfc_3339(row.expires_time),
    }


def _shown(raw: bytes) -> str:
    return raw.decode("utf-8", "backslashreplace")
