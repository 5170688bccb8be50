"""`sipgate number`: how the gate reads what is dialled."""

from typing import TYPE_CHECKING, Annotated

import typer

from .failure import BadInput
from .output import print_json, print_line
from .settings import DEFAULT_CONFIG, AsJson, ConfigFile, read_config

if TYPE_CHECKING:
    from sipgate.config import Config
    from sipgate.config_sections import Source

EXAMPLE = 'Example: sipgate number "9 1 (305) 555-0123" --source hq'


def number(
    dialled: Annotated[
        str,
        typer.Argument(
            metavar="STRING", help="What is dialled: a number in any spelling, or a URI."
        ),
    ],
    source: Annotated[
        str | None,
        typer.Option(
            "--source", metavar="NAME", help="Who dials it; may be left out if only one can."
        ),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show how a number is read: whose it is, where that is, and what goes out.

    Regions and zones are all that it may be in: rules for `hours` ask that
    every one of them permits, unless the lead's own data says better. Asks
    nobody and changes nothing; the policy is read for its region.
    """
    from sipgate.app import read_number
    from sipgate.gate import load_policy
    from sipgate.sip import BadMessage

    dialled = dialled.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    settings = read_config(config)
    chosen = _source(settings, source)
    try:
        policy = load_policy(settings.gate.policy, timezone=settings.gate.timezone)
    except OSError as error:
        raise BadInput(f"{settings.gate.policy}: {error.strerror}") from error
    try:
        read = read_number(dialled, chosen, settings, policy)
    except BadMessage as error:
        raise BadInput(f'"{dialled}" can\'t be in a request: {error}') from error
    callee, place = read.callee, read.place
    facts: dict[str, object] = {
        "dialled": dialled,
        "source": chosen.name,
        "kind": callee.kind,
        "number": callee.key,
        "emergency": callee.kind == "emergency",
        "country": place.country if place is not None else callee.country,
        "regions": [] if place is None else list(place.regions),
        "zones": [] if place is None else list(place.zones),
        "goes_out": read.goes_out,
        "upstream": read.upstream,
    }
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        shown = "-" if place is None and name in ("regions", "zones") else _shown(value)
        print_line(f"{name.replace('_', ' '):<10} {shown}")


def _source(settings: "Config", name: str | None) -> "Source":
    known = {one.name: one for one in settings.source}
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name is None:
        raise BadInput(f"whose number? --source is one of {', '.join(known)}")
    if name not in known:
        raise BadInput(f'no [[source]] is named "{name}"; there is {", ".join(known)}')
    return known[name]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes: it passes before any rule" if value else "no"
    if isinstance(value, list):
        return ", ".join(value) or "nobody knows"
    return "-" if value is None else str(value)
