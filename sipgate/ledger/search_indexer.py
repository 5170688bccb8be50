"""Keeps the search index about a second behind the ledger."""

import contextlib
import os
import threading
from pathlib import Path

import structlog

from .errors import LedgerError
from .search_index import SearchIndex

PAUSE_SECONDS = 1.0
FOLLOW_PAGE = 64  # entries: half a millisecond of the processor, so that no call waits for it
BETWEEN_PAGES_SECONDS = 0.002  # leaves the processor to the calls; 25,000 entries a second remain
LAST_PAUSE_SECONDS = 60.0
LAST_PAGES = 100  # on stopping: what a gate that has just been busy is behind

log = structlog.get_logger(__name__)


class SearchIndexer:
    """A thread that fills the index. The gate can live without it: it tries again for ever."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ledger-search", daemon=True)

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    def stop(self) -> None:
        """End, as a rule with all indexed; blocks for at most some hundred milliseconds."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        _yield_to_others()
        pause_seconds = PAUSE_SECONDS
        while not self._stop.is_set():
            try:
                self._follow()
            except LedgerError as failure:
                log.warning("search_index_failed", error=str(failure), retry_seconds=pause_seconds)
                self._stop.wait(pause_seconds)
                pause_seconds = min(2 * pause_seconds, LAST_PAUSE_SECONDS)

    def _follow(self) -> None:
        index = SearchIndex(self._path)
        try:
            while not self._stop.wait(PAUSE_SECONDS):
                while index.catch_up(FOLLOW_PAGE) and not self._stop.wait(BETWEEN_PAGES_SECONDS):
                    pass
            for _ in range(LAST_PAGES):
                if not index.catch_up():
                    break
        finally:
            index.close()


def _yield_to_others() -> None:
    """Never preempt the loop or the writer. Not nicer: this thread holds the interpreter lock at
    times, and then a busy stranger on the same core must not keep it from going on."""
    with contextlib.suppress(OSError):  # a container may forbid it
        os.sched_setscheduler(threading.get_native_id(), os.SCHED_BATCH, os.sched_param(0))
