"""What one decision costs: `python -m bench.decide`.

Each policy decides with warm counters, 2,000 callers in turn, no SIP and no ledger.
"""

import gc
import time
from pathlib import Path

from sipgate.counters import MemoryCounters
from sipgate.gate import Attempt, Charge, Engine, MemoryLists, load_policy

POLICIES = Path(__file__).parent.parent / "policies"
CALLERS = 2_000
ROUNDS = 40
BUDGET_US = {"quickstart": 20.0}


def main() -> None:
    for name in ("quickstart", "article"):
        microseconds = decide_microseconds(name)
        budget = f" (at most {BUDGET_US[name]:g})" if name in BUDGET_US else ""
        print(f"decide, policy {name}: {microseconds:.1f} µs{budget}")


def decide_microseconds(name: str) -> float:
    """The best of five runs, in microseconds per decision, release included."""
    policy = load_policy(POLICIES / f"{name}.yaml")
    return min(_run(Engine(policy, MemoryCounters(), MemoryLists())) for _ in range(5))


def _run(engine: Engine) -> float:
    attempts = [_attempt(number) for number in range(CALLERS)]
    now, calendar = 1000.0, 1_790_000_000.0
    released: list[Charge] = []
    gc.collect()
    gc.freeze()
    spent = 0.0
    for round_number in range(ROUNDS):
        began = time.perf_counter()
        for attempt in attempts:
            now += 0.001
            _, charge = engine.decide(attempt, now, calendar + now)
            released.append(charge)
        for charge in released:
            engine.ended(charge, None, now, 0.0)
        if round_number >= ROUNDS // 4:  # the first quarter warms up
            spent += time.perf_counter() - began
        released.clear()
    return spent / (ROUNDS - ROUNDS // 4) / CALLERS * 1e6


def _attempt(number: int) -> Attempt:
    return Attempt(
        source="hq",
        caller=f"hq/{number}",
        organisation="acme",
        campaign="pool",
        cli="+4930123456",
        callee=f"+4930{number:07}",
        callee_kind="number",
        callee_spelled=f"030{number:07}",
        callee_country="DE",
        call_id=f"{number}@example.com",
        from_tag=f"tag{number}",
        cseq=1,
        user_agent="MicroSIP/3.21.5",
    )


if __name__ == "__main__":
    main()
