"""A calling user agent that dials what a plan says, in the ways that make a gate's life hard."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sipgate.net import Flow, Listener
from sipgate.sip import InviteClient, Request, Response

from . import session
from .dialog import Dialog, refresh
from .endpoint import Core, Endpoint, via_line
from .fate import ASK_HEADER, Fate
from .outgoing_call import CallPlan, OutgoingCall
from .summary import CallResult

CREDENTIALS = b'Proxy-Authorization: Digest username="phone", response="any"'
MOST_CHALLENGES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """One call that somebody means to make; times in seconds from its start."""

    at: float  # from the start of the play
    caller: str  # the From user
    number: str  # as dialled
    call_id: bytes
    from_tag: bytes
    patience_seconds: float
    talk_seconds: float
    reinvites_after: float | None = None  # of talk
    copies: int = 1  # a PBX in front sends the INVITE so often, on a branch each
    is_emergency: bool = False
    fate: Fate


@dataclass(slots=True, kw_only=True, eq=False)
class DialledInvite:
    """One INVITE as its sender has seen it."""

    planned: PlannedCall
    branch: bytes
    lines: tuple[bytes, ...]  # as sent
    began_at: float
    finals: list[tuple[int, bytes]] = field(default_factory=list)  # status, To tag; each once
    has_progress: bool = False
    result: CallResult | None = None
    ended_at: float | None = None
    stream_failed: bool = False


class CallingEnd(Core):
    """Phones behind one address: all calls of one source in a play."""

    def __init__(self, endpoint: Endpoint, listener: Listener, gate: tuple[str, str, int]) -> None:
        self.endpoint = endpoint
        endpoint.core = self
        self.invites: list[DialledInvite] = []
        self._listener = listener
        self._transport, self._gate_host, self._gate_port = gate
        self._calls: dict[bytes, OutgoingCall | Reinvite] = {}  # by branch
        self._dialled: dict[bytes, DialledInvite] = {}
        self._by_call_id: dict[bytes, list[OutgoingCall]] = {}

    @property
    def open_calls(self) -> int:
        """Calls and re-INVITEs that are not over, with what their transactions keep."""
        return len(self._calls) + len(self._by_call_id)

    def begin(self, planned: PlannedCall) -> None:
        """Dial."""
        for _ in range(planned.copies):
            self._dial(planned, 1, ())

    def invite(self, request: Request, flow: Flow, now: float) -> None:
        """Nobody calls these phones, and they don't change a call on request."""
        self.endpoint.answer(request, flow, 488 if request.to_tag else 480)

    def ack(self, request: Request, now: float) -> None:
        """The ACK to such a refusal."""

    def request(self, request: Request, flow: Flow, now: float) -> None:
        """A request in one of the calls, we hope."""
        for call in self._by_call_id.get(request.call_id, ()):
            if call.request(request, flow):
                return
        self.endpoint.answer(request, flow, 481)

    def invite_response(self, response: Response, now: float) -> bool:
        """A response to an INVITE or re-INVITE."""
        branch = response.via.branch
        call = self._calls.get(branch)
        dialled = self._dialled.get(branch)
        if dialled is not None:
            final = (response.status, response.to_tag)
            if response.status < 200:
                dialled.has_progress = True
            elif final not in dialled.finals:
                dialled.finals.append(final)
        if call is None:
            return dialled is not None
        call.receive(response, now)
        return True

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """A connection is gone; a call that is up goes on without it, as a careful phone does."""
        for branch, call in tuple(self._calls.items()):
            if call.flow is flow:
                dialled = self._dialled.get(branch)
                if dialled is not None:
                    dialled.stream_failed = True
                call.fail(reason)

    def _dial(self, planned: PlannedCall, cseq: int, headers: tuple[bytes, ...]) -> None:
        endpoint = self.endpoint
        now = endpoint.clock.now()
        flow = endpoint.network.flow_to(
            self._transport, self._gate_host, self._gate_port, listener=self._listener
        )
        branch = b"z9hG4bK" + endpoint.new_token()
        raw = self._invite(planned, flow, branch, cseq, headers)
        lines = tuple(raw.partition(b"\r\n\r\n")[0].split(b"\r\n"))
        dialled = DialledInvite(planned=planned, branch=branch, lines=lines, began_at=now)
        self.invites.append(dialled)
        self._dialled[branch] = dialled
        call = OutgoingCall(
            endpoint,
            raw,
            branch,
            flow,
            CallPlan(patience_seconds=planned.patience_seconds, talk_seconds=planned.talk_seconds),
            own_headers=frozenset((ASK_HEADER.lower(),)),
            on_over=lambda result: self._over(dialled, cseq, result),
            on_gone=lambda: self._forget(branch, planned.call_id, call),
        )
        self._calls[branch] = call
        self._by_call_id.setdefault(planned.call_id, []).append(call)
        if planned.reinvites_after is not None:
            alarm = ReinviteAlarm(self, call, planned.reinvites_after, now)
            endpoint.schedule.watch(alarm)

    def reinvite(self, call: OutgoingCall) -> None:
        """Send an INVITE in the dialog of a call that is up."""
        assert call.dialog is not None
        branch = b"z9hG4bK" + self.endpoint.new_token()
        self._calls[branch] = Reinvite(
            self.endpoint, call.dialog, branch, call.flow, lambda: self._calls.pop(branch, None)
        )

    def _over(self, dialled: DialledInvite, cseq: int, result: CallResult) -> None:
        dialled.result = result
        dialled.ended_at = self.endpoint.clock.now()
        if result.status in (401, 407) and cseq <= MOST_CHALLENGES:
            self._dial(dialled.planned, cseq + 1, (CREDENTIALS,))

    def _forget(self, branch: bytes, call_id: bytes, call: OutgoingCall) -> None:
        self._calls.pop(branch, None)
        calls = self._by_call_id.get(call_id, [])
        if call in calls:
            calls.remove(call)
            if not calls:
                del self._by_call_id[call_id]

    def _invite(
        self,
        planned: PlannedCall,
        flow: Flow,
        branch: bytes,
        cseq: int,
        headers: tuple[bytes, ...],
    ) -> bytes:
        gate = b"%b:%d" % (self._gate_host.encode(), self._gate_port)
        user, own = planned.caller.encode(), flow.local_sent_by
        uri = b"sip:%b@%b" % (planned.number.encode(), gate)
        transport = b"" if flow.transport == "udp" else b";transport=" + flow.transport.encode()
        body = session.offer(own.rpartition(b":")[0], b"1")
        lines = [
            b"INVITE %b SIP/2.0" % uri,
            b"Via: " + via_line(flow, branch),
            b"Max-Forwards: 70",
            b"From: <sip:%b@%b>;tag=%b" % (user, gate, planned.from_tag),
            b"To: <%b>" % uri,
            b"Call-ID: " + planned.call_id,
            b"CSeq: %d INVITE" % cseq,
            b"Contact: <sip:%b@%b%b>" % (user, own, transport),
            ASK_HEADER + b": " + planned.fate.ask(),
            *headers,
            session.CONTENT_TYPE,
            b"Content-Length: %d" % len(body),
        ]
        return b"\r\n".join(lines) + b"\r\n\r\n" + body


class ReinviteAlarm:
    """A Sleeper: while its call is up, sends a re-INVITE after so much of it."""

    def __init__(
        self, end: CallingEnd, call: OutgoingCall, after_seconds: float, now: float
    ) -> None:
        self.deadline: float | None = now + after_seconds
        self.queued_at: float | None = None
        self._end = end
        self._call = call

    def wake(self, now: float) -> None:
        self.deadline = None
        if self._call.is_up:
            self._end.reinvite(self._call)


class Reinvite:
    """An INVITE in a dialog, from sending to its last ACK; a Sleeper."""

    def __init__(
        self,
        endpoint: Endpoint,
        dialog: Dialog,
        branch: bytes,
        flow: Flow,
        on_gone: Callable[[], object],
    ) -> None:
        self.flow = flow
        self.queued_at: float | None = None
        self._endpoint = endpoint
        self._dialog = dialog
        self._on_gone = on_gone
        contact = b"Contact: <sip:phone@%b>" % flow.local_sent_by
        raw = dialog.request(b"INVITE", via_line(flow, branch), headers=(contact,))
        self._cseq = dialog.cseq
        self._ack: bytes | None = None
        self._client = InviteClient(
            raw, endpoint.timers, reliable=flow.reliable, now=endpoint.clock.now()
        )
        self.deadline = self._client.deadline
        flow.send(raw)
        endpoint.schedule.watch(self)

    def receive(self, response: Response, now: float) -> None:
        """A response to it."""
        is_new, ack = self._client.receive(response, now)
        if ack is not None:
            self.flow.send(ack)
        if is_new and 200 <= response.status < 300:
            if self._ack is None:
                refresh(self._dialog, response)
                via = via_line(self.flow, b"z9hG4bK" + self._endpoint.new_token())
                self._ack = self._dialog.request(b"ACK", via, cseq=self._cseq)
            self.flow.send(self._ack)
        self._look()

    def fail(self, reason: str) -> None:
        """The connection is gone."""
        self._client.end()
        self._look()

    def wake(self, now: float) -> None:
        if (raw := self._client.wake(now)) is not None:
            self.flow.send(raw)
        self._look()

    def _look(self) -> None:
        self.deadline = self._client.deadline
        if self.deadline is None:
            self._on_gone()
        else:
            self._endpoint.schedule.watch(self)
