"""Number lists: replaced whole or not at all."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sipgate.clock import VirtualClock
from sipgate.store import ListVersion, NumberListStore, engine, migrate
from sipgate.store.number_lists import BATCH

Scenario = Callable[[NumberListStore], Awaitable[None]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "sipgate.db"
    migrate(f"sqlite:///{path}")
    return path


def with_lists(path: Path, scenario: Scenario) -> None:
    async def run() -> None:
        opened = engine(f"sqlite:///{path}")
        try:
            await scenario(NumberListStore(opened, VirtualClock(time=2000.0)))
        finally:
            await opened.dispose()

    asyncio.run(run())


def rows(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM list_number").fetchone()[0])


def broken_file() -> Iterator[str]:
    yield from (f"+1{number}" for number in range(2 * BATCH))
    raise OSError("the file has gone")


def test_a_list_is_what_was_imported_last(path: Path) -> None:
    async def scenario(lists: NumberListStore) -> None:
        await lists.replace("dnc", ["+491", "+492"])
        await lists.replace("dnc", ["+492", "+493"])
        assert await lists.load("dnc") == {"+492", "+493"}

    with_lists(path, scenario)
    assert rows(path) == 2


def test_a_list_has_a_version_a_date_and_a_size(path: Path) -> None:
    async def scenario(lists: NumberListStore) -> None:
        first = await lists.replace("dnc", ["+491", "+491"], 1000.0)
        second = await lists.replace("other", [])
        assert first == ListVersion(name="dnc", version=1, as_of=1000.0, imported=2000.0, size=1)
        assert second == ListVersion(name="other", version=2, as_of=2000.0, imported=2000.0, size=0)
        assert await lists.all() == [first, second]
        assert await lists.current("dnc") == first

    with_lists(path, scenario)


def test_a_list_never_imported_is_empty_and_not_among_all(path: Path) -> None:
    async def scenario(lists: NumberListStore) -> None:
        assert await lists.load("dnc") == frozenset()
        assert await lists.current("dnc") is None
        assert await lists.all() == []

    with_lists(path, scenario)


def test_an_import_that_breaks_off_leaves_the_old_list(path: Path) -> None:
    async def scenario(lists: NumberListStore) -> None:
        before = await lists.replace("dnc", ["+491"])
        with pytest.raises(OSError, match="gone"):
            await lists.replace("dnc", broken_file())
        assert await lists.load("dnc") == {"+491"}
        assert await lists.all() == [before]

    with_lists(path, scenario)


def test_what_a_broken_import_left_is_swept_by_the_next(path: Path) -> None:
    async def scenario(lists: NumberListStore) -> None:
        with pytest.raises(OSError, match="gone"):
            await lists.replace("dnc", broken_file())
        assert rows(path) == 2 * BATCH
        version = await lists.replace("dnc", ["+491"])
        assert version.version == 2

    with_lists(path, scenario)
    assert rows(path) == 1


def test_many_numbers_come_back_complete(path: Path) -> None:
    numbers = {f"+49{number}" for number in range(25_000)}

    async def scenario(lists: NumberListStore) -> None:
        assert (await lists.replace("dnc", numbers)).size == 25_000
        assert await lists.load("dnc") == numbers

    with_lists(path, scenario)


def test_two_imports_at_once_come_one_after_the_other(path: Path) -> None:
    async def scenario(lists: NumberListStore) -> None:
        numbers = [f"+1{number}" for number in range(2 * BATCH)]
        one, other = await asyncio.gather(
            lists.replace("dnc", numbers), lists.replace("dnc", numbers[:10])
        )
        assert (one.size, other.size) == (2 * BATCH, 10)
        assert await lists.load("dnc") == set(numbers[:10])

    with_lists(path, scenario)


def test_a_dropped_list_is_as_if_never_imported(path: Path) -> None:
    async def scenario(lists: NumberListStore) -> None:
        await lists.replace("dnc", ["+491"])
        assert await lists.drop("dnc")
        assert not await lists.drop("dnc")
        assert await lists.current("dnc") is None
        assert (await lists.replace("dnc", [])).version == 2

    with_lists(path, scenario)


def test_lists_outlive_the_process(path: Path) -> None:
    async def write(lists: NumberListStore) -> None:
        await lists.replace("dnc", ["+491"])

    async def read(lists: NumberListStore) -> None:
        assert await lists.load("dnc") == {"+491"}

    with_lists(path, write)
    with_lists(path, read)
