"""Number lists in the store: each import is a version of its own, made current in one step."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from sipgate.clock import Clock

from .tables import list_number, list_version

BATCH = 1000  # rows per transaction: the ledger's writer waits 2 ms at most
PAUSE_SECONDS = 0.002  # between two: long enough for it to take the lock
PAGE = 10_000  # numbers read at once: half a millisecond of the loop

_INSERT = "INSERT OR IGNORE INTO list_number (version, number) VALUES (?, ?)"
_PAGE = """
SELECT max(number), group_concat(number, char(10))
FROM (SELECT number FROM list_number WHERE version = ? AND number > ? ORDER BY number LIMIT ?)
"""
_DELETE = """
DELETE FROM list_number WHERE version = ? AND number IN
(SELECT number FROM list_number WHERE version = ? LIMIT ?)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListVersion:
    """One import of a list. `as_of` (the date of what is in it) and `imported` are calendar
    seconds."""

    name: str
    version: int
    as_of: float
    imported: float
    size: int


class NumberListStore:
    """Reads and replaces number lists; no transaction is longer than one batch."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._change = asyncio.Lock()  # sweeping would take an import that is under way

    async def replace(
        self, name: str, numbers: Iterable[str], as_of: float | None = None
    ) -> ListVersion:
        """Make `numbers` the list: until it returns, the old ones stand, and after an error too.

        `numbers` is read in a thread, a batch at a time; doubles count once. `as_of` None: now.
        """
        async with self._change:
            return await self._replace(name, iter(numbers), as_of)

    async def load(self, name: str) -> frozenset[str]:
        """The list as it is; empty when it was never imported."""
        current = await self.current(name)
        if current is None:
            return frozenset()
        pages: list[str] = []
        last = ""
        async with self._engine.connect() as connection:
            while True:
                result = await connection.exec_driver_sql(_PAGE, (current.version, last, PAGE))
                row: Sequence[Any] = result.one()
                if row[0] is None:
                    break
                last = row[0]
                pages.append(row[1])
        # A generator, so that the thread lets go of the interpreter now and then.
        return await asyncio.to_thread(
            lambda: frozenset(number for page in pages for number in page.split("\n"))
        )

    async def current(self, name: str) -> ListVersion | None:
        """The version that holds; None when the list was never imported."""
        return next((found for found in await self.all() if found.name == name), None)

    async def all(self) -> list[ListVersion]:
        """What lists there are, by name."""
        statement = (
            select(list_version).where(list_version.c.is_current).order_by(list_version.c.name)
        )
        async with self._engine.connect() as connection:
            rows = (await connection.execute(statement)).all()
        return [
            ListVersion(
                name=row.name,
                version=row.id,
                as_of=row.as_of,
                imported=row.imported,
                size=row.size,
            )
            for row in rows
        ]

    async def drop(self, name: str) -> bool:
        """Forget a list, as if it had never been imported; False when it hadn't."""
        async with self._change:
            async with self._engine.begin() as connection:
                result = await connection.execute(
                    update(list_version)
                    .where(list_version.c.name == name, list_version.c.is_current)
                    .values(is_current=False)
                )
            await self._sweep(name)
        return bool(result.rowcount)

    async def _replace(self, name: str, numbers: Iterator[str], as_of: float | None) -> ListVersion:
        imported = self._clock.time()
        as_of = imported if as_of is None else as_of
        await self._sweep(name)
        async with self._engine.begin() as connection:
            result = await connection.execute(
                insert(list_version).values(
                    name=name, as_of=as_of, imported=imported, size=0, is_current=False
                )
            )
            assert result.inserted_primary_key is not None
            version = int(result.inserted_primary_key[0])
        size = await self._fill(version, numbers)
        async with self._engine.begin() as connection:
            await connection.execute(
                update(list_version)
                .where(list_version.c.name == name, list_version.c.is_current)
                .values(is_current=False)
            )
            await connection.execute(
                update(list_version)
                .where(list_version.c.id == version)
                .values(is_current=True, size=size)
            )
        await self._sweep(name)
        return ListVersion(name=name, version=version, as_of=as_of, imported=imported, size=size)

    async def _fill(self, version: int, numbers: Iterator[str]) -> int:
        while batch := await asyncio.to_thread(_take, version, numbers):
            async with self._engine.begin() as connection:
                await connection.exec_driver_sql(_INSERT, batch)
            await asyncio.sleep(PAUSE_SECONDS)
        async with self._engine.connect() as connection:
            statement = select(func.count()).where(list_number.c.version == version)
            return int((await connection.execute(statement)).scalar_one())

    async def _sweep(self, name: str) -> None:
        """Delete versions of a list that no longer hold, or never came to."""
        stale = select(list_version.c.id).where(
            list_version.c.name == name, ~list_version.c.is_current
        )
        async with self._engine.connect() as connection:
            versions = (await connection.execute(stale)).scalars().all()
        for version in versions:
            deleted = BATCH
            while deleted == BATCH:
                async with self._engine.begin() as connection:
                    result = await connection.exec_driver_sql(_DELETE, (version, version, BATCH))
                deleted = result.rowcount
                await asyncio.sleep(PAUSE_SECONDS)
            async with self._engine.begin() as connection:
                await connection.execute(delete(list_version).where(list_version.c.id == version))


def _take(version: int, numbers: Iterator[str]) -> list[tuple[int, str]]:
    return [(version, number) for number in islice(numbers, BATCH)]
