"""Strangers: added up, bounded, most recent first."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sipgate.store import Stranger, StrangerStore, engine, migrate, strangers

SCANNER = Stranger(
    address="203.0.113.9",
    transport="udp",
    first_time=10.0,
    last_time=20.0,
    packets=3,
    reason="no source matches",
    method="REGISTER",
    user_agent="friendly-scanner",
)


def with_strangers(folder: Path, scenario: Callable[[StrangerStore], Awaitable[None]]) -> None:
    url = f"sqlite:///{folder}/sipgate.db"
    migrate(url)

    async def run() -> None:
        opened = engine(url)
        try:
            await scenario(StrangerStore(opened))
        finally:
            await opened.dispose()

    asyncio.run(run())


def test_who_comes_again_is_one_row_with_all_packets(tmp_path: Path) -> None:
    again = replace(SCANNER, first_time=30.0, last_time=40.0, packets=2, method="INVITE")

    async def scenario(store: StrangerStore) -> None:
        await store.add([SCANNER])
        await store.add([again])
        assert await store.all() == [
            replace(SCANNER, last_time=40.0, packets=5, method="INVITE"),
        ]

    with_strangers(tmp_path, scenario)


def test_the_most_recent_come_first(tmp_path: Path) -> None:
    async def scenario(store: StrangerStore) -> None:
        await store.add([replace(SCANNER, address=f"h{n}", last_time=float(n)) for n in (2, 9, 5)])
        assert [row.address for row in await store.all()] == ["h9", "h5", "h2"]

    with_strangers(tmp_path, scenario)


def test_the_least_recent_go_when_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "MOST", 3)

    async def scenario(store: StrangerStore) -> None:
        await store.add([replace(SCANNER, address=f"h{n}", last_time=float(n)) for n in range(5)])
        assert [row.address for row in await store.all()] == ["h4", "h3", "h2"]

    with_strangers(tmp_path, scenario)


def test_nobody_is_no_work(tmp_path: Path) -> None:
    async def scenario(store: StrangerStore) -> None:
        await store.add([])
        assert await store.all() == []

    with_strangers(tmp_path, scenario)
