"""`python -m fuzz TARGET…`: look for bytes that break one of the checks, guided by coverage.

Ends with 0 when none was found in the time given; else the input is left in `build/fuzz/`, and what
it broke is printed. It goes into `corpus/TARGET.finds.txt` with the change that mends it.
"""

import argparse
import logging
import os
import subprocess
import sys
from pathlib import Path

import structlog

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "fuzz"
LONGEST = {"message": 4096, "address": 1024, "stream": 8192, "gate": 1024}
HANG_SECONDS = 20
MOST_MEGABYTES = 1024


def main() -> int:
    arguments = _arguments()
    if arguments.one:
        target = arguments.targets[0]
        return _minimise(target) if arguments.minimise else _fuzz(target, arguments)
    worst = 0
    for target in arguments.targets:  # libFuzzer ends its process: each has one of its own
        print(f"== {target}", flush=True)
        command = [sys.executable, "-m", "fuzz", "--one", target, *sys.argv[1:]]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, "SIPGATE_PURE": "1"})
        worst = worst or done.returncode
    return worst


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", help="default: all", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument("--runs", type=int, default=-1, help="end after so many inputs")
    parser.add_argument("--seed", type=int, default=0, help="libFuzzer's; 0: another each time")
    parser.add_argument(
        "--minimise", action="store_true", help="make the kept corpus anew from what was found"
    )
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_intermixed_args()
    arguments.targets = list(dict.fromkeys(arguments.targets)) or list(LONGEST)
    unknown = [target for target in arguments.targets if target not in LONGEST]
    if unknown:
        parser.error(f"no such target: {unknown[0]}; there are {', '.join(LONGEST)}")
    return arguments


def _fuzz(target: str, arguments: argparse.Namespace) -> int:
    import atheris

    with atheris.instrument_imports(include=["sipgate"]):
        from .corpus import kept
        from .targets import CHECKS, seeds

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    grown, begun = BUILD / target, BUILD / f"{target}.seeds"
    for folder in (grown, begun):
        folder.mkdir(parents=True, exist_ok=True)
    for number, raw in enumerate([*kept(target), *seeds(target)]):
        (begun / f"{number:04}").write_bytes(raw)
    options = [
        f"-max_len={LONGEST[target]}",
        f"-timeout={HANG_SECONDS}",
        f"-rss_limit_mb={MOST_MEGABYTES}",
        f"-artifact_prefix={BUILD}/{target}-",
        f"-dict={Path(__file__).parent / 'words.dict'}",
        f"-seed={arguments.seed}",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    options += [f"-max_total_time={arguments.seconds}", f"-runs={arguments.runs}"]
    atheris.Setup([sys.argv[0], *options, str(grown), str(begun)], CHECKS[target])
    atheris.Fuzz()
    return 0


def _minimise(target: str) -> int:
    """The kept corpus becomes the shortest inputs that reach what all together reach."""
    from .corpus import keep, kept
    from .reach import smallest
    from .targets import CHECKS

    grown = BUILD / target
    found = [path.read_bytes() for path in grown.iterdir()] if grown.exists() else []
    inputs = smallest([*kept(target), *found], CHECKS[target])
    keep(target, inputs)
    print(f"{target}: {len(inputs)} of {len(found)} kept, {sum(map(len, inputs))} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
