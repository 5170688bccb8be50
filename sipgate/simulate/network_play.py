"""One play of a seed: callers, a gate, callees, and what goes wrong between them.

The gate is made by whoever knows its parts (`GateMaker`), once for each of its lives. All else is
here, without sockets, disk and real time: what a seed plays once it plays again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from traceback import format_exception
from typing import NamedTuple, Protocol, cast

from sipgate.clock import VirtualClock
from sipgate.net import Network

from .agenda import Agenda
from .call_plan import Dialling, draw_calls
from .callee import AnsweringEnd
from .calling_end import CallingEnd, DialledInvite, PlannedCall
from .evidence import Evidence
from .fault_plan import FaultPlan, draw_faults
from .invariants import Watcher, broken_promises
from .limit_model import Limit
from .simulated_disk import SimulatedDisk
from .simulated_network import Passage, SimulatedHost, SimulatedNetwork
from .virtual_endpoint import TokenCounter, virtual_endpoint


class GateLife(Protocol):
    """A gate from its start to its end."""

    def kill(self) -> None:
        """As by `kill -9`."""

    def leftovers(self) -> Mapping[str, int]:
        """The tables that still hold something, and how much."""
        ...

    def clock_stepped(self, seconds: float) -> None:
        """The calendar was set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a life of a gate is made in."""

    agenda: Agenda
    host: SimulatedHost  # with a listener on each of the landscape's ports
    disk: SimulatedDisk  # with what the lives before wrote
    random: Random
    has_failed: Callable[[Exception], None]

    @property
    def network(self) -> Network:
        """The host, where a Network is wanted: it has what the proxy uses of one."""
        return cast(Network, self.host)


GateMaker = Callable[[Surroundings], GateLife]


class GatePort(NamedTuple):
    """One address that the gate listens on."""

    transport: str
    port: int
    advertise: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """Who stands where. Addresses are numeric, transports "udp" or "tcp"."""

    gate: str
    gate_ports: Sequence[GatePort]
    callers: Sequence[tuple[str, str]]  # (address, transport)
    targets: Sequence[tuple[str, str, int]]  # (transport, address, port)
    dialling: Dialling
    limits: Sequence[Limit] = ()
    ends_within_seconds: float  # by then everything must have ended by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayReport:
    """What came of one seed."""

    seed: int
    broken: tuple[str, ...]  # promises, a sentence each; empty: all held
    calls: int
    messages: int
    virtual_seconds: float
    lives: int
    story: tuple[str, ...] = field(default_factory=tuple)  # line by line, where it was asked for


class NetworkPlay:
    """Sets the stage for a seed, lets it happen, and looks at what was left."""

    def __init__(
        self,
        seed: int,
        landscape: Landscape,
        make_gate: GateMaker,
        *,
        faults: FaultPlan | None = None,
        calls: Sequence[PlannedCall] | None = None,
    ) -> None:
        self.seed = seed
        self.random = Random(seed)
        self.landscape = landscape
        self.faults = faults if faults is not None else draw_faults(self.random)
        self.calls = calls if calls is not None else draw_calls(self.random, landscape.dialling)
        self.clock = VirtualClock()
        self.errors: list[str] = []
        self.agenda = Agenda(self.clock, self._failed)
        self.passages: list[Passage] = []
        self.evidence = Evidence()
        self.disk = SimulatedDisk()
        self.disk.on_written = self.evidence.written
        self.watcher = Watcher(landscape.gate, landscape.dialling.emergency, self.evidence)
        self.network = SimulatedNetwork(
            self.agenda, Random(f"{seed}/network"), self.faults.weather, self._watch
        )
        self.started_at = self.clock.now()
        self.kills: list[tuple[float, float]] = []  # from, until: clock seconds
        self.gate: GateLife | None = None
        self.is_drained = False
        self.make_gate = make_gate
        self._lives = 0
        self._new_token = TokenCounter()
        self.callees = [self._callee(*target) for target in landscape.targets]
        self.callers = [self._caller(*caller) for caller in landscape.callers]

    @property
    def invites(self) -> list[DialledInvite]:
        """All that the callers have sent."""
        return [invite for caller in self.callers for invite in caller.invites]

    def play(self, *, tells: bool = False) -> PlayReport:
        """Let it all happen. `tells` keeps the story, broken promise or not."""
        self._start_gate()
        for call in self.calls:
            caller = self.callers[sum(call.caller.encode()) % len(self.callers)]
            self.agenda.at(self.started_at + call.at, lambda end=caller, it=call: end.begin(it))  # type: ignore[misc]
        for trouble in self.faults.troubles:
            begin, end = self._acts(trouble.kind, trouble.seconds)
            self.agenda.at(self.started_at + trouble.at, begin)
            self.agenda.at(self.started_at + trouble.ends_at, end)
        self.is_drained = self.agenda.run(self.started_at + self.landscape.ends_within_seconds)
        broken = tuple(broken_promises(self))
        return PlayReport(
            seed=self.seed,
            broken=broken,
            calls=len(self.invites),
            messages=self.network.messages,
            virtual_seconds=self.clock.now() - self.started_at,
            lives=self._lives,
            story=tuple(self._story()) if tells or broken else (),
        )

    def _acts(self, kind: str, seconds: float) -> tuple[Callable[[], None], Callable[[], None]]:
        """What begins a trouble and what ends it."""
        disk, now = self.disk, self.clock.now
        match kind:
            case "gate killed":
                return lambda: self._kill_gate(seconds), self._start_gate
            case "callee cut off":
                host = self.network.host(self.random.choice(self.landscape.targets)[1])
                return host.cut_off, host.join
            case "disk stalls":
                return lambda: setattr(disk, "stalls_until", now() + seconds), _nothing
            case "disk fails":
                return lambda: setattr(disk, "fails_until", now() + seconds), _nothing
            case _:
                return lambda: self._step_clock(seconds), _nothing

    def _start_gate(self) -> None:
        host = self.network.host(self.landscape.gate)
        for at in self.landscape.gate_ports:
            host.open(at.transport, at.port, at.advertise)
        self._lives += 1
        self.gate = self.make_gate(
            Surroundings(
                agenda=self.agenda,
                host=host,
                disk=self.disk,
                random=Random(f"{self.seed}/gate/{self._lives}"),
                has_failed=self._failed,
            )
        )

    def _kill_gate(self, seconds: float) -> None:
        now = self.clock.now()
        self.kills.append((now, now + seconds))
        assert self.gate is not None
        self.gate.kill()
        self.network.host(self.landscape.gate).kill()
        self.gate = None

    def _step_clock(self, seconds: float) -> None:
        self.clock.jump(seconds)
        if self.gate is not None:
            self.gate.clock_stepped(seconds)

    def _callee(self, transport: str, address: str, port: int) -> AnsweringEnd:
        host = self.network.host(address)
        for kind in ("udp", "tcp"):
            if host.listener_on(kind, port) is None:
                host.open(kind, port)
        return AnsweringEnd(endpoint=virtual_endpoint(self.agenda, host, self._new_token))

    def _caller(self, address: str, transport: str) -> CallingEnd:
        host = self.network.host(address)
        listeners = {kind: host.open(kind, 5060) for kind in ("udp", "tcp")}
        port = next(at.port for at in self.landscape.gate_ports if at.transport == transport)
        endpoint = virtual_endpoint(self.agenda, host, self._new_token)
        return CallingEnd(endpoint, listeners[transport], (transport, self.landscape.gate, port))

    def _watch(self, passage: Passage) -> None:
        self.passages.append(passage)
        self.watcher.watch(passage)

    def _failed(self, error: Exception) -> None:
        text = "".join(format_exception(error)[-3:]).strip()
        self.errors.append(f"at {self.clock.now() - self.started_at:.3f} s: {text}")

    def _story(self) -> list[str]:
        lines = [f"seed {self.seed}: {self.faults.weather}"]
        lines += [f"  {trouble}" for trouble in self.faults.troubles]
        lines += [f"  call {call}" for call in self.calls]
        lines += [
            f"{passage.at - self.started_at:10.4f} {passage.transport} "
            f"{passage.sender:>21} {_ARROWS[passage.fate]} {passage.receiver:<21} "
            + _gist(passage.raw)
            for passage in self.passages
        ]
        return lines + [f"  ledger: {entry}" for entry in self.evidence.entries]


_ARROWS = {"sent": "-->", "lost": "-x ", "doubled": "=> ", "dead": "-+ "}


def _gist(raw: bytes) -> str:
    """The start line, and what tells messages apart."""
    lines = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
    wanted = (b"via:", b"call-id:", b"cseq:", b"to:")
    found: dict[bytes, str] = {}
    for line in lines[1:]:
        name = line.partition(b":")[0].lower() + b":"
        if name in wanted:
            found.setdefault(name, line.partition(b":")[2].strip().decode("latin-1"))
    via = found.get(b"via:", "").partition("branch=")[2]
    tag = found.get(b"to:", "").partition("tag=")[2]
    names = f"{found.get(b'call-id:')} {found.get(b'cseq:')} branch {via}"
    return f"{lines[0].decode('latin-1')}  [{names}{' to ' + tag if tag else ''}]"


def _nothing() -> None:
    """Time alone ends this trouble."""
