"""`sipgate password`: a caller's password, hashed, for digest at the gate."""

import getpass
import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from .failure import BadInput
from .output import print_line
from .settings import DEFAULT_CONFIG, ConfigFile, read_config


class Algorithm(Enum):
    """What a password is hashed by (RFC 8760)."""

    SHA_512_256 = "sha-512-256"
    SHA_256 = "sha-256"
    MD5 = "md5"


EXAMPLE = "Example: sipgate password hq/4711 --out hq-4711.password"


def password(
    caller: Annotated[str, typer.Argument(metavar="SOURCE/USER", help="Whose password it is.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write it there, for the owner's eyes only."),
    ] = None,
    algorithm: Annotated[
        list[Algorithm] | None,
        typer.Option(
            "--algorithm",
            help="May be given twice: some phones know MD5 only, some read one challenge only."
            " By default sha-256.",
            show_default=False,
        ),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
) -> None:
    """Ask for a password and hash it for `password-file`; it is never shown nor kept in clear.

    Asks twice on a terminal; else it is the first line of the standard input.
    """
    settings = read_config(config)
    source_name, slash, user = caller.partition("/")
    source = next((one for one in settings.source if one.name == source_name), None)
    if not slash or not user:
        raise BadInput(f'expected SOURCE/USER such as "hq/4711", found "{caller}"')
    if source is None:
        known = ", ".join(one.name for one in settings.source)
        raise BadInput(f'no [[source]] is named "{source_name}"; there is {known}')
    if source.realm is None:
        raise BadInput(f"source {source_name} has no realm, so nobody is asked for a password")
    from sipgate.app import hashed, write_password_file

    names = [one.value.upper() for one in algorithm or [Algorithm.SHA_256]]
    text = hashed(user, source.realm, _ask(), names).to_text(caller)
    if out is None:
        print_line(text.rstrip())
        return
    write_password_file(out, text)
    print_line(f"written: {out}. In {config}:\n")
    print_line(f'[[caller]]\nid = "{caller}"\npassword-file = "{out.resolve()}"')


def _ask() -> str:
    if sys.stdin.isatty():
        first = getpass.getpass("Password: ")
        if first != getpass.getpass("Again: "):
            raise BadInput("the two are not the same")
    else:
        first = sys.stdin.readline().rstrip("\r\n")
    if not first:
        raise BadInput("an empty password is none")
    return first
