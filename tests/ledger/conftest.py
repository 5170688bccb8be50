"""What the ledger's tests share: an empty store, and entries with only what matters set."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sipgate.ledger import AnsweredEntry, DecisionEntry, OutcomeEntry
from sipgate.store import migrate

START_US = 1_790_000_000_000_000
BOOT = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The file of an empty store."""
    path = tmp_path / "sipgate.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def decision() -> Callable[..., DecisionEntry]:
    """Makes decisions; `at` is in seconds after the start."""

    def make(at: float = 0, **fields: Any) -> DecisionEntry:
        defaults: dict[str, Any] = {
            "time_us": START_US + int(at * 1e6),
            "boot": BOOT,
            "boot_us": int(at * 1e6),
            "gate": "gate-1",
            "source": "hq",
            "caller": "hq/4711",
            "organisation": "acme",
            "callee": "+4930123456",
            "callee_kind": "number",
            "callee_spelled": "030123456",
            "call_id": "a@example.com",
            "from_tag": "1",
            "cseq": 1,
            "via": "pc.example.com;branch=z9hG4bK1",
            "request_uri": "sip:030123456@gate.example.com",
            "caller_flow": "udp:10.0.0.7:5060",
            "verdict": "allow",
            "policy": "quickstart",
            "revision": "1",
            "policy_sha256": "00",
        }
        return DecisionEntry(**(defaults | fields))

    return make


@pytest.fixture
def outcome() -> Callable[..., OutcomeEntry]:
    """Makes outcomes of the decision with the number given."""

    def make(seq: int, at: float = 0, **fields: Any) -> OutcomeEntry:
        defaults: dict[str, Any] = {
            "time_us": START_US + int(at * 1e6),
            "boot": BOOT,
            "boot_us": int(at * 1e6),
            "decision": seq,
            "kind": "answered",
            "status": 200,
        }
        return OutcomeEntry(**(defaults | fields))

    return make


@pytest.fixture
def answered() -> Callable[..., AnsweredEntry]:
    """Makes answers to the decision with the number given."""

    def make(seq: int, at: float = 0) -> AnsweredEntry:
        time_us = START_US + int(at * 1e6)
        return AnsweredEntry(
            time_us=time_us, boot=BOOT, boot_us=int(at * 1e6), decision=seq, to_tag="2"
        )

    return make
