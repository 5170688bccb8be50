"""Counters: how many attempts, admitted calls, callees or calls in progress a key has had.

One question per attempt goes in, whole: the rules in order with their counts and limits. The
answer says which rule settled and what each saw; the counts have moved by then. So check and
count are one step, whatever store keeps them. Sliding windows are exact, calendar windows follow
their time zone, and keys whose window has passed vanish.

Must not know: rules, policies, attempts, SIP. Reads no clock: both clocks come with the question.
"""

from .behaviour import SIGNS, BehaviourSettings
from .last_end import LastEndSettings
from .memory import MemoryCounters
from .overruled import Overruled, Overruling
from .question import (
    COUNTED_LATER,
    Answer,
    Change,
    Check,
    Definition,
    Ended,
    Facts,
    Key,
    Moves,
    Question,
    Seen,
    Settles,
    StepQuestion,
    Value,
    microseconds,
)
from .rotation import NO_MEMBER
from .share import ShareSettings, share_limit
from .standing import StandingSettings
from .watch import Watch
from .wildcard import wildcard_pattern
from .window import CalendarUnit, CalendarWindow, SlidingWindow, Window

__all__ = [
    "COUNTED_LATER",
    "NO_MEMBER",
    "SIGNS",
    "Answer",
    "BehaviourSettings",
    "CalendarUnit",
    "CalendarWindow",
    "Change",
    "Check",
    "Definition",
    "Ended",
    "Facts",
    "Key",
    "LastEndSettings",
    "MemoryCounters",
    "Moves",
    "Overruled",
    "Overruling",
    "Question",
    "Seen",
    "Settles",
    "ShareSettings",
    "SlidingWindow",
    "StandingSettings",
    "StepQuestion",
    "Value",
    "Watch",
    "Window",
    "microseconds",
    "share_limit",
    "wildcard_pattern",
]
