"""Who sent SIP and is no source: kept for the operator, outside the ledger."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from .tables import stranger

MOST = 10_000  # rows; the least recent go
BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """One address over one transport; times are calendar seconds.

    `reason` says why nothing matched; `method` and `user_agent` are those of its last packet.
    """

    address: str
    transport: str
    first_time: float
    last_time: float
    packets: int
    reason: str
    method: str
    user_agent: str | None = None


class StrangerStore:
    """Adds what was seen since the last time to what is known."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(self, seen: Sequence[Stranger]) -> None:
        """Packets are added up; of the rest the newest stands."""
        statement = insert(stranger)
        new = statement.excluded
        statement = statement.on_conflict_do_update(
            index_elements=[stranger.c.address, stranger.c.transport],
            set_={
                "first_time": func.min(stranger.c.first_time, new.first_time),
                "last_time": func.max(stranger.c.last_time, new.last_time),
                "packets": stranger.c.packets + new.packets,
                "reason": new.reason,
                "method": new.method,
                "user_agent": new.user_agent,
            },
        )
        for start in range(0, len(seen), BATCH):
            async with self._engine.begin() as connection:
                rows = [asdict(row) for row in seen[start : start + BATCH]]
                await connection.execute(statement, rows)
        await self._forget_oldest()

    async def all(self) -> list[Stranger]:
        """Everybody, the most recent first."""
        async with self._engine.connect() as connection:
            statement = select(stranger).order_by(stranger.c.last_time.desc())
            rows = (await connection.execute(statement)).mappings().all()
        return [Stranger(**row) for row in rows]

    async def _forget_oldest(self) -> None:
        oldest_kept = (
            select(stranger.c.last_time)
            .order_by(stranger.c.last_time.desc())
            .limit(1)
            .offset(MOST - 1)
            .scalar_subquery()
        )
        async with self._engine.begin() as connection:
            await connection.execute(delete(stranger).where(stranger.c.last_time < oldest_kept))
