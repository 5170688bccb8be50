"""Calls from before a restart: read from the ledger, and served as far as their messages allow.

An INVITE that had left when the gate died is known by its entry alone. Its branch can be computed
again (`branch.py`), so the gate serves it like a stateless proxy (RFC 3261 §16.11): responses go
back by the Vias that they carry, CANCEL and ACK go on under the INVITE's own branch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sipgate.gate import (
    Charge,
    OpenAttempt,
    OpenAttempts,
    RestoredCall,
    attempt_of,
    decision_of,
)
from sipgate.ledger import AnsweredEntry, DecisionEntry
from sipgate.net import Flow, Network
from sipgate.sip import BadMessage, Request, Response, parse_via

from .branch import BranchMaker
from .call import ActiveCalls, Call, CallState
from .call_recorder import CallExpiry, CallRecorder
from .client_branch import TIMER_C
from .outcome import ANSWERED, FAILED, LOST, UNANSWERED, Outcome
from .session_timer import GRACE_SECONDS
from .source import Source, SourceTable
from .timer_queue import TimerQueue
from .wire_text import text_of

SWEEP_SECONDS = 8.0
LATE_SECONDS = 32.0  # after the last of them has ended, repeated responses may still come


@dataclass(slots=True, eq=False)
class RestoredInvite:
    """An INVITE that was on its way when the gate died."""

    call: Call
    open: OpenAttempt | None
    target: bytes  # where it went first, or where what the caller has heard came from
    cseq: int
    expires_at: float  # clock seconds: Timer C
    is_over: bool = False  # it had its final response, or came again
    is_heard: bool = False  # the caller has got a response of `target`
    is_refused: bool = False  # and it was a final one, but no 2xx


@dataclass(frozen=True, slots=True)
class RestoredBranch:
    """One of the tries of such an INVITE, as a response shows it."""

    invite: RestoredInvite
    target: bytes  # as in the branch


class RestoredInvites:
    """The INVITEs of before the restart, found by their own branch or by ours.

    The ledger knows the first INVITE of each attempt. Others of it (a fork of the PBX in front, the
    retry with credentials) show by their responses, which carry all that our branch is made of. So
    do its tries at other targets of the upstream.
    None is older than Timer C, so all are forgotten a while after the last has been added.
    """

    def __init__(self, open_attempts: OpenAttempts, branches: BranchMaker) -> None:
        self.deadline: float | None = None  # of the next sweep
        self._branches = branches
        self._on_silent: Callable[[Call, float], None] | None = None
        self._target_keys: Callable[[Source], Iterable[bytes]] | None = None
        self._forget_at = 0.0
        self._open_attempts = open_attempts
        self._by_caller_branch: dict[tuple[str, bytes], RestoredInvite] = {}
        self._by_client_key: dict[bytes, RestoredBranch] = {}
        self._by_names: dict[tuple[bytes, bytes], list[RestoredInvite]] = {}

    def when_silent(self, on_silent: Callable[[Call, float], None]) -> None:
        """Who is told of a call whose last INVITE got no final response."""
        self._on_silent = on_silent

    def may_have_gone_to(self, target_keys: Callable[[Source], Iterable[bytes]]) -> None:
        """Who knows the targets of a source's upstream, with their transports."""
        self._target_keys = target_keys

    def targets_of(self, call: Call) -> list[bytes]:
        """Every place that an INVITE of this call may have gone to, the first one first."""
        assert self._target_keys is not None
        others = [key for key in self._target_keys(call.source) if key != call.target]
        return [call.target, *others]

    def __bool__(self) -> bool:
        return bool(self._by_client_key)

    def add(
        self,
        call: Call,
        entry: DecisionEntry,
        opened: OpenAttempt | None,
        expires_at: float,
        now: float,
        *,
        is_over: bool = False,
    ) -> None:
        """`expires_at`: when Timer C ends it. `is_over`: only a repeated 2xx may still come."""
        self._forget_at = now + TIMER_C + LATE_SECONDS
        sent_by, _, branch = entry.via.partition(";")
        key = self._branches.transaction_part_of(
            sent_by.encode(),
            branch.encode(),
            call.call_id,
            call.caller_tag,
            entry.cseq,
            call.target,
        )
        invite = RestoredInvite(call, opened, call.target, entry.cseq, expires_at, is_over)
        self._by_client_key[key] = RestoredBranch(invite, call.target)
        self._by_caller_branch[entry.via, call.call_id] = invite
        self._by_names.setdefault((call.call_id, call.caller_tag), []).append(invite)
        self.deadline = self._next_sweep(now)

    def find_branch(self, key: bytes) -> RestoredInvite | None:
        """By the transaction part of our branch alone."""
        known = self._by_client_key.get(key)
        return None if known is None else known.invite

    def find_response(self, key: bytes, response: Response) -> RestoredBranch | None:
        """By the transaction part of the branch in a response to an INVITE, or to its CANCEL."""
        known = self._by_client_key.get(key)
        if known is not None or not self._by_names:
            return known
        siblings = self._by_names.get((response.call_id, response.from_tag), ())
        values = response.values(b"via")
        is_of_invite = response.cseq_method in (b"INVITE", b"CANCEL")
        if not siblings or len(values) < 2 or not is_of_invite:
            return None
        try:
            via = parse_via(values[1])
        except BadMessage:
            return None
        for first in sorted(siblings, key=lambda sibling: sibling.is_over):
            for target in self.targets_of(first.call):
                if key == self._branches.transaction_part_of(
                    via.sent_by,
                    via.branch,
                    response.call_id,
                    response.from_tag,
                    response.cseq_number,
                    target,
                ):
                    name = (text_of(via.sent_by + b";" + via.branch), first.call.call_id)
                    invite = self._by_caller_branch.get(name)
                    if invite is None or invite.cseq != response.cseq_number:
                        invite = self._discovered(first, target, response.cseq_number)
                        self._by_caller_branch[name] = invite
                    found = self._by_client_key[key] = RestoredBranch(invite, target)
                    return found
        return None

    def find_request(self, request: Request) -> RestoredInvite | None:
        """By the top Via of an INVITE, of its CANCEL or of the ACK to its non-2xx."""
        via = request.via
        return self._by_caller_branch.get(
            (text_of(via.sent_by + b";" + via.branch), request.call_id)
        )

    def find_companion(self, request: Request) -> RestoredInvite | None:
        """For a CANCEL or an ACK that matches nothing: any INVITE under its Call-ID and tag.

        Where it goes and on which branch follows from the request itself.
        """
        known = self.find_request(request)
        if known is not None:
            return known
        siblings = self._by_names.get((request.call_id, request.from_tag))
        return siblings[-1] if siblings else None

    def came_again(self, request: Request, opened: OpenAttempt | None, now: float) -> None:
        """An INVITE of before the restart was sent again, and has transactions from now on."""
        invite = self.find_request(request)
        if invite is not None and opened is not None and invite.open is opened:
            self.end(invite, 0, now)

    def forget_attempt(self, opened: OpenAttempt, now: float) -> None:
        """An attempt of before the restart that nothing will come back for."""
        self._open_attempts.ended(opened, 500, now)

    def end(self, invite: RestoredInvite, status: int, now: float) -> bool:
        """An INVITE got its final response; False: again, or others of its attempt are open."""
        if invite.is_over:
            return False
        invite.is_over = True
        return invite.open is None or self._open_attempts.ended(invite.open, status, now)

    def wake(self, now: float) -> None:
        """End the INVITEs whose calls are up or over, and those that nobody has answered."""
        for invite in tuple(self._by_caller_branch.values()):
            if invite.call.state is not CallState.CALLING:
                self.end(invite, invite.call.last_status, now)
            elif invite.expires_at <= now and self.end(invite, 408, now):
                assert self._on_silent is not None
                self._on_silent(invite.call, now)
        self.deadline = self._next_sweep(now)
        if now >= self._forget_at:
            self._by_client_key.clear()
            self._by_caller_branch.clear()
            self._by_names.clear()
            self.deadline = None

    def _next_sweep(self, now: float) -> float:
        waiting = [one.expires_at for one in self._by_caller_branch.values() if not one.is_over]
        return min(now + SWEEP_SECONDS, max(now, min(waiting, default=self._forget_at)))

    def _discovered(self, first: RestoredInvite, target: bytes, cseq: int) -> RestoredInvite:
        """One more INVITE of an attempt has shown itself."""
        opened = first.open
        found = RestoredInvite(first.call, opened, target, cseq, first.expires_at)
        if cseq != first.cseq:
            found.is_over, first.is_over = first.is_over, True  # that one was challenged
        elif opened is not None:
            opened.invites += 1  # a fork: the attempt is over when both are
        return found


class CallRestorer:
    """Puts the calls that `CallReader` found back into the table of active calls."""

    def __init__(
        self,
        *,
        sources: SourceTable,
        calls: ActiveCalls,
        recorder: CallRecorder,
        timers: TimerQueue,
        network: Network,
        invites: RestoredInvites,
        max_call: float,
    ) -> None:
        self._sources = sources
        self._calls = calls
        self._recorder = recorder
        self._timers = timers
        self._network = network
        self._invites = invites
        self._max_call = max_call
        invites.when_silent(self._silent)

    def restore(
        self,
        found: Iterable[RestoredCall],
        now: float,
    ) -> int:
        """Put back every call that can still be going on, end the others; gives how many are up."""
        restored = 0
        for one in list(found):
            entry, answer = one.decision, one.answered
            age = max(0.0, now - one.since_us / 1_000_000)
            source = self._sources.named(entry.source)
            is_over = entry.method != "INVITE"  # its answer is lost, and nothing else will come
            if source is None or is_over or age > (TIMER_C if answer is None else self._max_call):
                self._lose(entry, answer, one.charge, now)
                if one.open_attempt is not None:
                    self._invites.forget_attempt(one.open_attempt, now)
                continue
            self._put_back(one, source, now - age, now)
            restored += 1
        self._timers.add(self._invites, now)
        return restored

    def _put_back(self, one: RestoredCall, source: Source, since: float, now: float) -> None:
        entry, answer = one.decision, one.answered
        call = Call(
            call_id=entry.call_id.encode(),
            caller_tag=entry.from_tag.encode(),
            attempt=attempt_of(entry),
            source=source,
            decision=decision_of(entry),
            seq=entry.seq,
            emergency=entry.emergency,
            inbound=entry.direction == "inbound",
            started_at=since,
            caller_flow=self._flow(entry.caller_flow),
            caller_contact=_bytes(entry.caller_contact),
            charge=one.charge,
            target=(entry.target or "").encode(),
            state=CallState.CALLING,
            is_restored=True,
        )
        self._calls.add(call)
        if answer is None:
            self._invites.add(call, entry, one.open_attempt, since + TIMER_C, now)
        else:
            call.state = CallState.UP
            call.saw_tag(answer.to_tag.encode())
            call.up_tags = call.callee_tags
            call.callee_contact = _bytes(answer.contact)
            call.route_lines = tuple(line.encode() for line in answer.routes)
            call.answered_at = since
            call.answered_time = answer.time_us / 1_000_000
            call.session_seconds = answer.session_expires
            if answer.target is not None:
                call.target = answer.target.encode()
            if now - since <= LATE_SECONDS:  # the caller may not have got it: it is repeated
                self._invites.add(call, entry, None, now, now, is_over=True)
            call.deadline = since + self._max_call
            if answer.session_expires:  # its last refresh is not known: give it one more interval
                silent_until = now + answer.session_expires + GRACE_SECONDS
                call.deadline = min(call.deadline, silent_until)
        self._timers.add(CallExpiry(call, self._recorder), now)

    def _silent(self, call: Call, now: float) -> None:
        """No answer came to what was on its way: as with Timer C."""
        self._recorder.ended(call, call.outcome(UNANSWERED, 408, now, ended_by=LOST), now)

    def _lose(
        self,
        entry: DecisionEntry,
        answer: AnsweredEntry | None,
        charge: Charge | None,
        now: float,
    ) -> None:
        """Nobody will tell how this call ended."""
        if answer is None:
            outcome = Outcome(kind=FAILED, status=0, ended_by=LOST, reason="restart")
        else:
            outcome = Outcome(
                kind=ANSWERED,
                status=200,
                answered_time=answer.time_us / 1_000_000,
                ended_by=LOST,
                reason="restart",
            )
        self._recorder.over(entry.seq, outcome, charge, now)

    def _flow(self, name: str) -> Flow | None:
        """The caller's flow: a UDP peer is found again, a connection is gone."""
        transport, _, address = name.partition(":")
        host, _, port = address.rpartition(":")
        if transport != "udp" or not port.isdigit():
            return None
        try:
            return self._network.flow_to("udp", host.strip("[]"), int(port))
        except OSError:
            return None


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else text.encode()
