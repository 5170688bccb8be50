"""Keeps what the store knows of registered phones close behind what the gate knows."""

import asyncio
from collections.abc import Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError

from sipgate.clock import Clock
from sipgate.net import Flow, Listener, Network
from sipgate.proxy import (
    Binding,
    BindingTable,
    NatKeepAlive,
    PhoneSender,
    as_stored,
    from_stored,
)
from sipgate.store import Registration, RegistrationStore, StoreError

WRITE_SECONDS = 1.0  # what a crash may lose of phones that are new or have moved,
REFRESH_SECONDS = 10.0  # and of how long the others are registered

log = structlog.get_logger()


class PhoneBook:
    """Reads the bindings at start and writes them behind while the gate runs."""

    def __init__(
        self,
        store: RegistrationStore,
        *,
        bindings: BindingTable,
        keep_alive: NatKeepAlive,
        phones: PhoneSender,
        network: Network,
        listeners: Sequence[Listener],
        clock: Clock,
    ) -> None:
        self._store = store
        self._bindings = bindings
        self._keep_alive = keep_alive
        self._phones = phones
        self._network = network
        self._listeners = {listener.name: listener for listener in listeners}
        self._clock = clock
        self._refreshed_at = clock.now()
        self._failing = False

    async def load(self) -> None:
        """Put the phones of before the restart back; those that are known no more are forgotten."""
        rows = await self._store.all()
        now, time = self._clock.now(), self._clock.time()
        restored: list[Binding] = []
        for row in rows:
            if row.expires_time > time and self._phones.still_registers(row):
                binding = from_stored(row, self._flow(row), now, time)
                self._bindings.restore(binding)
                restored.append(binding)
            else:
                self._bindings.unwritten([row.token.encode()])
        self._keep_alive.watch_all(restored, now)
        if restored:
            log.info("phones_restored", phones=len(restored))

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            now = self._clock.now()
            self._bindings.expire(now)
            if self._bindings.has_news or now >= self._refreshed_at + REFRESH_SECONDS:
                self._refreshed_at = now
                await self.write()

    async def write(self) -> None:
        """Write what has changed; what can't be written is tried again the next time."""
        changes = self._bindings.changes()
        if not changes:
            return
        now, time = self._clock.now(), self._clock.time()
        kept = [as_stored(binding, now, time) for _, binding in changes if binding is not None]
        forgotten = [token.decode() for token, binding in changes if binding is None]
        try:
            await self._store.write(kept, forgotten)
        except (StoreError, SQLAlchemyError, OSError) as error:
            self._bindings.unwritten([token for token, _ in changes])
            if not self._failing:
                log.warning("phones_unwritten", phones=len(changes), error=str(error))
            self._failing = True
        else:
            self._failing = False

    def _flow(self, row: Registration) -> Flow | None:
        """A UDP peer is found again, from the address that its NAT knows; a connection is gone."""
        transport, _, address = row.flow.partition(":")
        host, _, port = address.rpartition(":")
        if transport != "udp" or not port.isdigit():
            return None
        listener = self._listeners.get(row.listener)
        try:
            return self._network.flow_to("udp", host.strip("[]"), int(port), listener=listener)
        except OSError:
            return None
