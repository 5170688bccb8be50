"""A receiver that remembers what it was told and lets a test wait for it."""

import asyncio
from collections.abc import Callable

from sipgate.net import Flow
from sipgate.sip import BadMessage

WAIT_SECONDS = 10.0


class Recorder:
    """Obeys `Receiver`; a test reads its lists."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []
        self.flows: list[Flow] = []  # of the packets, same order
        self.failed: list[bytes] = []
        self.lost: list[tuple[Flow, str]] = []
        self.bad: list[tuple[Flow, BadMessage]] = []
        self.on_packet: Callable[[bytes, Flow], None] = lambda raw, flow: None
        self.on_bad_stream: Callable[[Flow], None] = lambda flow: None
        self._changed = asyncio.Event()

    def packet(self, raw: bytes, flow: Flow) -> None:
        self.packets.append(raw)
        self.flows.append(flow)
        self._changed.set()
        self.on_packet(raw, flow)

    def packet_failed(self, raw: bytes, flow: Flow) -> None:
        self.failed.append(raw)
        self._changed.set()

    def flow_lost(self, flow: Flow, reason: str) -> None:
        self.lost.append((flow, reason))
        self._changed.set()

    def bad_stream(self, flow: Flow, error: BadMessage) -> None:
        self.bad.append((flow, error))
        self._changed.set()
        self.on_bad_stream(flow)

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait until `holds`, looked at whenever something was told."""
        async with asyncio.timeout(WAIT_SECONDS):
            while not holds():
                self._changed.clear()
                await self._changed.wait()
