"""Consents: who agreed to be called, by whom, for what, where that was got, until when.

A `Consent` is never changed, only revoked or superseded by a newer one. `MemoryConsents` answers
at once which record decides for a call; `ConsentStore` keeps them all on disk; `ConsentFile` reads
what other systems export. Must not know of policies, calls, SIP or the ledger: which record is
good enough is the policy's to say. Facts: design §9. RFCs: none.
"""

from .consent_file import FIELDS, ColumnMapping, ColumnsError, ConsentFile
from .consent_store import ConsentStore, Recorded
from .memory import ConsentLookup, MemoryConsents
from .record import MAX_EVIDENCE, MAX_TEXT, Consent, plain_word

__all__ = [
    "FIELDS",
    "MAX_EVIDENCE",
    "MAX_TEXT",
    "ColumnMapping",
    "ColumnsError",
    "Consent",
    "ConsentFile",
    "ConsentLookup",
    "ConsentStore",
    "MemoryConsents",
    "Recorded",
    "plain_word",
]
