"""What the comparison found, as a table for people and as JSON for machines."""

import json
import math

from rich.console import Console
from rich.table import Table

from .comparison import Step

OURS = "sipgate"
DIRECT = "none"


def added_ms(step: Step, direct: Step | None, share: float) -> float:
    """The delay that the proxy adds: its percentile minus that of the same load without it."""
    return step.run.delay_ms(share) - (direct.run.delay_ms(share) if direct else math.nan)


def print_report(console: Console, steps: list[Step]) -> None:
    """Two tables: each rate, and the ratios to each peer."""
    direct_by_rate = _by_rate(steps, DIRECT)
    table = Table(title="Each rate, one proxy on one core, one after the other")
    for name in ("proxy", "calls/s", "reached", "failed", "again", "CPU µs/call"):
        table.add_column(name, justify="left" if name == "proxy" else "right")
    for name in ("set-up p50 ms", "p99 ms", "added p50 ms", "added p99 ms", "MiB"):
        table.add_column(name, justify="right")
    for step in steps:
        direct = direct_by_rate.get(step.run.asked_rate)
        added = step.proxy != DIRECT
        table.add_row(
            step.proxy,
            f"{step.run.asked_rate:.0f}",
            f"{step.run.reached_rate:.0f}",
            str(step.run.calls - step.run.succeeded),
            str(step.run.retransmissions),
            _figure(step.cpu_us_per_call, 0),
            f"{step.run.delay_ms(0.5):.2f}",
            f"{step.run.delay_ms(0.99):.2f}",
            _figure(added_ms(step, direct, 0.5) if added else None, 2),
            _figure(added_ms(step, direct, 0.99) if added else None, 2),
            _figure(step.resident_mib, 0),
        )
    console.print(table)
    for line in _summary(steps):
        console.print(line)


def as_json(steps: list[Step]) -> str:
    """All figures; null where there is none."""
    direct_by_rate = _by_rate(steps, DIRECT)
    rows = [_row(step, direct_by_rate.get(step.run.asked_rate)) for step in steps]
    figures = {
        "steps": rows,
        "highest_rate": {proxy: highest_rate(steps, proxy) for proxy in _proxies(steps)},
        "cpu_ratios": {peer: cpu_ratios(steps, peer) for peer in _peers(steps)},
    }
    return json.dumps(figures, indent=2)


def highest_rate(steps: list[Step], proxy: str) -> float | None:
    """The highest rate offered at which no call failed."""
    return max((s.run.asked_rate for s in steps if s.proxy == proxy and s.is_held), default=None)


def cpu_ratios(steps: list[Step], peer: str) -> dict[str, float]:
    """Our CPU per call over the peer's, by rate that both held."""
    ours, theirs = _by_rate(steps, OURS), _by_rate(steps, peer)
    return {
        f"{rate:.0f}": round(step.cpu_us_per_call / other.cpu_us_per_call, 2)
        for rate, step in ours.items()
        if (other := theirs.get(rate)) and step.is_held and other.is_held
        if step.cpu_us_per_call and other.cpu_us_per_call
    }


def _summary(steps: list[Step]) -> list[str]:
    lines = []
    for proxy in _proxies(steps):
        rate = highest_rate(steps, proxy)
        climbed = max(s.run.asked_rate for s in steps if s.proxy == proxy)
        more = " (the highest tried)" if rate == climbed else ""
        lines.append(f"{proxy}: highest rate with no failed call {_figure(rate, 0)}/s{more}")
    for peer in _peers(steps):
        ratios = cpu_ratios(steps, peer)
        listed = ", ".join(f"{ratio:.2f} at {rate}/s" for rate, ratio in ratios.items())
        if listed:
            lines.append(f"CPU per call, {OURS} : {peer} = {listed}")
    return lines


def _row(step: Step, direct: Step | None) -> dict[str, object]:
    added = step.proxy != DIRECT
    return {
        "proxy": step.proxy,
        "asked_rate": step.run.asked_rate,
        "reached_rate": round(step.run.reached_rate, 1),
        "calls": step.run.calls,
        "failed": step.run.calls - step.run.succeeded,
        "retransmissions": step.run.retransmissions,
        "failures": step.run.failures,
        "held": step.is_held,
        "cpu_us_per_call": _number(step.cpu_us_per_call),
        "setup_p50_ms": _number(step.run.delay_ms(0.5)),
        "setup_p99_ms": _number(step.run.delay_ms(0.99)),
        "added_p50_ms": _number(added_ms(step, direct, 0.5) if added else None),
        "added_p99_ms": _number(added_ms(step, direct, 0.99) if added else None),
        "resident_mib": _number(step.resident_mib),
    }


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else round(value, 3)


def _figure(value: float | None, digits: int) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _by_rate(steps: list[Step], proxy: str) -> dict[float, Step]:
    return {step.run.asked_rate: step for step in steps if step.proxy == proxy}


def _proxies(steps: list[Step]) -> list[str]:
    return list(dict.fromkeys(step.proxy for step in steps))


def _peers(steps: list[Step]) -> list[str]:
    return [proxy for proxy in _proxies(steps) if proxy not in (OURS, DIRECT)]
