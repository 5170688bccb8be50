"""`sipgate consent`: who agreed to be called, and who no longer does."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .bad_lines import RejectsFile, rejects_of, tell_bad_lines
from .failure import ANSWER_IS_NO, BadInput
from .moment import rfc_3339
from .output import counted, print_json, print_line, print_note, print_table
from .ownership import ask_owner, owned_ledger, owned_store, store_to_read, whoever_asks
from .settings import DEFAULT_CONFIG, AsJson, ConfigFile, read_config
from .usual_region import RegionCode, usual_region

if TYPE_CHECKING:
    from sipgate.config import Config
    from sipgate.consent import Consent, Recorded
    from sipgate.consent_change import (
        ConsentOrder,
        ConsentsImported,
        RevocationOrder,
        Revoked,
    )

group = typer.Typer(no_args_is_help=True)

IMPORT_EXAMPLE = (
    'Example: sipgate consent import crm.csv --map "Phone=callee" --map "Opted in at=granted"'
    " --set purpose=marketing"
)
SHOW_EXAMPLE = "Example: sipgate consent show +13055550123"
REVOKE_EXAMPLE = (
    'Example: sipgate consent revoke +13055550123 --purpose marketing --reason "said stop"'
)
TOLD_LINES = 20  # bad lines that a dry run prints
TIMES = ("granted", "expires", "revoked", "source_time")

Callee = Annotated[str, typer.Argument(metavar="CALLEE", help="The number, as it is dialled.")]


@group.callback()
def _group() -> None:
    """Consents: who agreed to be called, for what, until when."""


@group.command("import", epilog=IMPORT_EXAMPLE)
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file with a header.")],
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="COLUMN=FIELD", help="A column that has another name."),
    ] = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="What each line has in a field."),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option(
            "--timezone", metavar="ZONE", help="Where times without an offset are; else the gate's."
        ),
    ] = None,
    region: RegionCode = None,
    rejects: RejectsFile = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would come of it.")
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Put a file of consents on record beside the others; a running gate uses them at once.

    Fields are callee, purpose and granted, without which a line is bad; organisation, channel,
    source, source-where, source-time, source-how, evidence, basis, expires, revoked, reason; and
    status (opt-in, opt-out). Bad lines go to the rejects file with their numbers, and the others
    count; a file in which every line is bad is refused. What is on record already is left.
    """
    from sipgate.consent_change import ConsentOrder, ConsentsImported
    from sipgate.store_change import ChangeRefused

    settings = read_config(config)
    path = file.resolve()
    order = ConsentOrder(
        file=path,
        rejects=rejects_of(path, rejects),
        by=whoever_asks(),
        timezone=timezone or settings.gate.timezone,
        region=region if region is not None else usual_region(settings),
        columns=_pairs(columns or (), "--map", "COLUMN=FIELD"),
        values=_pairs(values or (), "--set", "FIELD=VALUE"),
    )
    try:
        if dry_run:
            _try(order, as_json)
            return
        answer = ask_owner(settings, "consent-import", **order.as_request())
        if answer is None:
            imported = asyncio.run(_import_alone(settings, order))
        else:
            imported = ConsentsImported(**answer)
    except ChangeRefused as error:
        raise BadInput(f"sipgate: {error}") from error
    if as_json:
        print_json(imported.as_answer())
        return
    known = f", {imported.known} on record already" if imported.known else ""
    print_line(f"{counted(imported.added, 'new record')}{known}")
    _tell_unused(imported.unused_columns)
    tell_bad_lines(imported)


@group.command("show", epilog=SHOW_EXAMPLE)
def show(
    callee: Callee,
    region: RegionCode = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Print all that is on record of a number, oldest first; exits with 1 when that is nothing.

    For each organisation, purpose and channel the newest record decides. Its state says whether it
    holds: for how long and from which source a policy wants it is the policy's to say.
    """
    from sipgate.consent_change import read_callee
    from sipgate.store_change import ChangeRefused

    settings = read_config(config)
    try:
        number = read_callee(callee, region if region is not None else usual_region(settings))
    except ChangeRefused as error:
        raise BadInput(f"sipgate: {error}") from error
    records = asyncio.run(_history(settings, number))
    if not records:
        print_note(f"{number}: no consent on record")
        raise typer.Exit(ANSWER_IS_NO)
    states = _states([record.consent for record in records], time.time())
    if as_json:
        for record, state in zip(records, states, strict=True):
            print_json(_facts(record, state))
        return
    print_table(
        (
            *("id", "purpose", "organisation", "channel", "source", "basis", "granted (UTC)"),
            *("expires (UTC)", "revoked (UTC)", "state", "recorded by"),
        ),
        [
            (
                record.consent.id,
                record.consent.purpose,
                record.consent.organisation,
                record.consent.channel,
                record.consent.source,
                record.consent.basis,
                _shown(record.consent.granted),
                _shown(record.consent.expires),
                _shown(record.consent.revoked),
                state,
                record.by,
            )
            for record, state in zip(records, states, strict=True)
        ],
    )


@group.command("revoke", epilog=REVOKE_EXAMPLE)
def revoke(
    callee: Callee,
    purpose: Annotated[
        str, typer.Option("--purpose", metavar="PURPOSE", help="What is consented to no longer.")
    ],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the ledger.")
    ],
    organisation: Annotated[
        str | None,
        typer.Option(
            "--organisation", metavar="NAME", help="Whose consent it was; without it, everybody's."
        ),
    ] = None,
    region: RegionCode = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Revoke what somebody consented to until now, on all channels; a running gate obeys at once.

    It is recorded even where no consent is known: older ones that are imported later don't hold.
    """
    from sipgate.consent_change import RevocationOrder, Revoked
    from sipgate.store_change import ChangeRefused

    settings = read_config(config)
    order = RevocationOrder(
        callee=callee,
        purpose=purpose,
        reason=reason,
        by=whoever_asks(),
        organisation=organisation,
        region=region if region is not None else usual_region(settings),
    )
    answer = ask_owner(settings, "consent-revoke", **order.as_request())
    try:
        revoked = Revoked(**answer) if answer else asyncio.run(_revoke_alone(settings, order))
    except ChangeRefused as error:
        raise BadInput(f"sipgate: {error}") from error
    if as_json:
        print_json(revoked.as_answer())
        return
    whose = "everybody" if revoked.organisation is None else revoked.organisation
    told = counted(revoked.ended, "consent") if revoked.ended else "none was in force, recorded"
    print_line(f"{revoked.callee}: revoked for {whose}, {revoked.purpose} ({told})")


def _try(order: "ConsentOrder", as_json: bool) -> None:
    """Read the file and change nothing."""
    from sipgate.clock import SystemClock
    from sipgate.consent import ColumnsError, Consent
    from sipgate.store_change import ChangeRefused, told

    reading = order.open(SystemClock(), rejects=None)
    good = bad = 0
    try:
        for item in reading.items():
            if isinstance(item, Consent):
                good += 1
                continue
            bad += 1
            if bad <= TOLD_LINES:
                print_note(told(order.file, item))
    except ColumnsError as error:
        raise ChangeRefused(str(error)) from error
    if as_json:
        unused = list(reading.unused_columns)
        print_json({"good": good, "rejected": bad, "unused_columns": unused})
    else:
        bad_lines = f", {counted(bad, 'bad line')}" if bad else ""
        print_line(f"{counted(good, 'good line')}{bad_lines}; nothing was changed")
        _tell_unused(reading.unused_columns)
    if not good:
        raise typer.Exit(ANSWER_IS_NO)


def _tell_unused(columns: Sequence[str]) -> None:
    if columns:
        print_note(f"columns that are no fields: {', '.join(columns)}")


def _pairs(words: Sequence[str], option: str, form: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for word in words:
        # A column's name may have a `=`, a field's none.
        name, equals, value = word.rpartition("=") if option == "--map" else word.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise BadInput(f"{option}: expected {form}, found {word!r}")
        pairs[name.strip()] = value.strip()
    return pairs


def _states(consents: "Sequence[Consent]", now: float) -> list[str]:
    """What each record is worth now, before a policy looks at it."""
    from sipgate.consent import MemoryConsents

    known = MemoryConsents(consents)
    states = []
    for one in consents:
        newest = known.newest(one.callee, one.purpose, one.organisation, one.channel, now)
        if one.is_revoked(now):
            states.append("revoked")
        elif newest is not None and newest.id != one.id:
            by_revocation = newest.is_revoked(now)
            states.append("revoked" if by_revocation else f"superseded by {newest.id}")
        elif one.is_expired(now):
            states.append("expired")
        else:
            states.append("holds" if newest is not None else "not yet granted")
    return states


def _facts(record: "Recorded", state: str) -> dict[str, Any]:
    facts = asdict(record.consent)
    for name in TIMES:
        if facts[name] is not None:
            facts[name] = rfc_3339(facts[name])
    return {
        **facts,
        "state": state,
        "recorded": rfc_3339(record.time),
        "recorded_by": record.by,
        "origin": record.origin,
    }


def _shown(seconds: float | None) -> str | None:
    return None if seconds is None else rfc_3339(seconds)[:16].replace("T", " ")


async def _history(config: "Config", callee: str) -> "list[Recorded]":
    from sipgate.clock import SystemClock
    from sipgate.consent import ConsentStore

    async with store_to_read(config) as engine:
        return await ConsentStore(engine, SystemClock()).history(callee)


async def _import_alone(config: "Config", order: "ConsentOrder") -> "ConsentsImported":
    """No gate runs: own the store for a moment, and write the act ourselves."""
    from sipgate.clock import SystemClock
    from sipgate.consent import ConsentStore, MemoryConsents
    from sipgate.consent_change import import_consents

    clock = SystemClock()
    async with owned_store(config) as engine:
        store = ConsentStore(engine, clock)
        known = MemoryConsents(await store.load())
        async with owned_ledger(config, clock) as ledger:
            return await import_consents(store, known, ledger, clock, order)


async def _revoke_alone(config: "Config", order: "RevocationOrder") -> "Revoked":
    from sipgate.clock import SystemClock
    from sipgate.consent import ConsentStore, MemoryConsents
    from sipgate.consent_change import revoke_consent

    clock = SystemClock()
    async with owned_store(config) as engine, owned_ledger(config, clock) as ledger:
        store = ConsentStore(engine, clock)
        return await revoke_consent(store, MemoryConsents(), ledger, clock, order)
