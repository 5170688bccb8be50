"""Putting a list file into force: read, make it the list's new version, write the act.

For `app`, when a command asks the running gate, and for `cli`, when no gate runs. All or nothing:
until the whole file has been read the old list stands, and an error on the way changes nothing.
Bad lines are counted and go to a rejects file; a file in which every line is bad is refused, and
so is one without an entry unless the order allows it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Literal

from sipgate.clock import Clock
from sipgate.ledger import Ledger
from sipgate.numbers import LIST_NAME, ColumnError, DialPlan, ListImport
from sipgate.store import NumberListStore
from sipgate.store_change import (
    Changed,
    ChangeRefused,
    Order,
    append_act,
    refuse_unless_file,
    told,
)

CLOCK_SLACK_SECONDS = 86_400.0  # a date in another time zone may be tomorrow's


class ListOrder(Order, frozen=True, kw_only=True):
    """What to import and how to read it; also the request that a running gate gets.

    `as_of` is the date of the content in calendar seconds, None: now. `internal` are patterns of
    extensions and short codes that may stand in the file. `by` is who asked. `allow_empty`: a file
    without any entry empties the list.
    """

    OP: ClassVar[str] = "list-import"

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


class ListImported(Changed, frozen=True, kw_only=True):
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


async def import_list(
    lists: NumberListStore, ledger: Ledger, clock: Clock, order: ListOrder
) -> ListImported:
    """Make the file the list and append the act, which is not yet durable then.

    Raises ChangeRefused, OSError for a file that can't be read, StoreError and SQLAlchemy's errors.
    """
    if not LIST_NAME.fullmatch(order.name):
        raise ChangeRefused(
            f'"{order.name}" is no name for a list; expected small letters, digits, - _ .'
        )
    if order.as_of is not None and order.as_of > clock.time() + CLOCK_SLACK_SECONDS:
        raise ChangeRefused("the list's date is in the future")
    refuse_unless_file(order.file)
    try:
        plan = DialPlan(region=order.region, short_codes=order.internal)
    except ValueError as error:
        raise ChangeRefused(str(error)) from error
    reading = ListImport(
        order.file, plan=plan, column=order.column, entries=order.entries, rejects=order.rejects
    )
    try:
        with reading:
            version = await lists.replace(order.name, _checked(reading, order), order.as_of)
    except ColumnError as error:
        raise ChangeRefused(str(error)) from error
    first = reading.first_reject
    imported = ListImported(
        name=order.name,
        version=version.version,
        size=version.size,
        rejected=reading.rejected,
        as_of=datetime.fromtimestamp(version.as_of, UTC).isoformat(timespec="seconds"),
        rejects=str(order.rejects) if reading.rejected else None,
        first_reject=None if first is None else told(order.file, first),
    )
    append_act(
        ledger,
        clock,
        "list-imported",
        order.by,
        {
            "name": imported.name,
            "file": str(order.file),
            "version": imported.version,
            "size": imported.size,
            "rejected": imported.rejected,
            "as_of": imported.as_of,
        },
    )
    return imported


def _checked(reading: ListImport, order: ListOrder) -> Iterator[str]:
    """The entries; refuses at the end where there were none, for that is the wrong file."""
    yield from reading
    if reading.accepted:
        return
    if reading.first_reject is not None:
        raise ChangeRefused(
            f"every line is bad, so nothing was changed: {told(None, reading.first_reject)}"
        )
    if not order.allow_empty:
        raise ChangeRefused(
            f"{order.file}: there is no entry in it, so nothing was changed;"
            " --allow-empty makes the list empty"
        )
