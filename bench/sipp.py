"""SIPp as callers and as callee: starts it, waits for it, reads what it measured."""

import csv
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .endpoints import HOST

SCENARIOS = Path(__file__).parent / "scenarios"
_SOCKET_BUFFER_BYTES = 4_000_000  # so that what is lost was lost by the element under test
_LATEST_FINAL_SECONDS = 40  # 64 × T1 and a little: then every call has ended somehow


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerRun:
    """What one SIPp with calls to place saw."""

    asked_rate: float  # calls per second
    reached_rate: float
    calls: int
    succeeded: int
    failed: int
    retransmissions: int
    failures: dict[str, int]  # how many calls failed of what, in SIPp's words
    delays_ms: list[float] = field(repr=False)  # INVITE sent to 200 received, sorted

    def delay_ms(self, share: float) -> float:
        """The delay that `share` (0 to 1) of the calls stayed within."""
        return percentile(self.delays_ms, share)


def percentile(ordered: list[float], share: float) -> float:
    """The value that `share` of a sorted list stays within; nan for an empty one."""
    if not ordered:
        return float("nan")
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@contextmanager
def callee(folder: Path, port: int, core: int | None = None) -> Iterator[None]:
    """A carrier on `port` that rings and answers every call at once, while the context lasts."""
    arguments = [
        *_pinned(core),
        "sipp", "-sf", str(SCENARIOS / "callee.xml"), "-i", HOST, "-p", str(port), "-nostdin",
        "-buff_size", str(_SOCKET_BUFFER_BYTES),
        "-trace_err", "-error_file", str(folder / "callee-errors.log"),
    ]  # fmt: skip
    with (folder / "callee.out").open("wb") as out:
        process = subprocess.Popen(arguments, stdout=out, stderr=out, cwd=folder)
        try:
            yield
        finally:
            process.terminate()
            process.wait()


def caller_command(
    folder: Path,
    scenario: Path,
    *,
    local_port: int,
    target_port: int,
    numbers: Path,
    rate: int,
    calls: int,
) -> list[str]:
    """The command that places `calls` calls at `rate` per second towards `target_port`."""
    return [
        "sipp", "-sf", str(scenario), "-i", HOST, "-p", str(local_port),
        f"{HOST}:{target_port}", "-inf", str(numbers), "-r", str(rate), "-m", str(calls),
        "-l", str(rate * 10), "-d", "0", "-nostdin", "-buff_size", str(_SOCKET_BUFFER_BYTES),
        "-timeout", str(calls // rate + _LATEST_FINAL_SECONDS),
        "-trace_stat", "-stf", str(folder / "caller-statistics.csv"), "-fd", "1",
        "-trace_err", "-error_file", str(folder / "caller-errors.log"),
        "-trace_logs", "-log_file", str(folder / "caller-instants.log"),
    ]  # fmt: skip


def place_calls(
    folder: Path,
    *,
    local_port: int,
    target_port: int,
    numbers: Path,
    rate: int,
    calls: int,
    core: int | None = None,
) -> CallerRun:
    """Place the calls and wait until the last one has ended."""
    for name in ("caller-statistics.csv", "caller-errors.log", "caller-instants.log"):
        (folder / name).unlink(missing_ok=True)
    command = caller_command(
        folder,
        SCENARIOS / "caller.xml",
        local_port=local_port,
        target_port=target_port,
        numbers=numbers,
        rate=rate,
        calls=calls,
    )
    with (folder / "caller.out").open("wb") as out:
        subprocess.run([*_pinned(core), *command], stdout=out, stderr=out, cwd=folder, check=False)
    return _read_run(folder, rate)


def write_numbers(path: Path, callers: int, pairs: int) -> None:
    """A file for SIPp's -inf: `pairs` callees, called by `callers` extensions in turn."""
    lines = (f"{4000 + n % callers};+4930{20_000_000 + n}\n" for n in range(pairs))
    path.write_text("SEQUENTIAL\n" + "".join(lines))


def _pinned(core: int | None) -> list[str]:
    return [] if core is None else ["taskset", "-c", str(core)]


def _read_run(folder: Path, rate: int) -> CallerRun:
    with (folder / "caller-statistics.csv").open() as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    last = rows[-1]
    created = int(last["OutgoingCall(C)"])
    return CallerRun(
        asked_rate=rate,
        reached_rate=_reached_rate(rows),
        calls=created,
        succeeded=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        retransmissions=int(last["Retransmissions(C)"]),
        failures={
            name.removesuffix("(C)"): int(count)
            for name, count in last.items()
            if name.startswith("Failed") and name.endswith("(C)") and int(count) > 0
        },
        delays_ms=_delays_ms((folder / "caller-instants.log").read_text().splitlines()),
    )


def _reached_rate(rows: list[dict[str, str]]) -> float:
    """Calls begun per second, over the seconds in which calls were begun."""
    busy = [row for row in rows if int(row["OutgoingCall(P)"]) > 0]
    if len(busy) < 3:
        return float(rows[-1]["CallRate(C)"])
    full = [float(row["CallRate(P)"]) for row in busy[1:-1]]  # the first and last are not whole
    return sum(full) / len(full)


def _delays_ms(lines: Iterable[str]) -> list[float]:
    delays = []
    for line in lines:
        sent_s, sent_us, answered_s, answered_us = (float(word) for word in line.split())
        delays.append((answered_s - sent_s) * 1e3 + (answered_us - sent_us) / 1e3)
    delays.sort()
    return delays
