"""Reading back what the ledger has of a time."""

from collections.abc import Callable
from pathlib import Path

from sipgate.clock import Clock
from sipgate.counters import microseconds
from sipgate.ledger import Entry, LedgerReader, Moment


def moment_before(clock: Clock, seconds: float) -> Moment:
    """So long ago, by both clocks."""
    return Moment(
        time_us=microseconds(clock.time() - seconds),
        boot=clock.boot_id,
        boot_us=microseconds(clock.now() - seconds),
    )


def read_history(store: Path, since: Moment, last_seq: int, feed: Callable[[Entry], None]) -> None:
    """Feed the entries since a moment, up to `last_seq`, oldest first; blocks."""
    with LedgerReader(store) as reader:
        for entry in reader.entries(reader.first_seq_since(since)):
            if entry.seq > last_seq:
                return
            feed(entry)
