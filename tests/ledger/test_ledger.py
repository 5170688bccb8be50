"""The ledger as the loop uses it, on a real store."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sipgate.clock import VirtualClock
from sipgate.ledger import (
    ActEntry,
    DecisionEntry,
    EntryFile,
    Ledger,
    LedgerError,
    LedgerReader,
    SqliteEntryFile,
    decode_entry,
)


def act(by: str = "test") -> ActEntry:
    return ActEntry(time_us=1, boot="b", boot_us=1, kind="tested", by=by)


class Durable:
    """Waits for the ledger's reports."""

    def __init__(self, ledger: Ledger) -> None:
        self.reports: list[int] = []
        self._news = asyncio.Event()
        ledger.on_durable = self._report

    def _report(self, seq: int) -> None:
        self.reports.append(seq)
        self._news.set()

    async def until(self, seq: int) -> None:
        async with asyncio.timeout(20):
            while not self.reports or self.reports[-1] < seq:
                self._news.clear()
                await self._news.wait()


def test_entries_are_numbered_from_one_and_decisions_get_an_id(
    path: Path, decision: Callable[..., DecisionEntry]
) -> None:
    async def scenario() -> None:
        ledger = await Ledger.open(path, gate="gate-7", clock=VirtualClock())
        first, second = act(), decision()
        assert ledger.append(first) == 1
        assert ledger.append(second) == 2
        assert (first.seq, second.seq, second.id) == (1, 2, "gate-7-2")
        await ledger.close()

        with LedgerReader(path) as reader:
            assert list(reader.entries()) == [first, second]

    asyncio.run(scenario())


def test_the_loop_hears_of_everything_that_is_on_disk(path: Path) -> None:
    async def scenario() -> None:
        ledger = await Ledger.open(path, gate="g", clock=VirtualClock())
        durable = Durable(ledger)
        last = max(ledger.append(act()) for _ in range(300))
        await durable.until(last)
        assert ledger.durable_seq == last
        with LedgerReader(path) as reader:
            assert reader.last_seq() == last
        assert durable.reports == sorted(durable.reports)
        await ledger.close()

    asyncio.run(scenario())


def test_the_numbers_go_on_after_a_restart(path: Path) -> None:
    async def scenario() -> None:
        for first in (1, 4):
            ledger = await Ledger.open(path, gate="g", clock=VirtualClock())
            assert ledger.next_seq == first
            for _ in range(3):
                ledger.append(act())
            await ledger.close()

    asyncio.run(scenario())


def test_an_entry_that_cannot_be_encoded_takes_no_number(path: Path) -> None:
    async def scenario() -> None:
        ledger = await Ledger.open(path, gate="g", clock=VirtualClock())
        with pytest.raises(ValueError, match="surrogates"):
            ledger.append(act(by="\ud800"))
        assert ledger.append(act()) == 1
        await ledger.close()

    asyncio.run(scenario())


def test_a_commit_that_hangs_for_a_second_is_a_failure(path: Path) -> None:
    hangs, goes_on = threading.Event(), threading.Event()

    class HangingFile(SqliteEntryFile):
        def insert(self, records: object) -> None:
            hangs.set()
            assert goes_on.wait(20)

    async def scenario() -> None:
        clock = VirtualClock(now=50.0)
        ledger = Ledger(lambda: HangingFile(path), gate="g", clock=clock)
        await ledger.start()
        ledger.append(act())
        assert await asyncio.to_thread(hangs.wait, 20)
        assert ledger.failing_since is None
        clock.advance(1.0)
        assert ledger.failing_since == 50.0
        goes_on.set()
        await ledger.close()

    asyncio.run(scenario())


def test_a_store_that_fails_to_the_end_makes_closing_fail(path: Path) -> None:
    class BrokenFile(SqliteEntryFile):
        def insert(self, records: object) -> None:
            raise LedgerError("no space left")

    def open_broken() -> EntryFile:
        return BrokenFile(path)

    async def scenario() -> None:
        ledger = Ledger(open_broken, gate="g", clock=VirtualClock())
        await ledger.start()
        ledger.append(act())
        with pytest.raises(LedgerError, match="1 entries could not be written"):
            await ledger.close(timeout_seconds=0.1)

    asyncio.run(scenario())


def test_the_hook_sees_what_is_in_the_file(path: Path) -> None:
    seen: list[tuple[int, bytes]] = []

    async def scenario() -> None:
        ledger = await Ledger.open(path, gate="g", clock=VirtualClock(), committed=seen.extend)
        for _ in range(200):
            ledger.append(act(), urgent=False)
        await ledger.close()

    asyncio.run(scenario())
    with LedgerReader(path) as reader:
        assert [decode_entry(body) for _, body in seen] == list(reader.entries())
    assert [seq for seq, _ in seen] == list(range(1, 201))


def test_a_store_that_was_not_made_cannot_be_opened(tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(LedgerError, match="cannot open"):
            await Ledger.open(tmp_path / "no.db", gate="g", clock=VirtualClock())

    asyncio.run(scenario())


def test_closing_leaves_no_log_behind(path: Path) -> None:
    async def scenario() -> None:
        ledger = await Ledger.open(path, gate="g", clock=VirtualClock())
        ledger.append(act())
        await ledger.close()

    asyncio.run(scenario())
    assert not path.with_name("sipgate.db-wal").exists()
