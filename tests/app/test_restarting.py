"""A side task that fails ends nothing else."""

import asyncio

import pytest

from sipgate.app.restarting import restarting


def test_a_task_that_fails_is_started_again_until_it_returns() -> None:
    starts: list[int] = []

    async def work() -> None:
        starts.append(len(starts))
        if len(starts) < 3:
            raise OSError("the disk is full")

    asyncio.run(restarting("test", work, first_pause_seconds=0.0))

    assert starts == [0, 1, 2]


def test_a_task_that_is_cancelled_is_not_started_again() -> None:
    starts: list[int] = []

    async def work() -> None:
        starts.append(len(starts))
        await asyncio.Event().wait()

    async def run() -> None:
        task = asyncio.create_task(restarting("test", work, first_pause_seconds=0.0))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())

    assert starts == [0]
