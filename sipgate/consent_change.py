"""Changing what consents are on record: a file of them, or one revoked. Each is an act.

For `app`, when a command asks the running gate, and for `cli`, when no gate runs. All or nothing:
an error on the way changes nothing. Bad lines of a file are counted and go to a rejects file; a
file that has nothing but bad lines is refused. What is on record already is not recorded again.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar
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
from sipgate.ledger import ActEntry, Ledger
from sipgate.list_import import ListRefused, refuse_unless_file
from sipgate.numbers import DialPlan, Reject, read_listed_number
from sipgate.printable import printable

Order = TypeVar("Order")


class ConsentRefused(Exception):
    """Nothing was changed; the text says why."""


class ConsentOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A file to import and how to read it; also the request that a running gate gets.

    `columns` are fields by the name of their column, `values` what each record has in a field.
    `timezone` is where times without an offset are, `by` who asked.
    """

    file: Path
    rejects: Path
    by: str
    timezone: str = "UTC"
    region: str | None = None
    columns: dict[str, str] = {}
    values: dict[str, str] = {}

    def as_request(self) -> dict[str, Any]:
        """The arguments of the op `consent-import`."""
        request: dict[str, Any] = msgspec.to_builtins(self, enc_hook=str)
        return request

    @classmethod
    def of_request(cls, request: Mapping[str, Any]) -> "ConsentOrder":
        """Raises ConsentRefused for what is no order."""
        return _converted("consent-import", request, cls)

    def open(self, clock: Clock, *, rejects: Path | None) -> ConsentFile:
        """The file, ready to be read; raises ConsentRefused where that can't be."""
        try:
            refuse_unless_file(self.file)
            plan = DialPlan(region=self.region)
        except (ListRefused, ValueError) as error:
            raise ConsentRefused(str(error)) from error
        return ConsentFile(
            self.file,
            mapping=ColumnMapping(self.columns, self.values),
            plan=plan,
            zone=_zone(self.timezone),
            now=clock.time(),
            rejects=rejects,
        )


class ConsentsImported(msgspec.Struct, frozen=True, kw_only=True):
    """What came of an import; also the answer that the command gets.

    `added` records are new, `known` were on record already, `rejected` lines were bad.
    """

    added: int
    known: int
    rejected: int
    rejects: str | None  # the file that has the bad lines
    first_reject: str | None
    unused_columns: tuple[str, ...]

    def as_answer(self) -> dict[str, Any]:
        """As the op's result."""
        answer: dict[str, Any] = msgspec.to_builtins(self)
        return answer


class RevocationOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Which consents to revoke; also the request that a running gate gets.

    `organisation` None: everybody's. `region` reads a national number.
    """

    callee: str
    purpose: str
    reason: str
    by: str
    organisation: str | None = None
    region: str | None = None

    def as_request(self) -> dict[str, Any]:
        """The arguments of the op `consent-revoke`."""
        request: dict[str, Any] = msgspec.to_builtins(self)
        return request

    @classmethod
    def of_request(cls, request: Mapping[str, Any]) -> "RevocationOrder":
        """Raises ConsentRefused for what is no order."""
        return _converted("consent-revoke", request, cls)


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a revocation. `ended` consents were in force until now; there may be none."""

    callee: str
    purpose: str
    organisation: str | None
    ended: int

    def as_answer(self) -> dict[str, Any]:
        """As the op's result."""
        answer: dict[str, Any] = msgspec.to_builtins(self)
        return answer


async def import_consents(
    store: ConsentStore,
    consents: MemoryConsents,
    ledger: Ledger,
    clock: Clock,
    order: ConsentOrder,
) -> ConsentsImported:
    """Put the file's consents on record and append the act, which is not yet durable then.

    `consents` are all that are on record, and afterwards the new ones too. Raises ConsentRefused,
    OSError for a file that can't be read, StoreError and SQLAlchemy's errors.
    """
    reading = order.open(clock, rejects=order.rejects)
    sha256 = await asyncio.to_thread(_sha256_of, order.file)
    unknown = _Unknown(reading, consents)
    try:
        with reading:
            added = await store.add(unknown, by=order.by, origin=str(order.file))
    except ColumnsError as error:
        raise ConsentRefused(str(error)) from error
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
    _act(
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
        raise ConsentRefused(f'purpose: "{printable(order.purpose)}" is no word')
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
    _act(ledger, clock, "consent-revoked", order.by, {**revoked.as_answer(), "reason": reason})
    return revoked


def read_callee(text: str, region: str | None) -> str:
    """A number as consents have it; raises ConsentRefused."""
    try:
        callee, reason = read_listed_number(text.strip(), DialPlan(region=region))
    except ValueError as error:
        raise ConsentRefused(str(error)) from error
    if callee is None or callee.endswith("*"):
        raise ConsentRefused(f'"{printable(text)}": {reason or "a prefix, not a number"}')
    return callee


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConsentRefused(
            f'"{printable(name)}" is no time zone; expected one such as Europe/Berlin'
        ) from error


def _text(name: str, text: str) -> str:
    text = text.strip()
    if not text or len(text) > MAX_TEXT or not text.isprintable():
        raise ConsentRefused(f"{name}: expected a text of up to {MAX_TEXT} characters in one line")
    return text


def told(file: Path, reject: Reject) -> str:
    """A bad line for people."""
    return f"{file}:{reject.line}: {reject.reason}: {printable(reject.text)}"


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
            line = f"line {first.line}: {first.reason}: {printable(first.text)}"
            raise ColumnsError(f"every line is bad, so nothing was changed: {line}")


def _sha256_of(path: Path) -> str:
    with closing(open(path, "rb")) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _act(
    ledger: Ledger, clock: Clock, kind: str, by: str, detail: dict[str, int | str | bool | None]
) -> None:
    ledger.append(
        ActEntry(
            time_us=int(clock.time() * 1_000_000),
            boot=clock.boot_id,
            boot_us=int(clock.now() * 1_000_000),
            kind=kind,
            by=by,
            detail=detail,
        )
    )


def _converted(op: str, request: Mapping[str, Any], kind: type[Order]) -> Order:
    try:
        return msgspec.convert(dict(request), kind, dec_hook=_read_path)
    except msgspec.ValidationError as error:
        raise ConsentRefused(f"{op}: {error}") from error


def _read_path(kind: type, value: Any) -> Path:
    if kind is Path and isinstance(value, str) and Path(value).is_absolute():
        return Path(value)
    raise ValueError(f"expected an absolute path, found {value!r}")
