"""The table `entry`: what every EntryFile promises, and what SQLite's does beyond."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sipgate.ledger import LedgerError, SqliteEntryFile


def test_what_was_inserted_is_read_back_in_order(path: Path) -> None:
    file = SqliteEntryFile(path)
    file.insert([(1, b"one"), (2, b"two")])
    file.insert([(3, b"three")])

    assert file.last_seq() == 3
    assert file.read_from(2) == [(2, b"two"), (3, b"three")]
    file.close()


def test_an_empty_ledger_ends_at_zero(path: Path) -> None:
    file = SqliteEntryFile(path)

    assert file.last_seq() == 0
    assert file.read_from(1) == []
    file.close()


def test_a_batch_with_a_number_that_is_taken_leaves_nothing_behind(path: Path) -> None:
    file = SqliteEntryFile(path)
    file.insert([(2, b"two")])

    with pytest.raises(LedgerError, match="UNIQUE"):
        file.insert([(1, b"one"), (2, b"again"), (3, b"three")])

    assert file.read_from(0) == [(2, b"two")]
    file.close()


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "gone.db"

    with pytest.raises(LedgerError, match="cannot open"):
        SqliteEntryFile(path)

    assert not path.exists()


def test_a_file_without_the_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()

    with pytest.raises(LedgerError, match="no such table"):
        SqliteEntryFile(path)


def test_a_lock_that_another_holds_too_long_is_a_failure_and_passes(path: Path) -> None:
    file = SqliteEntryFile(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked"):
            file.insert([(1, b"one")])
        other.execute("ROLLBACK")

    file.insert([(1, b"one")])
    assert file.last_seq() == 1
    file.close()


def test_settling_empties_the_log(path: Path) -> None:
    file = SqliteEntryFile(path)
    file.insert([(1, b"one")])

    file.settle()

    assert os.stat(f"{path}-wal").st_size == 0
    assert file.last_seq() == 1
    file.close()


def test_a_reader_in_the_way_keeps_the_log_from_being_settled(path: Path) -> None:
    file = SqliteEntryFile(path)
    file.insert([(1, b"one")])
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM entry").fetchone()
        with pytest.raises(LedgerError, match="in use"):
            file.settle()

    file.settle()
    file.close()


def test_after_a_checkpoint_the_next_commit_begins_the_log_anew(path: Path) -> None:
    file = SqliteEntryFile(path)
    file.insert([(1, bytes(100_000))])
    before = os.stat(f"{path}-wal").st_size

    file.checkpoint()
    file.insert([(2, b"two")])

    assert os.stat(f"{path}-wal").st_size == before
    file.close()
