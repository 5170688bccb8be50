"""`sipgate caller`: how a caller stands, and what an operator does about it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .failure import ANSWER_IS_NO, BadInput
from .moment import rfc_3339
from .output import print_json, print_line, print_note, print_table
from .ownership import ask_running_gate, whoever_asks
from .settings import DEFAULT_CONFIG, AsJson, ConfigFile, read_config

if TYPE_CHECKING:
    from pathlib import Path

group = typer.Typer(no_args_is_help=True)

SHOW_EXAMPLE = "Example: sipgate caller show hq/4711"
EXEMPT_EXAMPLE = 'Example: sipgate caller exempt hq/4711 --for 8h --reason "a recall, agreed"'
SUSPEND_EXAMPLE = 'Example: sipgate caller suspend hq/4711 --reason "complaint 2026-114"'
RESET_EXAMPLE = 'Example: sipgate caller reset hq/4711 --reason "a broken phone, replaced"'

CallerId = Annotated[
    str,
    typer.Argument(metavar="ID", help="The caller, `SOURCE/identity`, as `sipgate calls` has it."),
]
Lasting = Annotated[
    str, typer.Option("--for", metavar="DURATION", help="How long, such as 30m or 8h.")
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands on record.")]


@group.callback()
def _group() -> None:
    """Callers: how they stand, and what an operator does about it."""


@group.command("show", epilog=SHOW_EXAMPLE)
def show(caller: CallerId, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Say how a caller stands with each `trust` and `dialer` rule `per: caller`.

    Asks the running gate. Exits with 1 when the policy has no such rule.
    """
    answer = _ask(config, "caller-show", caller=caller)
    if as_json:
        print_json(answer)
        return
    print_table(
        ("rule", "kind", "standing", "score", "signs", "an operator says"),
        [
            (
                one["rule"],
                one["kind"],
                _of(one, "standing", "below"),
                _of(one, "score", "limit"),
                one.get("signs") or None,
                one.get("overruled"),
            )
            for one in answer["rules"]
        ],
    )


@group.command("exempt", epilog=EXEMPT_EXAMPLE)
def exempt(
    caller: CallerId,
    reason: Reason,
    lasting: Lasting = "1h",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Let a caller stand at 100 and score nothing, for a while; his faults still count.

    `trust` and `dialer` rules `per: caller` don't hold for him then; all others do. It is an act,
    and on record; a restart keeps it.
    """
    _overrule(config, caller, "exempt", lasting, reason, as_json)


@group.command("suspend", epilog=SUSPEND_EXAMPLE)
def suspend(
    caller: CallerId,
    reason: Reason,
    lasting: Lasting = "1h",
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Let a caller stand at 0 for a while: `trust` rules `per: caller` hold for him.

    Emergency calls pass. It is an act, and on record; a restart keeps it.
    """
    _overrule(config, caller, "suspend", lasting, reason, as_json)


@group.command("reset", epilog=RESET_EXAMPLE)
def reset(
    caller: CallerId,
    reason: Reason,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Forget a caller's faults and signs, and end an exemption or suspension.

    It is an act, and on record.
    """
    answer = _ask(config, "caller-reset", caller=caller, reason=_told(reason), by=whoever_asks())
    if as_json:
        print_json(answer)
    else:
        print_line(f"{caller}: begins anew")


def _overrule(
    config: "Path", caller: str, says: str, lasting: str, reason: str, as_json: bool
) -> None:
    from sipgate.config_values import parse_duration

    try:
        seconds = parse_duration(lasting)
    except ValueError as error:
        raise BadInput(f"sipgate: --for: {error}") from error
    if seconds < 1:
        raise BadInput(f'sipgate: --for: found "{lasting}"; expected 1s or more')
    answer = _ask(
        config,
        f"caller-{says}",
        caller=caller,
        seconds=seconds,
        reason=_told(reason),
        by=whoever_asks(),
    )
    if as_json:
        print_json(answer)
    else:
        until = rfc_3339(answer["until"])[:19].replace("T", " ")
        print_line(f"{caller}: {says}{'ed' if says == 'suspend' else ''} until {until} UTC")


def _ask(config: "Path", op: str, **args: Any) -> dict[str, Any]:
    settings = read_config(config)
    caller = args["caller"]
    source, slash, identity = caller.partition("/")
    if not slash or not identity:
        raise BadInput(f'sipgate: found "{caller}"; expected SOURCE/identity such as hq/4711')
    names = [one.name for one in settings.source]
    if source not in names:
        raise BadInput(f'sipgate: no source "{source}"; expected {", ".join(names)}')
    try:
        return ask_running_gate(settings, op, **args)
    except BadInput as error:  # the policy judges nobody, or not for so long
        print_note(str(error))
        raise typer.Exit(ANSWER_IS_NO) from error


def _told(reason: str) -> str:
    if not reason.strip() or not reason.isprintable() or len(reason) > 200:
        raise BadInput("sipgate: --reason: expected one line of up to 200 characters")
    return reason.strip()


def _of(row: dict[str, Any], seen: str, needed: str) -> str | None:
    return f"{row[seen]} ({row[needed]})" if seen in row else None
