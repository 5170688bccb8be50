"""Putting a list file into force: read, make it the list's new version, write the act.

For `app`, when a command asks the running gate, and for `cli`, when no gate runs. All or nothing:
until the whole file has been read the old list stands, and an error on the way changes nothing.
Bad lines are counted and go to a rejects file; a file in which every line is bad is refused, and
so is one without an entry unless the order allows it.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import msgspec

from sipgate.clock import Clock
from sipgate.ledger import ActEntry, Ledger
from sipgate.numbers import LIST_NAME, ColumnError, DialPlan, ListImport, Reject
from sipgate.printable import printable
from sipgate.store import NumberListStore

CLOCK_SLACK_SECONDS = 86_400.0  # a date in another time zone may be tomorrow's


class ListRefused(Exception):
    """The file can't become the list; the text says why."""


class ListOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What to import and how to read it; also the request that a running gate gets.

    `as_of` is the date of the content in calendar seconds, None: now. `internal` are patterns of
    extensions and short codes that may stand in the file. `by` is who asked. `allow_empty`: a file
    without any entry empties the list.
    """

    name: str
    file: Path
    rejects: Path
    by: str
    as_of: float | None = None
    column: str | None = None
    region: str | None = None
    internal: tuple[str, ...] = ()
    entries: Literal["numbers", "text"] = "numbers"
    allow_empty: bool = False

    def as_request(self) -> dict[str, Any]:
        """The arguments of the op `list-import`."""
        request: dict[str, Any] = msgspec.to_builtins(self, enc_hook=str)
        return request

    @classmethod
    def of_request(cls, request: Mapping[str, Any]) -> "ListOrder":
        """Raises ListRefused for what is no order."""
        try:
            return msgspec.convert(dict(request), cls, dec_hook=_read_path)
        except msgspec.ValidationError as error:
            raise ListRefused(f"list-import: {error}") from error


class ListImported(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an import; also the answer that the command gets.

    `size` counts entries once, `rejected` the bad lines; `first_reject` is the first of them.
    """

    name: str
    version: int
    size: int
    rejected: int
    as_of: str  # RFC 3339, UTC
    rejects: str | None  # the file that has the bad lines
    first_reject: str | None

    def as_answer(self) -> dict[str, Any]:
        """As the op's result."""
        answer: dict[str, Any] = msgspec.to_builtins(self)
        return answer


def refuse_unless_file(path: Path) -> None:
    """Raises ListRefused for what is no file to read to its end: a folder, a device, nothing."""
    if path.is_file():
        return
    if path.is_dir():
        raise ListRefused(f"{path}: this is a directory; expected a file")
    if path.exists():
        raise ListRefused(f"{path}: this is no regular file")
    raise ListRefused(f"{path}: there is no such file")


async def import_list(
    lists: NumberListStore, ledger: Ledger, clock: Clock, order: ListOrder
) -> ListImported:
    """Make the file the list and append the act, which is not yet durable then.

    Raises ListRefused, OSError for a file that can't be read, StoreError and SQLAlchemy's errors.
    """
    if not LIST_NAME.fullmatch(order.name):
        raise ListRefused(
            f'"{order.name}" is no name for a list; expected small letters, digits, - _ .'
        )
    if order.as_of is not None and order.as_of > clock.time() + CLOCK_SLACK_SECONDS:
        raise ListRefused("the list's date is in the future")
    refuse_unless_file(order.file)
    try:
        plan = DialPlan(region=order.region, short_codes=order.internal)
    except ValueError as error:
        raise ListRefused(str(error)) from error
    reading = ListImport(
        order.file, plan=plan, column=order.column, entries=order.entries, rejects=order.rejects
    )
    try:
        with reading:
            version = await lists.replace(order.name, _checked(reading, order), order.as_of)
    except ColumnError as error:
        raise ListRefused(str(error)) from error
    first = reading.first_reject
    imported = ListImported(
        name=order.name,
        version=version.version,
        size=version.size,
        rejected=reading.rejected,
        as_of=datetime.fromtimestamp(version.as_of, UTC).isoformat(timespec="seconds"),
        rejects=str(order.rejects) if reading.rejected else None,
        first_reject=None if first is None else _told(order.file, first),
    )
    ledger.append(
        ActEntry(
            time_us=int(clock.time() * 1_000_000),
            boot=clock.boot_id,
            boot_us=int(clock.now() * 1_000_000),
            kind="list-imported",
            by=order.by,
            detail={
                "name": imported.name,
                "file": str(order.file),
                "version": imported.version,
                "size": imported.size,
                "rejected": imported.rejected,
                "as_of": imported.as_of,
            },
        )
    )
    return imported


def _checked(reading: ListImport, order: ListOrder) -> Iterator[str]:
    """The entries; refuses at the end where there were none, for that is the wrong file."""
    yield from reading
    if reading.accepted:
        return
    if reading.first_reject is not None:
        raise ListRefused(
            f"every line is bad, so nothing was changed: {_told(None, reading.first_reject)}"
        )
    if not order.allow_empty:
        raise ListRefused(
            f"{order.file}: there is no entry in it, so nothing was changed;"
            " --allow-empty makes the list empty"
        )


def _told(file: Path | None, reject: Reject) -> str:
    where = f"line {reject.line}" if file is None else f"{file}:{reject.line}"
    return f"{where}: {reject.reason}: {printable(reject.text)}"


def _read_path(kind: type, value: Any) -> Path:
    if kind is Path and isinstance(value, str) and Path(value).is_absolute():
        return Path(value)
    raise ValueError(f"expected an absolute path, found {value!r}")
