"""What is safe on a simulated disk, read back as a stranger would."""

from collections.abc import Sequence

from sipgate.ledger import (
    AnsweredEntry,
    DecisionEntry,
    Entry,
    OutcomeEntry,
    Record,
    decode_entry,
)


class Evidence:
    """All durable entries, and the decisions among them by Call-ID and From tag."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.decisions: list[DecisionEntry] = []
        self.answers: dict[int, list[AnsweredEntry]] = {}  # by the decision's seq
        self.outcomes: dict[int, list[OutcomeEntry]] = {}
        self._by_names: dict[tuple[str, str], list[DecisionEntry]] = {}

    def written(self, batch: Sequence[Record]) -> None:
        """More has become durable."""
        for _, body in batch:
            entry = decode_entry(body)
            self.entries.append(entry)
            if isinstance(entry, DecisionEntry):
                self.decisions.append(entry)
                self._by_names.setdefault((entry.call_id, entry.from_tag), []).append(entry)
            elif isinstance(entry, AnsweredEntry):
                self.answers.setdefault(entry.decision, []).append(entry)
            elif isinstance(entry, OutcomeEntry):
                self.outcomes.setdefault(entry.decision, []).append(entry)

    def decisions_on(self, call_id: bytes, from_tag: bytes) -> list[DecisionEntry]:
        """Every decision on a caller's Call-ID and tag, oldest first."""
        return self._by_names.get((call_id.decode(), from_tag.decode()), [])
