"""The table of commands, and how their errors become exit codes."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from . import (
    callee,
    caller,
    calls,
    check,
    consent,
    number,
    number_list,
    password,
    phones,
    policy,
    rooms,
    run,
    simulate,
    status,
    strangers,
)
from .failure import BAD_INPUT, CANNOT, BadInput, CommandFailed
from .output import print_note

program = typer.Typer(
    name="sipgate",
    help="A SIP proxy that decides every call attempt by policy, and can prove what it did.",
    epilog="Exit codes: 0 fine, 1 the answer is no, 2 bad input, 3 can't (disk, network).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
program.command("run", epilog=run.EXAMPLE)(run.run)
program.command("check", epilog=check.EXAMPLE)(check.check)
program.command("status", epilog=status.EXAMPLE)(status.status)
program.command("callee", epilog=callee.EXAMPLE)(callee.callee)
program.command("number", epilog=number.EXAMPLE)(number.number)
program.add_typer(number_list.group, name="list")
program.add_typer(consent.group, name="consent")
program.add_typer(calls.group, name="calls")
program.add_typer(caller.group, name="caller")
policy.group.command("rooms", epilog=rooms.EXAMPLE)(rooms.rooms)
program.add_typer(policy.group, name="policy")
program.command("phones", epilog=phones.EXAMPLE)(phones.phones)
program.command("password", epilog=password.EXAMPLE)(password.password)
program.command("strangers", epilog=strangers.EXAMPLE)(strangers.strangers)
program.command("simulate", epilog=simulate.EXAMPLE)(simulate.simulate)


def main() -> None:
    """The entry point: never a traceback for what a user or the world has done."""
    try:
        _check_words(sys.argv[1:])
        program()
    except SystemExit:
        raise  # and the layers below need not be imported for it
    except CommandFailed as error:
        _end(error.lines, error.exit_code)
    except _bad_input() as error:
        _end(str(error).splitlines(), BAD_INPUT)
    except _cannot_do() as error:
        _end([f"sipgate: {_told(error)}"], CANNOT)


def _check_words(words: list[str]) -> None:
    """No word that can't be written down: in the ledger, to the gate, in a message."""
    for position, word in enumerate(words, 1):
        try:
            word.encode()
        except UnicodeEncodeError:
            shown = word.encode("ascii", "backslashreplace").decode()
            raise BadInput(f'sipgate: argument {position}, "{shown}", is not UTF-8') from None


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"sipgate {version('sipgate')}")
        raise typer.Exit


@program.callback()
def _program(
    _show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and exit.",
            is_eager=True,
            callback=_print_version,
        ),
    ] = False,
) -> None:
    pass


def _end(lines: "tuple[str, ...] | list[str]", exit_code: int) -> None:
    for line in lines:
        print_note(line)
    sys.exit(exit_code)


def _told(error: Exception) -> str:
    """Without Python's error numbers and SQLAlchemy's advice to programmers."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    cause = getattr(error, "orig", None)  # of SQLAlchemy's errors: the driver's own
    return f"the store: {cause}" if isinstance(cause, Exception) else str(error)


def _bad_input() -> tuple[type[Exception], ...]:
    from sipgate.config import ConfigError
    from sipgate.gate import PolicyError
    from sipgate.simulate import BadFile

    return (ConfigError, PolicyError, BadFile)


def _cannot_do() -> tuple[type[Exception], ...]:
    from sqlalchemy.exc import SQLAlchemyError

    from sipgate.ledger import LedgerError
    from sipgate.net import ListenError, ResolveError
    from sipgate.simulate import GateUnreachable
    from sipgate.store import StoreError

    return (
        OSError,
        LedgerError,
        ListenError,
        ResolveError,
        GateUnreachable,
        StoreError,
        SQLAlchemyError,
    )
