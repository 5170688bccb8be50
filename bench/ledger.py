"""What evidence costs: `python -m bench.ledger`.

Appends three entries per call (decision, answer, outcome) at a steady rate from a loop that also
works for a while per call, as a gate would, and prints how long a decision waits for the disk and
the CPU time of each thread per call.
"""

import argparse
import asyncio
import sys
import tempfile
import threading
import time
from collections import deque
from pathlib import Path

import uvloop

from sipgate.clock import SystemClock
from sipgate.ledger import (
    AnsweredEntry,
    CallSearch,
    DecisionEntry,
    Ledger,
    LedgerReader,
    OutcomeEntry,
)
from sipgate.store import migrate

SWITCH_SECONDS = 0.0005  # as `sipgate run` sets it
TICK_SECONDS = 0.001
TALK_CALLS = 2000  # how many calls later a call is answered and ended


def decision(number: int, clock: SystemClock) -> DecisionEntry:
    """An entry as long as real ones are, about 1.1 kB."""
    caller = 4000 + number % 200
    return DecisionEntry(
        time_us=int(clock.time() * 1e6),
        boot=clock.boot_id,
        boot_us=int(clock.now() * 1e6),
        gate="gate-1",
        source="hq",
        caller=f"hq/{caller}",
        organisation="acme",
        campaign="solar",
        cli="+4930123456",
        callee=f"+4930{number * 7919 % 10_000_000:07}",
        callee_kind="number",
        callee_spelled=f"030{number * 7919 % 10_000_000:07}",
        callee_country="DE",
        call_id=f"{number * 2654435761 % 2**64:016x}@pc33.example.com",
        from_tag=f"{number * 40503 % 2**32:08x}",
        cseq=314159,
        user_agent="MicroSIP/3.21",
        via=f"pc33.example.com;branch=z9hG4bK{number:08x}",
        request_uri=f"sip:030{number * 7919 % 10_000_000:07}@gate.example.com",
        target="udp:127.0.0.1:5070",
        caller_flow="udp:10.0.0.7:5060",
        caller_contact=f"sip:{caller}@10.0.0.7:5060",
        verdict="allow",
        policy="quickstart",
        revision="2026-11",
        policy_sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        steps=[
            {"rule": "daily-cap", "held": False, "count": 17, "limit": 500, "window": "1d"},
            {"rule": "dialer-speed", "held": False, "count": 3, "limit": 60, "window": "40m"},
        ],
    )


def answer(seq: int, clock: SystemClock) -> AnsweredEntry:
    """The answer to an earlier decision."""
    return AnsweredEntry(
        time_us=int(clock.time() * 1e6),
        boot=clock.boot_id,
        boot_us=int(clock.now() * 1e6),
        decision=seq,
        to_tag="314159",
        contact="sip:callee@192.0.2.4",
        session_expires=1800,
    )


def outcome(seq: int, clock: SystemClock) -> OutcomeEntry:
    """The outcome of an earlier decision."""
    return OutcomeEntry(
        time_us=int(clock.time() * 1e6),
        boot=clock.boot_id,
        boot_us=int(clock.now() * 1e6),
        decision=seq,
        kind="answered",
        status=200,
        answered_us=int(clock.time() * 1e6),
        ring_ms=1800,
        talk_ms=30_000,
        ended_by="caller",
        end_status=200,
    )


class Load:
    """A steady rate of calls against one ledger."""

    def __init__(self, ledger: Ledger, clock: SystemClock, busy_us: float) -> None:
        self.delays: list[float] = []
        self.append_seconds = 0.0
        self._ledger = ledger
        self._clock = clock
        self._busy_seconds = busy_us / 1e6
        self._waiting: deque[tuple[int, float]] = deque()
        self._talking: deque[int] = deque()
        self._all_durable = asyncio.Event()
        ledger.on_durable = self._durable

    async def run(self, rate: int, seconds: float) -> int:
        """How many calls were made."""
        began = time.perf_counter()
        calls, wanted = 0, int(rate * seconds)
        while calls < wanted:
            due = min(wanted, int((time.perf_counter() - began) * rate))
            while calls < due:
                self._call(calls)
                calls += 1
            await asyncio.sleep(TICK_SECONDS)
        await self._all_durable.wait()
        return calls

    def _call(self, number: int) -> None:
        entry = decision(number, self._clock)
        self._all_durable.clear()
        began = time.perf_counter()
        seq = self._ledger.append(entry)
        self.append_seconds += time.perf_counter() - began
        self._waiting.append((seq, began))
        self._talking.append(seq)
        if len(self._talking) > TALK_CALLS:
            ended = self._talking.popleft()
            self._ledger.append(answer(ended, self._clock), urgent=False)
            self._ledger.append(outcome(ended, self._clock), urgent=False)
        while time.perf_counter() - began < self._busy_seconds:
            pass

    def _durable(self, seq: int) -> None:
        now = time.perf_counter()
        while self._waiting and self._waiting[0][0] <= seq:
            self.delays.append(now - self._waiting.popleft()[1])
        if not self._waiting:
            self._all_durable.set()


def thread_seconds() -> dict[str, float]:
    """CPU time of each thread by name."""
    return {
        thread.name: time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        for thread in threading.enumerate()
        if thread.ident is not None
    }


async def measure(folder: Path, options: argparse.Namespace) -> None:
    """One run, printed."""
    clock = SystemClock()
    path = folder / "sipgate.db"
    migrate(f"sqlite:///{path}")
    ledger = await Ledger.open(path, gate="gate-1", clock=clock, index=not options.no_index)
    load = Load(ledger, clock, options.busy_us)
    before = thread_seconds()
    began = time.perf_counter()
    calls = await load.run(options.rate, options.seconds)
    elapsed = time.perf_counter() - began
    after = thread_seconds()
    await ledger.close()

    delays = sorted(load.delays)
    print(f"{calls} calls in {elapsed:.1f} s, {ledger.durable_seq} entries")
    print(
        "decision durable after ms: "
        + ", ".join(
            f"{name} {delays[min(len(delays) - 1, int(len(delays) * share))] * 1e3:.2f}"
            for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0))
        )
    )
    print(f"append of a decision: {load.append_seconds / calls * 1e6:.1f} us")
    for name in sorted(before):
        spent = (after.get(name, 0.0) - before[name]) / calls * 1e6
        if name.startswith("ledger-"):
            print(f"{name}: {spent:.1f} us of CPU per call")
    read_it_back(path)


def read_it_back(path: Path) -> None:
    """How fast a rebuild and a search go."""
    began = time.perf_counter()
    with LedgerReader(path) as reader:
        entries = sum(1 for _ in reader.entries())
    elapsed = time.perf_counter() - began
    print(f"read back: {elapsed / entries * 1e6:.1f} us per entry")
    began = time.perf_counter()
    found = sum(1 for _ in CallSearch(path).search(caller="hq/4007"))
    elapsed = time.perf_counter() - began
    print(f"search: {found} calls of one caller in {elapsed * 1e3:.1f} ms")


def main() -> None:
    """Run once with what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m bench.ledger", description=__doc__)
    parser.add_argument("--rate", type=int, default=1000, help="calls per second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--busy-us", type=float, default=300.0, help="other work per call")
    parser.add_argument("--no-index", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path("build"), help="on which disk")
    options = parser.parse_args()
    sys.setswitchinterval(SWITCH_SECONDS)
    options.folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="ledger-") as folder:
        uvloop.run(measure(Path(folder), options))


if __name__ == "__main__":
    main()
