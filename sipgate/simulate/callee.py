"""The built-in test callee: a user agent server that answers whatever is called, by a plan."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Literal

from sipgate.clock import Clock, SystemClock
from sipgate.net import Flow, Listener
from sipgate.sip import (
    PHRASES,
    BadMessage,
    Request,
    Response,
    Timers,
    build_response,
    parse_name_addr,
    unescape_user,
)

from . import session
from .dialog import Dialog, callee_dialog, refresh
from .endpoint import (
    Core,
    Endpoint,
    ServerKey,
    invite_key,
    readable,
    server_key,
    user_of,
    via_line,
)
from .fate import ASK_HEADER, SAW_HEADER, Fate, parse_ask
from .invite_answer import InviteAnswer
from .plan import CalleePlan, default_plan
from .spelling import Address, parse_address

RING_LIMIT_SECONDS = 600.0  # "for ever": ours end with 480, no machine stays without a deadline
TALK_LIMIT_SECONDS = 4 * 3600.0  # a call that nobody ends: the gate's own default `max-call`
REGISTRATION_SECONDS = 3600  # RFC 3261 §10.2.1.1
SAW_LIMIT = 16  # extension headers of an INVITE that its responses tell of
ALLOW = b"Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, MESSAGE, INFO, UPDATE, PRACK"
SERVER = b"Server: sipgate-callee"
CHALLENGE = b'Proxy-Authenticate: Digest realm="callee", nonce="1"'  # any credentials will do
ACCEPTED_METHODS = frozenset(
    {b"OPTIONS", b"REGISTER", b"MESSAGE", b"INFO", b"UPDATE", b"PRACK", b"BYE", b"CANCEL"}
)

EventKind = Literal["called", "answered", "refused", "cancelled", "ended", "lost", "registered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalleeEvent:
    """Something that happened at the callee, for its log."""

    kind: EventKind
    time: float  # calendar seconds
    number: str  # as the Request-URI spells it
    call_id: str
    caller: str  # the From URI
    status: int | None = None
    ended_by: Literal["caller", "callee"] | None = None
    saw: tuple[str, ...] = ()  # extension headers of the INVITE, such as the gate's tags


OnEvent = Callable[[CalleeEvent], None]


class State(Enum):
    """Where a call at the callee is."""

    RINGING = auto()
    UP = auto()
    OVER = auto()


class IncomingCall:
    """One call at the callee, from INVITE to BYE; a Sleeper."""

    def __init__(
        self, answer: InviteAnswer, flow: Flow, dialog: Dialog, fate: Fate, saw: tuple[bytes, ...]
    ) -> None:
        self.state = State.RINGING
        self.answer = answer  # the newest INVITE's: the first one's, then re-INVITEs'
        self.flow = flow
        self.dialog = dialog
        self.fate = fate
        self.saw = saw
        self.session = b"%d" % (int(dialog.local_tag[:7], 16) + 1)
        self.invited = answer.request
        self.ends_at_ack = False  # the talk was over before the ACK came
        self.deadline: float | None = None
        self.queued_at: float | None = None
        self.on_deadline: Callable[[IncomingCall, float], None] | None = None

    def wake(self, now: float) -> None:
        """It is time for what the fate says next."""
        self.deadline = None
        if self.on_deadline is not None:
            self.on_deadline(self, now)


class AnsweringEnd(Core):
    """Answers calls as the plan says, wherever it listens; `answering_end` runs one."""

    def __init__(
        self,
        plan: CalleePlan | None = None,
        *,
        clock: Clock | None = None,
        on_event: OnEvent | None = None,
        timers: Timers | None = None,
        endpoint: Endpoint | None = None,
    ) -> None:
        self.plan = plan or default_plan()
        self.endpoint = endpoint or Endpoint(clock or SystemClock(), timers or Timers())
        self.endpoint.core = self
        self._on_event = on_event
        self._calls_by_tag: dict[bytes, IncomingCall] = {}
        self._invites: dict[ServerKey, InviteAnswer] = {}

    async def listen(self, address: Address) -> tuple[Listener, Listener]:
        """Listen on UDP and TCP, on one port also when it is 0; raises the net layer's error."""
        network = self.endpoint.network
        udp = await network.listen("udp", address.host, address.port)
        return udp, await network.listen("tcp", address.host, udp.port)

    @property
    def open_calls(self) -> int:
        """Calls that ring or are up."""
        return len(self._calls_by_tag)

    @property
    def open_transactions(self) -> int:
        """Transactions that may still have to repeat something."""
        return len(self._invites) + self.endpoint.open_transactions

    def invite(self, request: Request, flow: Flow, now: float) -> None:
        """An INVITE: a repetition, one in a call, or a new call."""
        key = server_key(request)
        if (known := self._invites.get(key)) is not None:
            known.again(now)
            self.endpoint.schedule.watch(known)
            return
        way = self.endpoint.way_back(request, flow)
        call = self._calls_by_tag.get(request.to_tag) if request.to_tag else None
        answer = InviteAnswer(
            request,
            way,
            self.endpoint.timers,
            now,
            on_unacknowledged=lambda: self._unacknowledged(key),
            on_over=lambda: self._forget_invite(key),
        )
        self._invites[key] = answer
        if request.to_tag:
            self._reinvite(call, answer, now)
        elif unsupported := request.values(b"require"):
            headers = (b"Unsupported: " + b", ".join(unsupported),)
            self._refuse(answer, 420, None, headers, now)
        else:
            self._new_call(answer, flow, now)
        self.endpoint.schedule.watch(answer)

    def ack(self, request: Request, now: float) -> None:
        """An ACK: to a refusal by its transaction, to a 2xx by its dialog."""
        if (answer := self._invites.get(server_key(request))) is not None:
            answer.ack_refusal(now)
            self.endpoint.schedule.watch(answer)
            return
        call = self._call(request)
        if call is None or call.answer.cseq != request.cseq_number:
            self.endpoint.counts.stray += 1
            return
        call.answer.ack_ok()
        if call.ends_at_ack:
            self._hang_up(call)

    def request(self, request: Request, flow: Flow, now: float) -> None:
        """Anything but INVITE and ACK."""
        answer = self.endpoint.answer
        method = request.method
        call = self._call(request)
        if method not in ACCEPTED_METHODS:
            answer(request, flow, 405, headers=(ALLOW, SERVER))
        elif method == b"CANCEL":
            self._cancel(request, flow, now)
        elif (request.to_tag or method == b"BYE") and call is None:
            answer(request, flow, 481, headers=(SERVER,))
        elif unsupported := request.values(b"require"):
            answer(request, flow, 420, headers=(b"Unsupported: " + b", ".join(unsupported),))
        elif method == b"REGISTER":
            answer(request, flow, 200, headers=(*_registered(request), SERVER))
            self._report("registered", request, status=200)
        elif method == b"BYE":
            answer(request, flow, 200, headers=(SERVER,))
            assert call is not None
            self._ended(call, "caller")
        elif method == b"UPDATE" and call is not None:
            refresh(call.dialog, request)
            headers = (_contact(request, flow), SERVER)
            answer(request, flow, 200, headers=headers, **_update_body(call, request, flow))
        else:
            answer(request, flow, 200, headers=(ALLOW, SERVER))

    def invite_response(self, response: Response, now: float) -> bool:
        """We send no INVITE."""
        return False

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """Calls don't end with a connection: the peer may open another."""

    def _new_call(self, answer: InviteAnswer, flow: Flow, now: float) -> None:
        invite = answer.request
        fate = self.plan.fate(unescape_user(user_of(invite.uri)))
        asked = invite.first(ASK_HEADER.lower()) if self.plan.obeys_callers else None
        if asked is not None:
            fate = parse_ask(asked) or fate
        if fate.do == "silent":
            return
        if fate.is_challenged and invite.first(b"proxy-authorization") is None:
            self._refuse(answer, 407, None, (CHALLENGE,), now)
            return
        call = IncomingCall(
            answer, flow, callee_dialog(invite, self.endpoint.new_token()), fate, _saw(invite)
        )
        call.on_deadline = self._act
        answer.tag = call.dialog.local_tag
        self._calls_by_tag[call.dialog.local_tag] = call
        self._report("called", invite, saw=call.saw)
        if fate.do != "ring" and fate.ring_seconds == 0:
            self._act(call, now)
            return
        ring_seconds = RING_LIMIT_SECONDS if fate.do == "ring" else fate.ring_seconds
        headers = (_contact(invite, flow), *_saw_lines(call.saw), SERVER)
        self._respond(call, 180, None, now, headers)
        call.deadline = now + ring_seconds
        self.endpoint.schedule.watch(call)

    def _act(self, call: IncomingCall, now: float) -> None:
        """Its time is up: the ringing's, or the talk's."""
        if call.state is State.UP and call.answer.waits_for_ack:
            call.ends_at_ack = True  # RFC 3261 §15: no BYE before it
        elif call.state is State.UP:
            self._hang_up(call)
        elif call.state is State.RINGING:
            match call.fate.do:
                case "answer":
                    self._answer(call, now)
                case "ring":
                    self._end_ringing(call, 480, None, "refused", now)
                case "busy" | "refuse":
                    self._end_ringing(call, call.fate.code, call.fate.phrase, "refused", now)

    def _answer(self, call: IncomingCall, now: float) -> None:
        body = session.answer(call.invited.body, _host(call.flow), call.session)
        headers = (
            _contact(call.invited, call.flow),
            ALLOW,
            *_saw_lines(call.saw),
            SERVER,
            session.CONTENT_TYPE,
        )
        self._respond(call, 200, None, now, headers, body)
        call.state = State.UP
        talk_seconds = call.fate.talk_seconds
        call.deadline = now + (TALK_LIMIT_SECONDS if talk_seconds is None else talk_seconds)
        self.endpoint.schedule.watch(call)
        self._report("answered", call.invited, status=200, saw=call.saw)
        if call.fate.forks > 1:
            self._answer_again(call, now)

    def _answer_again(self, first: IncomingCall, now: float) -> None:
        """Another phone of the same callee answers the same INVITE (RFC 3261 §16.7 step 5)."""
        invite, dialog = first.invited, callee_dialog(first.invited, self.endpoint.new_token())
        answer = InviteAnswer(
            invite,
            self.endpoint.way_back(invite, first.flow),
            self.endpoint.timers,
            now,
            on_unacknowledged=lambda: self._give_up_on(dialog.local_tag),
            on_over=lambda: None,
        )
        answer.tag = dialog.local_tag
        call = IncomingCall(
            answer, first.flow, dialog, replace(first.fate, forks=first.fate.forks - 1), first.saw
        )
        call.on_deadline = self._act
        self._calls_by_tag[dialog.local_tag] = call
        self._answer(call, now)

    def _end_ringing(
        self, call: IncomingCall, status: int, phrase: bytes | None, kind: EventKind, now: float
    ) -> None:
        self._respond(call, status, phrase, now, (*_saw_lines(call.saw), SERVER))
        self._forget(call)
        self._report(kind, call.invited, status=status, saw=call.saw)

    def _respond(
        self,
        call: IncomingCall,
        status: int,
        phrase: bytes | None,
        now: float,
        headers: tuple[bytes, ...],
        body: bytes = b"",
    ) -> None:
        raw = build_response(
            call.answer.request,
            status,
            phrase or PHRASES.get(status, b"Refused"),
            to_tag=call.dialog.local_tag,
            headers=headers,
            body=body,
        )
        call.answer.respond(status, raw, now)
        self.endpoint.schedule.watch(call.answer)

    def _reinvite(self, call: IncomingCall | None, answer: InviteAnswer, now: float) -> None:
        request = answer.request
        if call is None or self._call(request) is None:
            self._refuse(answer, 481, None, (), now)
        elif not call.answer.is_final:
            self._refuse(answer, 491, None, (), now)  # RFC 3261 §14.2 asks for 500; peers know 491
        else:
            call.answer = answer
            answer.tag = call.dialog.local_tag
            refresh(call.dialog, request)
            body = session.answer(request.body, _host(call.flow), call.session)
            headers = (_contact(request, call.flow), ALLOW, SERVER, session.CONTENT_TYPE)
            self._respond(call, 200, None, now, headers, body)

    def _refuse(
        self,
        answer: InviteAnswer,
        status: int,
        phrase: bytes | None,
        headers: tuple[bytes, ...],
        now: float,
    ) -> None:
        phrase = phrase or PHRASES.get(status, b"Refused")
        tag = self.endpoint.new_token()
        raw = build_response(answer.request, status, phrase, to_tag=tag, headers=(*headers, SERVER))
        answer.respond(status, raw, now)

    def _cancel(self, request: Request, flow: Flow, now: float) -> None:
        invite = self._invites.get(invite_key(request))
        if invite is None:
            self.endpoint.answer(request, flow, 481, headers=(SERVER,))
            return
        self.endpoint.answer(request, flow, 200, headers=(SERVER,))
        call = self._calls_by_tag.get(invite.tag)
        rings = call is not None and call.answer is invite and call.state is State.RINGING
        if call is not None and rings and not call.fate.is_deaf:
            self._end_ringing(call, 487, None, "cancelled", now)

    def _hang_up(self, call: IncomingCall) -> None:
        dialog = call.dialog
        flow = self.endpoint.way_to(dialog.next_hop, call.flow)
        branch = b"z9hG4bK" + self.endpoint.new_token()
        self.endpoint.ask(dialog.request(b"BYE", via_line(flow, branch)), branch, b"BYE", flow)
        self._ended(call, "callee")

    def _ended(self, call: IncomingCall, by: Literal["caller", "callee"]) -> None:
        self._report("ended", call.invited, ended_by=by)
        call.answer.ack_ok()  # nothing is left to repeat the 2xx for
        self._forget(call)

    def _unacknowledged(self, key: ServerKey) -> None:
        """No ACK for 64 × T1: the session is ended with a BYE, RFC 3261 §13.3.1.4."""
        self._give_up_on(self._invites[key].tag)

    def _give_up_on(self, tag: bytes) -> None:
        call = self._calls_by_tag.get(tag)
        if call is not None and call.state is State.UP:
            self._report("lost", call.invited)
            self._hang_up(call)

    def _forget(self, call: IncomingCall) -> None:
        call.state = State.OVER
        call.deadline = None
        self._calls_by_tag.pop(call.dialog.local_tag, None)

    def _forget_invite(self, key: ServerKey) -> None:
        self._invites.pop(key, None)

    def _call(self, request: Request) -> IncomingCall | None:
        call = self._calls_by_tag.get(request.to_tag)
        if call is None or call.dialog.call_id != request.call_id:
            return None
        return call if call.dialog.remote_tag == request.from_tag else None

    def _report(
        self,
        kind: EventKind,
        request: Request,
        *,
        status: int | None = None,
        ended_by: Literal["caller", "callee"] | None = None,
        saw: tuple[bytes, ...] = (),
    ) -> None:
        if self._on_event is None:
            return
        self._on_event(
            CalleeEvent(
                kind=kind,
                time=self.endpoint.clock.time(),
                number=readable(unescape_user(user_of(request.uri)).encode()),
                call_id=readable(request.call_id),
                caller=_from_uri(request),
                status=status,
                ended_by=ended_by,
                saw=tuple(map(readable, saw)),
            )
        )


@asynccontextmanager
async def answering_end(
    address: Address, plan: CalleePlan | None = None, *, on_event: OnEvent | None = None
) -> AsyncIterator[tuple[AnsweringEnd, Listener]]:
    """A callee that answers at `address` while the block runs; gives it and its UDP listener.

    Raises the net layer's ListenError.
    """
    end = AnsweringEnd(plan, on_event=on_event)
    async with end.endpoint.running():
        udp, _ = await end.listen(address)
        yield end, udp


async def run_callee(
    listen: str,
    plan: CalleePlan | None = None,
    on_event: OnEvent | None = None,
    on_listening: Callable[[Address], None] | None = None,
) -> None:
    """Answer at `listen` (host:port, UDP and TCP) until cancelled.

    `on_listening` is told the address when it is open: with port 0 the one that was free.
    Raises ValueError for an unreadable address and the net layer's error for one in use.
    """
    async with answering_end(parse_address(listen), plan, on_event=on_event) as (_, udp):
        if on_listening is not None:
            on_listening(Address(udp.host, udp.port))
        await asyncio.Event().wait()


def _saw(invite: Request) -> tuple[bytes, ...]:
    """The INVITE's extension headers as whole lines, but not what is meant for the callee."""
    lines = (b" ".join(line.split()) for line in invite.lines[1:] if line[:2].lower() == b"x-")
    ours = ASK_HEADER.lower()
    return tuple(line for line in lines if not line.lower().startswith(ours))[:SAW_LIMIT]


def _saw_lines(saw: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """What the caller is told: at least that it was the test callee who spoke."""
    return tuple(SAW_HEADER + b": " + line for line in saw) or (SAW_HEADER + b": nothing",)


def _registered(request: Request) -> tuple[bytes, ...]:
    """Contacts with the time that they hold, and Path: RFC 3261 §10.3, RFC 3327 §5.3."""
    given = request.first(b"expires") or b""
    default = int(given) if given.isdigit() and len(given) < 10 else REGISTRATION_SECONDS
    lines: list[bytes] = []
    for value in request.values(b"contact"):
        if value == b"*":
            continue
        try:
            params = parse_name_addr(value).params
        except BadMessage:
            continue
        own = params.get(b"expires")
        if own is None:
            bare = value if b"<" in value else b"<" + value + b">"
            value = bare + b";expires=%d" % default
        if (own or b"%d" % default) != b"0":
            lines.append(b"Contact: " + value)
    return (*lines, *(b"Path: " + path for path in request.values(b"path")))


def _update_body(call: IncomingCall, request: Request, flow: Flow) -> dict[str, bytes]:
    return {"body": session.answer(request.body, _host(flow), call.session)} if request.body else {}


def _contact(request: Request, flow: Flow) -> bytes:
    user = user_of(request.uri)
    at = user + b"@" if user else b""
    transport = b"" if flow.transport == "udp" else b";transport=" + flow.transport.encode()
    return b"Contact: <sip:%b%b%b>" % (at, flow.local_sent_by, transport)


def _host(flow: Flow) -> bytes:
    host, colon, _ = flow.local_sent_by.rpartition(b":")
    return host if colon and not host.endswith(b":") else flow.local_sent_by


def _from_uri(request: Request) -> str:
    try:
        return readable(parse_name_addr(request.first(b"from") or b"").uri)
    except BadMessage:
        return ""
