"""The store follows the table of phones, and the table the store."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest

from sipgate.app.phone_book import PhoneBook
from sipgate.net import Network
from sipgate.store import Registration, RegistrationStore, StoreError, engine, migrate
from tests.proxy.house import House
from tests.proxy.test_phone_sender import CONTACT, natted, registered, registers


class Failing:
    """A store that can't be written."""

    def __init__(self) -> None:
        self.asked = 0

    async def write(self, kept: Sequence[Registration], forgotten: Sequence[str]) -> None:
        self.asked += 1
        raise StoreError("full")


def book(house: House, store: RegistrationStore) -> PhoneBook:
    return PhoneBook(
        store,
        bindings=house.parts.bindings,
        keep_alive=house.parts.keep_alive,
        phones=house.parts.phones,
        network=cast(Network, house.air),
        listeners=[house.phone.wire.listener],
        clock=house.clock,
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


def test_a_phone_is_there_again_after_a_restart(tmp_path: Path) -> None:
    async def scenario(store: RegistrationStore) -> None:
        house = House(source=CONTACT)
        registered(natted(house))
        registered(house.phone, "<sip:4712@10.1.0.7>", aor="sip:4712@x")
        await book(house, store).write()

        after = House(source=CONTACT, clock=house.clock)
        await book(after, store).load()

        [natted_one, other] = after.parts.bindings
        assert natted_one.flow is after.air.flow_to("udp", "10.1.0.8", 40112)
        assert other.aor == b"4712@x"
        assert len(after.parts.keep_alive) == 1
        assert after.parts.bindings.changes() == []

    with_store(tmp_path, scenario)


def test_what_went_meanwhile_is_forgotten_in_the_store_too(tmp_path: Path) -> None:
    async def scenario(store: RegistrationStore) -> None:
        house = House(source=CONTACT)
        registered(house.phone)
        keeper = book(house, store)
        await keeper.write()
        asked = registers(house.phone, "*", cseq=2, expires=0)
        house.trunk.answers(200, method="REGISTER", to=asked, contact=None)
        await keeper.write()
        assert await store.all() == []

    with_store(tmp_path, scenario)


@pytest.mark.parametrize("source", [CONTACT, 'registrations = "pass"'], ids=["expired", "no more"])
def test_a_row_that_no_longer_holds_is_not_loaded_and_goes(tmp_path: Path, source: str) -> None:
    async def scenario(store: RegistrationStore) -> None:
        house = House(source=CONTACT)
        registered(house.phone)
        await book(house, store).write()
        house.clock.advance(301 if source == CONTACT else 1)

        after = House(source=source, clock=house.clock)
        keeper = book(after, store)
        await keeper.load()
        await keeper.write()

        assert len(after.parts.bindings) == 0
        assert await store.all() == []

    with_store(tmp_path, scenario)


def test_what_cannot_be_written_is_written_later(tmp_path: Path) -> None:
    async def scenario(store: RegistrationStore) -> None:
        house = House(source=CONTACT)
        registered(house.phone)
        failing = Failing()
        keeper = book(house, cast(RegistrationStore, failing))
        await keeper.write()
        await keeper.write()
        assert failing.asked == 2
        await book(house, store).write()
        assert len(await store.all()) == 1

    with_store(tmp_path, scenario)


def test_it_writes_behind_until_cancelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sipgate.app.phone_book.WRITE_SECONDS", 0.01)

    async def scenario(store: RegistrationStore) -> None:
        house = House(source=CONTACT)
        registered(house.phone)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await book(house, store).run()
        assert len(await store.all()) == 1

    with_store(tmp_path, scenario)
