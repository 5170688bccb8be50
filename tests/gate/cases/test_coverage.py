"""Which rules the cases have shown at work."""

from pathlib import Path

from sipgate.gate import Decision, Step, read_policy
from sipgate.gate.cases import Coverage

RULES = """policy: test
revision: 1
rules:
- id: a
  list: {name: x}
  then: reject
- id: b
  list: {name: y}
  then: reject
- id: c
  list: {name: z}
  then: reject
"""


def decision(*steps: tuple[str, bool]) -> Decision:
    return Decision(
        verdict="allow",
        steps=tuple(Step(rule, held, {}) for rule, held in steps),
        policy="test",
        revision="1",
        policy_sha256="",
    )


def test_rules_that_held_always_or_never_are_told_apart() -> None:
    coverage = Coverage(read_policy(RULES.encode(), Path("p")))
    coverage.note(decision(("a", True), ("b", True)))
    coverage.note(decision(("a", True), ("b", False)))
    coverage.note(decision(("a", True)))

    counts = [(r.rule, r.line, r.held, r.did_not_hold, r.not_asked) for r in coverage.rules]

    assert counts == [("a", 4, 3, 0, 0), ("b", 7, 1, 1, 1), ("c", 10, 0, 0, 3)]
    assert (coverage.never_held, coverage.always_held) == (["c"], ["a"])
