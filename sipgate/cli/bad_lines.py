"""The bad lines of a file that is imported: where they go, and what is said of them."""

from pathlib import Path
from typing import Annotated, Protocol

import typer

from .output import counted, print_note

RejectsFile = Annotated[
    Path | None,
    typer.Option("--rejects", metavar="FILE", help="Where bad lines go; else FILE.rejects.csv."),
]


class Imported(Protocol):
    """What came of an import."""

    @property
    def rejected(self) -> int: ...

    @property
    def rejects(self) -> str | None: ...

    @property
    def first_reject(self) -> str | None: ...


def rejects_of(file: Path, rejects: Path | None) -> Path:
    """Where the bad lines of a file go; `rejects` is what the user says."""
    return (rejects or file.with_name(f"{file.name}.rejects.csv")).resolve()


def tell_bad_lines(imported: Imported) -> None:
    """How many there are, where, and the first."""
    if imported.rejected:
        print_note(
            f"{counted(imported.rejected, 'bad line')}"
            f" {'is' if imported.rejected == 1 else 'are'} in {imported.rejects}; the first: "
            f"{imported.first_reject}"
        )
