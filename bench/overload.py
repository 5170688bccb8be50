"""`python -m bench.overload`: how many calls are completed when more come than can be served.

First the gate's capacity is looked for: what it completes when far too much is offered. Then 0.5 to
5 times as much is offered, through the gate and through Kamailio where it is installed; the callers
(`bench/callers.py`) take 503 for an answer, as a PBX does, and don't try again. The proxy runs on
one core, callers and SIPp as the callee on another. It says where fewer calls were begun than were
asked for, and where the callers' core was full: there the load may have been the limit.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .comparison import LOAD_CORE, PROXY_CORE, path
from .kamailio import is_installed

TIMES = [0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0]
FIRST_RATE = 400  # calls a second, for a first idea of the capacity
OFFERED_SHARE = 0.95  # of what was asked for; below it the callers were the limit
BAR_CHARACTERS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One rate offered to one proxy."""

    proxy: str
    times: float  # the gate's capacity
    asked: float  # calls a second, as all below
    offered: float
    completed: float
    refused: float  # answered 503
    retransmissions: float
    load_core_busy: float  # share of the callers' core that was in use, by whomever

    @property
    def is_offered(self) -> bool:
        """Whether the callers kept up."""
        return self.offered >= OFFERED_SHARE * self.asked


def main() -> int:
    """Measure, print; 0 when the gate kept nine tenths of its peak, 1 when not, 3 without SIPp."""
    options = _options()
    console = Console(stderr=options.json, width=120 if not sys.stdout.isatty() else None)
    if shutil.which("sipp") is None:
        console.print("bench needs SIPp (on Debian: apt install sip-tester)")
        return 3
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    console.print(f"load before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} cores")
    bench = Bench(folder, options.seconds, options.burners)
    capacity = options.capacity or bench.capacity()
    console.print(f"capacity of the gate: {capacity:.0f} calls completed a second")
    offers = []
    for proxy in options.proxies:
        if proxy.startswith("kamailio") and not is_installed():
            console.print(f"{proxy}: skipped, Kamailio is not installed")
            continue
        for times in options.times:
            offer = bench.offer(proxy, times, times * capacity)
            offers.append(offer)
            console.print(
                f"{proxy} at {times:g} times: {offer.completed:.0f} of {offer.offered:.0f}"
            )
    _print(console, offers)
    if options.json:
        print(json.dumps([asdict(offer) for offer in offers]))
    ours = [offer for offer in offers if offer.proxy == "sipgate"]
    return 0 if not ours or ours[-1].completed >= 0.9 * max(o.completed for o in ours) else 1


@dataclass(frozen=True, slots=True)
class Bench:
    """What all steps have in common."""

    folder: Path
    seconds: int
    burners: int

    def capacity(self) -> float:
        """What the gate completes once far more is offered."""
        rate = float(FIRST_RATE)
        while True:
            offer = self.offer("sipgate", 0.0, rate)
            if offer.completed < 0.75 * rate:
                return offer.completed
            rate *= 2

    def offer(self, proxy: str, times: float, rate: float) -> Offer:
        """A fresh proxy each time; its first two seconds are not counted."""
        with path(proxy, self.folder) as (_, port), _burning(self.burners):
            began, busy = time.monotonic(), _busy_seconds(LOAD_CORE)
            figures = _call(port, round(rate), self.seconds)
            busy = (_busy_seconds(LOAD_CORE) - busy) / (time.monotonic() - began)
        return Offer(
            proxy=proxy,
            times=times,
            asked=rate,
            offered=figures["offered"],
            completed=figures["completed"],
            refused=figures["refused"],
            retransmissions=figures["again"],
            load_core_busy=busy,
        )


def _call(port: int, rate: int, seconds: int) -> dict[str, float]:
    """Callers in a process of their own, on their core; their figures a second."""
    command = ["taskset", "-c", str(LOAD_CORE), sys.executable, "-m", "bench.callers"]
    ran = subprocess.run(
        [*command, str(port), str(rate), str(seconds)], check=True, capture_output=True, text=True
    )
    figures: dict[str, float] = json.loads(ran.stdout)
    return figures


def _print(console: Console, offers: list[Offer]) -> None:
    peaks: dict[str, float] = {}
    for offer in offers:
        peaks[offer.proxy] = max(peaks.get(offer.proxy, 0.0), offer.completed)
    highest = max(peaks.values(), default=1.0) or 1.0
    table = Table(title="Calls a second; the proxy on its core, callers and callees on another")
    for name in ("proxy", "times", "offered", "completed", "of peak", "503", "again", "load core"):
        table.add_column(name, justify="left" if name == "proxy" else "right")
    table.add_column("completed", justify="left")
    for offer in offers:
        table.add_row(
            offer.proxy,
            f"{offer.times:g}",
            f"{offer.offered:.0f}" + ("" if offer.is_offered else f" (asked {offer.asked:.0f})"),
            f"{offer.completed:.0f}",
            f"{offer.completed / (peaks[offer.proxy] or 1.0):.0%}",
            f"{offer.refused:.0f}",
            f"{offer.retransmissions:.0f}",
            f"{offer.load_core_busy:.0%}",
            "█" * round(BAR_CHARACTERS * offer.completed / highest),
        )
    console.print(table)
    if any(not offer.is_offered or offer.load_core_busy > 0.95 for offer in offers):
        console.print(
            "Where the load's core was full, or fewer calls were begun, the load was the limit."
        )


@contextmanager
def _burning(count: int) -> Iterator[None]:
    """Processes that want all of the proxy's core, as long as the context lasts."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_burn, args=(os.getpid(),)) for _ in range(count)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.join()


def _burn(parent: int) -> None:
    os.sched_setaffinity(0, {PROXY_CORE})
    while os.getppid() == parent:
        for _ in range(10_000):
            pass


def _busy_seconds(core: int) -> float:
    """How long this core has worked since the machine started."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            idle = int(ticks[3]) + int(ticks[4])
            return (sum(map(int, ticks[:8])) - idle) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.overload", description=__doc__)
    parser.add_argument(
        "--proxies", nargs="+", choices=["sipgate", "kamailio"], default=["sipgate", "kamailio"]
    )
    parser.add_argument("--times", nargs="+", type=float, default=TIMES)
    parser.add_argument("--capacity", type=float, help="calls a second, if it is known")
    parser.add_argument("--burners", type=int, default=0, help="takers of the proxy's core")
    parser.add_argument("--seconds", type=int, default=6, help="load per step that is counted")
    parser.add_argument("--folder", type=Path, default=Path("build/bench"), help="for all files")
    parser.add_argument("--json", action="store_true", help="figures on stdout, tables on stderr")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
