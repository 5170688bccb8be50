"""The kinds of conditions that a rule can have, one module each, and the table of their names.

A kind reads what stands under its name in the policy (a `Shape`), says which counters it needs,
and compiles to one function that is called per attempt: it answers at once, or names the counts
and limits that the answer depends on. No state here, and no walking: `engine.py` asks the rules,
`counters` finds the one that settles.
"""

from .condition import Asked, BadCondition, Condition, SharedCounters, Surroundings
from .counted import ConcurrentCondition, RateCondition
from .table import KINDS, Kind

__all__ = [
    "KINDS",
    "Asked",
    "BadCondition",
    "ConcurrentCondition",
    "Condition",
    "Kind",
    "RateCondition",
    "SharedCounters",
    "Surroundings",
]
