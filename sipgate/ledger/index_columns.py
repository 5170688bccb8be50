"""Which parts of the ledger's entries can be searched: entries in, rows of the index out."""

from typing import TypeAlias

import msgspec
from msgspec.structs import astuple

from .errors import LedgerError

CallColumns: TypeAlias = tuple[object, ...]
OutcomeColumns: TypeAlias = tuple[
    int, str | None, int | None, int | None, int | None, int | None, str | None
]
"""decision, kind, status, answered_us, ring_ms, talk_ms, ended_by"""


class IndexedDecision(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="decision"
):
    """The part of a decision that is searched or shown: the columns of `call`, in their order."""

    seq: int
    time_us: int
    id: str
    source: str
    caller: str
    cli: str | None
    callee: str
    call_id: str
    campaign: str | None
    verdict: str
    rule: str | None
    reason: str | None
    policy: str
    revision: str
    code: int | None
    direction: str
    emergency: bool
    would: msgspec.Raw
    tags: msgspec.Raw


class IndexedOutcome(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="outcome"
):
    """An outcome's columns, and its time."""

    decision: int
    kind: str
    status: int | None
    answered_us: int | None
    ring_ms: int | None
    talk_ms: int | None
    ended_by: str | None
    time_us: int


class IndexedAnswer(
    msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="answered"
):
    """Stands for the outcome while the call is up."""

    decision: int
    time_us: int


class IndexedAct(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="type", tag="act"):
    """Only its time counts."""

    time_us: int


_DECODER: msgspec.json.Decoder[IndexedDecision | IndexedOutcome | IndexedAnswer | IndexedAct] = (
    msgspec.json.Decoder(IndexedDecision | IndexedOutcome | IndexedAnswer | IndexedAct)
)


class Columns:
    """The rows that one page of the ledger makes.

    Of two outcomes for one decision the later one stands. LedgerError if a line is no entry.
    """

    def __init__(self, lines: bytes) -> None:
        self.calls: list[CallColumns] = []
        self.outcomes: dict[int, OutcomeColumns] = {}
        self.answers: dict[int, OutcomeColumns] = {}
        times: list[int] = []
        try:
            entries = _DECODER.decode_lines(lines)
        except msgspec.MsgspecError as error:
            raise LedgerError(f"an entry cannot be read: {error}") from error
        for entry in entries:
            times.append(entry.time_us)
            if isinstance(entry, IndexedDecision):
                self.calls.append(astuple(entry))
            elif isinstance(entry, IndexedOutcome):
                self.outcomes[entry.decision] = astuple(entry)[:7]
            elif isinstance(entry, IndexedAnswer):
                seq, at = entry.decision, entry.time_us
                self.answers[seq] = (seq, None, None, at, None, None, None)
        self.first_us = min(times)
        self.last_us = max(times)
