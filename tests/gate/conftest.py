"""Attempts, policies and engines in one line each."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from sipgate.consent import MemoryConsents
from sipgate.counters import Change, Ended, MemoryCounters
from sipgate.gate import Attempt, Charge, Decision, Engine, MemoryLists, Policy, read_policy

NOW = 1000.0
TIME = 1_790_000_000.0  # 2026-09-21T14:13:20Z, a Monday

MakeAttempt: TypeAlias = Callable[..., Attempt]
ReadRules: TypeAlias = Callable[[str], Policy]


class Gate:
    """An engine with a clock that only moves when told."""

    def __init__(self, policy: Policy, make: MakeAttempt, *, monitor: bool = False) -> None:
        self.lists = MemoryLists()
        self.counters = MemoryCounters()
        self.consents = MemoryConsents()
        self.engine = Engine(policy, self.counters, self.lists, monitor, self.consents)
        self.now = NOW
        self.time = TIME
        self._make = make

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.time += seconds

    def call(self, **fields: Any) -> Decision:
        return self.engine.decide(self._make(**fields), self.now, self.time)[0]

    def admit(self, **fields: Any) -> Charge:
        """A call that must be let through, with what ends it."""
        decision, charge = self.engine.decide(self._make(**fields), self.now, self.time)
        assert decision.is_admitted, decision
        return charge

    def answer(self, charge: Charge) -> None:
        self.engine.answered(charge, self.now, self.time)

    def end(self, charge: Charge, kind: str = "answered", **fields: Any) -> list[Change]:
        return self.engine.ended(charge, Ended(kind, **fields), self.now, self.time)

    def calls(self, count: int, **fields: Any) -> list[str]:
        return [self.call(**fields).verdict for _ in range(count)]


@pytest.fixture
def attempt() -> MakeAttempt:
    def make(**fields: Any) -> Attempt:
        usual: dict[str, Any] = {
            "source": "hq",
            "caller": "hq/4711",
            "organisation": "acme",
            "callee": "+4930123456",
            "callee_kind": "number",
            "callee_spelled": "030123456",
            "callee_country": "DE",
            "call_id": "a@example.com",
            "from_tag": "f",
            "cseq": 1,
        }
        return Attempt(**{**usual, **fields})

    return make


@pytest.fixture
def rules() -> ReadRules:
    """A policy from its rules alone."""

    def read(text: str) -> Policy:
        whole = f"policy: test\nrevision: 1\nrules:\n{text}"
        return read_policy(whole.encode(), Path("test.yaml"))

    return read


@pytest.fixture
def gate(rules: ReadRules, attempt: MakeAttempt) -> Callable[..., Gate]:
    def make(text: str, *, monitor: bool = False) -> Gate:
        return Gate(rules(text), attempt, monitor=monitor)

    return make
