"""Policy as code: the cases of a test file, played through a real engine on a virtual clock.

`load_cases` reads a file in the form of design §8, `find_test_files` finds them, `play` decides one
attempt after its history, `differences` says what isn't as expected, `Coverage` which rules were
seen at work. No sockets, no clock, no state beyond a case; must not know the command line.
"""

from .case_file import (
    BadAttempt,
    Case,
    CaseFile,
    Given,
    load_cases,
    read_attempt,
    read_cases,
    read_given,
)
from .case_schema import case_schema
from .case_shape import AttemptShape
from .coverage import Coverage, RuleCoverage
from .discovery import NothingToTestError, find_test_files, policies_without_tests
from .expectation import Difference, differences
from .play import Played, play

__all__ = [
    "AttemptShape",
    "BadAttempt",
    "Case",
    "CaseFile",
    "Coverage",
    "Difference",
    "Given",
    "NothingToTestError",
    "Played",
    "RuleCoverage",
    "case_schema",
    "differences",
    "find_test_files",
    "load_cases",
    "play",
    "policies_without_tests",
    "read_attempt",
    "read_cases",
    "read_given",
]
