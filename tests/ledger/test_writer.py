"""The writing thread against a disk that fails in every way."""

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest

from sipgate.clock import VirtualClock
from sipgate.ledger import EntryFile, LedgerError, LedgerFullError, Record
from sipgate.ledger.entry_file import MAX_BATCH
from sipgate.ledger.writer import EntryWriter

SECONDS = 20  # nothing waits so long unless it is broken


class FakeDisk:
    """A disk with faults; hands out files on itself.

    Each insert first takes a fault from `faults`: "before" fails and writes nothing, "after"
    writes and then fails, as a commit whose fsync failed may.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.faults: list[str] = []
        self.batches: list[int] = []
        self.opened = 0
        self.open_error: LedgerError | None = None
        self.gate = threading.Event()  # clear: an insert hangs
        self.gate.set()
        self.inserting: queue.Queue[int] = queue.Queue()
        self.failed: queue.Queue[str] = queue.Queue()

    def open(self) -> EntryFile:
        """What the writer calls each time."""
        self.opened += 1
        if self.open_error is not None:
            self.failed.put("open")
            raise self.open_error
        return FakeFile(self)


class FakeFile:
    """One opening of the disk: of no use after a failure or a close."""

    def __init__(self, disk: FakeDisk) -> None:
        self._disk = disk
        self._is_settled = disk.opened == 1
        self._is_open = True

    def insert(self, records: Sequence[Record]) -> None:
        assert self._is_open
        assert self._is_settled
        self._disk.inserting.put(len(records))
        assert self._disk.gate.wait(SECONDS)
        fault = self._disk.faults.pop(0) if self._disk.faults else ""
        if fault != "before":
            self._disk.records += records
            self._disk.batches.append(len(records))
        if fault:
            self._is_open = False
            self._disk.failed.put(fault)
            raise LedgerError(f"failed {fault} writing")

    def last_seq(self) -> int:
        return self._disk.records[-1][0] if self._disk.records else 0

    def read_from(self, seq: int) -> list[Record]:
        return [record for record in self._disk.records if record[0] >= seq]

    def settle(self) -> None:
        self._is_settled = True

    def checkpoint(self) -> None:
        pass

    def close(self) -> None:
        self._is_open = False


class Bench:
    """A writer on a disk, and what it reported."""

    def __init__(self, disk: FakeDisk, capacity: int) -> None:
        self.disk = disk
        self.clock = VirtualClock(now=100.0)
        self.committed: list[Record] = []
        self._durable: queue.Queue[int] = queue.Queue()
        self.writer = EntryWriter(
            disk.open,
            clock=self.clock,
            durable=self._durable.put,
            committed=self.committed.extend,
            capacity=capacity,
        )

    def put(self, *numbers: int, urgent: bool = True) -> None:
        """Queue records whose bodies are their numbers."""
        for number in numbers:
            self.writer.put((number, b"%d" % number), urgent)

    def wait_until_durable(self, seq: int) -> None:
        """Returns when the writer has reported it."""
        while self._durable.get(timeout=SECONDS) < seq:
            pass

    def assert_all_written(self, last: int) -> None:
        """Each once, in order, and told to the hook just so."""
        assert self.disk.records == [(number, b"%d" % number) for number in range(1, last + 1)]


@contextmanager
def started(disk: FakeDisk | None = None, capacity: int = 50_000) -> Iterator[Bench]:
    bench = Bench(disk or FakeDisk(), capacity)
    bench.writer.start()
    yield bench
    bench.disk.gate.set()
    bench.writer.close(timeout_seconds=0.1)


def test_what_is_put_becomes_durable_in_order() -> None:
    with started() as bench:
        bench.put(*range(1, 1001))
        bench.wait_until_durable(1000)

        bench.assert_all_written(1000)


def test_no_batch_is_larger_than_one_statement() -> None:
    with started() as bench:
        bench.disk.gate.clear()
        bench.put(*range(1, 3 * MAX_BATCH))
        bench.disk.gate.set()
        bench.wait_until_durable(3 * MAX_BATCH - 1)

        assert max(bench.disk.batches) == MAX_BATCH


def test_the_hook_has_seen_every_record_in_order_when_the_writer_has_ended() -> None:
    with started() as bench:
        bench.put(*range(1, 501))
        assert bench.writer.close(SECONDS) == 0

        assert bench.committed == bench.disk.records
        bench.assert_all_written(500)


def test_entries_that_nobody_waits_for_are_written_too() -> None:
    with started() as bench:
        bench.put(1, 2, urgent=False)
        bench.wait_until_durable(2)

        assert bench.disk.batches == [2]


def test_an_urgent_entry_takes_those_before_it_along() -> None:
    with started() as bench:
        bench.put(1, 2, urgent=False)
        bench.put(3)
        bench.wait_until_durable(3)

        bench.assert_all_written(3)


@pytest.mark.parametrize("fault", ["before", "after"])
@pytest.mark.parametrize("times", [1, 3], ids=["once", "three times"])
def test_a_batch_that_fails_is_written_once_in_the_end(fault: str, times: int) -> None:
    disk = FakeDisk()
    disk.faults = [fault] * times
    with started(disk) as bench:
        bench.put(*range(1, 51))
        bench.wait_until_durable(50)

        bench.assert_all_written(50)
        assert disk.opened > 1


def test_a_failure_shows_since_when_until_it_is_over() -> None:
    disk = FakeDisk()
    disk.faults = ["before", "before"]
    with started(disk) as bench:
        bench.put(1)
        disk.failed.get(timeout=SECONDS)
        disk.failed.get(timeout=SECONDS)
        assert bench.writer.failing_since == 100.0

        bench.wait_until_durable(1)
        assert bench.writer.failing_since is None


def test_a_store_that_is_gone_is_tried_again_until_it_is_back() -> None:
    disk = FakeDisk()
    disk.faults = ["before"]
    with started(disk) as bench:
        disk.open_error = LedgerError("gone")
        bench.put(1)
        assert disk.failed.get(timeout=SECONDS) == "before"
        assert disk.failed.get(timeout=SECONDS) == "open"
        disk.open_error = None
        bench.put(2)
        bench.wait_until_durable(2)

        bench.assert_all_written(2)


def lose_the_last(disk: FakeDisk) -> None:
    del disk.records[-1:]


def put_a_stranger(disk: FakeDisk) -> None:
    disk.records.append((11, b"a stranger's"))


@pytest.mark.parametrize(
    "damage", [lose_the_last, put_a_stranger], ids=["an entry is missing", "another one writes"]
)
def test_a_store_that_is_not_as_it_was_left_is_not_written_to(
    damage: Callable[[FakeDisk], None],
) -> None:
    disk = FakeDisk()
    with started(disk) as bench:
        bench.put(*range(1, 11))
        bench.wait_until_durable(10)
        damage(disk)
        left = list(disk.records)
        bench.writer.distrust_file("look again")
        bench.put(11)

        assert bench.writer.close(timeout_seconds=0.3) == 1
        assert disk.records == left


def test_a_full_queue_takes_no_more_and_loses_nothing() -> None:
    with started(capacity=3) as bench:
        bench.disk.gate.clear()
        bench.put(1)
        bench.disk.inserting.get(timeout=SECONDS)
        bench.put(2, 3)
        with pytest.raises(LedgerFullError, match="3 entries"):
            bench.put(4)
        bench.disk.gate.set()
        bench.wait_until_durable(3)
        bench.put(4)
        bench.wait_until_durable(4)

        bench.assert_all_written(4)


def test_a_commit_that_hangs_can_be_seen() -> None:
    with started() as bench:
        bench.disk.gate.clear()
        bench.put(1)
        bench.disk.inserting.get(timeout=SECONDS)

        assert bench.writer.committing_since == 100.0


def test_closing_says_how_much_could_not_be_written() -> None:
    disk = FakeDisk()
    disk.faults = ["before"] * 1000
    with started(disk) as bench:
        bench.put(1, 2, 3)

        assert bench.writer.close(timeout_seconds=0.1) == 3


def test_a_store_that_cannot_be_opened_says_so_at_once() -> None:
    disk = FakeDisk()
    disk.open_error = LedgerError("no such store")

    with pytest.raises(LedgerError, match="no such store"):
        Bench(disk, 10).writer.start()
