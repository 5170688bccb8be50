"""Where registered phones are: kept so that calls reach them after a restart."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import delete, select
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from .tables import registration

BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """One contact of one phone; times are calendar seconds, bytes are as on the wire."""

    token: str  # names it in the Contact or Path that upstream sees
    aor: bytes  # the address of record: user and host
    contact: bytes  # the URI that the phone registered
    source: str
    upstream: str
    by_path: bool
    flow: str  # `udp:192.0.2.7:40112`
    listener: str  # the gate's own address that it registered on
    is_natted: bool
    user_agent: bytes | None = None
    registered_time: float
    refreshed_time: float
    expires_time: float


class RegistrationStore:
    """The bindings that upstreams have confirmed, as of a second ago."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def write(self, kept: Sequence[Registration], forgotten: Sequence[str]) -> None:
        """Put in or replace what is `kept`, take out what is forgotten, by token."""
        statement = insert(registration)
        statement = statement.on_conflict_do_update(
            index_elements=[registration.c.token],
            set_={
                column.name: statement.excluded[column.name]
                for column in registration.c
                if not column.primary_key
            },
        )
        for start in range(0, len(kept), BATCH):
            rows = [asdict(row) for row in kept[start : start + BATCH]]
            async with self._engine.begin() as connection:
                await connection.execute(statement, rows)
        for start in range(0, len(forgotten), BATCH):
            wanted = delete(registration).where(
                registration.c.token.in_(forgotten[start : start + BATCH])
            )
            async with self._engine.begin() as connection:
                await connection.execute(wanted)

    async def all(self) -> list[Registration]:
        """All of them, expired ones too, by address of record."""
        async with self._engine.connect() as connection:
            statement = select(registration).order_by(registration.c.aor, registration.c.token)
            rows = (await connection.execute(statement)).mappings().all()
        return [Registration(**row) for row in rows]
