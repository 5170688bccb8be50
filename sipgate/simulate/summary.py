"""What a scenario's calls came to, agent by agent, as the agents can see it."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

Verdict = Literal["allow", "tag", "reject"]
End = Literal["answered", "cancelled", "busy", "declined", "refused", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallResult:
    """How one call went.

    The verdict is known for certain when the test callee spoke (`fate`). Otherwise ringing and
    answers mean `allow` (a tag can't be seen from here), a refusal before any ringing `reject`.
    """

    verdict: Verdict | None  # None: not to be seen, such as after a time-out
    end: End
    status: int | None  # the final response; None: there was none
    reason: str | None  # a refusal's: the text of its Reason header, else its phrase
    tags: tuple[str, ...] = ()  # `NAME: VALUE`, what the policy said before the gate's own


@dataclass(slots=True, kw_only=True)
class Tally:
    """One agent's calls so far. `attempts` = allowed + tagged + refused + unclear + open."""

    room: str
    name: str
    extension: str
    attempts: int = 0
    allowed: int = 0
    tagged: int = 0
    refused: int = 0
    unclear: int = 0  # neither an answer from behind the gate nor a refusal
    open: int = 0  # not over yet
    answered: int = 0
    cancelled: int = 0  # by the agent, who had waited long enough
    busy: int = 0
    declined: int = 0  # by the callee
    failed: int = 0
    first_refused_attempt: int | None = None  # its number, from 1
    last_status: int | None = None  # the last refusal's
    last_reason: str | None = None
    last_tag: str | None = None

    def dialled(self) -> None:
        """A call begins."""
        self.attempts += 1
        self.open += 1

    def ended(self, result: CallResult) -> None:
        """A call is over."""
        self.open -= 1
        match result.verdict:
            case "allow":
                self.allowed += 1
            case "tag":
                self.tagged += 1
                self.last_tag = result.tags[0] if result.tags else None
            case "reject":
                self.refused += 1
                self.last_status = result.status
                self.last_reason = result.reason
                if self.first_refused_attempt is None:
                    self.first_refused_attempt = self.attempts
            case None:
                self.unclear += 1
        match result.end:
            case "answered":
                self.answered += 1
            case "cancelled":
                self.cancelled += 1
            case "busy":
                self.busy += 1
            case "declined":
                self.declined += 1
            case "failed":
                self.failed += 1
            case "refused":
                pass  # counted as the verdict


COUNTED = (
    "attempts",
    "allowed",
    "tagged",
    "refused",
    "unclear",
    "open",
    "answered",
    "cancelled",
    "busy",
    "declined",
    "failed",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All agents, at one moment. The tallies are live: they go on counting while calls do."""

    scenario: str
    gate: str
    pace: float
    elapsed_seconds: float  # of real time
    total_seconds: float | None  # what the whole takes; None when only calls are counted
    is_over: bool
    agents: tuple[Tally, ...] = field(default_factory=tuple)

    @property
    def totals(self) -> dict[str, int]:
        """Each count over all agents."""
        return {name: sum(getattr(agent, name) for agent in self.agents) for name in COUNTED}

    def as_json(self) -> dict[str, Any]:  # for json.dumps
        """The whole as plain data; no key is ever left out."""
        plain = {
            item.name: getattr(self, item.name) for item in fields(self) if item.name != "agents"
        }
        return plain | {
            "elapsed_seconds": round(self.elapsed_seconds, 3),
            "totals": self.totals,
            "agents": [asdict(agent) for agent in self.agents],
        }
