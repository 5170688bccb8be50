"""Upstreams: where allowed calls go, one or more targets each (design §6, Targets)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

LAST_RESORT_SECONDS = 1.0  # while none is alive, one INVITE that often: design §6


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One place that carries calls."""

    transport: str  # "udp" or "tcp"
    host: str  # numeric address, resolved before the target is made
    port: int
    uri_hostport: bytes  # what a rewritten Request-URI says: host, and port where it was given
    key: bytes = field(init=False)  # with its transport, as branches and the ledger name it

    def __post_init__(self) -> None:
        key = f"{self.transport}:{self.host}:{self.port}".encode()
        object.__setattr__(self, "key", key)


class Upstream:
    """A named group of targets (design §12), and which of them are dead."""

    def __init__(
        self,
        *,
        name: str,
        targets: Sequence[Target],
        trusted: bool = True,
        tags: str = "id",
        answer_within: float = 4.0,
        large_requests_tcp: bool = False,
    ) -> None:
        self.name = name
        self.targets = targets  # in order of preference
        self.trusted = trusted  # False: P-Asserted-Identity is withheld when Privacy says `id`
        self.tags = tags  # what X-SipGate-Verdict says: "id", "full" or "none"
        self.answer_within = answer_within  # seconds for any response, while another is left
        self.large_requests_tcp = large_requests_tcp
        self._dead: dict[bytes, float] = {}  # when it was tried last
        self._last_resort_at = float("-inf")

    @property
    def first_key(self) -> bytes:
        """The target of first choice; empty while none is resolved."""
        return self.targets[0].key if self.targets else b""

    def run(
        self,
        now: float,
        *,
        rotate: bool,
        affinity: bytes | None = None,
        prefer: bytes | None = None,
        emergency: bool = False,
    ) -> "TargetRun":
        """The targets for one request.

        `affinity` is hashed to choose among the living, `prefer` is the key of the target that
        comes first, an emergency call gets every target without throttle.
        """
        dead = self._dead
        living = [target for target in self.targets if target.key not in dead]
        if affinity is not None and len(living) > 1:
            digest = blake2b(affinity, digest_size=4).digest()
            start = int.from_bytes(digest, "big") % len(living)
            living = living[start:] + living[:start]
        if prefer is not None:
            living.sort(key=lambda target: target.key != prefer)
        if emergency:
            living += [target for target in self.targets if target.key in dead]
        return TargetRun(self, living)

    def heard(self, key: bytes, status: int, now: float) -> None:
        """A response came from a target: any but 503 makes it alive."""
        if status != 503 and self._dead:
            self._dead.pop(key, None)

    def failed(self, key: bytes, now: float) -> None:
        """A transport error: it is dead."""
        self._dead[key] = now

    def silent(self, key: bytes, now: float) -> None:
        """A request timed out or was passed over: no verdict by itself."""

    def last_resort(self, now: float) -> Target | None:
        """When none is alive: the one untried longest; None when its turn is taken."""
        if len(self._dead) < len(self.targets) or not self.targets:
            return None
        if now < self._last_resort_at + LAST_RESORT_SECONDS:
            return None
        self._last_resort_at = now
        target = min(self.targets, key=lambda target: self._dead.get(target.key, now))
        self._dead[target.key] = now
        return target

    def holds(self, host: str) -> bool:
        """Whether this is the address of a target, any port."""
        return any(target.host == host for target in self.targets)


class TargetRun:
    """The targets for one request, best first."""

    __slots__ = ("_begun", "_targets", "_upstream")

    def __init__(self, upstream: Upstream, targets: list[Target]) -> None:
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
