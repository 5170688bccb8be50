"""Reading back what the ledger has of a time."""

from collections.abc import Callable
from pathlib import Path

from sipgate.counters import microseconds
from sipgate.ledger import Entry, LedgerReader


def read_history(store: Path, since: float, last_seq: int, feed: Callable[[Entry], None]) -> None:
    """Feed the entries since a calendar time, up to `last_seq`, oldest first; blocks."""
    with LedgerReader(store) as reader:
        for entry in reader.entries(reader.first_seq_since(microseconds(since))):
            if entry.seq > last_seq:
                return
            feed(entry)
