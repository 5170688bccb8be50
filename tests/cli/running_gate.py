"""A running gate as commands see it: the other end of the store's socket."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sipgate.store import StoreOwner


@contextmanager
def running_gate(store: Path, answers: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Answers each op as told; gives the list of the requests that reached it."""
    requests: list[dict[str, Any]] = []
    ready, over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    def handler(op: str) -> Callable[[dict[str, Any]], Any]:
        async def handle(request: dict[str, Any]) -> dict[str, Any]:
            requests.append({"op": op, **request})
            if isinstance(answers[op], Exception):
                raise answers[op]
            return dict(answers[op])

        return handle

    async def own() -> None:
        async with StoreOwner(store, {op: handler(op) for op in answers}):
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(own(),))
    thread.start()
    try:
        assert ready.wait(5)
        yield requests
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
