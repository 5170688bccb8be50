"""Keeps the holes in NATs open through which registered phones are reached over UDP: design §6.

One timer for all; each flow has its own turn within the 25 s, so that they never come all at once.
A phone that wants RFC 5626 sends keep-alives of its own; a CRLF more does it no harm.
"""

from __future__ import annotations

from collections import deque

from .binding_table import Binding, BindingTable, FlowKey
from .timer_queue import TimerQueue

INTERVAL = 25.0  # seconds; NATs forget UDP after 30 s and more (RFC 5626 §4.4.2 asks for 24 to 29)
SENT_AT_ONCE = 50  # so that one turn of the loop stays below a millisecond
CRLF = b"\r\n\r\n"


class NatKeepAlive:
    """Sends CRLF down each flow that a phone behind NAT has registered on."""

    def __init__(self, bindings: BindingTable, timers: TimerQueue) -> None:
        self.deadline: float | None = None
        self._bindings = bindings
        self._timers = timers
        self._due: deque[tuple[float, FlowKey]] = deque()  # in order
        self._watched: set[FlowKey] = set()

    def __len__(self) -> int:
        return len(self._watched)

    def watch(self, binding: Binding, now: float) -> None:
        """A phone has registered, or again; one that needs no keep-alive is passed over."""
        flow = binding.flow
        if not binding.is_natted or flow is None or flow.reliable:
            return
        if binding.flow_key in self._watched:
            return
        self._watched.add(binding.flow_key)
        self._due.append((now + INTERVAL, binding.flow_key))
        self._wait(now)

    def watch_all(self, restored: list[Binding], now: float) -> None:
        """After a restart: spread over the interval, the first at once. Before any `watch`."""
        natted = {
            binding.flow_key: None
            for binding in restored
            if binding.is_natted and binding.flow is not None and not binding.flow.reliable
        }
        for place, key in enumerate(natted):
            self._watched.add(key)
            self._due.append((now + INTERVAL * place / len(natted), key))
        self._wait(now)

    def wake(self, now: float) -> None:
        due = self._due
        for _ in range(SENT_AT_ONCE):
            if not due or due[0][0] > now:
                break
            _, key = due.popleft()
            binding = self._bindings.on_flow(key, now)
            flow = None if binding is None else binding.open_flow
            if binding is None or flow is None or not binding.is_natted:
                self._watched.discard(key)
                continue
            flow.send(CRLF)
            due.append((now + INTERVAL, key))
        self.deadline = due[0][0] if due else None

    def _wait(self, now: float) -> None:
        if self.deadline is None and self._due:
            self.deadline = self._due[0][0]
            self._timers.add(self, now)
