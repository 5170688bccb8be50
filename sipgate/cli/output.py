"""What commands print: tables and sentences for people, one JSON object a line for machines."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sipgate.printable import printable

WIDE = 1000  # columns, where no terminal limits them

STYLES = {  # of words that mean the same in every table
    "allow": "green",
    "answered": "green",
    "tag": "yellow",
    "reject": "red",
    "failed": "red",
}


def print_json(values: Mapping[str, object]) -> None:
    """One object on one line."""
    sys.stdout.write(json.dumps(values, ensure_ascii=False, separators=(",", ":")) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; None is shown as `-`, and numbers stand to the right."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    cells = [list(row) for row in rows]
    for index, column in enumerate(columns):
        values = [row[index] for row in cells if row[index] is not None]
        are_numbers = bool(values) and all(isinstance(value, int | float) for value in values)
        table.add_column(column, justify="right" if are_numbers else "left")
    for row in cells:
        table.add_row(*(_cell(value) for value in row))
    console = Console(highlight=False)
    if not console.is_terminal:  # a pipe or file: no line is broken at 80 columns
        console.width = WIDE
        console.width = console.measure(table).maximum
    console.print(table)


def print_line(text: str, style: str | None = None) -> None:
    """One sentence on stdout."""
    Console(highlight=False, soft_wrap=True).print(_text(text, style or ""))


def print_note(text: str, style: str | None = None) -> None:
    """One sentence on stderr: it belongs to no output that a program reads."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(_text(text, style or ""))


def counted(number: int, one: str, several: str | None = None) -> str:
    """`1 rule`, `2 rules`."""
    return f"{number} {one if number == 1 else several or one + 's'}"


def _text(text: str, style: str) -> Text:
    return Text(printable(text, keep="\n"), style=style)


def _cell(value: object) -> Text:
    text = "-" if value is None else str(value)
    return Text(printable(text), style=STYLES.get(text, ""))
