"""The calls that the gate carries: from the INVITE to BYE, error or expiry (design §6)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from sipgate.gate import Attempt, Charge, Decision, OpenAttempt
from sipgate.ledger import EndedBy, OutcomeKind
from sipgate.net import Flow
from sipgate.sip import Response

from .outcome import Outcome
from .source import Source

MOST_TAGS = 32  # forks of one call whose dialogs are known
MOST_ROUTE_LINES = 32


class CallState(Enum):
    DECIDED = auto()  # admitted; its entry may not be durable yet
    CALLING = auto()  # the INVITE has left
    CHALLENGED = auto()  # upstream asked the caller to send it again (401, 407, 3xx …)
    UP = auto()  # answered
    ENDED = auto()


@dataclass(slots=True, eq=False)
class Call:
    """One attempt and what became of it. The decision's sequence number is its name."""

    call_id: bytes
    caller_tag: bytes
    attempt: Attempt
    source: Source
    decision: Decision
    seq: int
    emergency: bool
    inbound: bool
    started_at: float  # clock seconds
    caller_flow: Flow | None
    caller_contact: bytes | None  # Contact value last seen from the caller
    charge: Charge | None = None
    callee_contact: bytes | None = None
    callee_tags: tuple[bytes, ...] = ()
    up_tags: tuple[bytes, ...] = ()  # of those, the dialogs that a 2xx confirmed and no BYE ended
    over_tags: tuple[bytes, ...] = ()  # those that a BYE ended
    open: OpenAttempt | None = None  # its INVITEs that have no final response
    talked: Outcome | None = None  # its outcome, unless one of those is answered
    route_lines: tuple[bytes, ...] = ()  # Record-Route lines seen where there are more than ours
    target: bytes = b""
    state: CallState = CallState.DECIDED
    ringing_at: float | None = None
    answered_at: float | None = None
    answered_time: float | None = None
    cancelled: bool = False
    deadline: float | None = None  # when the call expires, or its challenge does
    session_seconds: int | None = None  # within which its ends refresh it (RFC 4028)
    info_digits: int = 0  # that the caller sent in INFO once it was up
    last_status: int = 0
    is_restored: bool = False  # known from the ledger, not from its INVITE
    was_transferred: bool = False  # a REFER has joined it with another one
    is_referral: bool = False  # somebody else was asked to place it: it is over with that answer

    def has_dialog(self, from_tag: bytes, to_tag: bytes) -> bool:
        """True when these two tags, in either order, are of this call."""
        if from_tag == self.caller_tag:
            return to_tag in self.callee_tags
        return to_tag == self.caller_tag and from_tag in self.callee_tags

    @property
    def target_host(self) -> str:
        """The numeric address that its INVITE went to; "" before it left."""
        return self.target.partition(b":")[2].rpartition(b":")[0].strip(b"[]").decode()

    def is_from_caller(self, from_tag: bytes) -> bool:
        return from_tag == self.caller_tag

    def saw_tag(self, to_tag: bytes) -> None:
        """Remember a To tag of a 101 to 2xx response: one more early or confirmed dialog."""
        if to_tag and to_tag not in self.callee_tags and len(self.callee_tags) < MOST_TAGS:
            self.callee_tags = (*self.callee_tags, to_tag)

    def hung_up(self, to_tag: bytes) -> bool:
        """A BYE ended this dialog; False while another fork's is up."""
        self.up_tags = tuple(tag for tag in self.up_tags if tag != to_tag)
        if to_tag in self.callee_tags and to_tag not in self.over_tags:
            self.over_tags = (*self.over_tags, to_tag)
        return not self.up_tags

    def saw_routes(self, response: Response) -> None:
        """Remember by which proxies a 101 to 2xx says that its dialog leads."""
        indexes = response.indexes(b"record-route")
        if len(indexes) < 2 and not (indexes and b"," in response.lines[indexes[0]]):
            return  # ours alone
        for index in indexes:
            line = response.lines[index]
            if line not in self.route_lines and len(self.route_lines) < MOST_ROUTE_LINES:
                self.route_lines = (*self.route_lines, line)

    def outcome(
        self,
        kind: OutcomeKind,
        status: int,
        now: float,
        *,
        ended_by: EndedBy | None = None,
        reason: str | None = None,
    ) -> Outcome:
        """The outcome if the call ended now."""
        final_at = self.answered_at if self.answered_at is not None else now
        return Outcome(
            kind=kind,
            status=status,
            answered_time=self.answered_time,
            ring_ms=_milliseconds(self.ringing_at, final_at),
            talk_ms=_milliseconds(self.answered_at, now),
            ended_by=ended_by,
            cancelled=self.cancelled,
            reason=reason,
            info_digits=self.info_digits,
        )


class ActiveCalls:
    """All calls that are not over, found by Call-ID and tags."""

    def __init__(self) -> None:
        self._calls_by_call_id: dict[bytes, list[Call]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Call]:
        for calls in list(self._calls_by_call_id.values()):
            yield from tuple(calls)

    def add(self, call: Call) -> None:
        calls = self._calls_by_call_id.get(call.call_id)
        if calls is None:
            self._calls_by_call_id[call.call_id] = [call]
        else:
            calls.append(call)
        self._count += 1

    def remove(self, call: Call) -> None:
        """Forget a call; once more does no harm."""
        calls = self._calls_by_call_id.get(call.call_id)
        if calls is None or call not in calls:
            return
        calls.remove(call)
        self._count -= 1
        if not calls:
            del self._calls_by_call_id[call.call_id]

    def find(self, call_id: bytes, from_tag: bytes, to_tag: bytes) -> Call | None:
        """The call whose dialog these tags name, in either order."""
        for call in self._calls_by_call_id.get(call_id, ()):
            if call.has_dialog(from_tag, to_tag):
                return call
        return None

    def sharing_dialog(self, call: Call) -> list[Call]:
        """Other calls that are up in the same dialog, so that one BYE ends them all."""
        return [
            other
            for other in self._calls_by_call_id.get(call.call_id, ())
            if other is not call
            and other.state is CallState.UP
            and other.caller_tag == call.caller_tag
            and not set(call.callee_tags).isdisjoint(other.callee_tags)
        ]

    def find_attempt(self, call_id: bytes, caller_tag: bytes) -> Call | None:
        """The youngest call that the caller set up under this Call-ID and From tag."""
        for call in reversed(self._calls_by_call_id.get(call_id, ())):
            if call.caller_tag == caller_tag:
                return call
        return None

    def find_decision(self, call_id: bytes, seq: int) -> Call | None:
        """The call that this decision let through."""
        for call in self._calls_by_call_id.get(call_id, ()):
            if call.seq == seq:
                return call
        return None

    def find_seq(self, seq: int) -> Call | None:
        """The call of a decision's sequence number; cost grows with the calls that are up."""
        return next((call for call in self if call.seq == seq), None)


def _milliseconds(start: float | None, end: float) -> int | None:
    return None if start is None else max(0, round((end - start) * 1000))
