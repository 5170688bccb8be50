"""WAL checkpoints off the writer's path, and a look at whether the store is still there."""

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import structlog

from .writer import EntryWriter

LOOK_SECONDS = 1.0
CHECKPOINT_BYTES = 4 << 20  # of entries since the last checkpoint

log = structlog.get_logger(__name__)


class WalCheckpoints:
    """A thread that copies the log into the table by PASSIVE checkpoints, which block nobody.

    Under steady load each ends a few pages behind the writer, and the log would grow for ever. So
    the writer then does the last few pages itself after a commit, which lets the next one begin
    the log anew. (Measured: an fsync of a log that doesn't grow costs two thirds of the CPU time.)
    """

    def __init__(self, path: Path, writer: EntryWriter) -> None:
        self._path = path
        self._writer = writer
        self._inode = _inode(path)
        self._bytes_done = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-checkpoints", daemon=True)

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    def stop(self) -> None:
        """End with a last checkpoint: if nobody else has the store open, its log goes away."""
        self._stop.set()
        self._thread.join()
        if self._inode is not None:
            self._checkpoint()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        """What the thread does each second."""
        self._look_for_file()
        committed = self._writer.committed_bytes
        if committed - self._bytes_done >= CHECKPOINT_BYTES and self._inode is not None:
            self._bytes_done = committed
            self._checkpoint()

    def _look_for_file(self) -> None:
        """SQLite goes on writing into a file that was deleted or replaced; nobody would find it."""
        inode = _inode(self._path)
        if inode != self._inode:
            self._inode = inode
            self._writer.distrust_file(f"{self._path}: deleted or replaced")

    def _checkpoint(self) -> None:
        uri = f"{self._path.absolute().as_uri()}?mode=rw"
        try:
            with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except sqlite3.Error as error:
            log.warning("ledger_checkpoint_failed", error=str(error))
            return
        self._writer.checkpoint_soon()


def _inode(path: Path) -> int | None:
    try:
        return os.stat(path).st_ino
    except OSError:
        return None
