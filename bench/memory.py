"""`python -m bench.memory`: the gate's memory after 100,000 calls against that after 10,000.

Both are read when the last call's timers have run out. The rate is one at which 10,000 calls take
longer than those timers (32 s), so that both loads have the same number of calls in memory at once.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from .endpoints import free_port
from .gate import gate
from .process_cost import resident_bytes
from .sipp import callee, place_calls, write_numbers

TIMERS_SECONDS = 36  # 64 × T1 and a little
ALLOWED_GROWTH = 0.10
CALLERS = 2_000


def resident_after(folder: Path, loads: list[int], rate: int) -> list[dict[str, float]]:
    """Memory at the end of each load and once its timers have run out; loads add up."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = folder / "numbers.csv"
    write_numbers(numbers, CALLERS, sum(loads))
    upstream_port, port = free_port(), free_port()
    figures = []
    total = 0
    with (
        callee(folder, upstream_port),
        gate(folder, port, upstream_port, core=None) as pid,
    ):
        for calls in loads:
            run = place_calls(
                folder,
                local_port=free_port(),
                target_port=port,
                numbers=numbers,
                rate=rate,
                calls=calls,
            )
            total += run.calls
            at_end = resident_bytes(pid)
            time.sleep(TIMERS_SECONDS)
            figures.append(
                {
                    "calls": total,
                    "failed": run.calls - run.succeeded,
                    "mib_at_end": round(at_end / 2**20, 1),
                    "mib_at_rest": round(resident_bytes(pid) / 2**20, 1),
                }
            )
            print(json.dumps(figures[-1]), flush=True)
    return figures


def main() -> int:
    """0 when memory has not grown by more than a tenth, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--first", type=int, default=10_000, help="calls before the first reading")
    parser.add_argument("--all", type=int, default=100_000, help="calls before the last reading")
    parser.add_argument("--rate", type=int, default=300, help="calls per second")
    parser.add_argument("--folder", type=Path, default=Path("build/memory"))
    options = parser.parse_args()
    loads = [options.first, options.all - options.first]
    first, last = resident_after(options.folder.resolve(), loads, options.rate)
    growth = last["mib_at_rest"] / first["mib_at_rest"] - 1
    print(f"growth {growth:+.1%}, allowed {ALLOWED_GROWTH:.0%}")
    return 0 if abs(growth) <= ALLOWED_GROWTH else 1


if __name__ == "__main__":
    sys.exit(main())
