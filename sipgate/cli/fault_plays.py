"""`sipgate simulate --faults`: plays seeds, and tells which promise a gate did not keep."""

import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import typer

from sipgate.simulate import PlayReport

from .failure import ANSWER_IS_NO, BadInput
from .fault_stage import PlayOf, own_plays, plays
from .output import counted, print_json, print_line, print_note
from .settings import read_config

MOST_SEEDS = 10_000_000
LARGEST_DRAWN = 1_000_000_000
MOST_TOLD = 20  # broken promises; the first one is enough to look at


def play_faults(
    config_file: Path | None,
    policy_file: Path | None,
    *,
    seed: int | None,
    seeds: int | None,
    as_json: bool,
) -> None:
    """Play one seed and tell its story, or `seeds` of them from `seed` on (drawn unless given)."""
    play_of = _plays(config_file, policy_file)
    if seeds is None and seed is not None:
        report = play_of(seed).play(tells=True)
        if as_json:
            print_json(_as_json(report))
        else:
            for line in report.story:
                print(line)  # as it is: thousands of lines, and none of them to be styled
            _print_verdict(report)
        if report.broken:
            raise typer.Exit(ANSWER_IS_NO)
        return
    count = 1000 if seeds is None else seeds
    if not 1 <= count <= MOST_SEEDS:
        raise BadInput(f"sipgate: {count} seeds; expected 1 to {MOST_SEEDS}")
    first = secrets.randbelow(LARGEST_DRAWN) if seed is None else seed
    _play_many(play_of, first, count, config_file, as_json=as_json)


def _plays(config_file: Path | None, policy_file: Path | None) -> PlayOf:
    if config_file is None:
        return own_plays()
    from sipgate.gate import load_policy

    config = read_config(config_file)
    policy = load_policy(policy_file or config.gate.policy, timezone=config.gate.timezone)
    return plays(config, policy)


def _play_many(
    play_of: PlayOf, first: int, count: int, config_file: Path | None, *, as_json: bool
) -> None:
    started = time.monotonic()
    calls = messages = failed = told = 0
    if not as_json:
        print_line(f"Seeds {first} to {first + count - 1}")
    for report in _reports(play_of, first, count):
        calls += report.calls
        messages += report.messages
        failed += bool(report.broken)
        if report.broken and not as_json and told < MOST_TOLD:
            told += 1
            _print_verdict(report)
    seconds = time.monotonic() - started
    if as_json:
        print_json(
            {
                "first_seed": first,
                "seeds": count,
                "failed": failed,
                "calls": calls,
                "messages": messages,
                "seconds": round(seconds, 3),
            }
        )
    else:
        print_line(
            f"{counted(count, 'play')}, {counted(calls, 'call')}, {counted(messages, 'message')}"
            f" in {seconds:.1f} s, {count / seconds * 60:.0f} plays a minute: "
            + (f"{failed} broke a promise" if failed else "every promise held")
        )
    if failed:
        if not as_json:
            with_config = "" if config_file is None else f" -c {config_file}"
            print_note(f"One play in full: sipgate simulate --faults{with_config} --seed NUMBER")
        raise typer.Exit(ANSWER_IS_NO)


def _reports(play_of: PlayOf, first: int, count: int) -> Iterator[PlayReport]:
    for seed in range(first, first + count):
        yield play_of(seed).play()


def _print_verdict(report: PlayReport) -> None:
    if not report.broken:
        print_line(f"seed {report.seed}: every promise held", "green")
    for promise in report.broken:
        print_line(f"seed {report.seed}: {promise}", "red")


def _as_json(report: PlayReport) -> dict[str, object]:
    return {
        "seed": report.seed,
        "broken": list(report.broken),
        "calls": report.calls,
        "messages": report.messages,
        "virtual_seconds": round(report.virtual_seconds, 3),
        "lives": report.lives,
        "story": list(report.story),
    }
