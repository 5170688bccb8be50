"""Reading a list file: one entry a line, or one column of a CSV file.

Files come as spreadsheets and registries leave them: with a byte order mark, CRLF, a header or
none, separators in the numbers, bad lines. A bad line is told with its number and reason and never
ends the reading. Memory use doesn't depend on the file's length.
"""

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from .dial_plan import MAX_SHORT, DialPlan
from .rejects import FileImport, Reject
from .spelling import clean, normalise

Entries = Literal["numbers", "text"]

_DELIMITERS = ",;\t|"
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"  # a byte that is no UTF-8
_REGISTRY_LINE = re.compile(r"(\d{3}),(\d{7})")  # FTC registry: area code, comma, number
_SPREADSHEET_DAMAGE = re.compile(r"\d[.,]?\d*[eE]\+?\d+")  # 8.61E+12
_FRACTION = re.compile(r"(\d+)\.0+")  # 13055550123.0
_DIGIT = r"(?:[0-9][\s()./-]*)"
# +13055550123/+1305…, or 0301234567, 0301234568
_TWO_NUMBERS = re.compile(rf"{_DIGIT}{{7}}(?:\+|[,;]\s*\(?\+?{_DIGIT}{{6}})")
_PREFIX = re.compile(r"\+[1-9]\d{0,14}\*")
_MAX_TOLD = 200  # characters of a bad line in the rejects


class ColumnError(Exception):
    """The column to read isn't there, or several are there and none was named."""


@dataclass(frozen=True, slots=True)
class _Row:
    line: int
    text: str  # the whole line
    value: str | None  # None: no such column


def parse_list_file(
    path: Path,
    *,
    plan: DialPlan,
    column: str | int | None = None,
    header: bool | None = None,
    entries: Entries = "numbers",
) -> Iterator[str | Reject]:
    """The entries of a file, in order and as they repeat, with the lines that gave none.

    `numbers` are read with the plan and come out in E.164 (or as short numbers that the plan
    knows), a trailing `*` makes a prefix (`+49900*`); `text` entries only lose spaces around them
    and have no control characters.
    `column` is a name in the header or a number from 1; `header` says whether the first row is
    one (None: it is if a column is named, or if its entry should be a number and has letters but
    no digits). Raises ColumnError, and OSError.
    """
    if header is None and entries == "text":
        header = False  # any word may be an entry; a named column has its header all the same
    with open(path, encoding=_encoding_of(path), errors="replace", newline="") as file:
        rows = _rows(file, path, column, header, entries)
        for row in rows:
            entry = _entry(row, plan, entries)
            if entry is not None:
                yield entry


class ListImport(FileImport):
    """The entries of a file; bad lines are counted and written to a rejects file.

    Iterate once, inside `with`.
    """

    def __init__(
        self,
        path: Path,
        *,
        plan: DialPlan,
        column: str | int | None = None,
        header: bool | None = None,
        entries: Entries = "numbers",
        rejects: Path | None = None,
    ) -> None:
        super().__init__(rejects)
        self._items = parse_list_file(
            path, plan=plan, column=column, header=header, entries=entries
        )

    def __iter__(self) -> Iterator[str]:
        for item in self._items:
            if isinstance(item, Reject):
                self._reject(item)
            else:
                self.accepted += 1
                yield item


def _encoding_of(path: Path) -> str:
    with open(path, "rb") as file:
        start = file.read(4)
    return next((name for mark, name in _BYTE_ORDER_MARKS if start.startswith(mark)), "utf-8")


def _rows(
    file: IO[str],
    path: Path,
    column: str | int | None,
    header: bool | None,
    entries: Entries,
) -> Iterator[_Row | Reject]:
    delimiter = _delimiter(file, path, column, entries)
    if delimiter is None:
        yield from _lines(file, header)
    else:
        yield from _columns(file, delimiter, path, column, header)


def _delimiter(file: IO[str], path: Path, column: str | int | None, entries: Entries) -> str | None:
    """What separates the columns; None where the file has one entry a line."""
    first = next((line for line in _whole_lines(file) if line.strip()), "").strip()
    file.seek(0)
    counts = {delimiter: first.count(delimiter) for delimiter in _DELIMITERS}
    likeliest = max(counts, key=counts.__getitem__)
    if column is not None:
        return likeliest
    if path.suffix.lower() in (".csv", ".tsv"):
        return None if _REGISTRY_LINE.fullmatch(first) else likeliest
    return None


def _lines(file: IO[str], header: bool | None) -> Iterator[_Row]:
    is_first = True
    for number, line in enumerate(_whole_lines(file), 1):
        text = line.strip()
        if not text or (text[0] == "#" and not text[1:2].isdigit()):  # a comment; #31# is a code
            continue
        if is_first and _is_header(text, header):
            is_first = False
            continue
        is_first = False
        registry = _REGISTRY_LINE.fullmatch(text)
        yield _Row(number, text, registry[1] + registry[2] if registry else text)


def _columns(
    file: IO[str], delimiter: str, path: Path, column: str | int | None, header: bool | None
) -> Iterator[_Row | Reject]:
    reader = csv.reader(_whole_lines(file), delimiter=delimiter, strict=True)
    index: int | None = None
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Reject(line, "", f"not readable as CSV: {error}")
            continue
        if not any(field.strip() for field in fields):
            continue
        text = delimiter.join(fields)
        if index is None:
            index, is_named = _index(fields, column, path)
            if is_named or _is_header(fields[index], header):
                continue
        yield _Row(line, text, fields[index] if index < len(fields) else None)


def _index(fields: list[str], column: str | int | None, path: Path) -> tuple[int, bool]:
    """Which field has the entries, and whether the first row names it."""
    names = [field.strip() for field in fields]
    if isinstance(column, str):
        folded = [name.casefold() for name in names]
        if column.strip().casefold() in folded:
            return folded.index(column.strip().casefold()), True
        if not column.strip().isdecimal() or int(column) == 0:
            raise ColumnError(f"{path}: no column {column!r}; the first row has {names}")
        column = int(column)
    if column is None:
        if len(fields) > 1:
            raise ColumnError(f"{path}: name one of the columns; the first row has {names}")
        return 0, False
    if not 1 <= column <= len(fields):
        raise ColumnError(f"{path}: no column {column}; the first row has {len(fields)}")
    return column - 1, False


def _is_header(value: str, header: bool | None) -> bool:
    if header is not None:
        return header
    return any(map(str.isalpha, value)) and not any(map(str.isdecimal, value))


def _entry(row: _Row | Reject, plan: DialPlan, entries: Entries) -> str | Reject | None:
    if isinstance(row, Reject):
        return row
    told = row.text[:_MAX_TOLD]
    if row.value is None:
        return Reject(row.line, told, "the column is missing in this line")
    value = row.value.strip()
    if not value:
        return Reject(row.line, told, "empty")
    if _REPLACEMENT in value:
        return Reject(row.line, told, "not UTF-8")
    if entries == "text":
        if value.isprintable():
            return value
        return Reject(row.line, told, "a character that can't be printed")
    number, reason = read_listed_number(value, plan)
    return number if number is not None else Reject(row.line, told, reason)


def read_listed_number(value: str, plan: DialPlan) -> tuple[str | None, str]:
    """The number, or the prefix with its `*`, that stands in a file; or None and why not."""
    if _SPREADSHEET_DAMAGE.fullmatch(value):
        return None, "digits lost: a spreadsheet rounded the number"
    value = value.strip("'\"= ")  # ="0301234567" and '0301234567 keep zeros in spreadsheets
    fraction = _FRACTION.fullmatch(value)
    if fraction is not None:
        value = fraction[1]
    if _TWO_NUMBERS.search(normalise(value)) is not None:
        return None, "more than one number"
    dialled = clean(value).dialled
    if dialled.endswith("*"):
        if _PREFIX.fullmatch(dialled):
            return dialled, ""
        return None, "a prefix needs + and the country code: +49900*"
    if not any(map(str.isdecimal, dialled)):
        return None, "no digits"
    if plan.is_internal(dialled):
        return dialled, ""
    if plan.is_emergency(dialled):
        return None, "an emergency number"
    reading = plan.number(value)
    if reading is not None:
        return reading.number, ""
    if any(map(str.isalpha, dialled)):
        return None, "letters in the number"
    if len(dialled) <= MAX_SHORT:
        return None, "too short for a number"
    return None, f"no possible number{f' in {plan.region}' if plan.region else ' without a region'}"


def _whole_lines(file: IO[str]) -> Iterator[str]:
    """Lines as they end, with LF, CRLF or CR alone; NUL bytes become spaces."""
    for line in file:
        yield line.replace("\0", " ")
