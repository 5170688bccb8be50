"""`sipgate calls`: who called whom, what was decided and why, and what became of it."""

import re
import sys
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failure import ANSWER_IS_NO, BadInput
from .moment import parse_moment
from .output import print_json, print_line, print_note, print_table
from .ownership import ask_running_gate, require_store, whoever_asks
from .settings import DEFAULT_CONFIG, AsJson, ConfigFile, read_config

if TYPE_CHECKING:
    from sipgate.config import Config
    from sipgate.ledger import CallRow

group = typer.Typer(
    invoke_without_command=True,
)

END_EXAMPLE = "Example: sipgate calls end gate-1-42"
TABLE_ROWS = 50  # without --limit

COLUMNS = (
    "time (UTC)",
    "decision",
    "caller",
    "callee",
    "verdict",
    "rule",
    "would",
    "outcome",
    "talk",
)
WOULD = COLUMNS.index("would")  # a column only where something was monitored


class VerdictName(StrEnum):
    """What a decision can be."""

    ALLOW = "allow"
    TAG = "tag"
    REJECT = "reject"


def _filter(name: str, metavar: str, text: str) -> Any:
    return typer.Option(name, metavar=metavar, help=text)


@group.callback(epilog="Example: sipgate calls --caller hq/4711 --verdict reject --since 2h")
def calls(
    context: typer.Context,
    caller: Annotated[str | None, _filter("--caller", "ID", "As hq/4711.")] = None,
    callee: Annotated[str | None, _filter("--callee", "NUMBER", "As +13055550123.")] = None,
    verdict: Annotated[
        VerdictName | None, _filter("--verdict", "VERDICT", "allow, tag or reject.")
    ] = None,
    rule: Annotated[
        str | None, _filter("--rule", "ID", "The rule that spoke, or would have.")
    ] = None,
    would: Annotated[
        VerdictName | None,
        _filter("--would", "VERDICT", "What monitor mode kept from happening: tag or reject."),
    ] = None,
    source: Annotated[str | None, _filter("--source", "NAME", "Where it came from.")] = None,
    campaign: Annotated[str | None, _filter("--campaign", "NAME", "What it was for.")] = None,
    cli: Annotated[str | None, _filter("--cli", "NUMBER", "The number it presented.")] = None,
    call_id: Annotated[str | None, _filter("--call-id", "ID", "The SIP Call-ID.")] = None,
    since: Annotated[
        str | None, _filter("--since", "TIME", "As 2h (ago), 2026-11-24, or RFC 3339; UTC.")
    ] = None,
    until: Annotated[str | None, _filter("--until", "TIME", "The same; not included.")] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, metavar="N", help="The last N; else all, in the table 50."),
    ] = None,
    active: Annotated[
        bool, typer.Option("--active", help="Instead: the calls in progress in the running gate.")
    ] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Search decisions and their outcomes, newest last; works with and without a running gate.

    All filters that are given must hold.
    """
    if context.invoked_subcommand is not None:
        return
    settings = read_config(config)
    if active:
        given = {"--rule": rule, "--would": would, "--since": since, "--until": until}
        for option, value in given.items():
            if value is not None:
                raise BadInput(f"{option}: not for --active; it shows what is up now")
        wanted = {
            "caller": caller,
            "callee": None if callee is None else _as_on_record(callee),
            "verdict": verdict,
            "source": source,
            "campaign": campaign,
            "cli": None if cli is None else _as_on_record(cli),
            "call_id": call_id,
        }
        _print_active(settings, wanted, limit, as_json)
        return
    require_store(settings)
    from sipgate.ledger import CallSearch

    rows = CallSearch(settings.gate.store_path).search(
        caller=caller,
        callee=None if callee is None else _as_on_record(callee),
        verdict=None if verdict is None else verdict.value,
        rule=rule,
        would=None if would is None else would.value,
        source=source,
        campaign=campaign,
        cli=None if cli is None else _as_on_record(cli),
        call_id=call_id,
        since=_moment(since, "--since"),
        until=_moment(until, "--until"),
        limit=limit if limit is not None or as_json else TABLE_ROWS,
    )
    if as_json:
        import msgspec

        encoder = msgspec.json.Encoder()
        for row in rows:
            sys.stdout.write(encoder.encode(row).decode() + "\n")
        return
    shown = list(rows)
    if not shown:
        print_line("none")
        return
    rows_shown = [_cells(row) for row in shown]
    columns = list(COLUMNS)
    if all(row.would is None for row in shown):
        columns.remove("would")
        rows_shown = [cells[:WOULD] + cells[WOULD + 1 :] for cells in rows_shown]
    print_table(columns, rows_shown)
    if limit is None and len(shown) == TABLE_ROWS:
        print_note(f"the last {TABLE_ROWS}; --limit N shows more")


@group.command("end", epilog=END_EXAMPLE)
def end(
    decision: Annotated[
        str, typer.Argument(metavar="ID", help="The decision, as the table says it.")
    ],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Free a call that the gate still counts as up; nothing is sent, the call itself goes on.

    Exits with 1 when no such call is in progress. It is an act, and on record.
    """
    settings = read_config(config)
    try:
        answer = ask_running_gate(settings, "calls-end", decision=decision, by=whoever_asks())
    except BadInput as error:  # the gate knows no such call
        print_note(str(error))
        raise typer.Exit(ANSWER_IS_NO) from error
    if as_json:
        print_json(answer)
    else:
        print_line(f"{decision}: no longer counted")


def _print_active(
    config: "Config", wanted: dict[str, str | None], limit: int | None, as_json: bool
) -> None:
    """The calls in progress that have each value of `wanted` that isn't None; the last `limit`."""
    answer = ask_running_gate(config, "calls-active")
    calls_up: list[dict[str, Any]] = answer["calls"]
    values = {key: value for key, value in wanted.items() if value is not None}
    found = [call for call in calls_up if values.items() <= call.items()]
    found = found[-limit:] if limit is not None else found
    if as_json:
        for call in found:
            print_json(call)
    elif not found:
        print_line("none")
    else:
        columns = list(found[0])
        print_table(columns, [[call.get(column) for column in columns] for call in found])


def _cells(row: "CallRow") -> tuple[object, ...]:
    outcome = row.outcome
    would = row.would
    became: object = outcome.kind
    if became is None and outcome.answered is not None:
        became = "up"
    talk = outcome.talk_seconds
    return (
        row.time[:19].replace("T", " "),
        row.decision,
        row.caller,
        row.callee,
        row.verdict,
        row.rule,
        None if would is None else " by ".join(filter(None, (would.verdict, would.rule))),
        became,
        None if talk is None else f"{talk:.0f} s",
    )


def _as_on_record(number: str) -> str:
    """Separators are for people; callees are on record without."""
    return re.sub(r"[\s().-]", "", number) if number.startswith("+") else number


def _moment(text: str | None, option: str) -> datetime | None:
    return None if text is None else datetime.fromtimestamp(parse_moment(text, option), UTC)
