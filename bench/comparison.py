"""The comparison: the same load through each proxy, one after the other, at rising rates."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from .endpoints import free_port
from .gate import gate
from .kamailio import kamailio
from .process_cost import cpu_seconds, resident_bytes
from .sipp import CallerRun, callee, place_calls, write_numbers

PROXY_CORE = 0
LOAD_CORE = 1
CALLERS = 2_000  # extensions; no limit comes near
PAIRS = 100_000
WARM_UP_CALLS = 300
SETTLE_SECONDS = 2.0  # what is written behind (index, outcomes, timers) belongs to the calls
HELD_SHARE = 0.97  # of the asked rate: below it, the rate was not held


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rate through one proxy."""

    proxy: str
    run: CallerRun
    cpu_us_per_call: float | None  # None: no proxy in between
    resident_mib: float | None

    @property
    def is_held(self) -> bool:
        """No call failed, and the rate was really offered."""
        return (
            self.run.failed == 0
            and self.run.succeeded == self.run.calls
            and self.run.reached_rate >= HELD_SHARE * self.run.asked_rate
        )


Starter = Callable[[Path, int, int], AbstractContextManager[int | None]]  # gives the process id

PROXIES: dict[str, Starter] = {
    "none": lambda folder, port, upstream: nullcontext(),
    "kamailio": lambda folder, port, upstream: kamailio(
        folder, port, upstream, record=False, core=PROXY_CORE
    ),
    "kamailio-acc": lambda folder, port, upstream: kamailio(
        folder, port, upstream, record=True, core=PROXY_CORE
    ),
    "sipgate": lambda folder, port, upstream: gate(folder, port, upstream, core=PROXY_CORE),
}


def climb(
    proxy: str, folder: Path, rates: list[int], *, step: int, highest: int, seconds: int
) -> Iterator[Step]:
    """Offer the rates, then `step` more each time, until one is not held or `highest` passed."""
    numbers = folder / "numbers.csv"
    write_numbers(numbers, CALLERS, PAIRS)
    for rate in _rates(rates, step, highest):
        result = _measure(proxy, folder, numbers, rate, seconds)
        yield result
        if not result.is_held:
            return


def _rates(rates: list[int], step: int, highest: int) -> Iterator[int]:
    yield from rates
    if step > 0:
        yield from range(rates[-1] + step, highest + 1, step)


def _measure(proxy: str, folder: Path, numbers: Path, rate: int, seconds: int) -> Step:
    """A fresh proxy each time: no step pays for what the one before left behind."""
    with path(proxy, folder) as (pid, target_port):
        place_calls(
            folder,
            local_port=free_port(),
            target_port=target_port,
            numbers=numbers,
            rate=100,
            calls=WARM_UP_CALLS,
            core=LOAD_CORE,
        )
        before = cpu_seconds(pid) if pid is not None else 0.0
        run = place_calls(
            folder,
            local_port=free_port(),
            target_port=target_port,
            numbers=numbers,
            rate=rate,
            calls=rate * seconds,
            core=LOAD_CORE,
        )
        if pid is None:
            return Step(proxy=proxy, run=run, cpu_us_per_call=None, resident_mib=None)
        time.sleep(SETTLE_SECONDS)
        used = cpu_seconds(pid) - before
        return Step(
            proxy=proxy,
            run=run,
            cpu_us_per_call=used * 1e6 / max(1, run.calls),
            resident_mib=resident_bytes(pid) / 2**20,
        )


@contextmanager
def path(proxy: str, folder: Path) -> Iterator[tuple[int | None, int]]:
    """The proxy and the callee behind it; where to send calls to."""
    upstream_port, port = free_port(), free_port()
    with callee(folder, upstream_port, LOAD_CORE):
        if proxy == "none":
            time.sleep(0.5)
            yield None, upstream_port
            return
        with PROXIES[proxy](folder, port, upstream_port) as pid:
            yield pid, port
