"""Measures how long things wait, and tells `Overload`: design §15, §16."""

import asyncio
from collections import Counter
from collections.abc import Callable

import structlog

from sipgate.clock import Clock
from sipgate.proxy import Admission, Overload

EVERY_SECONDS = 0.02
QUIET_SECONDS = 60.0  # from one begin that is logged to the next

log = structlog.get_logger()


class LoadWatch:
    """One timer that measures, its own lateness too.

    `ledger_counts`: whether waiting for the disk is a reason to refuse calls, which it isn't where
    the configuration lets them pass then.
    """

    def __init__(
        self,
        overload: Overload,
        queue_age: Callable[[], float],
        admission: Admission,
        clock: Clock,
        counts: Counter[str],
        *,
        ledger_counts: bool,
    ) -> None:
        self._overload = overload
        self._queue_age = queue_age
        self._admission = admission
        self._clock = clock
        self._counts = counts
        self._ledger_counts = ledger_counts
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._began_at = 0.0
        self._shed_before = 0
        self._quiet_until = 0.0
        self._is_logged = False
        overload.queue_age = queue_age

    def start(self, *, after: float = 0.0) -> None:
        """Begin, in so many seconds; `stop` ends it."""
        self._arm(after)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _arm(self, after: float = 0.0) -> None:
        self._due = self._clock.now() + after + EVERY_SECONDS
        self._handle = self._loop.call_later(after + EVERY_SECONDS, self._look)

    def _look(self) -> None:
        try:
            self.look()
        finally:
            self._arm()

    def look(self) -> None:
        """Measure once."""
        now = self._clock.now()
        queue, late = self._queue_age(), max(0.0, now - self._due)
        since = self._admission.oldest_waits_since if self._ledger_counts else None
        ledger = 0.0 if since is None else now - since
        if self._overload.observe(now, queue=queue, loop=late, ledger=ledger):
            self._changed(now, queue, late, ledger)

    def _changed(self, now: float, queue: float, late: float, ledger: float) -> None:
        """Overload that comes and goes is told once a minute."""
        if self._overload.is_overloaded:
            self._counts["overloads"] += 1
            self._began_at = now
            self._shed_before = self._counts["invites_shed"]
            self._is_logged = now >= self._quiet_until
            if self._is_logged:
                self._quiet_until = now + QUIET_SECONDS
                log.warning(
                    "overload_began",
                    queue_ms=round(queue * 1000),
                    loop_ms=round(late * 1000),
                    ledger_ms=round(ledger * 1000),
                )
        elif self._is_logged:
            log.info(
                "overload_ended",
                seconds=round(now - self._began_at, 1),
                invites_shed=self._counts["invites_shed"] - self._shed_before,
            )
