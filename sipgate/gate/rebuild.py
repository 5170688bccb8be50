"""The state of a gate, made from its ledger again: counts, open attempts, calls in progress."""

from sipgate.counters import Ended
from sipgate.ledger import ActEntry, AnsweredEntry, DecisionEntry, Entry, OutcomeEntry

from .attempt import Attempt
from .decision import Charge, Decision, Step, Would
from .engine import Draft, Engine, Event, Reset
from .open_attempts import OPEN_SECONDS, RETRY_SECONDS, OpenAttempt, OpenAttempts
from .operator_act import overrule_caller, reset_caller
from .policy import Policy

MAX_CALL_SECONDS = 4 * 3600.0  # `max-call`: an older call frees its count

_MICRO = 1_000_000


class RestoredCall:
    """A call that was let through and is not over, as far as the ledger knows.

    `since_us` is its latest answer, or its decision, on the clock of this boot.
    `answered` is its latest answer, None while it rings. `open_attempt` is None once it is
    answered or too old to be retried; a call that no rule was asked about has neither that nor a
    charge.
    """

    __slots__ = ("answered", "charge", "decision", "open_attempt", "since_us")

    def __init__(
        self,
        decision: DecisionEntry,
        since_us: int,
        charge: Charge | None,
        open_attempt: OpenAttempt | None,
    ) -> None:
        self.decision = decision
        self.since_us = since_us
        self.charge = charge
        self.open_attempt = open_attempt
        self.answered: AnsweredEntry | None = None


class EntryAge:
    """When an entry was made, on the clock of this boot.

    Each boot's own clock counts where it is known how that lies on this one's; of other boots an
    age is the difference of calendar times. It is never below 0 and never before an earlier
    entry's.
    """

    def __init__(self, boot: str, now_us: int, time_us: int) -> None:
        self._now_us = now_us
        self._time_us = time_us
        self._zeros_us = {boot: 0}
        self._latest_us = -(2**62)

    def date_by(self, zeros_us: dict[str, int]) -> None:
        """Where the zero of each boot's clock lies on this boot's clock."""
        self._zeros_us = {**zeros_us, **self._zeros_us}

    def now_us(self, entry: Entry) -> int:
        zero_us = self._zeros_us.get(entry.boot)
        if zero_us is not None:
            made_us = zero_us + entry.boot_us
        else:
            made_us = self._now_us - max(0, self._time_us - entry.time_us)
        self._latest_us = max(self._latest_us, min(made_us, self._now_us))
        return self._latest_us


class Rebuild:
    """Takes the ledger's entries in their order and does to the gate's state what they did.

    Feed it all entries of the last `rebuild_horizon` seconds, then read `calls`. An attempt whose
    retry was awaited at the crash is open with its old CSeq, for the ledger knows no challenges:
    the retry is a new attempt. Too strict, never too lax.
    """

    def __init__(
        self, engine: Engine, open_attempts: OpenAttempts, *, boot: str, now_us: int, time_us: int
    ) -> None:
        self._engine = engine
        self._open_attempts = open_attempts
        self._age = EntryAge(boot, now_us, time_us)
        self._now_us = now_us
        self._calls_by_seq: dict[int, RestoredCall] = {}

    @property
    def calls(self) -> dict[int, RestoredCall]:
        """Calls without an outcome, by the decision's `seq`."""
        return self._calls_by_seq

    def date_by(self, zeros_us: dict[str, int]) -> None:
        """Where the zero of each boot's clock lies on this boot's clock; comes first."""
        self._age.date_by(zeros_us)

    def feed(self, entry: Entry) -> None:
        """Take one entry."""
        now_us = self._age.now_us(entry)
        match entry:
            case DecisionEntry():
                self._decided(entry, now_us)
            case AnsweredEntry():
                call = self._calls_by_seq.get(entry.decision)
                if call is not None:
                    if call.charge is not None and call.answered is None:
                        self._engine.answered(call.charge, now_us / _MICRO, entry.time_us / _MICRO)
                    call.answered = entry
                    call.since_us = now_us
                    self._end_attempt(call, now_us)
            case OutcomeEntry():
                call = self._calls_by_seq.pop(entry.decision, None)
                if call is not None:
                    self._end_attempt(call, now_us)
                    if call.charge is not None:
                        ended = ended_of(entry)
                        now, time = now_us / _MICRO, entry.time_us / _MICRO
                        self._engine.ended(call.charge, ended, now, time)
            case ActEntry():
                overrule_caller(self._engine, entry.kind, entry.detail)

    def _decided(self, entry: DecisionEntry, now_us: int) -> None:
        is_admitted = entry.verdict != "reject"
        if not was_counted(entry):
            if is_admitted:
                self._calls_by_seq[entry.seq] = RestoredCall(entry, now_us, None, None)
            return
        attempt = attempt_of(entry)
        charge = self._engine.recount(
            attempt,
            is_admitted=is_admitted,
            now_us=now_us,
            time_us=entry.time_us,
            rule=entry.rule,
        )
        # A refusal may not have been sent before the crash: its INVITE comes again, for 32 s.
        young = OPEN_SECONDS if is_admitted else RETRY_SECONDS
        opened: OpenAttempt | None = None
        if self._now_us - now_us < young * _MICRO:
            opened = self._open_attempts.opened(
                attempt, entry.seq, decision_of(entry), now_us / _MICRO
            )
        if is_admitted:
            self._calls_by_seq[entry.seq] = RestoredCall(entry, now_us, charge, opened)

    def _end_attempt(self, call: RestoredCall, now_us: int) -> None:
        if call.open_attempt is not None:
            self._open_attempts.ended(call.open_attempt, 200, now_us / _MICRO)
            call.open_attempt = None


class DraftHistory:
    """Counts the ledger's entries in a draft: a reload needs no calls and no open attempts.

    Feed it all entries of the last `rebuild_horizon` seconds in their order.
    """

    def __init__(self, draft: Draft, age: EntryAge) -> None:
        self._draft = draft
        self._age = age
        self._open: dict[int, tuple[Attempt, float]] = {}  # admitted, not over; when decided
        self._answered: set[int] = set()

    def date_by(self, zeros_us: dict[str, int]) -> None:
        """Where the zero of each boot's clock lies on this boot's clock; comes first."""
        self._age.date_by(zeros_us)

    def feed(self, entry: Entry) -> None:
        """Take one entry."""
        now_us = self._age.now_us(entry)
        match entry:
            case DecisionEntry():
                if not was_counted(entry):
                    return
                attempt, time = attempt_of(entry), entry.time_us / _MICRO
                is_admitted = entry.verdict != "reject"
                self._draft.happened(
                    Event(attempt, now_us, entry.time_us, time, is_admitted, entry.rule)
                )
                if is_admitted:
                    self._open[entry.seq] = (attempt, time)
            case AnsweredEntry():
                found = self._open.get(entry.decision)
                if found is not None and entry.decision not in self._answered:
                    self._answered.add(entry.decision)
                    self._draft.happened(
                        Event(found[0], now_us, entry.time_us, found[1], is_answer=True)
                    )
            case OutcomeEntry():
                found = self._open.pop(entry.decision, None)
                self._answered.discard(entry.decision)
                if found is not None:
                    ended = ended_of(entry)
                    self._draft.happened(
                        Event(found[0], now_us, entry.time_us, found[1], ended=ended)
                    )
            case ActEntry():
                caller = reset_caller(entry)
                if caller is not None:
                    self._draft.happened(Reset(caller))


def rebuild_horizon(policy: Policy, max_call_seconds: float = MAX_CALL_SECONDS) -> float:
    """How many seconds back the ledger must be read.

    What ended in a window may have begun before it, as long ago as a call may ring and last.
    """
    call_seconds = OPEN_SECONDS + max_call_seconds
    if policy.needs_outcomes:
        return policy.horizon_seconds + call_seconds
    return max(policy.horizon_seconds, call_seconds)


def was_counted(entry: DecisionEntry) -> bool:
    """Whether rules were asked, so that the attempt is in their counters."""
    return not (entry.emergency or entry.transfer or entry.direction == "inbound")


def ended_of(entry: OutcomeEntry) -> Ended:
    """What counters learn of an outcome."""
    return Ended(
        entry.kind,
        entry.status,
        entry.ring_ms,
        entry.talk_ms,
        entry.ended_by,
        entry.cancelled,
        entry.info_digits,
    )


def attempt_of(entry: DecisionEntry) -> Attempt:
    """The attempt that was decided."""
    return Attempt(
        source=entry.source,
        caller=entry.caller,
        organisation=entry.organisation,
        campaign=entry.campaign,
        cli=entry.cli,
        callee=entry.callee,
        callee_kind=entry.callee_kind,
        callee_spelled=entry.callee_spelled,
        callee_country=entry.callee_country,
        to_number=entry.to_number,
        call_id=entry.call_id,
        from_tag=entry.from_tag,
        cseq=entry.cseq,
        user_agent=entry.user_agent,
        lead_region=entry.lead_region,
        lead_zone=entry.lead_zone,
        asserted=entry.asserted,
        is_anonymous=entry.anonymous,
    )


def decision_of(entry: DecisionEntry) -> Decision:
    """The decision as it was made."""
    would = entry.would
    return Decision(
        verdict=entry.verdict,
        rule=entry.rule,
        code=entry.code,
        reason=entry.reason,
        retry_after=entry.retry_after,
        redress=entry.redress,
        tags=tuple(entry.tags.items()),
        would=None if would is None else Would(would.verdict, would.rule, would.reason),
        steps=tuple(_step(step) for step in entry.steps),
        policy=entry.policy,
        revision=entry.revision,
        policy_sha256=entry.policy_sha256,
    )


def _step(record: dict[str, int | str | bool | None]) -> Step:
    values = {key: value for key, value in record.items() if key not in ("rule", "held")}
    return Step(str(record["rule"]), bool(record["held"]), values)
