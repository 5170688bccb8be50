"""The decision: may this caller place this call now?

An `Attempt` goes in, a `Decision` comes out, with the rules that spoke and the values they saw.
A policy is read from YAML, checked whole and compiled; `Engine` asks the counters one question
per attempt; `OpenAttempts` knows which INVITEs are one attempt; `Rebuild` makes the state of a
gate from its ledger again. An emergency call comes before all of it: `is_emergency`.

Must not know: SIP messages, sockets, clocks. Times come as arguments: `now` in seconds of the
boot-time clock, `time` in calendar seconds. RFC 3326 (Reason in a refusal).
"""

from .action import Action, Allow, Reject, Tag, is_refusal_code
from .attempt import Attempt, CalleeKind
from .compiled_policy import Prepared
from .decision import Charge, Decision, Step, Verdict, Would
from .emergency import is_emergency
from .engine import Draft, Engine
from .explanation import Explained, decision_row, explain, recorded
from .lists import REFUSALS, ListLookup, MemoryLists
from .open_attempts import OpenAttempt, OpenAttempts, asks_for_repair
from .operator_act import RESET, judged, judges_callers, overrule_caller
from .policy import Policy, Rule
from .policy_file import load_policy, read_policy
from .policy_schema import policy_schema
from .problem import PolicyError, Problem
from .rebuild import (
    DraftHistory,
    EntryAge,
    Rebuild,
    RestoredCall,
    attempt_of,
    decision_of,
    ended_of,
    rebuild_horizon,
)
from .redress import Redress
from .review import Remark, review
from .rules import ConcurrentCondition, RateCondition

__all__ = [
    "REFUSALS",
    "RESET",
    "Action",
    "Allow",
    "Attempt",
    "CalleeKind",
    "Charge",
    "ConcurrentCondition",
    "Decision",
    "Draft",
    "DraftHistory",
    "Engine",
    "EntryAge",
    "Explained",
    "ListLookup",
    "MemoryLists",
    "OpenAttempt",
    "OpenAttempts",
    "Policy",
    "PolicyError",
    "Prepared",
    "Problem",
    "RateCondition",
    "Rebuild",
    "Redress",
    "Reject",
    "Remark",
    "RestoredCall",
    "Rule",
    "Step",
    "Tag",
    "Verdict",
    "Would",
    "asks_for_repair",
    "attempt_of",
    "decision_of",
    "decision_row",
    "ended_of",
    "explain",
    "is_emergency",
    "is_refusal_code",
    "judged",
    "judges_callers",
    "load_policy",
    "overrule_caller",
    "policy_schema",
    "read_policy",
    "rebuild_horizon",
    "recorded",
    "review",
]
