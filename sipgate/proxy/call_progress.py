"""What responses, or their absence, mean for the call that a request belongs to (design §8)."""

from __future__ import annotations

from sipgate.gate import OpenAttempt, OpenAttempts, asks_for_repair
from sipgate.ledger import EndedBy, OutcomeKind
from sipgate.sip import Response

from .call import Call, CallState
from .call_recorder import CallRecorder
from .outcome import (
    ANSWERED,
    CALLEE,
    CALLER,
    CANCELLED,
    FAILED,
    GATE,
    LOST,
    REFUSED,
    UNANSWERED,
    is_refusal,
    kind_of_failure,
)
from .response_context import ResponseContext
from .session_timer import session_interval
from .wire_text import text_of

# What says that the BYE itself was wrong: the call goes on. Any other response, and none at all,
# ends it (RFC 3261 §15.1.1). 500 is what a CSeq that is too low gets (RFC 3261 §12.2.2).
BYE_NOT_TAKEN = frozenset(
    (400, 401, 405, 407, 413, 414, 415, 416, 420, 421, 482, 483, 491, 493, 494, 500, 501, 505, 513)
)


class CallProgress:
    """Moves calls on by what comes back for their requests."""

    def __init__(self, recorder: CallRecorder, open_attempts: OpenAttempts) -> None:
        self._recorder = recorder
        self._open_attempts = open_attempts

    def end_attempt(self, context: ResponseContext, status: int, now: float) -> bool:
        """An initial INVITE got its final response; False while others of its attempt are open."""
        if context.open is None:
            return True
        opened, context.open = context.open, None
        return self._open_attempts.ended(opened, status, now)

    def provisional(self, context: ResponseContext, response: Response, now: float) -> None:
        """A 101 to 199 that goes on to the caller: it may ring, and begin an early dialog."""
        call = context.call
        if call is not None and context.is_initial:
            call.saw_tag(response.to_tag)
            call.saw_routes(response)
            if call.ringing_at is None and response.status >= 180:
                call.ringing_at = now

    def invite_answered(
        self, context: ResponseContext, target_key: bytes, response: Response, now: float
    ) -> None:
        """The first 2xx of a branch."""
        call = context.call
        if call is None:
            return
        if context.is_initial:
            call.saw_routes(response)
            if context.upstream is not None and call.state is not CallState.UP:
                call.target = target_key
            self.end_attempt(context, response.status, now)
            self.answered(call, response, now)
        else:
            self._refreshed(context, call, response, now)

    def answered(self, call: Call, response: Response, now: float) -> None:
        """A 2xx to an initial INVITE: the first, a repeated one or another fork's."""
        self._recorder.answered(
            call, response.to_tag, response.first(b"contact"), session_interval(response), now
        )

    def invite_refused(self, context: ResponseContext, response: Response, now: float) -> None:
        """The final response that goes back, other than a 2xx."""
        call = context.call
        if call is None or not context.is_initial:
            return
        opened = context.open
        if self.end_attempt(context, response.status, now):
            self.fell(call, response, opened, now)

    def fell(self, call: Call, response: Response, opened: OpenAttempt | None, now: float) -> None:
        """The last open INVITE of a call was refused."""
        status = response.status
        if call.state is CallState.UP:
            return  # another INVITE of this attempt was answered
        may_come_again = opened is not None and opened.may_come_again
        if may_come_again and asks_for_repair(status) and not call.cancelled:
            self._recorder.challenged(call, status, now)
            return
        reason = response.first(b"reason")
        kind = kind_of_failure(status, response.phrase, reason, rang=call.ringing_at is not None)
        ended_by: EndedBy = CALLEE
        if call.cancelled:
            kind, ended_by = CANCELLED, CALLER
        self._recorder.ended(
            call,
            call.outcome(
                kind,
                status,
                now,
                ended_by=ended_by,
                reason=None if reason is None else text_of(reason)[:512],
            ),
            now,
        )

    def invite_given_up(self, context: ResponseContext, status: int, now: float) -> None:
        """The gate itself ends an INVITE: nobody answered it, or nobody could be reached."""
        call = context.call
        if call is None or not context.is_initial or not self.end_attempt(context, status, now):
            return
        kind = kind_of_failure(status, b"", None, rang=call.ringing_at is not None)
        ended_by: EndedBy = GATE
        if call.cancelled:
            kind, ended_by = CANCELLED, CALLER
        elif status == 408:
            kind = UNANSWERED
        outcome = call.outcome(kind, status, now, ended_by=ended_by)
        self._recorder.invite_failed(call, outcome, now)

    def other_ended(
        self, context: ResponseContext, status: int, response: Response | None, now: float
    ) -> None:
        """The final response to another request; `response` is None when the gate made it."""
        call, request = context.call, context.request
        if call is None:
            return
        if call.is_referral or context.referred is not None:
            self._referral_ended(context, call, status, now)
        elif request.method == b"BYE" and status not in BYE_NOT_TAKEN:
            from_caller = call.is_from_caller(request.from_tag)
            if call.answered_at is None:  # an early dialog's; its INVITE will say how it ended
                call.cancelled = call.cancelled or from_caller
                return
            if not call.hung_up(request.to_tag if from_caller else request.from_tag):
                return
            reason = request.first(b"reason")
            kind: OutcomeKind = REFUSED if not from_caller and is_refusal(reason) else ANSWERED
            outcome = call.outcome(
                kind,
                200,
                now,
                ended_by=CALLER if from_caller else CALLEE,
                reason=None if reason is None else text_of(reason)[:512],
            )
            self._recorder.hung_up(call, outcome, now)
        elif request.method == b"UPDATE" and response is not None and status < 300:
            self._refreshed(context, call, response, now)

    def _refreshed(
        self, context: ResponseContext, call: Call, response: Response, now: float
    ) -> None:
        """Both sides' Contacts may have moved (RFC 3261 §12.2, RFC 3311 §5), and both live."""
        self._recorder.refreshed(call, session_interval(response), now)
        asked, answered = context.request.first(b"contact"), response.first(b"contact")
        from_caller = call.is_from_caller(context.request.from_tag)
        if asked is not None:
            if from_caller:
                call.caller_contact, call.caller_flow = asked, context.flow
            else:
                call.callee_contact = asked
        if answered is not None:
            if from_caller:
                call.callee_contact = answered
            else:
                call.caller_contact = answered

    def _referral_ended(
        self, context: ResponseContext, call: Call, status: int, now: float
    ) -> None:
        """What a REFER was answered is all that the gate hears of the call that it asked for."""
        if not self.end_attempt(context, status, now) or call.state is CallState.UP:
            return  # an INVITE of the same attempt goes on, or was answered
        method = text_of(context.request.method)
        if asks_for_repair(status):
            self._recorder.challenged(call, status, now)
        elif status < 300:
            call.answered_at, call.answered_time = now, self._recorder.calendar_time()
            outcome = call.outcome(ANSWERED, status, now, ended_by=LOST, reason=method)
            self._recorder.ended(call, outcome, now)
        else:
            outcome = call.outcome(FAILED, status, now, ended_by=CALLEE, reason=method)
            self._recorder.ended(call, outcome, now)
