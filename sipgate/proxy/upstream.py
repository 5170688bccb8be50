"""Upstreams: where allowed calls go, one or more targets each (design §6, Targets)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from .target_health import Change, TargetHealth

LAST_RESORT_SECONDS = 1.0  # while none is alive, one INVITE that often: design §6
KNOWN_AFTER_SECONDS = 3600.0  # an address that DNS no longer names is still the upstream's


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One place that carries calls."""

    transport: str  # udp, tcp, tls
    host: str  # numeric address, resolved before the target is made
    port: int
    uri_hostport: bytes  # what a rewritten Request-URI says: host, and port where it was given
    server_name: str = ""  # the configured host: what a TLS certificate must prove
    key: bytes = field(init=False)  # with its transport, as branches and the ledger name it

    def __post_init__(self) -> None:
        key = f"{self.transport}:{self.host}:{self.port}".encode()
        object.__setattr__(self, "key", key)


class Upstream:
    """A named group of targets (design §12), and how they are."""

    def __init__(
        self,
        *,
        name: str,
        targets: Sequence[Target] = (),
        trusted: bool = True,
        tags: str = "id",
        rotates: bool = False,
        probe_seconds: float = 0.0,
        answer_within: float = 4.0,
        large_requests_tcp: bool = False,
        downgrades_sips: bool = False,
    ) -> None:
        self.name = name
        self.targets: Sequence[Target] = targets  # in order of preference; adopt() changes them
        self.trusted = trusted  # False: P-Asserted-Identity is withheld when Privacy says `id`
        self.tags = tags  # what X-SipGate-Verdict says: "id", "full" or "none"
        self.rotates = rotates  # each INVITE begins with the next target
        self.probe_seconds = probe_seconds  # between two probes of a target; 0: none
        self.answer_within = answer_within  # seconds for any response, while another is left
        self.large_requests_tcp = large_requests_tcp
        self.downgrades_sips = downgrades_sips  # sips calls may go on as sip, without TLS
        self._health = {target.key: self._new_health() for target in targets}
        self._dead = 0  # how many of them have a dead_since: nearly always none
        self._turn = 0
        self._last_resort_at = float("-inf")
        self._former_hosts: dict[str, float] = {}  # until when
        self._on_silence: Callable[[Target, float], None] | None = None
        self._on_change: Callable[[Upstream, Target, Change], None] | None = None

    @property
    def first_key(self) -> bytes:
        """The target of first choice; empty while none is resolved."""
        return self.targets[0].key if self.targets else b""

    @property
    def has_tls(self) -> bool:
        """Whether one of its targets is reached by TLS."""
        return any(target.transport == "tls" for target in self.targets)

    def adopt(self, targets: Sequence[Target], now: float) -> None:
        """DNS names these now; who was there before keeps its health."""
        hosts = {target.host for target in targets}
        for target in self.targets:
            if target.host not in hosts:
                self._former_hosts[target.host] = now + KNOWN_AFTER_SECONDS
        self._former_hosts = {
            host: until for host, until in self._former_hosts.items() if until > now
        }
        self._health = {
            target.key: self._health.get(target.key) or self._new_health() for target in targets
        }
        self._dead = sum(one.dead_since is not None for one in self._health.values())
        self.targets = tuple(targets)

    def on_silence(self, told: Callable[[Target, float], None]) -> None:
        """Whom to tell of a target that let a call time out: it is probed at once."""
        self._on_silence = told

    def on_change(self, told: Callable[["Upstream", Target, Change], None]) -> None:
        """Whom to tell when a target dies or revives."""
        self._on_change = told

    def is_alive(self, target: Target, now: float) -> bool:
        """Whether a target is not passed over."""
        health = self._health.get(target.key)
        return health is not None and not health.is_dead(now)

    def run(
        self,
        now: float,
        *,
        rotate: bool,
        affinity: bytes | None = None,
        prefer: bytes | None = None,
        emergency: bool = False,
        secure: bool = False,
    ) -> "TargetRun":
        """The targets for one request.

        `rotate`: an INVITE, of which each begins with the next target where the upstream rotates.
        `affinity` is hashed to choose among the living, `prefer` is the key of the target that
        comes first, an emergency call gets every target without throttle, `secure` ones by TLS
        where there are any.
        """
        targets = self.targets
        if secure and self.has_tls:
            targets = [one for one in targets if one.transport == "tls"]
        if not self._dead and len(targets) == 1:
            return TargetRun(self, targets)
        living = [one for one in targets if not self._dead or self.is_alive(one, now)]
        if len(living) > 1:
            start = 0
            if affinity is not None:
                digest = blake2b(affinity, digest_size=4).digest()
                start = int.from_bytes(digest, "big") % len(living)
            elif rotate and self.rotates:
                self._turn += 1
                start = self._turn % len(living)
            living = living[start:] + living[:start]
        if prefer is not None:
            living.sort(key=lambda target: target.key != prefer)
        if emergency and self._dead:
            living += [target for target in targets if target not in living]
        return TargetRun(self, living)

    def heard(self, key: bytes, status: int, now: float) -> None:
        """A response came from a target: any but 503 makes it alive."""
        if not self._dead:
            return
        health = self._health.get(key)
        if health is not None:
            self._changed(key, health.heard(status))

    def failed(self, key: bytes, now: float) -> None:
        """A transport error: it is dead."""
        health = self._health.get(key)
        if health is not None:
            self._changed(key, health.failed(now))

    def silent(self, key: bytes, now: float) -> None:
        """A request timed out or was passed over: no verdict, but its probe is due."""
        target = self._target(key)
        if target is not None and self._on_silence is not None:
            self._on_silence(target, now)

    def probe_answered(self, key: bytes, status: int, now: float) -> None:
        """A probe had an answer."""
        health = self._health.get(key)
        if health is not None:
            self._changed(key, health.probe_answered(status))

    def probe_missed(self, key: bytes, now: float) -> None:
        """A probe had none."""
        health = self._health.get(key)
        if health is not None:
            self._changed(key, health.probe_missed(now))

    def last_resort(self, now: float) -> Target | None:
        """When none is alive: the one untried longest; None when its turn is taken."""
        if not self.targets or any(self.is_alive(target, now) for target in self.targets):
            return None
        if now < self._last_resort_at + LAST_RESORT_SECONDS:
            return None
        self._last_resort_at = now
        target = min(self.targets, key=lambda target: self._health[target.key].tried_at)
        self._health[target.key].tried_at = now
        return target

    def holds(self, host: str) -> bool:
        """Whether this is the address of a target, any port; former ones for an hour."""
        return any(target.host == host for target in self.targets) or host in self._former_hosts

    def _new_health(self) -> TargetHealth:
        return TargetHealth(is_probed=self.probe_seconds > 0)

    def _target(self, key: bytes) -> Target | None:
        return next((target for target in self.targets if target.key == key), None)

    def _changed(self, key: bytes, change: Change) -> None:
        if change is Change.NONE:
            return
        self._dead += 1 if change is Change.DIED else -1
        target = self._target(key)
        if target is not None and self._on_change is not None:
            self._on_change(self, target, change)


class TargetRun:
    """The targets for one request, best first."""

    __slots__ = ("_begun", "_targets", "_upstream")

    def __init__(self, upstream: Upstream, targets: Sequence[Target]) -> None:
        self._upstream = upstream
        self._targets = targets
        self._begun = 0

    @property
    def has_next(self) -> bool:
        return self._begun < len(self._targets)

    def next(self, now: float) -> Target | None:
        """The next to try; None when there is none left."""
        if self._begun < len(self._targets):
            self._begun += 1
            return self._targets[self._begun - 1]
        if self._begun:
            return None
        self._begun = 1
        return self._upstream.last_resort(now)
