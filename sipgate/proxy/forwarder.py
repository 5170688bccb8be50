"""The proxy core between the two sides of a request: RFC 3261 §16.6 to §16.10."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from sipgate.net import Flow
from sipgate.sip import (
    InviteClient,
    NonInviteClient,
    Request,
    Response,
    Timers,
    build_cancel,
)

from .binding_table import FLOW_FAILED
from .branch import FIRST_PART_LENGTH, BranchMaker
from .call import CallState
from .call_progress import CallProgress
from .challenged_targets import ChallengedTargets
from .client_branch import CANCEL_PATIENCE, TIMER_C, ClientBranch
from .forwarding import forwarded_request, forwarded_response, goes_further
from .own_request import OwnCancel, Probe
from .registration import Registrations
from .response_context import ResponseContext
from .restored_responses import RestoredResponses
from .server_key import ServerKey
from .server_side import ServerSide
from .session_timer import REFRESHES, asked_timer, timed_response
from .source import Source
from .timer_queue import TimerQueue
from .transaction_table import ClientTombstone, TransactionTable
from .upstream import Target


class NextSender(Protocol):
    """Who sends a request to the next of its upstream's targets."""

    def send_next(self, context: ResponseContext, now: float) -> bool:
        """False when there is none left."""

    def send_over_udp(self, context: ResponseContext, target: Target, now: float) -> None:
        """To the same target: TCP, which its size asked for, did not come up."""


class Forwarder:
    """Sends requests on, brings responses back, and tries the next target where it must."""

    def __init__(
        self,
        *,
        server_side: ServerSide,
        progress: CallProgress,
        table: TransactionTable,
        timers: TimerQueue,
        sip_timers: Timers,
        branches: BranchMaker,
        registrations: Registrations,
        restored_responses: RestoredResponses,
        challenged: ChallengedTargets,
        counts: Counter[str],
        session_seconds: int = 0,
    ) -> None:
        self._server_side = server_side
        self._progress = progress
        self._table = table
        self._timers = timers
        self._sip_timers = sip_timers
        self._branches = branches
        self._registrations = registrations
        self._restored_responses = restored_responses
        self._challenged = challenged
        self._counts = counts
        self._session_seconds = session_seconds  # that is asked for, RFC 4028; 0: nothing
        self._next_sender: NextSender | None = None

    def fail_over_with(self, next_sender: NextSender) -> None:
        """Who knows the other targets of a request."""
        self._next_sender = next_sender

    # The server side, for all who answer requests themselves

    def open(
        self, request: Request, flow: Flow, key: ServerKey, source: Source | None, now: float
    ) -> ResponseContext:
        """A server transaction for a new request."""
        return self._server_side.open(self, request, flow, key, source, now)

    def trying(self, context: ResponseContext, now: float) -> None:
        """100 Trying, so that the caller's retransmissions end (RFC 3261 §16.2)."""
        self._server_side.trying(context, now)

    def respond(
        self,
        context: ResponseContext,
        status: int,
        now: float,
        *,
        phrase: bytes | None = None,
        headers: tuple[bytes, ...] = (),
    ) -> None:
        """Send a final response of our own."""
        self._server_side.respond(context, status, now, phrase=phrase, headers=headers)

    def respond_raw(self, context: ResponseContext, status: int, raw: bytes, now: float) -> None:
        """Send a final response whose bytes are made."""
        self._server_side.respond_raw(context, status, raw, now)

    def unavailable(self, context: ResponseContext, now: float) -> None:
        """503 with Retry-After, for the gate's own state."""
        self._server_side.unavailable(context, now)

    def own_tag(self, request: Request) -> bytes:
        """A To tag that is the same for each retransmission (RFC 3261 §8.2.6.2)."""
        return self._server_side.own_tag(request)

    def acknowledged(self, context: ResponseContext, now: float) -> None:
        """The ACK to a non-2xx: nothing is sent any more."""
        self._server_side.acknowledged(context, now)

    def end_attempt(self, context: ResponseContext, status: int, now: float) -> bool:
        """An initial INVITE got its final response; False while others of its attempt are open."""
        return self._progress.end_attempt(context, status, now)

    def ended_unsent(self, context: ResponseContext, now: float) -> None:
        """A request other than INVITE was answered before it could leave."""
        self._progress.other_ended(context, context.final_status, None, now)

    # Sending on

    def forward(
        self,
        context: ResponseContext,
        out_flow: Flow,
        target: bytes,
        now: float,
        *,
        uri: bytes | None = None,
        own_routes: int = 0,
        rest_routes: tuple[bytes, ...] = (),
        record_routes: tuple[bytes, ...] = (),
        remove: tuple[int, ...] = (),
        append: tuple[bytes, ...] = (),
        strict: bool = False,
    ) -> None:
        """Send the request on under a client transaction of its own (RFC 3261 §16.6)."""
        key, raw = self.written(
            context.request,
            out_flow,
            target,
            uri=uri,
            own_routes=own_routes,
            rest_routes=rest_routes,
            record_routes=record_routes,
            remove=remove,
            append=append,
            strict=strict,
        )
        self.launch(context, out_flow, key, target, raw, now)

    def written(
        self,
        request: Request,
        out_flow: Flow,
        target: bytes,
        *,
        uri: bytes | None = None,
        own_routes: int = 0,
        rest_routes: tuple[bytes, ...] = (),
        record_routes: tuple[bytes, ...] = (),
        remove: tuple[int, ...] = (),
        append: tuple[bytes, ...] = (),
        strict: bool = False,
    ) -> tuple[bytes, bytes]:
        """The key of a request's branch towards a target, and the request as it goes there."""
        key = self._branches.transaction_part(request, target)
        if self._session_seconds and request.method in REFRESHES:
            asked = asked_timer(request, self._session_seconds)
            remove, append = (*remove, *asked.remove), (*append, *asked.append)
        raw = forwarded_request(
            request,
            out_flow,
            key + b"." + self._branches.loop_part(request, rest_routes),
            uri=uri,
            own_routes=own_routes,
            record_routes=record_routes,
            remove=remove,
            append=append,
            strict=strict,
        )
        return key, raw

    def launch(
        self,
        context: ResponseContext,
        out_flow: Flow,
        key: bytes,
        target_key: bytes,
        raw: bytes,
        now: float,
        *,
        target: Target | None = None,
        answer_by: float | None = None,
        connect_by: float | None = None,
    ) -> None:
        """Open the branch that counts from now on, and send what was written for it."""
        timers, reliable = self._sip_timers, out_flow.reliable
        if context.request.method == b"INVITE":
            invite = InviteClient(raw, timers, reliable=reliable, now=now)
            branch = ClientBranch(key, target_key, out_flow, invite, target)
            branch.timer_c = now + TIMER_C
            branch.answer_by = answer_by
        else:
            other = NonInviteClient(raw, timers, reliable=reliable, now=now)
            branch = ClientBranch(key, target_key, out_flow, other, target)
        branch.connect_by = connect_by
        context.branch = branch
        context.has_left = True
        self._table.clients[key] = context
        self._timers.add(context, now)
        out_flow.send(raw)

    def stateless(
        self,
        request: Request,
        out_flow: Flow,
        target: bytes,
        own_routes: int,
        rest_routes: tuple[bytes, ...],
        remove: tuple[int, ...],
        uri: bytes | None = None,
        *,
        strict: bool = False,
    ) -> None:
        """Send what has no transaction of its own, such as the ACK to a 2xx: RFC 3261 §16.11."""
        _, raw = self.written(
            request,
            out_flow,
            target,
            uri=uri,
            own_routes=own_routes,
            rest_routes=rest_routes,
            remove=remove,
            strict=strict,
        )
        out_flow.send(raw)

    # What comes back

    def response(self, response: Response, flow: Flow, now: float) -> None:
        """A response from upstream: RFC 3261 §16.7."""
        key = response.via.branch[:FIRST_PART_LENGTH]
        if response.cseq_method == b"CANCEL":
            entry = self._table.clients.get(key + b"CANCEL")
        else:
            entry = self._table.clients.get(key)
        if entry is None:
            if not self._restored_responses.take(key, response, flow, now):
                self._counts["responses_stray"] += 1
        elif isinstance(entry, ResponseContext):
            self._take(entry, key, response, now)
        elif isinstance(entry, ClientTombstone):
            self._again(entry, response, now)
        else:
            entry.receive(response, now)

    def _take(self, context: ResponseContext, key: bytes, response: Response, now: float) -> None:
        branch = context.find_branch(key)
        if (
            branch is None
            or response.cseq_method != context.request.method  # RFC 3261 §17.1.3
            or not goes_further(response)
        ):
            self._counts["responses_stray"] += 1
            return
        goes_up, ack = branch.client.receive(response, now)
        if ack is not None:
            branch.out_flow.send(ack)
        if not goes_up:
            return
        status = response.status
        target = branch.target
        if target is not None and (status >= 200 or not branch.has_answered):
            assert context.upstream is not None
            context.upstream.heard(target.key, status, now)
        if status < 200:
            self._provisional(context, branch, response, now)
        elif context.request.method == b"INVITE":
            self._invite_final(context, branch, response, ack, now)
        else:
            self._other_final(context, branch, response, now)

    def _provisional(
        self, context: ResponseContext, branch: ClientBranch, response: Response, now: float
    ) -> None:
        branch.has_answered = True
        branch.answer_by = branch.connect_by = None
        is_wanted = branch is context.branch and not context.final_status
        if is_wanted and response.status > 100:
            if branch.timer_c is not None and branch.cancel_at is None:
                branch.timer_c = now + TIMER_C  # RFC 3261 §16.7 step 2
            self._progress.provisional(context, response, now)
            raw = forwarded_response(response, context.back_flow, context.source)
            out = context.server.respond(response.status, raw, now)
            if out is not None:
                self._server_side.send_up(context, out)
        if not is_wanted or context.cancel_wanted:
            self._send_cancel(context, branch, now)

    def _invite_final(
        self,
        context: ResponseContext,
        branch: ClientBranch,
        response: Response,
        ack: bytes | None,
        now: float,
    ) -> None:
        status = response.status
        is_late = context.final_status >= 300  # one non-2xx final, or 2xx: never both
        back_flow = None if is_late else context.back_flow
        tombstone = ClientTombstone(ack, branch.out_flow, back_flow, context.call)
        self._table.bury_client(branch.key, tombstone, now)
        counted = branch is context.branch
        context.drop(branch)
        if is_late:
            if status < 300:
                self._counts["answers_too_late"] += 1
        elif status < 300:
            self._accepted(context, branch, response, now)
        elif context.final_status:
            return  # its ACK is all that it gets
        elif not counted:
            if status >= 600:
                self._stopped(context, response, now)
        elif context.stopped_by is not None:
            self._refused(context, context.stopped_by, now)
        elif status != 503 or not self._next(context, now):
            if status in (401, 407):
                self._remember_challenge(context, branch, now)
            self._refused(context, response, now)

    def _accepted(
        self, context: ResponseContext, branch: ClientBranch, response: Response, now: float
    ) -> None:
        """A 2xx goes on at once, whichever branch it is of (RFC 3261 §16.7 step 5)."""
        if self._session_seconds:
            response = timed_response(response, context.request, self._session_seconds)
        self._progress.invite_answered(context, branch.target_key, response, now)
        raw = forwarded_response(response, context.back_flow, context.source)
        if context.final_status:
            self._server_side.send_up(context, raw)  # RFC 6026 §7.1: of another branch
            return
        self._server_side.respond_raw(context, response.status, raw, now)
        self._abandon_branches(context, now)

    def _refused(self, context: ResponseContext, response: Response, now: float) -> None:
        """The final response that the caller gets, other than a 2xx."""
        self._progress.invite_refused(context, response, now)
        raw = forwarded_response(response, context.back_flow, context.source)
        self._server_side.respond_raw(context, response.status, raw, now)
        self._abandon_branches(context, now)

    def _stopped(self, context: ResponseContext, response: Response, now: float) -> None:
        """A 6xx of a branch that was passed over ends the search (RFC 3261 §16.7 step 5)."""
        context.run = None
        branch = context.branch
        if branch is None or not branch.has_answered:
            self._refused(context, response, now)
            return
        context.stopped_by = response  # a 2xx may still come
        self._send_cancel(context, branch, now)

    def _other_final(
        self, context: ResponseContext, branch: ClientBranch, response: Response, now: float
    ) -> None:
        self._forget(context, branch)
        status = response.status
        if context.final_status or (status == 503 and self._next(context, now)):
            return
        if status in (401, 407):
            self._remember_challenge(context, branch, now)
        if context.registering is not None and status < 300:
            response = self._registrations.confirmed(context.registering, response, now)
        if self._session_seconds and context.request.method in REFRESHES:
            response = timed_response(response, context.request, self._session_seconds)
        self._progress.other_ended(context, status, response, now)
        raw = forwarded_response(response, context.back_flow, context.source)
        self._server_side.respond_raw(context, status, raw, now)

    def _again(self, tombstone: ClientTombstone, response: Response, now: float) -> None:
        """A repeated final response, or another fork's 2xx (RFC 6026 §7.2)."""
        if response.status < 200 or response.cseq_method != b"INVITE":
            return
        if not goes_further(response):
            return
        if tombstone.ack is not None:
            if response.status >= 300:
                tombstone.out_flow.send(tombstone.ack)
            return
        back_flow = tombstone.back_flow
        if response.status >= 300 or back_flow is None:
            return
        if tombstone.call is not None:
            self._progress.answered(tombstone.call, response, now)
        self._server_side.repeat(back_flow, response)

    # CANCEL

    def cancel(self, context: ResponseContext, reason: bytes | None, now: float) -> None:
        """Pass the caller's CANCEL on, now or after the first provisional (RFC 3261 §9.1)."""
        context.cancel_wanted = True
        context.cancel_reason = reason
        context.run = None  # RFC 3261 §16.10
        call = context.call
        if call is not None and context.is_initial and call.state is not CallState.UP:
            call.cancelled = True
        for branch in context.open_branches():
            branch.answer_by = None
            if branch.has_answered:
                self._send_cancel(context, branch, now)

    def _send_cancel(self, context: ResponseContext, branch: ClientBranch, now: float) -> None:
        if branch.cancel_at is not None or context.request.method != b"INVITE":
            return
        branch.cancel_at = now
        branch.timer_c = now + CANCEL_PATIENCE
        reason = context.cancel_reason if context.cancel_wanted else None
        self.launch_cancel(branch.key, build_cancel(branch.sent, reason), branch.out_flow, now)
        self._timers.add(context, now)

    def launch_cancel(self, key: bytes, raw: bytes, out_flow: Flow, now: float) -> None:
        """Send a CANCEL of our own for the branch with that key; its answer goes no further."""
        client = NonInviteClient(raw, self._sip_timers, reliable=out_flow.reliable, now=now)
        own = OwnCancel(key + b"CANCEL", client, out_flow, self._table.drop_client)
        self._table.clients[own.key] = own
        self._timers.add(own, now)
        out_flow.send(raw)

    def _abandon_branches(self, context: ResponseContext, now: float) -> None:
        """The caller has his final response: the rest is CANCELed (RFC 3261 §16.7 step 10)."""
        context.run = None
        if context.branch is None and not context.earlier:
            return
        context.pass_over()
        for branch in context.earlier:
            if branch.has_answered:
                self._send_cancel(context, branch, now)

    # Silence and failure

    def still_trying(self, context: ResponseContext, now: float) -> None:
        """Nothing final for longer than a client repeats quickly: RFC 4320 §4.1."""
        self._server_side.trying(context, now)

    def client_timed_out(self, context: ResponseContext, branch: ClientBranch, now: float) -> None:
        """Timer B or F: as if a 408 had come (RFC 3261 §16.8, §17.1.1.2)."""
        if context.upstream is not None and branch.target is not None:
            context.upstream.silent(branch.target.key, now)
        counted = branch is context.branch
        self._forget(context, branch)
        if not counted or context.final_status:
            return
        if context.request.method != b"INVITE":
            # RFC 4320 §4.2: no 408 to a non-INVITE; the caller's own Timer F has fired as well.
            self._progress.other_ended(context, 408, None, now)
            context.server.end()
            self._server_side.forget(context)
        elif context.stopped_by is not None:
            self._refused(context, context.stopped_by, now)
        elif not self._next(context, now):
            self._give_up(context, 408, now)

    def was_silent(self, context: ResponseContext, branch: ClientBranch, now: float) -> None:
        """Not even 100 in the time for it: the next target's turn (design §6, Targets)."""
        if branch is not context.branch or context.run is None or not context.run.has_next:
            return
        if context.upstream is not None and branch.target is not None:
            context.upstream.silent(branch.target.key, now)
        context.pass_over()
        self._next(context, now)  # at worst it is waited for again

    def was_not_connected(self, context: ResponseContext, branch: ClientBranch, now: float) -> None:
        """The request is large, and TCP should have come up (design §6, Transport)."""
        if branch.out_flow.withdraw(branch.sent):
            self._over_udp(context, branch, now)

    def _over_udp(self, context: ResponseContext, branch: ClientBranch, now: float) -> None:
        """What its size sent over TCP has not left: over UDP after all."""
        target = branch.target
        counted = branch is context.branch
        self._forget(context, branch)
        if target is None or not counted or context.final_status:
            return
        if context.cancel_wanted:
            self._give_up(context, 487, now)
            return
        assert self._next_sender is not None
        self._next_sender.send_over_udp(context, target, now)

    def timer_c_fired(self, context: ResponseContext, branch: ClientBranch, now: float) -> None:
        """Nothing final for too long: CANCEL it, or give up on a CANCEL (RFC 3261 §16.8)."""
        if branch.cancel_at is None and branch.has_answered:
            self._send_cancel(context, branch, now)
            return
        counted = branch is context.branch
        self._forget(context, branch)
        if not counted or context.final_status:
            return
        if context.stopped_by is not None:
            self._refused(context, context.stopped_by, now)
        else:
            self._give_up(context, 487 if context.cancel_wanted else 408, now)

    def server_ended(self, context: ResponseContext, now: float) -> None:
        """The server transaction's own time is up (Timer H: no ACK came)."""
        if context.branch is not None and context.final_status == 0:
            # No answer from upstream in the time that any client waits: it is over for both.
            self._forget(context, context.branch)
            if context.request.method != b"INVITE":
                self._progress.other_ended(context, 408, None, now)
        self._server_side.forget(context)

    def flow_lost(self, flow: Flow, now: float) -> None:
        """A connection has ended; cost: all open requests."""
        waiting = [
            (entry, branch)
            for entry in self._table.clients.values()
            if isinstance(entry, ResponseContext)
            for branch in entry.open_branches()
            if branch.out_flow is flow
        ]
        probes = [
            entry
            for entry in self._table.clients.values()
            if isinstance(entry, Probe) and entry.flow is flow
        ]
        for context, branch in waiting:
            self._branch_failed(context, branch, now)
        for probe in probes:
            probe.flow_lost(now)

    def _branch_failed(self, context: ResponseContext, branch: ClientBranch, now: float) -> None:
        """The request, or what should come back for it, has no way any more: RFC 3261 §16.9."""
        if context.find_branch(branch.key) is not branch:
            return
        if branch.connect_by is not None:
            self._over_udp(context, branch, now)
            return
        if context.upstream is not None and branch.target is not None and not branch.is_by_size:
            context.upstream.failed(branch.target.key, now)
        counted = branch is context.branch
        self._forget(context, branch)
        if not counted or context.final_status:
            return
        if context.stopped_by is not None:
            self._refused(context, context.stopped_by, now)
        elif not self._next(context, now):
            self.transport_failed(context, now)

    def transport_failed(self, context: ResponseContext, now: float) -> None:
        """The request can't be sent anywhere: as if a 503 had come (RFC 3261 §16.9)."""
        status = 503 if context.binding is None else FLOW_FAILED
        if context.request.method == b"INVITE":
            self._progress.invite_given_up(context, status, now)
        else:
            self._progress.other_ended(context, status, None, now)
        if status == 503:
            self._server_side.unavailable(context, now)
        else:
            self._server_side.respond(context, status, now)
        self._abandon_branches(context, now)

    def _next(self, context: ResponseContext, now: float) -> bool:
        """Try the next target, or wait again for one that was passed over; False: no hope left."""
        if context.run is not None:
            assert self._next_sender is not None
            if self._next_sender.send_next(context, now):
                return True
        return not context.cancel_wanted and context.take_back()

    def _give_up(self, context: ResponseContext, status: int, now: float) -> None:
        """End an INVITE with a response of our own, and its call with it."""
        self._progress.invite_given_up(context, status, now)
        self._server_side.respond(context, status, now)
        self._abandon_branches(context, now)

    def _remember_challenge(
        self, context: ResponseContext, branch: ClientBranch, now: float
    ) -> None:
        upstream = context.upstream
        if upstream is not None and branch.target is not None and len(upstream.targets) > 1:
            self._challenged.challenged(context.request, branch.target.key, now)

    def _forget(self, context: ResponseContext, branch: ClientBranch) -> None:
        if self._table.clients.get(branch.key) is context:
            del self._table.clients[branch.key]
        context.drop(branch)
