"""What a redial storm costs per attempt: `python -m bench.storm`.

A dialer that calls again at once after each refusal, against thirty rules of every kind: the first
refusal, by a limit behind all of them, and those that follow, by the rule on refusals at their head
(`count: rejected`). No SIP and no ledger, whose work is the same for each refusal.
"""

import sys
import time
from statistics import median

from sipgate.counters import MemoryCounters
from sipgate.gate import Engine, read_policy

from .decide import THIRTY, TIME, Load, attempts, consents, lists

LIMIT = """  - id: last-of-all
    rate: {per: caller, limit: 0, window: day}
    then: {reject: 403, reason: "no more calls"}
"""
STORMS = 200
REDIALS = 300  # of each storm; the rule at the head speaks from the 201st refusal of a caller on
WAIT_SECONDS = 0.1


def main() -> int:
    """0 when a refusal in a storm costs less than the first."""
    first, later = refusals(remembered=True)
    _, plain = refusals(remembered=False)
    print(f"first refusal, by the last of 31 rules: {first:.1f} µs")
    print(f"the same caller again, by the first:    {later:.1f} µs")
    print(f"and were nothing remembered of him:     {plain:.1f} µs")
    return 0 if later < first else 1


def refusals(*, remembered: bool) -> tuple[float, float]:
    """Medians in µs: of refusals by the last rule, and by the first."""
    load = Load(callers=STORMS)
    policy = read_policy((THIRTY.read_text() + LIMIT).encode(), THIRTY)
    engine = Engine(
        policy,
        MemoryCounters(),
        lists(load),
        consents=consents(load),
        remembered_refusals=10_000 if remembered else 0,
    )
    dialled = attempts(load)
    now = 1000.0
    spent: dict[str | None, list[int]] = {}
    for attempt in [next(dialled) for _ in range(STORMS)]:
        for _ in range(REDIALS):
            now += WAIT_SECONDS
            began = time.perf_counter_ns()
            decision, _ = engine.decide(attempt, now, TIME + now)
            taken = time.perf_counter_ns() - began
            assert not decision.is_admitted
            spent.setdefault(decision.rule, []).append(taken)
    return median(spent["last-of-all"]) / 1000, median(spent["refusal-storm"]) / 1000


if __name__ == "__main__":
    sys.exit(main())
