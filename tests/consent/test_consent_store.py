"""Consents on disk: all of a change or nothing, and never changed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import text

from sipgate.clock import VirtualClock
from sipgate.consent import Consent, ConsentStore
from sipgate.consent.consent_store import BATCH
from sipgate.store import engine, migrate

T = TypeVar("T")
TIME = 1_790_000_000.0


def consent(number: int = 0, **fields: object) -> Consent:
    usual = {"callee": f"+1305{number:07}", "purpose": "marketing", "granted": 1.0}
    return Consent(**{**usual, **fields})  # type: ignore[arg-type]


@pytest.fixture
def with_store(tmp_path: Path) -> Callable[[Callable[[ConsentStore], Awaitable[T]]], T]:
    url = f"sqlite:///{tmp_path}/sipgate.db"
    migrate(url)

    def run(work: Callable[[ConsentStore], Awaitable[T]]) -> T:
        async def go() -> T:
            database = engine(url)
            try:
                return await work(ConsentStore(database, VirtualClock(time=TIME)))
            finally:
                await database.dispose()

        return asyncio.run(go())

    return run


WithStore = Callable[[Callable[[ConsentStore], Awaitable[object]]], object]


def test_what_is_added_is_read_back_whole(with_store: WithStore) -> None:
    whole = Consent(
        callee="+13055550123",
        purpose="marketing",
        organisation="acme",
        channel="voice",
        source="web-form",
        source_where="https://example.com/loans",
        source_time=2.5,
        source_how="ticked the box",
        evidence="sha256:00",
        basis="explicit",
        granted=3.5,
        expires=9.5,
        revoked=4.5,
        reason="said stop",
    )

    async def work(store: ConsentStore) -> None:
        added = await store.add([whole, consent()], by="ann", origin="crm.csv")
        assert [one.id for one in added] == [1, 2]
        assert await store.load() == [whole, consent()]
        (record,) = await store.history(whole.callee)
        assert (record.consent, record.by, record.origin) == (whole, "ann", "crm.csv")
        assert (record.time, record.consent.id) == (TIME, 1)

    with_store(work)


def test_many_are_added_in_their_order(with_store: WithStore) -> None:
    many = [consent(number) for number in range(2 * BATCH + 1)]

    async def work(store: ConsentStore) -> None:
        added = await store.add(many, by="ann", origin="crm.csv")
        assert [one.id for one in added] == list(range(1, len(many) + 1))
        assert await store.load() == many

    with_store(work)


def test_an_error_on_the_way_adds_nothing(with_store: WithStore) -> None:
    def broken() -> Iterator[Consent]:
        yield from (consent(number) for number in range(BATCH + 1))
        raise OSError("the disk is gone")

    async def work(store: ConsentStore) -> None:
        with pytest.raises(OSError, match="gone"):
            await store.add(broken(), by="ann", origin="crm.csv")
        assert await store.load() == []
        assert await store.history(consent().callee) == []
        assert await store.is_empty()

    with_store(work)


def test_what_a_broken_change_has_left_is_swept_by_the_next(with_store: WithStore) -> None:
    def broken() -> Iterator[Consent]:
        yield from (consent(number) for number in range(2 * BATCH))
        raise OSError("the disk is gone")

    async def work(store: ConsentStore) -> None:
        with pytest.raises(OSError, match="gone"):
            await store.add(broken(), by="ann", origin="crm.csv")
        await store.add([consent(7)], by="bob", origin="other.csv")
        assert await store.load() == [consent(7)]
        assert not await store.is_empty()
        async with store._engine.connect() as connection:
            rows = (await connection.execute(text("SELECT count(*) FROM consent"))).scalar()
        assert rows == 1

    with_store(work)


def test_nothing_is_read_of_a_change_that_is_under_way(with_store: WithStore) -> None:
    async def work(store: ConsentStore) -> None:
        seen: list[list[Consent]] = []
        loop = asyncio.get_running_loop()

        def slow() -> Iterator[Consent]:
            yield from (consent(number) for number in range(BATCH))
            seen.append(asyncio.run_coroutine_threadsafe(store.load(), loop).result(10))
            yield consent(BATCH)

        await store.add(slow(), by="ann", origin="crm.csv")
        assert seen == [[]]
        assert len(await store.load()) == BATCH + 1

    with_store(work)
