"""The decision: may this caller place this call now?

An `Attempt` goes in, a `Decision` comes out, with the rules that spoke and the values they saw.
A policy is read from YAML, checked whole and compiled; `Engine` asks the counters one question
per attempt; `OpenAttempts` knows which INVITEs are one attempt; `Rebuild` makes the state of a
gate from its ledger again. An emergency call comes before all of it: `is_emergency`.

Must not know: SIP messages, sockets, clocks. Times come as arguments: `now` in seconds of the
boot-time clock, `time` in calendar seconds. RFC 3326 (Reason in a refusal).
"""

from .attempt import Attempt, CalleeKind
from .decision import Charge, Decision, Step, Value, Verdict, Would
from .emergency import is_emergency
from .lists import REFUSALS, ListLookup, MemoryLists

__all__ = [
    "REFUSALS",
    "Attempt",
    "CalleeKind",
    "Charge",
    "Decision",
    "ListLookup",
    "MemoryLists",
    "Step",
    "Value",
    "Verdict",
    "Would",
    "is_emergency",
]
