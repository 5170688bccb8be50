"""Calls from before a restart: read from the ledger, and served as far as their messages allow.

An INVITE that had left when the gate died is known by its entry alone. Its branch can be computed
again (`branch.py`), so the gate serves it like a stateless proxy (RFC 3261 §16.11): responses go
back by the Vias that they carry, CANCEL and ACK go on under the INVITE's own branch.
"""

from __future__ import annotations

from collections.abc import Iterable
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
from sipgate.sip import Request

from .branch import BranchMaker
from .call import ActiveCalls, Call, CallState
from .call_recorder import CallExpiry, CallRecorder
from .outcome import ANSWERED, FAILED, LOST, Outcome
from .response_context import TIMER_C
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
    target: bytes  # as in the branch
    is_over: bool = False  # it had its final response, or came again


class RestoredInvites:
    """The INVITEs of before the restart, found by their own branch or by ours.

    None is older than Timer C, so all are forgotten a while after the last has been added.
    """

    def __init__(self, open_attempts: OpenAttempts) -> None:
        self.deadline: float | None = None  # of the next sweep
        self._forget_at = 0.0
        self._open_attempts = open_attempts
        self._by_caller_branch: dict[tuple[str, bytes], RestoredInvite] = {}
        self._by_client_key: dict[bytes, RestoredInvite] = {}

    def __bool__(self) -> bool:
        return bool(self._by_client_key)

    def add(
        self,
        call: Call,
        entry: DecisionEntry,
        opened: OpenAttempt | None,
        branches: BranchMaker,
        now: float,
    ) -> None:
        self.deadline = now + SWEEP_SECONDS
        self._forget_at = now + TIMER_C + LATE_SECONDS
        sent_by, _, branch = entry.via.partition(";")
        key = branches.transaction_part_of(
            sent_by.encode(),
            branch.encode(),
            call.call_id,
            call.caller_tag,
            entry.cseq,
            call.target,
        )
        invite = RestoredInvite(call, opened, call.target)
        self._by_client_key[key] = invite
        self._by_caller_branch[entry.via, call.call_id] = invite

    def find_response(self, key: bytes) -> RestoredInvite | None:
        """By the transaction part of the branch in a response."""
        return self._by_client_key.get(key)

    def find_request(self, request: Request) -> RestoredInvite | None:
        """By the top Via of a CANCEL or an ACK to a non-2xx."""
        via = request.via
        return self._by_caller_branch.get(
            (text_of(via.sent_by + b";" + via.branch), request.call_id)
        )

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
        """End the attempts of INVITEs whose calls are up or over without a response seen here."""
        for invite in self._by_client_key.values():
            if invite.call.state is not CallState.CALLING:
                self.end(invite, invite.call.last_status, now)
        self.deadline = now + SWEEP_SECONDS
        if now >= self._forget_at:
            self._by_client_key.clear()
            self._by_caller_branch.clear()
            self.deadline = None


class CallRestorer:
    """Puts the calls that `CallReader` found back into the table of active calls."""

    def __init__(
        self,
        *,
        sources: SourceTable,
        calls: ActiveCalls,
        recorder: CallRecorder,
        timers: TimerQueue,
        branches: BranchMaker,
        network: Network,
        invites: RestoredInvites,
        max_call: float,
    ) -> None:
        self._sources = sources
        self._calls = calls
        self._recorder = recorder
        self._timers = timers
        self._branches = branches
        self._network = network
        self._invites = invites
        self._max_call = max_call

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
            call.deadline = since + TIMER_C
            self._invites.add(call, entry, one.open_attempt, self._branches, now)
        else:
            call.state = CallState.UP
            call.saw_tag(answer.to_tag.encode())
            call.callee_contact = _bytes(answer.contact)
            call.answered_at = since
            call.answered_time = answer.time_us / 1_000_000
            call.session_seconds = answer.session_expires
            call.deadline = since + self._max_call
            if answer.session_expires:  # its last refresh is not known: give it one more interval
                silent_until = now + answer.session_expires + GRACE_SECONDS
                call.deadline = min(call.deadline, silent_until)
        self._timers.add(CallExpiry(call, self._recorder), now)

    def _lose(
        self,
        entry: DecisionEntry,
        answer: AnsweredEntry | None,
        charge: Charge | None,
        now: float,
    ) -> None:
        """Nobody will tell how this call ended."""
        self._recorder.release_charge(charge, now)
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
        self._recorder.write_outcome(entry.seq, outcome, now)

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
