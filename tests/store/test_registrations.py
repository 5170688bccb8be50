"""Registered phones on disk."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from sipgate.store import Registration, RegistrationStore, engine, migrate

PHONE = Registration(
    token="r1",
    aor=b"4711@pbx.example.com",
    contact=b"sip:4711@192.168.1.5:5060;ob",
    source="floor",
    upstream="pbx",
    by_path=False,
    flow="udp:192.0.2.7:40112",
    listener="udp:0.0.0.0:5060",
    is_natted=True,
    user_agent=b"Agent\xff",
    registered_time=1000.0,
    refreshed_time=1000.0,
    expires_time=1300.0,
)


def with_store(folder: Path, scenario: Callable[[RegistrationStore], Awaitable[None]]) -> None:
    url = f"sqlite:///{folder}/sipgate.db"
    migrate(url)

    async def run() -> None:
        opened = engine(url)
        try:
            await scenario(RegistrationStore(opened))
        finally:
            await opened.dispose()

    asyncio.run(run())


def test_what_is_written_is_read_back_byte_for_byte(tmp_path: Path) -> None:
    async def scenario(store: RegistrationStore) -> None:
        await store.write([PHONE], [])
        assert await store.all() == [PHONE]

    with_store(tmp_path, scenario)


def test_a_refresh_replaces_the_row(tmp_path: Path) -> None:
    moved = replace(PHONE, flow="udp:192.0.2.7:40999", expires_time=1900.0, user_agent=None)

    async def scenario(store: RegistrationStore) -> None:
        await store.write([PHONE], [])
        await store.write([moved], [])
        assert await store.all() == [moved]

    with_store(tmp_path, scenario)


def test_what_is_forgotten_is_gone(tmp_path: Path) -> None:
    other = replace(PHONE, token="r2", aor=b"4712@pbx.example.com")

    async def scenario(store: RegistrationStore) -> None:
        await store.write([other, PHONE], [])
        await store.write([], ["r1", "unknown"])
        assert await store.all() == [other]

    with_store(tmp_path, scenario)


def test_more_rows_than_one_batch_are_written(tmp_path: Path) -> None:
    rows = [replace(PHONE, token=f"r{number:04}") for number in range(1100)]

    async def scenario(store: RegistrationStore) -> None:
        await store.write(rows, [])
        assert await store.all() == rows
        await store.write([], [row.token for row in rows])
        assert await store.all() == []

    with_store(tmp_path, scenario)


def test_phones_come_by_their_address_of_record(tmp_path: Path) -> None:
    other = replace(PHONE, token="r0", aor=b"4799@pbx.example.com")

    async def scenario(store: RegistrationStore) -> None:
        await store.write([other, PHONE], [])
        assert await store.all() == [PHONE, other]

    with_store(tmp_path, scenario)
