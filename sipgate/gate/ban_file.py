"""The file of dated bans that an `hours` rule names: CSV with a header line.

```
region,from,to,reason,source
US-FL,2026-09-28,2026-10-02,state of emergency,the order that says so
FR,2026-07-14T08:00,2026-07-14T12:00,…,…
```
"""

import csv
import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import NamedTuple

from sipgate.numbers import country_place, known_region

from .opening import Ban
from .problem import Place, PolicyError, Problems, nearest
from .yaml_document import read_raw

COLUMNS = ("region", "from", "to", "reason", "source")
MAX_BYTES = 4_000_000  # some ten thousand bans

_MIDNIGHT = time()


class BanFile(NamedTuple):
    """What a file says, and the SHA-256 of its bytes in hexadecimal."""

    bans: tuple[Ban, ...]
    sha256: str


def read_bans(path: Path) -> BanFile:
    """The bans of a file; empty lines and lines that begin with `#` are none.

    `from` and `to` are dates or date-times (`2026-09-28T18:00`) at the callee's place. A date as
    `to` is banned as a whole; a date-time as `to` is the first moment that no longer is. Raises
    PolicyError with every mistake in the file, OSError when it can't be read.
    """
    problems = Problems(path)
    raw = read_raw(path, MAX_BYTES)
    if len(raw) > MAX_BYTES:
        problems.fail(Place(1, 1), f"more than {MAX_BYTES} bytes", "a smaller file")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        problems.fail(Place(line, 1), "text that is not UTF-8", "UTF-8")
    bans = _BanReader(problems).read(text)
    if problems.found:
        raise PolicyError(problems.found)
    return BanFile(bans, hashlib.sha256(raw).hexdigest())


class _BanReader:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems
        self._columns: list[str] | None = None

    def read(self, text: str) -> tuple[Ban, ...]:
        bans = []
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            try:
                fields = next(csv.reader([line], strict=True))
            except csv.Error as error:
                self._problems.add(Place(number, 1), f"not CSV: {error}", "one record a line")
                continue
            fields = [field.strip() for field in fields]
            if self._columns is None:
                self._read_header(fields, Place(number, 1))
                continue
            ban = self._read_ban(fields, number, line)
            if ban is not None:
                bans.append(ban)
        if self._columns is None:
            self._problems.add(Place(1, 1), "an empty file", ",".join(COLUMNS))
        return tuple(bans)

    def _read_header(self, fields: list[str], place: Place) -> None:
        for field in fields:
            if field not in COLUMNS:
                self._problems.add(place, f'unknown column "{field}"{nearest(field, COLUMNS)}')
        if sorted(fields) != sorted(COLUMNS):
            self._problems.fail(place, f"the header {','.join(fields)}", ",".join(COLUMNS))
        self._columns = fields

    def _read_ban(self, fields: Sequence[str], number: int, line: str) -> Ban | None:
        assert self._columns is not None
        if len(fields) != len(self._columns):
            found = f"{len(fields)} fields"
            self._problems.add(Place(number, 1), found, f"{len(self._columns)}")
            return None
        row = dict(zip(self._columns, fields, strict=True))

        def wrong(key: str, expected: str) -> None:
            column = max(line.find(row[key]), 0) + 1
            self._problems.add(Place(number, column), f'{key} "{row[key]}"', expected)

        region = _region(row["region"])
        start, end = _moment(row["from"], is_end=False), _moment(row["to"], is_end=True)
        if region is None:
            wrong("region", "a country such as US, or a region such as US-FL")
        for key, moment in (("from", start), ("to", end)):
            if moment is None:
                wrong(key, "a date such as 2026-09-28, or 2026-09-28T18:00")
        for key in ("reason", "source"):
            if not row[key]:
                wrong(key, "text")
        if start is not None and end is not None and start >= end:
            wrong("to", f"a moment after {row['from']}")
            return None
        if region is None or start is None or end is None:
            return None
        return Ban(region, start, end, row["reason"], row["source"])


def _region(text: str) -> str | None:
    if "-" not in text:
        return text if country_place(text).zones else None
    return known_region(text)


def _moment(text: str, *, is_end: bool) -> int | None:
    """Seconds since 1970 as if local time were UTC; None for what is no moment."""
    try:
        if "T" in text:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is not None:
                return None
        else:
            day = date.fromisoformat(text)
            moment = datetime.combine(day + timedelta(days=is_end), _MIDNIGHT)
    except (ValueError, OverflowError):
        return None
    return int(moment.replace(tzinfo=UTC).timestamp())
