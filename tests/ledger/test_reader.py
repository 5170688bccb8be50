"""Reading while a gate writes and when none runs."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sipgate.clock import VirtualClock
from sipgate.ledger import (
    DecisionEntry,
    Ledger,
    LedgerError,
    LedgerReader,
    Moment,
    SqliteEntryFile,
    encode_entry,
)

START_US = 1_790_000_000_000_000
BOOT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def written(path: Path, decision: Callable[..., DecisionEntry]) -> Path:
    """A store with 1,000 decisions, one a second."""
    file = SqliteEntryFile(path)
    for first in range(1, 1001, 100):
        file.insert(
            [(seq, encode_entry(decision(at=seq, seq=seq))) for seq in range(first, first + 100)]
        )
    file.close()
    return path


@pytest.mark.parametrize("batch", [1, 7, 256, 5000])
def test_all_entries_come_in_order(written: Path, batch: int) -> None:
    with LedgerReader(written) as reader:
        assert [entry.seq for entry in reader.entries(1, batch)] == list(range(1, 1001))


def test_reading_begins_where_it_is_told_to(written: Path) -> None:
    with LedgerReader(written) as reader:
        assert [entry.seq for entry in reader.entries(999)] == [999, 1000]
        assert list(reader.entries(1001)) == []


@pytest.mark.parametrize(
    ("age_us", "seq"),
    [
        (2_000_000_000, 1),
        (999_000_000, 1),
        (998_999_999, 2),
        (500_000_000, 500),
        (500_000, 1000),
        (-1, 1001),
    ],
)
def test_the_first_entry_of_a_time_is_found(written: Path, age_us: int, seq: int) -> None:
    now = Moment(time_us=START_US - 86_400_000_000, boot=BOOT, boot_us=1_000_000_000)
    with LedgerReader(written) as reader:
        assert reader.beginning(now, age_us, 1000).seq == seq


def test_after_a_reboot_the_first_entry_is_found_too(written: Path) -> None:
    now = Moment(time_us=START_US + 1_010_000_000, boot="another", boot_us=4_000_000)
    with LedgerReader(written) as reader:
        seq, zeros_us = reader.beginning(now, 110_000_000, 1000)
    assert (seq, zeros_us) == (900, {"another": 0, BOOT: -1_006_000_000})


def test_an_empty_ledger_has_no_entries(path: Path) -> None:
    with LedgerReader(path) as reader:
        assert list(reader.entries()) == []
        assert reader.last_seq() == 0
        now = Moment(time_us=0, boot="b", boot_us=0)
        assert reader.beginning(now, 10, reader.last_seq()) == (1, {"b": 0})


def test_one_entry_is_read_by_its_number(written: Path) -> None:
    with LedgerReader(written) as reader:
        body = reader.body(3)
        assert body is not None
        assert b'"seq":3,' in body
        assert reader.body(5000) is None


def test_a_store_that_is_not_there_is_an_error_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "no.db"
    with pytest.raises(LedgerError, match=r"no\.db"):
        LedgerReader(path).last_seq()
    assert not path.exists()


def test_an_entry_that_is_none_is_an_error(path: Path) -> None:
    file = SqliteEntryFile(path)
    file.insert([(1, b'{"type":"nonsense"}')])
    file.close()

    with LedgerReader(path) as reader, pytest.raises(LedgerError, match="entries 1 to 1"):
        list(reader.entries())


def test_a_reader_sees_every_acknowledged_entry_while_a_gate_writes(
    path: Path, decision: Callable[..., DecisionEntry]
) -> None:
    acknowledged = 0
    enough = threading.Event()

    def read_on() -> list[tuple[int, int]]:
        looks = []
        with LedgerReader(path) as reader:
            while not enough.is_set():
                expected = acknowledged
                looks.append((expected, reader.last_seq()))
        return looks

    async def scenario() -> list[tuple[int, int]]:
        nonlocal acknowledged
        ledger = await Ledger.open(path, gate="g", clock=VirtualClock())
        reading = asyncio.create_task(asyncio.to_thread(read_on))
        for _ in range(100):
            seq = [ledger.append(decision()) for _ in range(20)][-1]
            durable = asyncio.Event()
            ledger.on_durable = lambda through, seq=seq, durable=durable: (
                durable.set() if through >= seq else None
            )
            await asyncio.wait_for(durable.wait(), 20)
            acknowledged = seq
        enough.set()
        looks = await reading
        await ledger.close()
        return looks

    looks = asyncio.run(scenario())
    assert [look for look in looks if look[1] < look[0]] == []
    assert looks
