"""`python -m bench.overload`: how many calls are completed when more come than can be served.

First the gate's capacity is looked for: what it completes when far too much is offered. Then 0.5 to
5 times as much is offered, through the gate and through Kamailio where it is installed; the callers
(`bench/callers.py`) take 503 for an answer, as a PBX does, and don't try again. The proxy runs on
one core, callers and SIPp as the callee on another. It says where fewer calls were begun than were
asked for, and where the callers' core was full: there the load may have been the limit. And it says
how much of its core the proxy got: where others used that core too, only what was completed per
second of the proxy's own CPU time can be compared.
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

from .callers import UNCOUNTED_SECONDS
from .comparison import LOAD_CORE, PROXY_CORE, path
from .kamailio import is_installed
from .process_cost import cpu_seconds

TIMES = [0.5, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0]
FIRST_RATE = 400  # calls a second, for a first idea of the capacity
OFFERED_SHARE = 0.95  # of what was asked for; below it the callers were the limit
FULL = 0.95  # of a core
DISTURBANCE = 0.03  # of a core: the kernel's work and the hundredths of the measurement
EDGE_SECONDS = 0.5  # at both ends of what is counted: starting Python takes a while
BAR_CHARACTERS = 24
COLUMNS = (
    "proxy", "times", "offered", "completed", "of peak", "503", "again",
    "load core", "proxy CPU", "per CPU s",
)  # fmt: skip


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
    proxy_core_busy: float  # the same of the proxy's core
    proxy_cpu: float  # share of its core that the proxy itself got

    @property
    def is_offered(self) -> bool:
        """Whether the callers kept up."""
        return self.offered >= OFFERED_SHARE * self.asked

    @property
    def is_disturbed(self) -> bool:
        """Whether others used a part of the proxy's core that it may have wanted."""
        return self.proxy_core_busy > FULL and self.proxy_cpu < self.proxy_core_busy - DISTURBANCE

    @property
    def per_cpu_second(self) -> float:
        """Calls completed for each second that the proxy ran."""
        return self.completed / self.proxy_cpu if self.proxy_cpu else 0.0


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
        with path(proxy, self.folder) as (pid, port), _burning(self.burners):
            assert pid is not None, "a proxy, not none"
            callers = _start_callers(port, round(rate), self.seconds)
            time.sleep(UNCOUNTED_SECONDS + EDGE_SECONDS)
            began = Used.now(pid)
            time.sleep(self.seconds - 2 * EDGE_SECONDS)
            ended = Used.now(pid)
            figures = _figures(callers)
        used = ended.since(began)
        return Offer(
            proxy=proxy,
            times=times,
            asked=rate,
            offered=figures["offered"],
            completed=figures["completed"],
            refused=figures["refused"],
            retransmissions=figures["again"],
            load_core_busy=used.load_core,
            proxy_core_busy=used.proxy_core,
            proxy_cpu=used.proxy,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """Seconds of work so far, or its shares of the time between two of these."""

    at: float
    proxy: float
    proxy_core: float
    load_core: float

    @classmethod
    def now(cls, pid: int) -> "Used":
        """As the kernel tells it, in hundredths of a second."""
        return cls(
            at=time.monotonic(),
            proxy=cpu_seconds(pid),
            proxy_core=_busy_seconds(PROXY_CORE),
            load_core=_busy_seconds(LOAD_CORE),
        )

    def since(self, before: "Used") -> "Used":
        """The shares since then."""
        seconds = self.at - before.at
        return Used(
            at=seconds,
            proxy=(self.proxy - before.proxy) / seconds,
            proxy_core=(self.proxy_core - before.proxy_core) / seconds,
            load_core=(self.load_core - before.load_core) / seconds,
        )


def _start_callers(port: int, rate: int, seconds: int) -> subprocess.Popen[str]:
    """Callers in a process of their own, on their core."""
    command = ["taskset", "-c", str(LOAD_CORE), sys.executable, "-m", "bench.callers"]
    return subprocess.Popen(
        [*command, str(port), str(rate), str(seconds)], stdout=subprocess.PIPE, text=True
    )


def _figures(callers: subprocess.Popen[str]) -> dict[str, float]:
    """Their figures a second, when they are done."""
    printed, _ = callers.communicate()
    if callers.returncode:
        raise subprocess.CalledProcessError(callers.returncode, callers.args)
    figures: dict[str, float] = json.loads(printed)
    return figures


def _print(console: Console, offers: list[Offer]) -> None:
    peaks: dict[str, float] = {}
    for offer in offers:
        peaks[offer.proxy] = max(peaks.get(offer.proxy, 0.0), offer.completed)
    highest = max(peaks.values(), default=1.0) or 1.0
    table = Table(title="Calls a second; the proxy on its core, callers and callees on another")
    for name in COLUMNS:
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
            f"{offer.proxy_cpu:.0%}",
            f"{offer.per_cpu_second:.0f}",
            "█" * round(BAR_CHARACTERS * offer.completed / highest),
        )
    console.print(table)
    if any(not offer.is_offered or offer.load_core_busy > FULL for offer in offers):
        console.print(
            "Where the load's core was full, or fewer calls were begun, the load was the limit."
        )
    if any(offer.is_disturbed for offer in offers):
        console.print(
            "Others used the proxy's core: compare only what was completed per second of its CPU."
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
