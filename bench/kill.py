"""`python -m bench.kill`: kill the gate under load, again and again, and compare the two sides.

After each restart, every INVITE that the callee has seen must have its decision in the ledger, one
and no more; over the whole run no caller may have got more calls through than its limit allows.
Callers come in groups that reach their limit within a second or so, so each kill hits some that
are half way there.
"""

import argparse
import collections
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .endpoints import free_port
from .far_end import FarEnd, far_end
from .gate import Gate, import_deny_list, sipgate, write_configuration
from .sipp import SCENARIOS, caller_command

LIMIT = 20
ATTEMPTS_PER_CALLER = 30
CALLERS_AT_A_TIME = 10
UP_SECONDS = 3.0  # not whole seconds' worth of groups: each kill falls elsewhere in one
LAST_SECONDS = 3.0


@dataclass(kw_only=True)
class Findings:
    """What was compared, and what was wrong; all lists must be empty."""

    rounds: int = 0
    forwarded: int = 0  # attempts that the callee has seen
    decisions: int = 0
    rejected: int = 0
    slowest_restart_seconds: float = 0.0
    without_decision: list[str] = field(default_factory=list)  # Call-IDs
    decided_twice: list[str] = field(default_factory=list)  # Call-IDs
    over_limit: dict[str, int] = field(default_factory=dict)  # calls that arrived, by caller

    @property
    def is_clean(self) -> bool:
        """Nothing was wrong, and the limit was really reached."""
        wrong = self.without_decision or self.decided_twice or self.over_limit
        return not wrong and self.rejected > 0 and self.forwarded > 0


def kill_under_load(folder: Path, rounds: int, rate: int) -> Findings:
    """Run the whole thing in `folder`, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    findings = Findings()
    with far_end() as carrier:
        port = free_port()
        configuration = write_configuration(folder, port, carrier.port, LIMIT)
        import_deny_list(folder, configuration)
        gate = Gate(configuration, port)
        try:
            gate.start()
            with _load(folder, port, rate, seconds=int(rounds * 2 * UP_SECONDS) + 60):
                for n in range(rounds):
                    time.sleep(UP_SECONDS + 0.13 * n)
                    gate.kill()
                    time.sleep(0.3)  # what it sent last arrives
                    seen = _attempts(carrier)
                    restarted = gate.start(seconds=60.0)
                    findings.slowest_restart_seconds = max(
                        findings.slowest_restart_seconds, round(restarted, 2)
                    )
                    _compare(findings, seen, _decisions(configuration))
                    findings.rounds += 1
                time.sleep(LAST_SECONDS)
            time.sleep(1.0)
            _compare(findings, _attempts(carrier), _decisions(configuration))
        finally:
            gate.stop()
    return findings


def _compare(
    findings: Findings, callers_by_call_id: dict[str, str], verdicts: list[tuple[str, str]]
) -> None:
    admitted = {call_id for call_id, verdict in verdicts if verdict != "reject"}
    findings.forwarded = len(callers_by_call_id)
    findings.decisions = len(verdicts)
    findings.rejected = len(verdicts) - len(admitted)
    findings.without_decision += sorted(callers_by_call_id.keys() - admitted)
    times = collections.Counter(call_id for call_id, _ in verdicts)
    findings.decided_twice = sorted(call_id for call_id, count in times.items() if count > 1)
    arrived = collections.Counter(callers_by_call_id.values())
    findings.over_limit = {caller: n for caller, n in arrived.items() if n > LIMIT}


def _attempts(carrier: FarEnd) -> dict[str, str]:
    """The caller of each attempt that the callee has seen, by Call-ID."""
    return {request.call_id: request.caller for request in carrier.seen("INVITE")}


def _decisions(configuration: Path) -> list[tuple[str, str]]:
    """Call-ID and verdict of each decision in the ledger."""
    lines = sipgate(configuration, "calls", "--json").splitlines()
    return [(call["call_id"], call["verdict"]) for call in map(json.loads, lines)]


@contextmanager
def _load(folder: Path, port: int, rate: int, seconds: int) -> Iterator[None]:
    numbers = folder / "numbers.csv"
    _write_groups(numbers, rate * seconds)
    command = caller_command(
        folder,
        SCENARIOS / "stubborn_caller.xml",
        local_port=free_port(),
        target_port=port,
        numbers=numbers,
        rate=rate,
        calls=rate * seconds,
    )
    with (folder / "caller.out").open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=out)
        try:
            yield
            if process.poll() is not None:
                raise RuntimeError(f"SIPp ended early with {process.returncode}: see {folder}")
        finally:
            process.kill()
            process.wait()


def _write_groups(path: Path, attempts: int) -> None:
    group = CALLERS_AT_A_TIME * ATTEMPTS_PER_CALLER
    with path.open("w") as file:
        file.write("SEQUENTIAL\n")
        for n in range(attempts):
            caller = 10_000 + n // group * CALLERS_AT_A_TIME + n % CALLERS_AT_A_TIME
            file.write(f"{caller};+4930{20_000_000 + n}\n")


def main() -> int:
    """0 when nothing was wrong, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m bench.kill", description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--rate", type=int, default=300, help="calls per second")
    parser.add_argument("--folder", type=Path, default=Path("build/kill"))
    options = parser.parse_args()
    findings = kill_under_load(options.folder.resolve(), options.rounds, options.rate)
    print(json.dumps(asdict(findings), indent=2))
    return 0 if findings.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
