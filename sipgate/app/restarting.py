"""Tasks that the gate can live without: when one fails it is logged and started again."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0

log = structlog.get_logger()


async def restarting(
    name: str,
    work: Callable[[], Awaitable[None]],
    first_pause_seconds: float = FIRST_PAUSE_SECONDS,
) -> None:
    """Run `work` until it returns or is cancelled, again after each failure, ever more slowly."""
    pause = first_pause_seconds
    while True:
        try:
            await work()
        except Exception:  # whatever it was: calls go on
            log.exception("task_failed", task=name, retry_seconds=pause)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        else:
            return
