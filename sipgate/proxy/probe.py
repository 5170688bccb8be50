"""OPTIONS to each target, so that a dead one is known before a call finds out (design §6, Targets).

Each target has its own beat, at a place in the interval that its name gives it: probes of many
targets, and of many gates, don't leave at once. After a miss the next one comes sooner.
"""

from hashlib import blake2b
from typing import Final, Protocol

from sipgate.net import Flow
from sipgate.sip import NonInviteClient, Timers

from .branch import BranchMaker
from .own_request import LOST, SILENCE, Probe
from .timer_queue import TimerQueue
from .transaction_table import TransactionTable
from .upstream import Target, Upstream

PATIENCE_SECONDS: Final = 8.0  # for an answer, retransmissions at 0.5, 1.5, 3.5 and 7.5 s included
AFTER_MISS_SECONDS: Final = 5.0


class TargetFlows(Protocol):
    """Where flows to targets come from."""

    def target_flow(self, target: Target) -> Flow: ...


class _Beat:
    """When a target is probed next."""

    __slots__ = ("due", "is_out", "target", "upstream")

    def __init__(self, upstream: Upstream, target: Target, due: float) -> None:
        self.upstream = upstream
        self.target = target
        self.due = due
        self.is_out = False  # a probe is on its way


class Prober:
    """Probes the targets of all upstreams that ask for it."""

    def __init__(
        self,
        *,
        table: TransactionTable,
        timers: TimerQueue,
        sip_timers: Timers,
        branches: BranchMaker,
        flows: TargetFlows,
    ) -> None:
        self._table = table
        self._timers = timers
        self._sip_timers = sip_timers
        self._branches = branches
        self._flows = flows
        self._beats: dict[tuple[str, bytes], _Beat] = {}
        self._beats_by_probe: dict[bytes, _Beat] = {}
        self._sent = 0

    @property
    def deadline(self) -> float | None:
        """When the next probe leaves."""
        return min((beat.due for beat in self._beats.values() if not beat.is_out), default=None)

    def follow(self, upstream: Upstream, now: float) -> None:
        """Probe the targets that this upstream has now, and no others of it."""
        interval = upstream.probe_seconds
        if not interval:
            return
        upstream.on_silence(lambda target, at: self._soon(upstream, target, at))
        wanted = {(upstream.name, target.key): target for target in upstream.targets}
        for name in [key for key in self._beats if key[0] == upstream.name and key not in wanted]:
            del self._beats[name]
        for name, target in wanted.items():
            if name not in self._beats:
                first = now + interval * _share(target.key)
                self._beats[name] = _Beat(upstream, target, first)
        self._timers.add(self, now)

    def wake(self, now: float) -> None:
        """Send what is due."""
        for beat in list(self._beats.values()):
            if not beat.is_out and beat.due <= now:
                self._send(beat, now)

    def _soon(self, upstream: Upstream, target: Target, now: float) -> None:
        """A call to it timed out: probe it at once."""
        beat = self._beats.get((upstream.name, target.key))
        if beat is not None and not beat.is_out and beat.due > now:
            beat.due = now
            self._timers.add(self, now)

    def _send(self, beat: _Beat, now: float) -> None:
        self._sent += 1
        target, flow = beat.target, self._flows.target_flow(beat.target)
        name = b"probe%d.%d" % (self._sent, int(now * 1000))
        key = self._branches.transaction_part_of(b"probe", name, name, b"", self._sent, target.key)
        raw = options(target, flow, key, name, self._sent)
        client = NonInviteClient(raw, self._sip_timers, reliable=flow.reliable, now=now)
        gives_up_at = now + min(PATIENCE_SECONDS, beat.upstream.probe_seconds)
        probe = Probe(key, client, flow, gives_up_at, self._ended)
        beat.is_out = True
        self._beats_by_probe[key] = beat
        self._table.clients[key] = probe
        self._timers.add(probe, now)
        flow.send(raw)

    def _ended(self, key: bytes, status: int, now: float) -> None:
        self._table.drop_client(key)
        beat = self._beats_by_probe.pop(key)
        beat.is_out = False
        upstream, interval = beat.upstream, beat.upstream.probe_seconds
        beat.due = now + min(interval, AFTER_MISS_SECONDS)
        if status == LOST:
            upstream.failed(beat.target.key, now)
        elif status == SILENCE:
            upstream.probe_missed(beat.target.key, now)
        else:
            upstream.probe_answered(beat.target.key, status, now)
            beat.due = now + interval
        self._timers.add(self, now)


def options(target: Target, flow: Flow, branch: bytes, name: bytes, number: int) -> bytes:
    """The request: OPTIONS to the target itself (RFC 3261 §11)."""
    place, own = target.uri_hostport, flow.local_sent_by
    transport = b"" if flow.transport == "udp" else b";transport=" + flow.transport.encode()
    return b"\r\n".join(
        (
            b"OPTIONS sip:%b%b SIP/2.0" % (place, transport),
            b"Via: SIP/2.0/%b %b;branch=%b;rport" % (flow.transport.upper().encode(), own, branch),
            b"Max-Forwards: 70",
            b"From: <sip:sipgate@%b>;tag=%b" % (own, name),
            b"To: <sip:%b>" % place,
            b"Call-ID: %b@%b" % (name, own),
            b"CSeq: %d OPTIONS" % number,
            b"Accept: application/sdp",
            b"Content-Length: 0",
            b"",
            b"",
        )
    )


def _share(key: bytes) -> float:
    """A number from 0 to 1 that is the same for one target, and spread over many."""
    return int.from_bytes(blake2b(key, digest_size=4).digest(), "big") / 2**32
