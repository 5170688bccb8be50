"""What the two ends of a simulated call share: sockets, transactions, one timer.

An Endpoint takes packets from the network, absorbs retransmissions, and hands what is new to the
end that it serves (the Core). Non-INVITE transactions are whole here; INVITE ones belong to calls.
"""

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sipgate.clock import Clock
from sipgate.net import Flow, Network
from sipgate.sip import (
    PHRASES,
    BadMessage,
    NonInviteClient,
    NonInviteServer,
    Request,
    Response,
    Timers,
    Uri,
    build_response,
    is_address,
    parse_message,
    parse_uri,
    response_address,
    stamp_received,
)

from .schedule import Schedule

MAGIC_COOKIE = b"z9hG4bK"  # RFC 3261 §8.1.1.7

ServerKey = tuple[bytes, bytes, bytes, bytes]  # branch, sent-by, method, and for old peers Call-ID


@dataclass(slots=True)
class Counts:
    """What came in that no call knows of."""

    unreadable: int = 0
    stray: int = 0  # responses and ACKs that match nothing
    lost_flows: int = 0


class Core(ABC):
    """What an end does with requests and responses that are new."""

    @abstractmethod
    def invite(self, request: Request, flow: Flow, now: float) -> None:
        """An INVITE, new or repeated: INVITE server transactions are the core's own."""

    @abstractmethod
    def ack(self, request: Request, now: float) -> None:
        """An ACK."""

    @abstractmethod
    def request(self, request: Request, flow: Flow, now: float) -> None:
        """Any other request, not a repeated one; answer it with `Endpoint.answer`."""

    @abstractmethod
    def invite_response(self, response: Response, now: float) -> bool:
        """A response to an INVITE; False when no call has sent that."""

    @abstractmethod
    def flow_lost(self, flow: Flow, reason: str) -> None:
        """A connection is gone, and with it what was sent on it last."""


def new_token() -> bytes:
    """A tag, branch or Call-ID that nobody else has; it needn't be secret."""
    return secrets.token_hex(8).encode()


class Endpoint:
    """Receives for a Core and sends for it."""

    def __init__(
        self,
        clock: Clock,
        timers: Timers,
        *,
        network: Network | None = None,
        new_token: Callable[[], bytes] = new_token,
    ) -> None:
        self.clock = clock
        self.timers = timers
        self.new_token = new_token
        self.schedule = Schedule(clock)
        self.network = network or Network(self, clock=clock)
        self.counts = Counts()
        self.core: Core | None = None  # set by the end itself, before the first packet
        self._answers: dict[ServerKey, _Answer] = {}
        self._asks: dict[tuple[bytes, bytes], _Ask] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Sockets and timer work while the block runs; a single error comes out as itself."""
        try:
            async with self.network, asyncio.TaskGroup() as group:
                timer = group.create_task(self.schedule.run())
                try:
                    yield
                finally:
                    timer.cancel()
        except ExceptionGroup as errors:
            raise _only_error(errors) from errors

    def packet(self, raw: bytes, flow: Flow) -> None:
        """One message from the network."""
        now = self.clock.now()
        request: Request | None = None
        try:
            message = parse_message(raw)
            if isinstance(message, Response):
                self._response(message, now)
            else:
                stamp_received(message, flow.host_bytes, flow.port)
                request = message
                self._request(message, flow, now)
        except BadMessage as error:  # some of it is read only when it is needed
            self.counts.unreadable += 1
            broken = error.request or request
            if broken is not None and broken.method != b"ACK":
                phrase = error.reason.encode("ascii", "replace")
                flow.send(build_response(broken, error.status, phrase, to_tag=self.new_token()))

    def packet_failed(self, raw: bytes, flow: Flow) -> None:
        """A bug of ours: the log has it, and the other side's timers end what it began."""

    def flow_lost(self, flow: Flow, reason: str) -> None:
        """A peer can't be reached. Over UDP it may be back in a moment: there the timers tell."""
        self.counts.lost_flows += 1
        if not flow.reliable:
            return
        assert self.core is not None
        self.core.flow_lost(flow, reason)
        for ask in [ask for ask in self._asks.values() if ask.flow is flow]:
            ask.fail()

    def bad_stream(self, flow: Flow, error: BadMessage) -> None:
        """A TCP stream that can't be read any further."""
        self.counts.unreadable += 1

    def answer(
        self,
        request: Request,
        flow: Flow,
        status: int,
        *,
        phrase: bytes | None = None,
        headers: tuple[bytes, ...] = (),
        body: bytes = b"",
    ) -> None:
        """Send the one answer to a non-INVITE request and repeat it when asked."""
        now = self.clock.now()
        raw = build_response(
            request,
            status,
            phrase or PHRASES.get(status, b"Refused"),
            to_tag=self.new_token(),
            headers=headers,
            body=body,
        )
        way = self.way_back(request, flow)
        server = NonInviteServer(self.timers, reliable=way.reliable, now=now)
        key = server_key(request)
        self._answers[key] = answer = _Answer(server, way, lambda: self._answers.pop(key, None))
        answer.send(server.respond(status, raw, now))
        self.schedule.watch(answer)

    def ask(
        self,
        raw: bytes,
        branch: bytes,
        method: bytes,
        flow: Flow,
        on_final: Callable[[Response | None], None] | None = None,
    ) -> None:
        """Send a non-INVITE request; `on_final` gets its final response, None for none."""
        now = self.clock.now()
        client = NonInviteClient(raw, self.timers, reliable=flow.reliable, now=now)
        key = (branch, method)
        self._asks[key] = ask = _Ask(client, flow, on_final, lambda: self._asks.pop(key, None))
        flow.send(raw)
        self.schedule.watch(ask)

    def way_back(self, request: Request, flow: Flow) -> Flow:
        """The flow for responses: RFC 3261 §18.2.2, RFC 3581 §4."""
        if flow.reliable:
            return flow
        host, port = response_address(request.via)
        if (host, port) == (flow.host_bytes, flow.port) or not is_address(host):
            return flow
        return self.network.flow_to("udp", host.decode().strip("[]"), port, listener=flow.listener)

    def way_to(self, uri: bytes, flow: Flow) -> Flow:
        """The flow for requests to a URI; `flow` serves where the URI names no numeric address."""
        try:
            target = parse_uri(uri)
        except BadMessage:
            return flow
        host = target.host.decode("ascii", "replace").strip("[]")
        if not is_address(target.host):
            return flow
        transport = (target.params.get(b"transport") or b"udp").decode("ascii", "replace").lower()
        if transport not in ("udp", "tcp"):
            return flow
        port = target.port or 5060
        if (transport, host, port) == (flow.transport, flow.host, flow.port):
            return flow
        listener = flow.listener if transport == flow.transport else None
        return self.network.flow_to(transport, host, port, listener=listener)

    @property
    def open_transactions(self) -> int:
        """Non-INVITE transactions that are not over."""
        return len(self._answers) + len(self._asks)

    def _request(self, request: Request, flow: Flow, now: float) -> None:
        assert self.core is not None
        if request.method == b"INVITE":
            self.core.invite(request, flow, now)
        elif request.method == b"ACK":
            self.core.ack(request, now)
        elif answer := self._answers.get(server_key(request)):
            answer.send(answer.server.request_again(now))
            self.schedule.watch(answer)
        else:
            self.core.request(request, flow, now)

    def _response(self, response: Response, now: float) -> None:
        assert self.core is not None
        if ask := self._asks.get((response.via.branch, response.cseq_method)):
            ask.receive(response, now)
            self.schedule.watch(ask)
        elif response.cseq_method != b"INVITE" or not self.core.invite_response(response, now):
            self.counts.stray += 1


class _Answer:
    """A non-INVITE server transaction and where its answer goes."""

    def __init__(self, server: NonInviteServer, flow: Flow, forget: Callable[[], object]) -> None:
        self.server = server
        self.deadline = server.deadline
        self.queued_at: float | None = None
        self._flow = flow
        self._forget = forget

    def send(self, raw: bytes | None) -> None:
        if raw is not None:
            self._flow.send(raw)
        self._look()

    def wake(self, now: float) -> None:
        self.send(self.server.wake(now))

    def _look(self) -> None:
        self.deadline = self.server.deadline
        if self.deadline is None:
            self._forget()


class _Ask:
    """A non-INVITE client transaction and who waits for its answer."""

    def __init__(
        self,
        client: NonInviteClient,
        flow: Flow,
        on_final: Callable[[Response | None], None] | None,
        forget: Callable[[], object],
    ) -> None:
        self.deadline = client.deadline
        self.queued_at: float | None = None
        self.flow = flow
        self._client = client
        self._on_final = on_final
        self._forget = forget

    def receive(self, response: Response, now: float) -> None:
        is_new, _ = self._client.receive(response, now)
        if is_new and response.status >= 200:
            self._finish(response)
        self._look()

    def wake(self, now: float) -> None:
        if (raw := self._client.wake(now)) is not None:
            self.flow.send(raw)
        if self._client.timed_out:
            self._finish(None)
        self._look()

    def fail(self) -> None:
        """The flow is lost: nothing will come."""
        self._client.end()
        self._look()

    def _finish(self, response: Response | None) -> None:
        on_final, self._on_final = self._on_final, None
        if on_final is not None:
            on_final(response)

    def _look(self) -> None:
        self.deadline = self._client.deadline
        if self.deadline is None:
            self._finish(None)
            self._forget()


def server_key(request: Request) -> ServerKey:
    """What names a request's transaction: RFC 3261 §17.2.3; an ACK and a CANCEL name the INVITE's.

    A peer without the magic cookie (RFC 2543) is told apart by Call-ID, From tag and CSeq instead.
    """
    method = b"INVITE" if request.method in (b"ACK", b"INVITE") else request.method
    via = request.via
    if via.branch.startswith(MAGIC_COOKIE):
        return via.branch, via.sent_by.lower(), method, b""
    old = b"%b\0%b\0%d" % (request.call_id, request.from_tag, request.cseq_number)
    return b"", via.sent_by.lower(), method, old


def invite_key(cancel: Request) -> ServerKey:
    """The key of the INVITE that a CANCEL is about: RFC 3261 §9.2."""
    branch, sent_by, _, old = server_key(cancel)
    return branch, sent_by, b"INVITE", old


def via_line(flow: Flow, branch: bytes) -> bytes:
    """Our Via value for a request that leaves on this flow."""
    transport = flow.transport.upper().encode()
    return b"SIP/2.0/%b %b;rport;branch=%b" % (transport, flow.local_sent_by, branch)


def readable(raw: bytes) -> str:
    """What a peer says, fit for a terminal: no control characters."""
    text = raw.decode("utf-8", "replace")
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def user_of(uri: bytes) -> bytes:
    """The user part of a URI, or the number of a tel one; empty when there is none."""
    try:
        parsed: Uri = parse_uri(uri)
    except BadMessage:
        return b""
    return parsed.user or b""


def _only_error(errors: ExceptionGroup) -> Exception:
    error: Exception = errors
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
