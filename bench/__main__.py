"""`python -m bench`: SIPp through the gate, and through Kamailio where it is installed."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from rich.console import Console

from .comparison import PROXIES, Step, climb
from .kamailio import is_installed
from .report import as_json, print_report


def main() -> int:
    """Measure, print; 0 when the gate held every rate that was asked for, 3 when it can't run."""
    options = _options()
    console = Console(stderr=options.json, width=140 if not sys.stdout.isatty() else None)
    if shutil.which("sipp") is None:
        console.print("bench needs SIPp (on Debian: apt install sip-tester)")
        return 3
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    steps: list[Step] = []
    for proxy in options.proxies:
        if proxy.startswith("kamailio") and not is_installed():
            console.print(f"{proxy}: skipped, Kamailio is not installed")
            continue
        console.print(f"load before {proxy}: {os.getloadavg()[0]:.2f}")
        for step in climb(
            proxy,
            folder,
            options.rates,
            step=options.step,
            highest=options.highest,
            seconds=options.seconds,
        ):
            steps.append(step)
            console.print(_progress(step))
    print_report(console, steps)
    if options.json:
        print(as_json(steps))
    return 0


def _progress(step: Step) -> str:
    cost = "" if step.cpu_us_per_call is None else f", {step.cpu_us_per_call:.0f} µs/call"
    causes = "".join(f", {cause} {count}" for cause, count in step.run.failures.items())
    return (
        f"{step.proxy} at {step.run.asked_rate:.0f}/s: reached {step.run.reached_rate:.0f}/s, "
        f"{step.run.calls - step.run.succeeded} of {step.run.calls} failed{cost}{causes}"
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--proxies", nargs="+", choices=list(PROXIES), default=list(PROXIES))
    parser.add_argument("--rates", nargs="+", type=int, default=[200, 500, 1000, 1500])
    parser.add_argument("--step", type=int, default=500, help="climb on by so many calls/s")
    parser.add_argument("--highest", type=int, default=4000, help="stop climbing at this rate")
    parser.add_argument("--seconds", type=int, default=10, help="load per rate")
    parser.add_argument("--folder", type=Path, default=Path("build/bench"), help="for all files")
    parser.add_argument("--json", action="store_true", help="figures on stdout, tables on stderr")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
