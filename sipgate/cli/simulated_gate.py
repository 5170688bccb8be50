"""A gate of the real parts on a simulated host: what joins `app` and `simulate` (design §4)."""

from collections.abc import Mapping, Sequence

from sipgate.app import Parts, Recovery, build, sip_limits
from sipgate.clock import VirtualClock
from sipgate.config import Config
from sipgate.counters import microseconds
from sipgate.gate import MemoryLists, Policy
from sipgate.ledger import Ledger, decode_entry
from sipgate.net import Flow, Resolver
from sipgate.proxy import Target
from sipgate.simulate import Alarm, SimulatedWriter, Surroundings
from sipgate.sip import BadMessage

KEY = b"simulated" * 4
LONGEST_SLEEP = 0.25  # seconds, as the real gate's one timer
REBUILD_SECONDS = 0.2  # at most


class SimulatedGate:
    """One life of a gate: rebuilt from the disk, serving until it is killed."""

    def __init__(
        self,
        around: Surroundings,
        config: Config,
        policy: Policy,
        targets: Mapping[str, Sequence[Target]],
    ) -> None:
        self._around = around
        self._clock: VirtualClock = around.agenda.clock
        self._config = config
        self._policy = policy
        self._writer = SimulatedWriter(around.agenda, around.disk, around.random)
        self.ledger = Ledger(None, gate=config.gate.name, clock=self._clock, writer=self._writer)
        self._writer.durable = self.ledger.durable
        self.ledger.begin(self._writer.start())
        self._is_dead = False
        self.parts: Parts = build(
            _unprobed(config),
            clock=self._clock,
            network=around.network,
            resolver=Resolver(self._clock),  # of numeric hosts: nobody here asks for names
            listeners=around.host.listeners,
            ledger=self.ledger,
            policy=policy,
            lists=MemoryLists(),
            targets=targets,
            key=KEY,
            limits=sip_limits(config),
        )
        around.host.receiver = self
        self.ledger.on_durable = self.parts.proxy.durable
        self._alarm = Alarm(around.agenda, self._wake)
        self.parts.timers.when_earlier(self._alarm.earlier)
        around.agenda.after(around.random.uniform(0.0, REBUILD_SECONDS), self._get_ready)

    def kill(self) -> None:
        """Nothing of it is left but what is on the disk."""
        self._is_dead = True
        self._writer.kill()

    def leftovers(self) -> dict[str, int]:
        """The tables that still hold something."""
        parts = self.parts
        parts.open_attempts.expire(self._clock.now())
        sizes = {
            "server transactions": len(parts.table.servers),
            "client transactions": len(parts.table.clients),
            "response contexts": parts.table.contexts,
            "calls": len(parts.calls),
            "open attempts": len(parts.open_attempts),
            "parked INVITEs": len(parts.admission),
            "calls in progress": parts.engine.calls_in_progress,
            "timers": len(parts.timers),
            "restored INVITEs": int(bool(parts.restored)),
            "unwritten entries": self.ledger.waiting,
        }
        return {name: size for name, size in sizes.items() if size}

    def clock_stepped(self, seconds: float) -> None:
        """As `GateProcess` notes it."""
        self.parts.recorder.act("clock-jumped", "sipgate", {"step_ms": round(seconds * 1000)})

    def packet(self, raw: bytes, flow: Flow) -> None:
        """As the network hands it on."""
        self.parts.proxy.packet(raw, flow)
        if len(self.parts.admission):
            self._alarm.earlier(self._clock.now() + LONGEST_SLEEP)

    def packet_failed(self, raw: bytes, flow: Flow) -> None:
        self.parts.proxy.packet_failed(raw, flow)

    def flow_lost(self, flow: Flow, reason: str) -> None:
        self.parts.proxy.flow_lost(flow, reason)

    def bad_stream(self, flow: Flow, error: BadMessage) -> None:
        self.parts.proxy.bad_stream(flow, error)

    def _get_ready(self) -> None:
        if self._is_dead:
            return
        recovery = Recovery(self.parts, self._policy, self._clock, self._config.gate.max_call)
        since_us = recovery.now.boot_us - microseconds(recovery.seconds)
        for _, body in self._around.disk.records[: self.ledger.found_seq]:
            entry = decode_entry(body)
            if entry.boot_us >= since_us:  # what a reader would have skipped; there is one boot
                recovery.feed(entry)
        recovery.finish()
        self.parts.recorder.act("gate-started", "sipgate", {})
        self.parts.proxy.is_ready = True

    def _wake(self) -> float | None:
        if self._is_dead:
            return None
        due = self.parts.proxy.wake()
        if len(self.parts.admission):
            soon = self._clock.now() + LONGEST_SLEEP
            due = soon if due is None else min(due, soon)
        return due


def _unprobed(config: Config) -> Config:
    """One target each has nowhere to fail over to, and probes would keep the gate busy for ever."""
    upstreams = [one.model_copy(update={"probe": 0.0}) for one in config.upstream]
    return config.model_copy(update={"upstream": tuple(upstreams)})
