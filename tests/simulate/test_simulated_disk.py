"""A ledger on a disk that has its own idea of time."""

from random import Random

import pytest

from sipgate.clock import VirtualClock
from sipgate.ledger import ActEntry, Ledger, LedgerFullError
from sipgate.simulate.agenda import Agenda
from sipgate.simulate.simulated_disk import SimulatedDisk, SimulatedWriter


class Desk:
    """A ledger, its disk, and what the ledger reported."""

    def __init__(self, disk: SimulatedDisk | None = None, capacity: int = 100) -> None:
        self.clock = VirtualClock(now=0.0)
        errors: list[Exception] = []
        self.agenda = Agenda(self.clock, errors.append)
        self.disk = disk or SimulatedDisk()
        self.writer = SimulatedWriter(self.agenda, self.disk, Random(1), capacity)
        self.ledger = Ledger(None, gate="gate-1", clock=self.clock, writer=self.writer)
        self.writer.durable = self.ledger.durable
        self.reports: list[tuple[int, float]] = []
        self.ledger.on_durable = lambda seq: self.reports.append((seq, self.clock.now()))
        self.ledger.begin(self.writer.start())

    def appends(self, count: int = 1, *, urgent: bool = True) -> None:
        for _ in range(count):
            self.ledger.append(
                ActEntry(time_us=0, boot="b", boot_us=0, kind="test", by="test"), urgent
            )

    @property
    def seqs(self) -> list[int]:
        return [seq for seq, _ in self.reports]


def test_an_entry_is_durable_later_and_not_at_once() -> None:
    desk = Desk()
    desk.appends()
    assert (desk.ledger.durable_seq, desk.disk.records) == (0, [])
    desk.agenda.run(1.0)
    assert (desk.ledger.durable_seq, len(desk.disk.records)) == (1, 1)
    assert 0 < desk.reports[0][1] < 0.01


def test_what_comes_during_a_commit_is_the_next_batch() -> None:
    desk = Desk()
    desk.appends()
    desk.agenda.run(0.0001)
    desk.appends(3)
    desk.agenda.run(1.0)
    assert desk.seqs == [1, 4]


def test_who_is_not_urgent_waits_a_little() -> None:
    desk = Desk()
    desk.appends(urgent=False)
    desk.agenda.run(0.049)
    assert desk.seqs == []
    desk.agenda.run(1.0)
    assert desk.seqs == [1]


def test_a_disk_that_stalls_is_told_after_a_second_and_loses_nothing() -> None:
    desk = Desk()
    desk.disk.stalls_until = 3.0
    desk.appends()
    desk.agenda.run(0.9)
    assert desk.ledger.failing_since is None
    desk.agenda.run(1.5)
    assert desk.ledger.failing_since == 0.0
    desk.agenda.run(9.0)
    assert desk.ledger.failing_since is None
    assert desk.seqs == [1]
    assert desk.reports[0][1] > 3.0


def test_a_disk_that_fails_is_tried_again_until_it_is_well() -> None:
    desk = Desk()
    desk.disk.fails_until = 3.0
    desk.appends(2)
    desk.agenda.run(1.0)
    assert desk.ledger.failing_since is not None
    assert desk.disk.records == []
    desk.appends()
    desk.agenda.run(9.0)
    assert desk.ledger.failing_since is None
    assert desk.seqs[-1] == 3
    assert [seq for seq, _ in desk.disk.records] == [1, 2, 3]


def test_a_full_queue_takes_no_more() -> None:
    desk = Desk(capacity=2)
    desk.appends(2)
    with pytest.raises(LedgerFullError):
        desk.appends()


def test_a_kill_loses_what_waits_and_keeps_what_was_reported() -> None:
    desk = Desk()
    desk.appends()
    desk.agenda.run(1.0)
    desk.appends(urgent=False)
    desk.writer.kill()
    desk.agenda.run(9.0)
    assert desk.seqs == [1]
    after = Desk(desk.disk)
    assert (after.ledger.found_seq, after.ledger.next_seq) == (1, 2)


@pytest.mark.parametrize("seed", range(20))
def test_a_batch_under_way_at_a_kill_is_there_whole_or_not_at_all(seed: int) -> None:
    desk = Desk()
    desk.writer = SimulatedWriter(desk.agenda, desk.disk, Random(seed))
    for seq in (1, 2, 3):
        desk.writer.put((seq, b"{}"), True)
    desk.agenda.run(0.0001)
    desk.writer.kill()
    desk.agenda.run(9.0)
    assert len(desk.disk.records) in (0, 3)
