"""What one decision costs: `python -m bench.decide`.

No SIP and no ledger. Thirty rules of every kind (`bench/thirty.yaml`) with warm counters: the
median over single decisions, and the curve over rules, callers, list sizes and history, of which
only the first may rise.
"""

import argparse
import gc
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from sipgate.consent import Consent, MemoryConsents
from sipgate.counters import Ended, MemoryCounters
from sipgate.gate import Attempt, Charge, Decision, Engine, MemoryLists, Policy, load_policy
from sipgate.numbers import NumberList

POLICIES = Path(__file__).parent.parent / "policies"
THIRTY = Path(__file__).parent / "thirty.yaml"
BUDGET_US = {"quickstart": 20.0, "thirty": 60.0}
TIME = 1_790_000_000.0  # 2026-09-21T14:13:20Z, a Monday
CALLEES = {"quickstart": 2_000, "article": 50_000, "thirty": 2_000}  # the article's: once a day
PACE_SECONDS = 0.001
OWN_NUMBERS = frozenset(f"+4930901820{number}" for number in range(10))
TALKED = Ended("answered", 200, 9_000, 75_000, "callee")
BUSY = Ended("busy", 486)
IN_PROGRESS = 2_000  # calls that are up at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a run has behind it when it is measured."""

    callers: int = 2_000
    callees: int = 2_000
    entries: int = 1_000  # on each list
    history: int = 20_000  # attempts before the first that is measured
    measured: int = 5_000
    runs: int = 3


def main() -> int:
    """0 when each policy keeps within its budget."""
    options = _options()
    console = Console()
    usual = Load()
    if options.quick:
        usual = Load(history=5_000)
    is_good = True
    for name in ("quickstart", "article", "thirty"):
        policy = load_policy(THIRTY if name == "thirty" else POLICIES / f"{name}.yaml")
        cost = decide_microseconds(policy, replace(usual, callees=CALLEES[name]))
        budget = BUDGET_US.get(name)
        is_good = is_good and (budget is None or cost <= budget)
        text = "" if budget is None else f" (at most {budget:g})"
        console.print(f"decide, policy {name}, {len(policy.rules)} rules: {cost:.1f} µs{text}")
    if not options.quick:
        _print_curves(console, load_policy(THIRTY), replace(usual, history=5_000))
    return 0 if is_good else 1


def decide_microseconds(policy: Policy, load: Load) -> float:
    """The median of single decisions in µs, the best of some runs; the call's end not included."""
    return min(median(_run(policy, load)) for _ in range(load.runs)) / 1000


def _print_curves(console: Console, policy: Policy, usual: Load) -> None:
    rules = Table(title="over rules", title_justify="left")
    for heading in ("rules", "µs", "µs a rule"):
        rules.add_column(heading, justify="right")
    for number in range(5, len(policy.rules) + 1, 5):
        cost = decide_microseconds(replace(policy, rules=policy.rules[:number]), usual)
        rules.add_row(str(number), f"{cost:.1f}", f"{cost / number:.2f}")
    console.print(rules)

    kinds = Table(title="rules of one kind alone", title_justify="left")
    for heading in ("kind", "rules", "µs", "µs a rule"):
        kinds.add_column(heading, justify="right")
    base = decide_microseconds(replace(policy, rules=()), usual)
    kinds.add_row("none", "0", f"{base:.1f}", "")
    for kind in sorted({rule.kind for rule in policy.rules}):
        alone = tuple(rule for rule in policy.rules if rule.kind == kind)
        cost = decide_microseconds(replace(policy, rules=alone), usual)
        each = (cost - base) / len(alone)
        kinds.add_row(kind, str(len(alone)), f"{cost:.1f}", f"{each:.2f}")
    console.print(kinds)

    loads = {
        "callers": [Load(callers=number, callees=number) for number in (100, 10_000, 100_000)],
        "entries": [Load(entries=number) for number in (1_000, 100_000, 1_000_000)],
        "history": [Load(history=number) for number in (1_000, 20_000, 200_000)],
    }
    flat = Table(title="over what must not matter", title_justify="left")
    for heading in ("what", "how many", "µs"):
        flat.add_column(heading, justify="right")
    for what, sizes in loads.items():
        for load in sizes:
            cost = decide_microseconds(policy, replace(load, runs=1))
            flat.add_row(what, f"{getattr(load, what):,}", f"{cost:.1f}")
    console.print(flat)


def _run(policy: Policy, load: Load) -> list[int]:
    """Nanoseconds of each measured decision."""
    engine = Engine(policy, MemoryCounters(), lists(load), consents=consents(load))
    dialled = attempts(load)
    up: list[Charge] = []
    now = 1000.0
    for _ in range(load.history):
        now += PACE_SECONDS
        _decide(engine, next(dialled), now, up)
    gc.collect()
    gc.freeze()
    spent = []
    clock = time.perf_counter_ns
    for attempt in [next(dialled) for _ in range(load.measured)]:
        now += PACE_SECONDS
        began = clock()
        decision, charge = engine.decide(attempt, now, TIME + now)
        spent.append(clock() - began)
        _end(engine, decision, charge, now, up)
    gc.unfreeze()
    return spent


def _decide(engine: Engine, attempt: Attempt, now: float, up: list[Charge]) -> None:
    decision, charge = engine.decide(attempt, now, TIME + now)
    _end(engine, decision, charge, now, up)


def _end(engine: Engine, decision: Decision, charge: Charge, now: float, up: list[Charge]) -> None:
    assert decision.is_admitted, decision  # else the rest of the rules was not evaluated
    up.append(charge)
    if len(up) >= IN_PROGRESS:
        for number, one in enumerate(up):
            if number % 10:
                engine.answered(one, now, TIME + now)
            engine.ended(one, TALKED if number % 10 else BUSY, now, TIME + now)
        up.clear()


def lists(load: Load) -> MemoryLists:
    """Every list that the policy names, of which no entry fits but the callers' own numbers."""
    found = MemoryLists()
    others = NumberList(f"+4989{number:07}" for number in range(load.entries))
    for name in ("refusals", "dnc", "suspended", "access-numbers", "blocked-clis"):
        found.replace(name, others, as_of=TIME)
    found.replace("own-numbers", NumberList(["+4930901820*"]), as_of=TIME)
    return found


def consents(load: Load) -> MemoryConsents:
    """Everybody has agreed to be called, and to a service call too."""
    words: list[tuple[str, str | None]] = [("marketing", None), ("service", "voice")]
    return MemoryConsents(
        Consent(
            callee=f"+4930{number:07}",
            purpose=purpose,
            channel=channel,
            source="web-form",
            basis="explicit",
            granted=TIME - 86_400.0,
            id=2 * number + offset,
        )
        for number in range(load.callees)
        for offset, (purpose, channel) in enumerate(words)
    )


def attempts(load: Load) -> Iterator[Attempt]:
    for number in count():
        yield _attempt(number, load)


def _attempt(number: int, load: Load) -> Attempt:
    callee = f"{number * 7919 % load.callees:07}"
    return Attempt(
        source="hq",
        caller=f"hq/{number % load.callers}",
        organisation="acme",
        campaign="pool",
        cli=f"+4930901820{number % 10}",
        callee=f"+4930{callee}",
        callee_kind="number",
        callee_spelled=f"030{callee}",
        callee_country="DE",
        call_id=f"{number}@example.com",
        from_tag=f"tag{number}",
        cseq=1,
        user_agent="MicroSIP/3.21.5",
        owned_clis=OWN_NUMBERS,
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.decide", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the three policies, no curves")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
