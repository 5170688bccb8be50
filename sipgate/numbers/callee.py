"""What a dialled text turned out to be."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "short", "emergency", "unreadable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Callee:
    """The called party as rules, counters, lists and the ledger see it.

    `key` is the same for every spelling that rings the same phone: E.164 for a number, the digits
    for a short or emergency number, the cleaned spelling for what nobody can read.
    """

    kind: Kind
    key: str
    spelled: str  # as it came
    country: str | None  # ISO 3166 ("DE"); None for all but numbers, and for +800 and the like
    dialled: str  # cleaned; outside line and service code taken off
