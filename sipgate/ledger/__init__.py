"""The evidence: an append-only log of decisions, answers, outcomes and acts.

`Ledger` numbers entries and makes them durable in batches on a thread of its own; `LedgerReader`
reads them from anywhere; `CallSearch` finds calls by an index that is filled behind the ledger.
Entries are canonical JSON in the sense of RFC 8785. The tree and the signatures over them come
later; `committed` is their place.
This layer must not know messages, policies or counters: what an entry says is the business of
whoever appends it. It uses the file that `store` has made, through connections of its own.
RFCs: 8785.
"""

from .call_search import CallOutcome, CallRow, CallSearch
from .entry import (
    MAX_INTEGER,
    ActEntry,
    AnsweredEntry,
    CalleeKind,
    DecisionEntry,
    Direction,
    EndedBy,
    Entry,
    OutcomeEntry,
    OutcomeKind,
    Scalar,
    Verdict,
    Would,
    decode_entry,
    encode_entry,
)
from .entry_file import EntryFile, Record, SqliteEntryFile
from .errors import LedgerError, LedgerFullError
from .ledger import Ledger, Writer
from .moment import Beginning, EntryMoments, Moment, beginning
from .reader import LedgerReader
from .writer import CAPACITY

__all__ = [
    "CAPACITY",
    "MAX_INTEGER",
    "ActEntry",
    "AnsweredEntry",
    "Beginning",
    "CallOutcome",
    "CallRow",
    "CallSearch",
    "CalleeKind",
    "DecisionEntry",
    "Direction",
    "EndedBy",
    "Entry",
    "EntryFile",
    "EntryMoments",
    "Ledger",
    "LedgerError",
    "LedgerFullError",
    "LedgerReader",
    "Moment",
    "OutcomeEntry",
    "OutcomeKind",
    "Record",
    "Scalar",
    "SqliteEntryFile",
    "Verdict",
    "Would",
    "Writer",
    "beginning",
    "decode_entry",
    "encode_entry",
]
