"""The collector's rounds are short while calls go on, and nothing stays for ever."""

import asyncio
import gc
import weakref

from sipgate.app.garbage import GarbageRounds


class Knot:
    """An object that only the collector can free."""

    def __init__(self) -> None:
        self.own = self


def test_what_survives_a_round_is_not_looked_at_again_and_all_is_restored() -> None:
    before = gc.get_threshold()

    async def run() -> tuple[int, int]:
        task = asyncio.create_task(GarbageRounds(lambda: 0).run())
        await asyncio.sleep(0)
        frozen = gc.get_freeze_count()
        kept = [[number] for number in range(500)]
        gc.collect(0)
        frozen_later = gc.get_freeze_count()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert kept
        return frozen, frozen_later

    frozen, frozen_later = asyncio.run(run())

    assert frozen_later >= frozen + 500
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, 0)


def test_a_young_knot_is_freed_in_a_round() -> None:
    async def run() -> "weakref.ref[Knot]":
        task = asyncio.create_task(GarbageRounds(lambda: 0).run())
        await asyncio.sleep(0)
        gone = weakref.ref(Knot())
        gc.collect(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return gone

    assert asyncio.run(run())() is None
