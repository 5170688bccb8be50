"""One call from an agent's phone: INVITE, CANCEL when patience ends, ACK, talk, BYE."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

from sipgate.net import Flow
from sipgate.sip import PHRASES, InviteClient, Request, Response, build_cancel

from .dialog import Dialog, caller_dialog, refresh
from .endpoint import Endpoint, readable, via_line
from .fate import SAW_HEADER
from .summary import CallResult, End, Verdict

# What a gate may refuse with: no code that a phone retries or repairs by itself, and no 5xx
# (a gate's 503 is its trouble, not its verdict).
NOT_A_REFUSAL = frozenset(
    {401, 407, 408, *range(413, 417), *range(420, 424), 481, 482, 484, 487, 488, 491, 494}
)
BUSY = frozenset({486, 600})
VERDICT_HEADER = b"x-sipgate-verdict"


class State(Enum):
    """Where a call from an agent is."""

    CALLING = auto()  # until the first response
    RINGING = auto()
    CANCELLING = auto()
    UP = auto()
    OVER = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPlan:
    """What the agent means to do, in real seconds."""

    patience_seconds: float
    talk_seconds: float  # then the agent hangs up, if the callee hasn't


class OutgoingCall:
    """A Sleeper that lives on after `on_over`, for as long as its transaction may repeat things."""

    def __init__(
        self,
        endpoint: Endpoint,
        invite: bytes,
        branch: bytes,
        flow: Flow,
        plan: CallPlan,
        *,
        own_headers: frozenset[bytes],
        on_over: Callable[[CallResult], None],
        on_gone: Callable[[], None],
    ) -> None:
        now = endpoint.clock.now()
        self.state = State.CALLING
        self.deadline: float | None = None
        self.queued_at: float | None = None
        self.branch = branch
        self.dialog: Dialog | None = None
        self._endpoint = endpoint
        self._invite = invite
        self.flow = flow
        self._plan = plan
        self._own_headers = own_headers  # extension headers that we sent: these are no tags
        self._on_over = on_over
        self._on_gone = on_gone
        self._client = InviteClient(invite, endpoint.timers, reliable=flow.reliable, now=now)
        self._act_at: float | None = now + plan.patience_seconds
        self._wants_cancel = False
        self._acks_by_tag: dict[bytes, bytes] = {}
        self._has_rung = False
        self._saw: list[bytes] = []  # what the test callee says that it saw
        flow.send(invite)
        self._look()

    @property
    def is_up(self) -> bool:
        """Answered, and not over."""
        return self.state is State.UP

    def receive(self, response: Response, now: float) -> None:
        """A response to the INVITE."""
        is_new, ack = self._client.receive(response, now)
        if ack is not None:
            self.flow.send(ack)
        if is_new and response.status < 200:
            self._ringing(response, now)
        elif is_new and response.status < 300:
            self._answered(response, now)
        elif is_new:
            self._note(response)
            self._finish(*self._verdict_of(response))
        self._look()

    def request(self, request: Request, flow: Flow) -> bool:
        """A request in our dialog; False when it belongs to no dialog of ours."""
        dialog = self.dialog
        if dialog is None or request.from_tag != dialog.remote_tag:
            return False
        self._endpoint.answer(request, flow, 200)
        if request.method == b"BYE":
            self._over()
        elif request.method == b"UPDATE":
            refresh(dialog, request)
        self._look()
        return True

    def wind_up(self) -> None:
        """End it now, as the agent would."""
        if self.state is State.UP:
            self._hang_up()
        elif self.state in (State.CALLING, State.RINGING):
            self._cancel()
        self._look()

    def fail(self, reason: str) -> None:
        """The connection is gone."""
        if self.state is State.UP:
            self._over()
        self._client.end()
        self._finish(self._seen_verdict(), "failed", None, reason)
        self._look()

    def wake(self, now: float) -> None:
        """Patience or talk has ended, or the transaction wants to repeat something."""
        if self._client.deadline is not None and self._client.deadline <= now:
            if (raw := self._client.wake(now)) is not None:
                self.flow.send(raw)
            if self._client.timed_out and self.state is not State.UP:
                self._finish(None, "failed", None, "no response")
        if self._act_at is not None and self._act_at <= now:
            self._act_at = None
            if self.state in (State.CALLING, State.RINGING):
                self._cancel()
            elif self.state is State.CANCELLING:  # RFC 3261 §9.1: 64 × T1 after the CANCEL
                self._client.end()
                self._finish(self._seen_verdict(), "cancelled", None, "no response to CANCEL")
            elif self.state is State.UP:
                self._hang_up()
        self._look()

    def _ringing(self, response: Response, now: float) -> None:
        if response.status > 100:
            self._has_rung = True
            self._note(response)
        if self.state is State.CALLING:
            self.state = State.RINGING
        if self._wants_cancel:
            self._cancel()

    def _answered(self, response: Response, now: float) -> None:
        known = self._acks_by_tag.get(response.to_tag)
        if known is None:
            dialog = caller_dialog(response, response.cseq_number)
            via = via_line(self.flow, b"z9hG4bK" + self._endpoint.new_token())
            known = dialog.request(b"ACK", via, cseq=response.cseq_number)
            self._acks_by_tag[response.to_tag] = known
            is_first = self.dialog is None
            self.flow.send(known)
            if not is_first or self.state is State.OVER:
                self._bye(
                    dialog
                )  # a second branch answered, or we had given up: RFC 3261 §13.2.2.4
                return
            self.dialog = dialog
            self._note(response)
            was_cancelling = self.state is State.CANCELLING
            self.state = State.UP
            self._act_at = now + self._plan.talk_seconds
            if was_cancelling:
                self._hang_up()  # the answer crossed the CANCEL
        else:
            self.flow.send(known)

    def _cancel(self) -> None:
        """Send the CANCEL, once a provisional response is there: RFC 3261 §9.1."""
        if self.state is State.CALLING:
            self._wants_cancel = True
            return
        self.state = State.CANCELLING
        self._act_at = self._endpoint.clock.now() + 64 * self._endpoint.timers.t1
        cancel = build_cancel(self._invite, None)
        self._endpoint.ask(cancel, self.branch, b"CANCEL", self.flow)

    def _hang_up(self) -> None:
        assert self.dialog is not None
        self._bye(self.dialog)
        self._over()

    def _bye(self, dialog: Dialog) -> None:
        branch = b"z9hG4bK" + self._endpoint.new_token()
        bye = dialog.request(b"BYE", via_line(self.flow, branch))
        self._endpoint.ask(bye, branch, b"BYE", self.flow)

    def _over(self) -> None:
        """An answered call has ended, by whom ever."""
        self._finish(self._seen_verdict(), "answered", 200, None)

    def _finish(
        self, verdict: Verdict | None, end: End, status: int | None, reason: str | None
    ) -> None:
        if self.state is State.OVER:
            return
        self.state = State.OVER
        self._act_at = None
        tags = tuple(map(readable, self._tags()))
        self._on_over(CallResult(verdict=verdict, end=end, status=status, reason=reason, tags=tags))

    def _verdict_of(self, response: Response) -> tuple[Verdict | None, End, int | None, str | None]:
        status = response.status
        reason = _reason_text(response)
        seen = self._seen_verdict()
        if self.state is State.CANCELLING and status == 487:
            return seen, "cancelled", status, reason
        if status in BUSY:
            return seen or "allow", "busy", status, reason
        if seen is not None:
            return seen, "declined", status, reason
        if 400 <= status < 700 and status // 100 != 5 and status not in NOT_A_REFUSAL:
            return "reject", "refused", status, reason
        return None, "failed", status, reason

    def _seen_verdict(self) -> Verdict | None:
        """What came from behind the gate tells that the callee was reached, tagged or not."""
        if self._tags():
            return "tag"
        return "allow" if self._saw or self._has_rung or self.dialog is not None else None

    def _tags(self) -> list[bytes]:
        """The policy's own headers first, then the verdict's, which names the decision."""
        tags = [line for line in self._saw if self._is_tag(line)]
        return sorted(tags, key=lambda line: line.lower().startswith(VERDICT_HEADER))

    def _is_tag(self, line: bytes) -> bool:
        name, colon, value = line.partition(b":")
        name = name.strip().lower()
        if name == VERDICT_HEADER:
            return value.split(b";")[0].strip().lower() == b"tag"
        return bool(colon) and not name.startswith(b"x-sipgate-") and name not in self._own_headers

    def _note(self, response: Response) -> None:
        name = SAW_HEADER.lower()
        lines = [response.lines[index] for index in response.indexes(name)]
        if lines:
            self._saw = [line.partition(b":")[2].strip() for line in lines]

    def _look(self) -> None:
        due = [at for at in (self._client.deadline, self._act_at) if at is not None]
        self.deadline = min(due, default=None)
        if self.deadline is None and self.state is State.OVER:
            self._on_gone()
        else:
            self._endpoint.schedule.watch(self)


def _reason_text(response: Response) -> str:
    """The words for people: a phrase of the gate's own, else a Reason header's text (RFC 3326)."""
    if response.phrase not in (b"", PHRASES.get(response.status)):
        return readable(response.phrase)
    for value in response.values(b"reason"):
        _, found, rest = value.partition(b"text=")
        if found:
            words = rest.split(b'"')[1] if rest.startswith(b'"') else rest.split(b";")[0]
            return readable(words)
    return readable(response.phrase)
