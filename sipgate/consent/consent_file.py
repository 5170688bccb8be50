"""Reading consents from a CSV file, as customer systems export them.

There is no standard for such files, so each column that is used has the name of a field, or is
mapped to one. A bad line is told with its number and reason and never ends the reading; memory use
doesn't depend on the file's length.
"""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, TypeAlias
from zoneinfo import ZoneInfo

from sipgate.numbers import DialPlan, FileImport, Reject, read_listed_number
from sipgate.printable import printable

from .record import MAX_EVIDENCE, MAX_TEXT, MAX_WORD, Consent, plain_word

WORDS = ("purpose", "channel", "source", "basis")
TEXTS = ("organisation", "source-where", "source-how", "evidence", "reason")
TIMES = ("granted", "expires", "revoked", "source-time")
FIELDS = ("callee", *WORDS, *TEXTS, *TIMES, "status")

GIVEN = frozenset(
    (
        "opt-in",
        "opted-in",
        "in",
        "yes",
        "y",
        "true",
        "1",
        "granted",
        "given",
        "active",
        "subscribed",
    )
)
TAKEN_BACK = frozenset(
    (
        *("opt-out", "opted-out", "out", "no", "n", "false", "0"),
        *("revoked", "withdrawn", "refused", "unsubscribed"),
    )
)  # what a status says, as `plain_word` makes it

MAX_LINE = 200_000  # characters
LAST_TIME = 253_370_764_800.0  # 9999-01-01; later ones can't be shown in every time zone
FUTURE_SLACK_SECONDS = 86_400.0  # a date in another time zone may be tomorrow's

_MAX_TOLD = 200  # characters of a bad line in the rejects
_DELIMITERS = ",;\t|"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"  # a byte that is no UTF-8
_SLASHES = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(.*)")
_BYTE_ORDER_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)

Row: TypeAlias = dict[str, str]  # field: text


class ColumnsError(Exception):
    """The columns of a file don't give consents; the text says which are missing or unknown."""


class _BadLine(Exception):
    """Why a line gives no consent."""


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """What stands where: columns by the field that they fill, and fields that are always the same.

    Columns with a field's own name need not be named. Names of columns are compared without regard
    to capitals, spaces and underscores.
    """

    fields_by_column: Mapping[str, str] = field(default_factory=dict)
    values_by_field: Mapping[str, str] = field(default_factory=dict)

    def fields_of(self, header: Iterable[str], path: Path) -> tuple[dict[int, str], list[str]]:
        """The field of each column that is used, and the names of those that aren't.

        Raises ColumnsError for a header that gives no consents, and a mapping that says nonsense.
        """
        names = [name.strip() for name in header]
        for name in (*self.fields_by_column.values(), *self.values_by_field):
            if name not in FIELDS:
                raise ColumnsError(f'"{name}" is no field; there are {", ".join(FIELDS)}')
        wanted = {_folded(column): name for column, name in self.fields_by_column.items()}
        found: dict[int, str] = {}
        unused: list[str] = []
        for index, column in enumerate(names):
            name = wanted.pop(_folded(column), _folded(column))
            if name not in FIELDS:
                unused.append(column)
            elif name in found.values():
                raise ColumnsError(f"{path}: two columns are {name}")
            elif name not in self.values_by_field:
                found[index] = name
        if wanted:
            column = next(name for name in self.fields_by_column if _folded(name) in wanted)
            raise ColumnsError(f'{path}: no column "{column}"; the first row has {names}')
        self._refuse_missing({*found.values(), *self.values_by_field}, names, path)
        return found, unused

    def _refuse_missing(self, known: set[str], names: list[str], path: Path) -> None:
        missing = [name for name in ("callee", "purpose") if name not in known]
        if not known & {"granted", "revoked"}:
            missing.append("granted")
        if missing:
            raise ColumnsError(
                f"{path}: no column for {' and '.join(missing)}; the first row has {names};"
                " map one with column=field"
            )


class ConsentFile(FileImport):
    """The consents of a file; bad lines are counted and written to a rejects file.

    Iterate once, inside `with`. `plan` reads the numbers, `zone` is where times without an offset
    are, `now` is calendar seconds: nothing can have been granted after it. Raises ColumnsError and
    OSError.
    """

    def __init__(
        self,
        path: Path,
        *,
        mapping: ColumnMapping,
        plan: DialPlan,
        zone: ZoneInfo,
        now: float,
        rejects: Path | None = None,
    ) -> None:
        super().__init__(rejects)
        self.unused_columns: list[str] = []
        self._path = path
        self._mapping = mapping
        self._plan = plan
        self._zone = zone
        self._now = now

    def __iter__(self) -> Iterator[Consent]:
        for item in self.items():
            if isinstance(item, Reject):
                self._reject(item)
            else:
                self.accepted += 1
                yield item

    def items(self) -> Iterator[Consent | Reject]:
        """All lines, the bad ones too."""
        with open(self._path, encoding=_encoding_of(self._path), errors="replace", newline="") as f:
            reader = csv.reader(_whole_lines(f), delimiter=_delimiter(f), strict=True)
            fields_by_index: dict[int, str] | None = None
            while True:
                line = reader.line_num + 1
                try:
                    cells = next(reader)
                except StopIteration:
                    break
                except csv.Error as error:
                    yield Reject(line, "", f"not readable as CSV: {error}")
                    continue
                if not any(cell.strip() for cell in cells):
                    continue
                if fields_by_index is None:
                    fields_by_index, self.unused_columns = self._mapping.fields_of(
                        cells, self._path
                    )
                    continue
                yield self._read(line, cells, fields_by_index)
        if fields_by_index is None:
            raise ColumnsError(f"{self._path}: the file is empty")

    def _read(
        self, line: int, cells: list[str], fields_by_index: dict[int, str]
    ) -> Consent | Reject:
        row = {name: text.strip() for name, text in self._mapping.values_by_field.items()}
        for index, name in fields_by_index.items():
            row[name] = cells[index].strip() if index < len(cells) else ""
        try:
            return self._consent(row)
        except _BadLine as error:
            return Reject(line, ",".join(cells)[:_MAX_TOLD], str(error))

    def _consent(self, row: Row) -> Consent:
        if any(_REPLACEMENT in text for text in row.values()):
            raise _BadLine("not UTF-8")
        callee, reason = read_listed_number(row["callee"], self._plan)
        if callee is None or callee.endswith("*"):
            raise _BadLine(f"callee: {reason or 'a prefix, not a number'}")
        purpose = _word(row, "purpose")
        if purpose is None:
            raise _BadLine("no purpose")
        granted, revoked = self._granted_and_revoked(row)
        expires = self._time(row, "expires")
        if granted is not None and expires is not None and expires <= granted:
            raise _BadLine("it expires before it is granted")
        return Consent(
            callee=callee,
            purpose=purpose,
            organisation=_text(row, "organisation"),
            channel=_word(row, "channel"),
            source=_word(row, "source"),
            source_where=_text(row, "source-where"),
            source_time=self._time(row, "source-time"),
            source_how=_text(row, "source-how"),
            evidence=_text(row, "evidence"),
            basis=_word(row, "basis"),
            granted=granted,
            expires=expires,
            revoked=revoked,
            reason=_text(row, "reason"),
        )

    def _granted_and_revoked(self, row: Row) -> tuple[float | None, float | None]:
        granted, revoked = self._time(row, "granted"), self._time(row, "revoked")
        status = row.get("status", "")
        if status:
            word = plain_word(status)
            if word in TAKEN_BACK:
                if revoked is None:
                    granted, revoked = None, granted  # the one time is when it was said
            elif word not in GIVEN:
                raise _BadLine(f'status: "{printable(status)[:MAX_WORD]}" is neither in nor out')
            elif revoked is not None:
                raise _BadLine("the status says that it holds, but it is revoked")
        if granted is None and revoked is None:
            raise _BadLine("no time when it was granted")
        for name, time in (("granted", granted), ("revoked", revoked)):
            if time is not None and time > self._now + FUTURE_SLACK_SECONDS:
                raise _BadLine(f"{name}: in the future")
        if granted is not None and revoked is not None and revoked < granted:
            raise _BadLine("it is revoked before it is granted")
        return granted, revoked

    def _time(self, row: Row, name: str) -> float | None:
        text = row.get(name, "")
        if not text:
            return None
        slashes = _SLASHES.fullmatch(text)
        if slashes is not None:
            year, month, day, rest = slashes.groups()
            text = f"{year}-{month:0>2}-{day:0>2}{rest}"
        try:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=self._zone)
            time = moment.timestamp()
            if not 0 <= time < LAST_TIME:
                raise ValueError
            return time
        except (ValueError, OverflowError):
            raise _BadLine(
                f'{name}: "{printable(text)[:40]}" is no time such as 2026-11-24 or'
                " 2026-11-24T09:00:00+01:00"
            ) from None


def _folded(name: str) -> str:
    return plain_word(name) or name


def _word(row: Row, name: str) -> str | None:
    text = row.get(name, "")
    if not text:
        return None
    word = plain_word(text)
    if word is None:
        raise _BadLine(f"{name}: expected a word of up to {MAX_WORD} characters")
    return word


def _text(row: Row, name: str) -> str | None:
    text = row.get(name, "")
    longest = MAX_EVIDENCE if name == "evidence" else MAX_TEXT
    if len(text) > longest:
        raise _BadLine(f"{name}: {len(text)} characters, {longest} may be")
    if not text.isprintable():
        raise _BadLine(f"{name}: a character that can't be printed")
    return text or None


def _encoding_of(path: Path) -> str:
    with open(path, "rb") as file:
        start = file.read(4)
    return "utf-16" if start.startswith(_BYTE_ORDER_MARKS) else "utf-8-sig"


def _delimiter(file: IO[str]) -> str:
    """Whichever the first line has most of."""
    first = next((line for line in _whole_lines(file) if line.strip()), "")
    file.seek(0)
    return max(_DELIMITERS, key=first.count)


def _whole_lines(file: IO[str]) -> Iterator[str]:
    """Lines as they end, with LF, CRLF or CR alone; NUL bytes become spaces."""
    while line := file.readline(MAX_LINE):
        if len(line) == MAX_LINE and not line.endswith(("\n", "\r")):
            raise ColumnsError(f"{file.name}: a line of more than {MAX_LINE} characters")
        yield line.replace("\0", " ")
