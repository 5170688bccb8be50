"""A running gate says what an attempt on record would be now."""

import asyncio
from pathlib import Path

import pytest

from sipgate.clock import SystemClock
from sipgate.ledger import DecisionEntry, Ledger
from sipgate.store import RequestError, migrate

from .test_owner_commands import CONFIG, ask

POLICY = """policy: test
revision: 1
rules:
- id: cap
  rate: {per: caller, limit: 2, window: 365d}
  then: reject
"""


async def record(folder: Path) -> None:
    path = folder / "var/sipgate.db"
    migrate(f"sqlite:///{path}")
    clock = SystemClock()
    ledger = await Ledger.open(path, gate="gate-1", clock=clock, index=False)
    for number in range(3):
        ledger.append(
            DecisionEntry(
                time_us=int(clock.time() * 1_000_000),
                boot=clock.boot_id,
                boot_us=int(clock.now() * 1_000_000),
                gate="gate-1",
                source="hq",
                caller="hq/1" if number else "hq/2",
                organisation="hq",
                callee="+13055550123",
                callee_kind="number",
                callee_spelled="3055550123",
                call_id=f"{number}",
                from_tag="a",
                cseq=1,
                via="10.1.0.7:5060;z9hG4bKa",
                request_uri="sip:3055550123@10.1.0.9",
                caller_flow="udp:10.1.0.7:5060",
                verdict="allow",
                policy="test",
                revision="1",
                policy_sha256="00",
            )
        )
    await ledger.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "sipgate.toml").write_text(CONFIG)
    asyncio.run(record(tmp_path))
    return tmp_path


def test_the_gate_asks_its_rules_again_with_what_it_has_counted(folder: Path) -> None:
    answer = asyncio.run(ask(folder, "decision-explain", decision="gate-1-2"))

    assert answer["decision"]["verdict"] == "reject"
    assert [(rule["rule"], rule["words"]) for rule in answer["rules"]] == [
        ("cap", "2 of 2 in 365d per caller")
    ]


def test_asking_counts_nothing(folder: Path) -> None:
    async def twice() -> list[str]:
        answers = [await ask(folder, "decision-explain", decision="gate-1-1") for _ in range(2)]
        return [answer["rules"][0]["words"] for answer in answers]

    assert asyncio.run(twice()) == ["1 of 2 in 365d per caller"] * 2


def test_a_decision_that_is_not_there_is_refused(folder: Path) -> None:
    with pytest.raises(RequestError, match="gate-1-99: the ledger has no such decision"):
        asyncio.run(ask(folder, "decision-explain", decision="gate-1-99"))
