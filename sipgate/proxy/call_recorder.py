"""Writes what becomes of calls into the ledger, and gives back what they held."""

from collections import deque
from collections.abc import Mapping

from sipgate.clock import Clock
from sipgate.counters import Change, microseconds
from sipgate.gate import Charge, Engine, ended_of
from sipgate.ledger import ActEntry, AnsweredEntry, Ledger, LedgerFullError, OutcomeEntry

from .call import ActiveCalls, Call, CallState
from .outcome import LOST, Outcome
from .session_timer import GRACE_SECONDS
from .timer_queue import TimerQueue
from .wire_text import text_of

RETRY_WINDOW = 32.0  # seconds in which a challenged caller may send its INVITE again: design §5


class CallRecorder:
    """The one place where a call moves on: admitted, answered, challenged, ended."""

    def __init__(
        self,
        ledger: Ledger,
        engine: Engine,
        calls: ActiveCalls,
        timers: TimerQueue,
        clock: Clock,
        *,
        max_call: float,
    ) -> None:
        self._ledger = ledger
        self._engine = engine
        self._calls = calls
        self._timers = timers
        self._clock = clock
        self._max_call = max_call  # seconds
        self._unwritten: deque[AnsweredEntry | OutcomeEntry | ActEntry] = (
            deque()
        )  # the ledger was full

    def admitted(self, call: Call) -> None:
        """A call was let through; it is not yet on its way."""
        self._calls.add(call)

    def answered(
        self,
        call: Call,
        to_tag: bytes,
        contact: bytes | None,
        session_expires: int | None,
        now: float,
    ) -> None:
        """The first 2xx came; a later one, or another fork's, adds only its tag.

        One that comes after the other forks' dialogs have ended brings the call up again, but not
        the repetition of one whose dialog has.
        """
        call.saw_tag(to_tag)
        if call.state is CallState.ENDED or to_tag in call.over_tags:
            return
        if to_tag not in call.up_tags and to_tag in call.callee_tags:
            call.up_tags = (*call.up_tags, to_tag)
        if call.state is CallState.UP:
            return
        call.state = CallState.UP
        call.talked = None
        call.callee_contact = contact
        time = self._clock.time()
        if call.answered_at is None:
            call.answered_at, call.answered_time = now, time
            if call.charge is not None:
                self._engine.answered(call.charge, now, time)
        call.session_seconds = session_expires
        self._set_expiry(call, now)
        self._write(
            AnsweredEntry(
                time_us=microseconds(time),
                boot=self._clock.boot_id,
                boot_us=microseconds(now),
                decision=call.seq,
                to_tag=text_of(to_tag),
                contact=None if contact is None else text_of(contact),
                session_expires=session_expires,
                target=text_of(call.target) or None,
                routes=[text_of(line) for line in call.route_lines],
            )
        )

    def refreshed(self, call: Call, session_expires: int | None, now: float) -> None:
        """A 2xx to an INVITE or UPDATE in the call: its ends live (RFC 4028 §8.2)."""
        if call.state is CallState.UP:
            call.session_seconds = session_expires
            self._set_expiry(call, now)

    def calendar_time(self) -> float:
        """Now, as seconds since 1970."""
        return self._clock.time()

    def challenged(self, call: Call, status: int, now: float) -> None:
        """Upstream wants the INVITE again (401, 407, 3xx …): the attempt stays open for it.

        Not if another fork of it was answered: one that has ended would have a second outcome.
        """
        if call.state is CallState.UP or call.state is CallState.ENDED:
            return
        if call.talked is not None:
            self.ended(call, call.talked, now)
            return
        call.state = CallState.CHALLENGED
        call.last_status = status
        call.deadline = now + RETRY_WINDOW
        self._timers.add(CallExpiry(call, self), now)

    def hung_up(self, call: Call, outcome: Outcome, now: float) -> None:
        """The last dialog of a call has ended; so has the call, unless a fork may yet be answered.

        Its count is held until then, or two forks would be two calls on one.
        """
        if call.open is None or not call.open.is_open:
            self.ended(call, outcome, now)
        elif call.state is CallState.UP:
            call.state, call.talked, call.deadline = CallState.CALLING, outcome, None

    def ended(self, call: Call, outcome: Outcome, now: float, *, keep: bool = False) -> None:
        """The call is over: write its outcome, free its count. Again does nothing.

        `keep`: its tags go on opening its dialog (design §5: expiry frees the count only), for as
        long as a call may last.
        """
        if not keep:
            self._calls.remove(call)
            call.deadline = None  # or the timers would hold it for as long as it might have lasted
        if call.state is CallState.ENDED:
            return
        if keep:
            call.deadline = now + self._max_call
            self._timers.add(CallExpiry(call, self), now)
        call.state = CallState.ENDED
        outcome = call.talked or outcome
        charge, call.charge = call.charge, None
        self.over(call.seq, outcome, charge, now)
        for other in self._calls.sharing_dialog(call):  # an INVITE to another number within it
            alike = other.outcome(outcome.kind, outcome.status or 0, now, ended_by=outcome.ended_by)
            self.ended(other, alike, now, keep=keep)

    def invite_failed(self, call: Call, outcome: Outcome, now: float) -> None:
        """The last open INVITE of a call got no 2xx; what another one brought up stays up."""
        if call.state is not CallState.UP:
            self.ended(call, outcome, now)

    def release_charge(self, charge: Charge | None, now: float) -> None:
        """Give back what an attempt held of which nothing became."""
        if charge is not None:
            self._engine.ended(charge, None, now, self._clock.time())

    def over(self, seq: int, outcome: Outcome, charge: Charge | None, now: float) -> None:
        """Write an admitted call's outcome, give back what it held, count how it ended."""
        entry = self._outcome_entry(seq, outcome, now)
        self.write_outcome(entry)
        if charge is None:
            return
        # What a rebuild will read, so that counters come to the same.
        for change in self._engine.ended(charge, ended_of(entry), now, self._clock.time()):
            self.standing_changed(change, seq, now)

    def standing_changed(self, change: Change, seq: int, now: float) -> None:
        """Write that a decision, or the end of its call, has moved a standing."""
        detail: dict[str, int | str | bool | None] = {
            "subject": change.subject,
            "before": change.before,
            "after": change.after,
            "reason": change.reason,
            "decision": seq,
        }
        self._write(self._act_entry("standing_changed", "policy", detail, now))

    def write_outcome(self, entry: OutcomeEntry) -> None:
        """Write what became of a call."""
        self._write(entry)

    def _outcome_entry(self, seq: int, outcome: Outcome, now: float) -> OutcomeEntry:
        answered = outcome.answered_time
        return OutcomeEntry(
            time_us=microseconds(self._clock.time()),
            boot=self._clock.boot_id,
            boot_us=microseconds(now),
            decision=seq,
            kind=outcome.kind,
            status=outcome.status,
            answered_us=None if answered is None else microseconds(answered),
            ring_ms=outcome.ring_ms,
            talk_ms=outcome.talk_ms,
            ended_by=outcome.ended_by,
            cancelled=outcome.cancelled,
            reason=outcome.reason,
            end_status=outcome.status,
            info_digits=outcome.info_digits,
        )

    @property
    def is_behind(self) -> bool:
        """Whether something has happened that the ledger doesn't know yet."""
        return bool(self._unwritten)

    def catch_up(self) -> None:
        """The ledger has written something: what it had no room for may go in now."""
        unwritten = self._unwritten
        while unwritten:
            try:
                self._ledger.append(unwritten[0], urgent=False)
            except LedgerFullError:
                return
            unwritten.popleft()

    def act(self, kind: str, by: str, detail: Mapping[str, int | str | bool | None]) -> int:
        """Write an administrative act; gives its sequence number."""
        return self._ledger.append(self._act_entry(kind, by, detail, self._clock.now()))

    def _act_entry(
        self, kind: str, by: str, detail: Mapping[str, int | str | bool | None], now: float
    ) -> ActEntry:
        return ActEntry(
            time_us=microseconds(self._clock.time()),
            boot=self._clock.boot_id,
            boot_us=microseconds(now),
            kind=kind,
            by=by,
            detail=dict(detail),
        )

    def _set_expiry(self, call: Call, now: float) -> None:
        """When the call is over without a BYE: its session's end, or `max-call` from its answer."""
        answered_at = now if call.answered_at is None else call.answered_at
        expires_at = answered_at + self._max_call
        if call.session_seconds:
            expires_at = min(expires_at, now + call.session_seconds + GRACE_SECONDS)
        if call.deadline != expires_at:
            call.deadline = expires_at
            self._timers.add(CallExpiry(call, self), now)

    def _write(self, entry: AnsweredEntry | OutcomeEntry | ActEntry) -> None:
        """Nobody waits for it, and a full ledger may not hold the call up: it is kept then."""
        if not self._unwritten:
            try:
                self._ledger.append(entry, urgent=False)
                return
            except LedgerFullError:
                pass
        self._unwritten.append(entry)

    def expired(self, call: Call, now: float) -> None:
        """A call's own deadline has come."""
        if call.state is CallState.CHALLENGED:
            self.ended(call, call.outcome("failed", call.last_status, now), now)
        elif call.state is CallState.UP:
            answered_at = now if call.answered_at is None else call.answered_at
            reason = "session expired" if now < answered_at + self._max_call else None
            outcome = call.outcome("answered", 200, now, ended_by=LOST, reason=reason)
            self.ended(call, outcome, now, keep=True)
        elif call.state is CallState.ENDED:
            self._calls.remove(call)


class CallExpiry:
    """A call's deadline as the timer queue sees it: void once the call has moved on."""

    __slots__ = ("_call", "_due", "_recorder")

    def __init__(self, call: Call, recorder: CallRecorder) -> None:
        self._call = call
        self._due = call.deadline
        self._recorder = recorder

    @property
    def deadline(self) -> float | None:
        return self._due if self._call.deadline == self._due else None

    def wake(self, now: float) -> None:
        self._due = None
        self._call.deadline = None
        self._recorder.expired(self._call, now)
