"""The thread that keeps the log short, looked at without its clock."""

import os
import queue
from pathlib import Path

from sipgate.clock import VirtualClock
from sipgate.ledger import SqliteEntryFile
from sipgate.ledger.wal_checkpoints import CHECKPOINT_BYTES, WalCheckpoints
from sipgate.ledger.writer import EntryWriter


class Writing:
    """A writer and its checkpoints on a real store."""

    def __init__(self, path: Path) -> None:
        self._durable: queue.Queue[int] = queue.Queue()
        self.writer = EntryWriter(
            lambda: SqliteEntryFile(path), clock=VirtualClock(), durable=self._durable.put
        )
        self._last = self.writer.start()
        self.checkpoints = WalCheckpoints(path, self.writer)

    def put(self, size: int = 10) -> None:
        self._last += 1
        self.writer.put((self._last, bytes(size)), True)

    def wait(self) -> None:
        while self._durable.get(timeout=20) < self._last:
            pass


def test_the_log_stays_short_however_much_is_written(path: Path) -> None:
    writing = Writing(path)
    sizes = []
    for _ in range(4):
        writing.put(CHECKPOINT_BYTES)
        writing.wait()
        writing.checkpoints.look()
        writing.put()
        writing.wait()
        sizes.append(os.stat(f"{path}-wal").st_size)

    assert sizes[-1] == sizes[0]
    assert writing.writer.close(5) == 0


def test_a_store_that_is_deleted_while_it_is_open_is_a_failure_until_it_is_back(
    path: Path,
) -> None:
    writing = Writing(path)
    writing.put()
    writing.wait()
    away = path.with_name("away.db")
    path.rename(away)
    writing.checkpoints.look()
    writing.put()
    assert writing.writer.close(timeout_seconds=0.2) == 1
    assert not path.exists()


def test_a_store_that_is_moved_away_and_back_is_written_to_again(path: Path) -> None:
    writing = Writing(path)
    writing.put()
    writing.wait()
    away = path.with_name("away.db")
    path.rename(away)
    writing.checkpoints.look()
    away.rename(path)
    writing.checkpoints.look()
    writing.put()
    writing.wait()

    assert writing.writer.close(5) == 0
    file = SqliteEntryFile(path)
    assert file.last_seq() == 2
    file.close()
