"""A folder with a configuration, a store with calls in it, and a way to run the command."""

import asyncio
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import structlog

from sipgate.cli import main
from sipgate.clock import VirtualClock
from sipgate.ledger import DecisionEntry, Ledger, OutcomeEntry, Would
from sipgate.store import migrate

CONFIG = """\
[gate]
policy = "policy.yaml"

[[listen]]
address = "127.0.0.1:0"

[[source]]
name = "hq"
match = ["10.1.0.0/16"]
trusted = true
region = "US"
extensions = ["47xx"]

[[upstream]]
name = "carrier"
targets = ["callee"]
"""
POLICY = """\
policy: test
revision: 7
rules:
  - id: refused-means-refused
    list: {name: refusals, of: callee}
    then: {reject: 403, reason: "the called person has refused calls"}
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command ended and what it printed."""

    exit_code: int
    out: str
    err: str


RunCommand = Callable[..., Ran]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a configuration and a policy and no store yet."""
    (tmp_path / "sipgate.toml").write_text(CONFIG)
    (tmp_path / "policy.yaml").write_text(POLICY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SIPGATE_CONFIG", raising=False)
    return tmp_path


@pytest.fixture
def sipgate(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> RunCommand:
    """Runs the command as a shell would."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str, input: str = "") -> Ran:
        monkeypatch.setattr(sys, "argv", ["sipgate", *words])
        monkeypatch.setattr(sys, "stdin", io.StringIO(input))
        with pytest.raises(SystemExit) as ended:
            main()
        structlog.reset_defaults()  # the log went to this test's stderr, which is gone after it
        printed = capsys.readouterr()
        code = ended.value.code
        return Ran(code if isinstance(code, int) else 0, printed.out, printed.err)

    return run


@pytest.fixture
def store(folder: Path) -> Path:
    """A store with three decisions: allowed and answered, refused, tagged and still open."""
    path = folder / "var/sipgate.db"
    asyncio.run(_fill(path))
    return path


async def _fill(path: Path) -> None:
    migrate(f"sqlite:///{path}")
    clock = VirtualClock(time=1_790_000_000.0)
    ledger = await Ledger.open(path, gate="gate-1", clock=clock, index=False)
    allowed = ledger.append(_decision(clock, caller="hq/4711", verdict="allow"))
    ledger.append(
        OutcomeEntry(
            time_us=1_790_000_075_000_000,
            boot=clock.boot_id,
            boot_us=0,
            decision=allowed,
            kind="answered",
            status=200,
            answered_us=1_790_000_005_000_000,
            ring_ms=4000,
            talk_ms=70_000,
            ended_by="callee",
        )
    )
    clock.advance(3600)
    ledger.append(
        _decision(
            clock,
            caller="hq/4711",
            verdict="reject",
            rule="daily-cap",
            code=403,
            reason="daily limit of 1 calls reached",
        )
    )
    clock.advance(3600)
    ledger.append(
        _decision(
            clock,
            caller="hq/4712",
            verdict="tag",
            rule="speed",
            tags={"X-Alert": "speed 3/3"},
            would=Would(verdict="reject", rule="cap", reason="too many"),
        )
    )
    await ledger.close()


def _decision(
    clock: VirtualClock,
    *,
    caller: str,
    verdict: str,
    rule: str | None = None,
    code: int | None = None,
    reason: str | None = None,
    tags: dict[str, str] | None = None,
    would: Would | None = None,
) -> DecisionEntry:
    return DecisionEntry(
        time_us=int(clock.time() * 1_000_000),
        boot=clock.boot_id,
        boot_us=int(clock.now() * 1_000_000),
        gate="gate-1",
        source="hq",
        caller=caller,
        organisation="hq",
        campaign="solar",
        cli="+13055550100",
        callee="+13055550123",
        callee_kind="number",
        callee_spelled="3055550123",
        call_id=f"{caller}-{verdict}",
        from_tag="a",
        cseq=1,
        via="10.1.0.7:5060;z9hG4bKa",
        request_uri="sip:3055550123@10.1.0.9",
        caller_flow="udp:10.1.0.7:5060",
        verdict=verdict,  # type: ignore[arg-type]
        rule=rule,
        code=code,
        reason=reason,
        tags=tags or {},
        would=would,
        policy="test",
        revision="7",
        policy_sha256="00",
    )
