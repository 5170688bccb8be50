"""Which rules of a policy the cases have shown at work, and which not."""

from collections.abc import Sequence
from dataclasses import dataclass

from sipgate.gate.decision import Decision
from sipgate.gate.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCoverage:
    """In how many cases a rule held, didn't hold, or wasn't asked at all."""

    rule: str
    line: int
    held: int
    did_not_hold: int
    not_asked: int

    @property
    def is_covered(self) -> bool:
        """Whether it held in a case, and in another did not or wasn't asked."""
        return self.held > 0 and self.did_not_hold + self.not_asked > 0


class Coverage:
    """Gathers what the cases of one policy show; asked counts only up to the settling rule."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._cases = 0
        self._held: dict[str, int] = {}
        self._did_not_hold: dict[str, int] = {}

    def note(self, decision: Decision) -> None:
        """One more case was decided so."""
        self._cases += 1
        for step in decision.steps:
            counts = self._held if step.held else self._did_not_hold
            counts[step.rule] = counts.get(step.rule, 0) + 1

    @property
    def rules(self) -> Sequence[RuleCoverage]:
        """Each rule in its order."""
        return [
            RuleCoverage(
                rule=rule.id,
                line=rule.line,
                held=self._held.get(rule.id, 0),
                did_not_hold=self._did_not_hold.get(rule.id, 0),
                not_asked=self._cases
                - self._held.get(rule.id, 0)
                - self._did_not_hold.get(rule.id, 0),
            )
            for rule in self._policy.rules
        ]

    @property
    def never_held(self) -> list[str]:
        """The rules that held in no case."""
        return [rule.rule for rule in self.rules if not rule.held]

    @property
    def always_held(self) -> list[str]:
        """The rules that held in every case: none shows what they let through."""
        return [rule.rule for rule in self.rules if rule.held and not rule.is_covered]
