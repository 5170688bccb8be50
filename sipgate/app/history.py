"""Reading back what the ledger has of a time."""

from pathlib import Path
from typing import Protocol

from sipgate.clock import Clock
from sipgate.counters import microseconds
from sipgate.ledger import Entry, LedgerReader, Moment


class History(Protocol):
    """Who wants to know it."""

    def date_by(self, zeros_us: dict[str, int]) -> None:
        """Comes first: where the zero of each boot's clock lies on this boot's clock."""
        ...

    def feed(self, entry: Entry) -> None:
        """One entry, in their order."""
        ...


def moment_of(clock: Clock) -> Moment:
    """Now, by both clocks."""
    return Moment(
        time_us=microseconds(clock.time()),
        boot=clock.boot_id,
        boot_us=microseconds(clock.now()),
    )


def read_history(store: Path, now: Moment, seconds: float, last_seq: int, history: History) -> None:
    """Feed the entries of the last `seconds`, up to `last_seq`, oldest first; blocks."""
    with LedgerReader(store) as reader:
        first_seq, zeros_us = reader.beginning(now, microseconds(seconds), last_seq)
        history.date_by(zeros_us)
        for entry in reader.entries(first_seq):
            if entry.seq > last_seq:
                return
            history.feed(entry)
