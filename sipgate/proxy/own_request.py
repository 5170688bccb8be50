"""Requests of the gate's own: client transactions with no caller behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sipgate.net import Flow
from sipgate.sip import NonInviteClient, Response

SILENCE: Final = 0  # instead of a status: no answer in time
LOST: Final = -1  # instead of a status: it could not be sent, or its connection ended


class OwnCancel:
    """A CANCEL that the proxy sent: a non-INVITE client transaction with no one behind it."""

    __slots__ = ("client", "flow", "key", "on_end")

    def __init__(
        self, key: bytes, client: NonInviteClient, flow: Flow, on_end: Callable[[bytes], object]
    ) -> None:
        self.key = key
        self.client = client
        self.flow = flow
        self.on_end = on_end

    @property
    def deadline(self) -> float | None:
        return self.client.deadline

    def receive(self, response: Response, now: float) -> None:
        self.client.receive(response, now)
        if response.status >= 200:
            self.client.end()
            self.on_end(self.key)

    def wake(self, now: float) -> None:
        raw = self.client.wake(now)
        if raw is not None:
            self.flow.send(raw)
        if self.client.deadline is None:
            self.on_end(self.key)


class Probe:
    """One OPTIONS on its way: a non-INVITE client transaction with the prober behind it."""

    __slots__ = ("_client", "_gives_up_at", "_is_over", "_key", "_on_end", "flow")

    def __init__(
        self,
        key: bytes,
        client: NonInviteClient,
        flow: Flow,
        gives_up_at: float,
        on_end: Callable[[bytes, int, float], None],
    ) -> None:
        self._key = key
        self._client = client
        self.flow = flow
        self._gives_up_at = gives_up_at
        self._on_end = on_end
        self._is_over = False

    @property
    def deadline(self) -> float | None:
        if self._is_over:
            return None
        deadline = self._client.deadline
        return self._gives_up_at if deadline is None else min(deadline, self._gives_up_at)

    def receive(self, response: Response, now: float) -> None:
        """Its answer; `on_end` hears the status."""
        if not self._is_over and response.status >= 200:
            self._end(response.status, now)

    def wake(self, now: float) -> None:
        """Send it again, or give up; `on_end` hears SILENCE."""
        if self._is_over:
            return
        if now >= self._gives_up_at:
            self._end(SILENCE, now)
            return
        raw = self._client.wake(now)
        if raw is not None:
            self.flow.send(raw)

    def flow_lost(self, now: float) -> None:
        """A transport error; `on_end` hears LOST."""
        if not self._is_over:
            self._end(LOST, now)

    def _end(self, status: int, now: float) -> None:
        self._is_over = True
        self._client.end()
        self._on_end(self._key, status, now)
