"""Changing what consents are on record: a file of them, or one revoked. Each is an act.

For `app`, when a command asks the running gate, and for `cli`, when no gate runs. All or nothing:
an error on the way changes nothing. Bad lines of a file are counted and go to a rejects file; a
file that has nothing but bad lines is refused. What is on record already is not recorded again.
"""

import asyncio
import hashlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from sipgate.clock import Clock
from sipgate.consent import (
    MAX_TEXT,
    ColumnMapping,
    ColumnsError,
    Consent,
    ConsentFile,
    ConsentStore,
    MemoryConsents,
    plain_word,
)
from sipgate.ledger import Ledger
from sipgate.numbers import DialPlan, read_listed_number
from sipgate.printable import printable
from sipgate.store_change import (
    Changed,
    ChangeRefused,
    Order,
    append_act,
    refuse_unless_file,
    told,
)


class ConsentOrder(Order, frozen=True, kw_only=True):
    """A file to import and how to read it; also the request that a running gate gets.

    `columns` are fields by the name of their column, `values` what each record has in a field.
    `timezone` is where times without an offset are, `by` who asked.
    """

    OP: ClassVar[str] = "consent-import"

    file: Path
    rejects: Path
    by: str
    timezone: str = "UTC"
    region: str | None = None
    columns: dict[str, str] = msgspec.field(default_factory=dict)
    values: dict[str, str] = msgspec.field(default_factory=dict)

    def open(self, clock: Clock, *, rejects: Path | None) -> ConsentFile:
        """The file, ready to be read; raises ChangeRefused where that can't be."""
        refuse_unless_file(self.file)
        try:
            plan = DialPlan(region=self.region)
        except ValueError as error:
            raise ChangeRefused(str(error)) from error
        return ConsentFile(
            self.file,
            mapping=ColumnMapping(self.columns, self.values),
            plan=plan,
            zone=_zone(self.timezone),
            now=clock.time(),
            rejects=rejects,
        )


class ConsentsImported(Changed, frozen=True, kw_only=True):
    """What came of an import; also the answer that the command gets.

    `added` records are new, `known` were on record already, `rejected` lines were bad.
    """

    added: int
    known: int
    rejected: int
    rejects: str | None  # the file that has the bad lines
    first_reject: str | None
    unused_columns: tuple[str, ...]


class RevocationOrder(Order, frozen=True, kw_only=True):
    """Which consents to revoke; also the request that a running gate gets.

    `organisation` None: everybody's. `region` reads a national number.
    """

    OP: ClassVar[str] = "consent-revoke"

    callee: str
    purpose: str
    reason: str
    by: str
    organisation: str | None = None
    region: str | None = None


class Revoked(Changed, frozen=True, kw_only=True):
    """What came of a revocation. `ended` consents were in force until now; there may be none."""

    callee: str
    purpose: str
    organisation: str | None
    ended: int


async def import_consents(
    store: ConsentStore,
    consents: MemoryConsents,
    ledger: Ledger,
    clock: Clock,
    order: ConsentOrder,
) -> ConsentsImported:
    """Put the file's consents on record and append the act, which is not yet durable then.

    `consents` are all that are on record, and afterwards the new ones too. Raises ChangeRefused,
    OSError for a file that can't be read, StoreError and SQLAlchemy's errors.
    """
    reading = order.open(clock, rejects=order.rejects)
    sha256 = await asyncio.to_thread(_sha256_of, order.file)
    unknown = _Unknown(reading, consents)
    try:
        with reading:
            added = await store.add(unknown, by=order.by, origin=str(order.file))
    except ColumnsError as error:
        raise ChangeRefused(str(error)) from error
    await asyncio.to_thread(consents.add, added)
    first = reading.first_reject
    imported = ConsentsImported(
        added=len(added),
        known=unknown.known,
        rejected=reading.rejected,
        rejects=str(order.rejects) if reading.rejected else None,
        first_reject=None if first is None else told(order.file, first),
        unused_columns=tuple(reading.unused_columns),
    )
    append_act(
        ledger,
        clock,
        "consents-imported",
        order.by,
        {
            "file": str(order.file),
            "sha256": sha256,
            "added": imported.added,
            "known": imported.known,
            "rejected": imported.rejected,
        },
    )
    return imported


async def revoke_consent(
    store: ConsentStore,
    consents: MemoryConsents,
    ledger: Ledger,
    clock: Clock,
    order: RevocationOrder,
) -> Revoked:
    """Revoke what was consented to until now and append the act.

    It is recorded even where no consent is known: one that comes to light later is older than it.
    Raises as `import_consents` does.
    """
    callee = read_callee(order.callee, order.region)
    purpose = plain_word(order.purpose)
    if purpose is None:
        raise ChangeRefused(f'purpose: "{printable(order.purpose)}" is no word')
    reason = _text("reason", order.reason)
    organisation = None
    if order.organisation is not None:
        organisation = _text("organisation", order.organisation)
    now = clock.time()
    record = Consent(
        callee=callee,
        purpose=purpose,
        organisation=organisation,
        revoked=now,
        reason=reason,
    )
    ended = await _in_force(store, record, now)
    added = await store.add([record], by=order.by, origin="sipgate consent revoke")
    consents.add(added)
    revoked = Revoked(callee=callee, purpose=purpose, organisation=organisation, ended=ended)
    append_act(
        ledger, clock, "consent-revoked", order.by, {**revoked.as_answer(), "reason": reason}
    )
    return revoked


def read_callee(text: str, region: str | None) -> str:
    """A number as consents have it; raises ChangeRefused."""
    try:
        callee, reason = read_listed_number(text.strip(), DialPlan(region=region))
    except ValueError as error:
        raise ChangeRefused(str(error)) from error
    if callee is None or callee.endswith("*"):
        raise ChangeRefused(f'"{printable(text)}": {reason or "a prefix, not a number"}')
    return callee


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ChangeRefused(
            f'"{printable(name)}" is no time zone; expected one such as Europe/Berlin'
        ) from error


def _text(name: str, text: str) -> str:
    text = text.strip()
    if not text or len(text) > MAX_TEXT or not text.isprintable():
        raise ChangeRefused(f"{name}: expected a text of up to {MAX_TEXT} characters in one line")
    return text


async def _in_force(store: ConsentStore, record: Consent, now: float) -> int:
    """How many consents hold that a revocation is about, of several organisations one each."""
    known = MemoryConsents(one.consent for one in await store.history(record.callee))
    organisations = {
        one.organisation
        for one in known
        if one.purpose == record.purpose and record.organisation in (None, one.organisation)
    }
    newest = [
        known.newest(record.callee, record.purpose, organisation, None, now)
        for organisation in organisations
    ]
    return sum(one is not None and one.holds(now) for one in newest)


class _Unknown:
    """The records of a file that are not known yet, each once; refuses a file of bad lines."""

    def __init__(self, reading: ConsentFile, known: MemoryConsents) -> None:
        self.known = 0
        self._reading = reading
        self._on_record = known
        self._new = MemoryConsents()

    def __iter__(self) -> Iterator[Consent]:
        for consent in self._reading:
            if consent in self._on_record or consent in self._new:
                self.known += 1
            else:
                self._new.add((consent,))
                yield consent
        first = self._reading.first_reject
        if not self._reading.accepted:
            if first is None:
                raise ColumnsError("there is no consent in the file, so nothing was changed")
            raise ColumnsError(f"every line is bad, so nothing was changed: {told(None, first)}")


def _sha256_of(path: Path) -> str:
    with closing(open(path, "rb")) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
