"""Consents on disk: rows are added and never changed.

Plain SQL, so that whoever only decides needs no library for it.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import TYPE_CHECKING, Any

from sipgate.clock import Clock

from .record import Consent

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

BATCH = 500  # rows per transaction: the ledger's writer waits 2 ms at most
PAUSE_SECONDS = 0.002  # between two: long enough for it to take the lock
PAGE = 500  # rows read at once: a millisecond of the loop

_COLUMNS = tuple(field.name for field in fields(Consent))
_NAMES = ", ".join(_COLUMNS)
_IS_WHOLE = "change IN (SELECT id FROM consent_change WHERE is_whole)"
_INSERT = f"INSERT INTO consent ({_NAMES}, change) VALUES ({', '.join('?' * (len(_COLUMNS) + 1))})"
_PAGE = f"SELECT {_NAMES} FROM consent WHERE id > ? AND {_IS_WHOLE} ORDER BY id LIMIT {PAGE}"
_OF_CALLEE = f"""
SELECT {", ".join(f"consent.{name}" for name in _COLUMNS)}, recorded, recorded_by, origin
FROM consent JOIN consent_change ON consent_change.id = change
WHERE callee = ? AND is_whole ORDER BY consent.id
"""
_BEGIN = """
INSERT INTO consent_change (recorded, recorded_by, origin, is_whole) VALUES (?, ?, ?, 0)
"""
_DELETE = f"""
DELETE FROM consent WHERE id IN (SELECT id FROM consent WHERE change = ? LIMIT {BATCH})
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A record with when, by whom and from where it came into the store."""

    consent: Consent
    time: float  # calendar seconds
    by: str
    origin: str


class ConsentStore:
    """Reads all consents, and adds to them; no transaction is longer than one batch."""

    def __init__(self, engine: "AsyncEngine", clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._adding = asyncio.Lock()  # sweeping would take a change that is under way

    async def add(self, consents: Iterable[Consent], *, by: str, origin: str) -> list[Consent]:
        """Add records, all or none, and give them with their ids.

        `consents` is read in a thread, a batch at a time; an error from it changes nothing.
        """
        async with self._adding:
            await self._sweep()
            async with self._engine.begin() as connection:
                result = await connection.exec_driver_sql(_BEGIN, (self._clock.time(), by, origin))
                change = int(result.lastrowid)
                last = await connection.exec_driver_sql("SELECT max(id) FROM consent")
                next_id = int(last.scalar() or 0) + 1
            return await self._fill(change, next_id, iter(consents))

    async def load(self) -> list[Consent]:
        """All records, in the order in which they came."""
        found: list[Consent] = []
        last_id = 0
        async with self._engine.connect() as connection:
            while True:
                rows = (await connection.exec_driver_sql(_PAGE, (last_id,))).all()
                if not rows:
                    return found
                found += await asyncio.to_thread(_read, rows)
                last_id = found[-1].id

    async def history(self, callee: str) -> list[Recorded]:
        """What is on record of one callee, oldest record first."""
        async with self._engine.connect() as connection:
            found = await connection.exec_driver_sql(_OF_CALLEE, (callee,))
            rows: Sequence[Sequence[Any]] = found.all()
        return [
            Recorded(consent=consent, time=row[-3], by=row[-2], origin=row[-1])
            for consent, row in zip(_read(rows), rows, strict=True)
        ]

    async def is_empty(self) -> bool:
        """Whether nothing was ever recorded."""
        async with self._engine.connect() as connection:
            found = await connection.exec_driver_sql(
                f"SELECT 1 FROM consent WHERE {_IS_WHOLE} LIMIT 1"
            )
            return found.first() is None

    async def _fill(self, change: int, next_id: int, consents: Iterator[Consent]) -> list[Consent]:
        added: list[Consent] = []
        while rows := await asyncio.to_thread(_take, change, next_id + len(added), consents):
            async with self._engine.begin() as connection:
                await connection.exec_driver_sql(_INSERT, rows)
            added += _read(rows)
            await asyncio.sleep(PAUSE_SECONDS)
        async with self._engine.begin() as connection:
            await connection.exec_driver_sql(
                "UPDATE consent_change SET is_whole = 1 WHERE id = ?", (change,)
            )
        return added

    async def _sweep(self) -> None:
        """Delete what a change that was broken off has left."""
        async with self._engine.connect() as connection:
            found = await connection.exec_driver_sql(
                "SELECT id FROM consent_change WHERE NOT is_whole"
            )
            broken = found.scalars().all()
        for change in broken:
            deleted = BATCH
            while deleted == BATCH:
                async with self._engine.begin() as connection:
                    deleted = (await connection.exec_driver_sql(_DELETE, (change,))).rowcount
                await asyncio.sleep(PAUSE_SECONDS)
            async with self._engine.begin() as connection:
                await connection.exec_driver_sql(
                    "DELETE FROM consent_change WHERE id = ?", (change,)
                )


def _take(change: int, first_id: int, consents: Iterator[Consent]) -> list[tuple[Any, ...]]:
    rows = []
    for index, consent in enumerate(islice(consents, BATCH)):
        values = {name: getattr(consent, name) for name in _COLUMNS}
        values["id"] = first_id + index
        rows.append((*values.values(), change))
    return rows


def _read(rows: Iterable[Sequence[Any]]) -> list[Consent]:
    """Consents of rows that begin with their columns."""
    return [Consent(**dict(zip(_COLUMNS, row, strict=False))) for row in rows]
