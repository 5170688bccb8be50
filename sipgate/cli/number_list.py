"""`sipgate list`: lists of numbers, callers or CLIs that policies look up."""

import asyncio
from dataclasses import asdict
from enum import StrEnum
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .bad_lines import RejectsFile, rejects_of, tell_bad_lines
from .failure import ANSWER_IS_NO, BadInput
from .moment import parse_moment, rfc_3339
from .output import counted, print_json, print_line, print_note, print_table
from .ownership import ask_owner, owned_ledger, owned_store, store_to_read, whoever_asks
from .settings import DEFAULT_CONFIG, AsJson, ConfigFile, read_config
from .usual_region import RegionCode, usual_region

if TYPE_CHECKING:
    from sipgate.config import Config
    from sipgate.list_import import ListImported, ListOrder
    from sipgate.store import ListVersion

group = typer.Typer(no_args_is_help=True)

IMPORT_EXAMPLE = (
    "Example: sipgate list import refusals refused.csv --column phone --as-of 2026-11-20"
)
FACTS = ("name", "version", "as_of", "imported", "size")  # null before the first import
SHOW_EXAMPLE = "Example: sipgate list show refusals --entries"


class Entries(StrEnum):
    """What stands in a list's file."""

    NUMBERS = "numbers"
    TEXT = "text"


ListName = Annotated[str, typer.Argument(metavar="NAME", help="The list's name, as rules say it.")]
ListFile = Annotated[Path, typer.Argument(metavar="FILE", help="Text, an entry a line, or CSV.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", metavar="DATE", help="The date of what is in it; else now."),
]
Column = Annotated[
    str | None,
    typer.Option("--column", metavar="NAME", help="The CSV column: its name, or number from 1."),
]
AllowEmpty = Annotated[
    bool, typer.Option("--allow-empty", help="A file without any entry empties the list.")
]
EntryKind = Annotated[
    Entries,
    typer.Option(
        "--kind", metavar="KIND", help="numbers, or text for callers and the like, taken as it is."
    ),
]


@group.callback()
def _group() -> None:
    """Lists of numbers, callers or CLIs that policies look up."""


@group.command("import", epilog=IMPORT_EXAMPLE)
def import_(
    name: ListName,
    file: ListFile,
    as_of: AsOf = None,
    column: Column = None,
    region: RegionCode = None,
    rejects: RejectsFile = None,
    kind: EntryKind = Entries.NUMBERS,
    allow_empty: AllowEmpty = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Make a file the list, in place of what was on it; a running gate uses it at once.

    All or nothing. Lines that can't be read go to the rejects file with their
    numbers, and the others count; a file in which every line is bad is refused,
    and so is one without any entry unless --allow-empty is given.
    """
    from sipgate.list_import import ListImported, ListOrder
    from sipgate.store_change import ChangeRefused, refuse_unless_file

    settings = read_config(config)
    try:
        refuse_unless_file(file)
    except ChangeRefused as error:
        raise BadInput(str(error)) from error
    path = file.resolve()
    order = ListOrder(
        name=name,
        file=path,
        rejects=rejects_of(path, rejects),
        by=whoever_asks(),
        as_of=None if as_of is None else parse_moment(as_of, "--as-of"),
        column=column,
        region=region if region is not None else usual_region(settings),
        internal=_internal_numbers(settings),
        entries=kind.value,
        allow_empty=allow_empty,
    )
    answer = ask_owner(settings, "list-import", **order.as_request())
    if answer is None:
        imported = asyncio.run(_import_alone(settings, order))
    else:
        imported = ListImported(**answer)
    if as_json:
        print_json(imported.as_answer())
        return
    print_line(
        f"{imported.name}: {counted(imported.size, 'entry', 'entries')} as of {imported.as_of}"
    )
    tell_bad_lines(imported)


@group.command("show", epilog=SHOW_EXAMPLE)
def show(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One list; without it, all.")
    ] = None,
    entries: Annotated[
        bool, typer.Option("--entries", help="Print what is on the list, one entry a line.")
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Say which lists there are, how long and how old; exits with 1 for one that isn't there.

    `refusals` is always there, empty before its first import.
    """
    from sipgate.gate import REFUSALS

    if entries and name is None:
        raise BadInput("--entries needs the name of a list")
    versions, numbers = asyncio.run(_read_lists(read_config(config), name, entries))
    facts = [_facts(version) for version in versions]
    if name in (None, REFUSALS) and REFUSALS not in [version.name for version in versions]:
        facts.append({"name": REFUSALS, "size": 0})
        facts.sort(key=itemgetter("name"))
    if not facts:
        print_note(f"{name} was never imported")
        raise typer.Exit(ANSWER_IS_NO)
    if entries:
        for number in sorted(numbers):
            print(number)
    elif as_json:
        for listed in facts:
            print_json({key: listed.get(key) for key in FACTS})
    else:
        print_table(
            ("list", "entries", "as of (UTC)", "imported (UTC)", "version"),
            [
                (
                    listed["name"],
                    listed["size"],
                    _shortened(listed.get("as_of"), 10),
                    _shortened(listed.get("imported"), 16),
                    listed.get("version"),
                )
                for listed in facts
            ],
        )


def _facts(version: "ListVersion") -> dict[str, Any]:
    return {
        **asdict(version),
        "as_of": rfc_3339(version.as_of),
        "imported": rfc_3339(version.imported),
    }


def _shortened(time: str | None, length: int) -> str | None:
    return None if time is None else time[:length].replace("T", " ")


async def _import_alone(config: "Config", order: "ListOrder") -> "ListImported":
    """No gate runs: own the store for a moment, and write the act ourselves."""
    from sipgate.clock import SystemClock
    from sipgate.list_import import import_list
    from sipgate.store import NumberListStore
    from sipgate.store_change import ChangeRefused

    clock = SystemClock()
    async with owned_store(config) as engine, owned_ledger(config, clock) as ledger:
        try:
            return await import_list(NumberListStore(engine, clock), ledger, clock, order)
        except ChangeRefused as error:
            raise BadInput(f"sipgate: {error}") from error


async def _read_lists(
    config: "Config", name: str | None, with_entries: bool
) -> "tuple[list[ListVersion], frozenset[str]]":
    from sipgate.clock import SystemClock
    from sipgate.store import NumberListStore

    async with store_to_read(config) as engine:
        lists = NumberListStore(engine, SystemClock())
        versions = [found for found in await lists.all() if name in (None, found.name)]
        numbers = await lists.load(versions[0].name) if with_entries and versions else frozenset()
    return versions, numbers


def _internal_numbers(config: "Config") -> tuple[str, ...]:
    found = {
        pattern for source in config.source for pattern in (*source.extensions, *source.short_codes)
    }
    return tuple(sorted(found))
