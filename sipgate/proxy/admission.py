"""From a new INVITE to a durable decision: design §5, steps 4 to 6.

An attempt is decided at once, its entry appended, and its INVITE parked in one queue in the order
of sequence numbers. When the ledger reports what is durable, all up to there resume in one turn.
"""

import re
from collections import Counter, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from sipgate.clock import Clock
from sipgate.counters import microseconds
from sipgate.gate import Attempt, Decision, Engine, OpenAttempt, OpenAttempts
from sipgate.ledger import DecisionEntry, Ledger
from sipgate.ledger import Would as WouldEntry
from sipgate.numbers import Callee
from sipgate.sip import BadMessage, Request, Uri, dialled, parse_name_addr, parse_uri

from .call import ActiveCalls, Call, CallState
from .call_recorder import CallRecorder
from .flow_token import has_token_shape
from .identity import asserted_of, caller_of, cli_of, withholds_number
from .lead_data import lead_data_of
from .response_context import ResponseContext
from .source import Source
from .wire_text import text_of

STORE_PATIENCE = 1.0  # seconds that an INVITE waits for its entry: design §15
KEPT_TEXT = 512  # characters of a header's text that an entry keeps

# The user part of a To that looks like most: at its place, for it may stand in name or parameters.
_PLAIN_TO = re.compile(rb'(?:"[^"\\]*"[ \t]*|[\w .-]*)<?sips?:([^@:;<>"]+)@')


@dataclass(frozen=True, slots=True)
class CallerProfile:
    """What a `[[caller]]` entry says of a caller. `clis` None: not which numbers are its own."""

    organisation: str | None
    campaign: str | None
    clis: frozenset[str] | None = None


@dataclass(slots=True, eq=False)
class Parked:
    """An INVITE that waits until its decision is on disk."""

    seq: int
    context: ResponseContext
    decision: Decision
    call: Call | None  # None: refused
    parked_at: float
    given_up: bool = False  # answered 503, or let through, because the store failed


class Resumer(Protocol):
    """What `Admission` hands decided INVITEs back to."""

    def resume(self, parked: Parked, now: float) -> None: ...

    def store_failed(self, parked: Parked, now: float) -> None: ...


class Admission:
    """Decides new attempts and parks them until the decision is durable."""

    def __init__(
        self,
        *,
        gate: str,
        engine: Engine,
        open_attempts: OpenAttempts,
        ledger: Ledger,
        recorder: CallRecorder,
        calls: ActiveCalls,
        callers: Mapping[str, CallerProfile],
        clock: Clock,
        counts: Counter[str],
    ) -> None:
        self._gate = gate
        self._engine = engine
        self._open_attempts = open_attempts
        self._ledger = ledger
        self._recorder = recorder
        self._calls = calls
        self._callers = callers
        self._clock = clock
        self._counts = counts
        self._resumer: Resumer | None = None
        self._parked: deque[Parked] = deque()

    def __len__(self) -> int:
        return len(self._parked)

    def hand_to(self, resumer: Resumer) -> None:
        """Who takes the INVITEs whose decisions are durable."""
        self._resumer = resumer

    def attempt(
        self,
        request: Request,
        source: Source,
        uri: Uri,
        callee: Callee,
        caller: str | None = None,
        *,
        proven: str | None = None,
        peer_names: Collection[str] = (),
    ) -> Attempt:
        """What `gate` needs to know of an INVITE, or of a REFER, whose `uri` is in Refer-To.

        `caller` is given for a spiral's new leg, `proven` is the user who has shown a password.
        """
        if caller is None:
            caller = caller_of(request, source, proven, peer_names)
        profile = self._callers.get(caller)
        if profile is None and source.callers_listed:
            caller = f"{source.name}/unlisted"
            profile = self._callers.get(caller)  # of which an entry may say something too
        campaign = None
        if source.campaign_header is not None and source.trusted:
            value = request.first(source.campaign_header)
            campaign = None if value is None else text_of(value)[:KEPT_TEXT] or None
        if campaign is None and profile is not None:
            campaign = profile.campaign
        organisation = source.organisation or source.name
        if profile is not None and profile.organisation is not None:
            organisation = profile.organisation
        user_agent = request.first(b"user-agent")
        cli = cli_of(request, source)
        lead_region, lead_zone = lead_data_of(request, source, self._counts)
        return Attempt(
            source=source.name,
            caller=caller,
            organisation=organisation,
            campaign=campaign,
            cli=cli,
            callee=callee.key,
            callee_kind=callee.kind,
            callee_spelled=callee.spelled,
            callee_country=callee.country
            if callee.kind != "unreadable"
            else source.dial_plan.region,
            to_number=None
            if request.method.upper() == b"REFER"  # its To is whoever shall place the call
            else self._other_number(request, source, uri, callee),
            call_id=text_of(request.call_id),
            from_tag=text_of(request.from_tag),
            cseq=request.cseq_number,
            user_agent=None if user_agent is None else text_of(user_agent)[:KEPT_TEXT],
            asserted=asserted_of(request, source),
            is_anonymous=cli is None or withholds_number(request),
            owned_clis=None if profile is None else profile.clis,
            lead_region=lead_region,
            lead_zone=lead_zone,
        )

    def is_repeated(self, attempt: Attempt, now: float) -> bool:
        """Whether this INVITE belongs to an attempt that was decided and is open."""
        return self._open_attempts.is_repeated(attempt, now)

    def admit(
        self,
        context: ResponseContext,
        attempt: Attempt,
        source: Source,
        target: bytes,
        now: float,
        *,
        asked: bytes | None = None,
        is_transfer: bool = False,
        forbidden: str | None = None,
    ) -> None:
        """Decide a new attempt, or find the decision of the one that this INVITE repeats.

        `asked` is what a REFER's Refer-To says; a transfer is recorded, but neither decided nor
        counted. `forbidden` is why no rule needs to be asked. Raises LedgerFullError.
        """
        if forbidden is None:
            opened = self._open_attempts.find(attempt, now)
            if opened is not None and self._belongs(context, opened, now):
                return
        time = self._clock.time()
        if forbidden is not None:
            decision, charge = self._engine.refuse(attempt, 403, forbidden, now, time), None
        elif source.decide and not is_transfer:
            decision, charge = self._engine.decide(attempt, now, time)
        else:
            decision, charge = self._unasked(), None
        seq = 0
        try:
            seq = self._append(
                context,
                attempt,
                source,
                decision,
                target,
                now,
                time,
                asked=asked,
                is_transfer=is_transfer,
            )
        finally:
            if not seq:  # full, or a bug of ours: no call will give it back
                self._recorder.release_charge(charge, now)
        for change in decision.changes:
            self._recorder.standing_changed(change, seq, now)
        call = None
        if decision.verdict != "reject":
            call = self._call(context, attempt, source, decision, seq, now)
            call.charge = charge
            call.is_referral = asked is not None
            context.call = call
        context.open = self._open_attempts.opened(attempt, seq, decision, now)
        if call is not None:
            call.open = context.open
        self._park(Parked(seq, context, decision, call, now))

    def _belongs(self, context: ResponseContext, opened: OpenAttempt, now: float) -> bool:
        """An INVITE of an attempt that was decided before: its decision holds, nothing counts."""
        call = None
        if opened.decision.is_admitted:
            call = self._calls.find_decision(context.request.call_id, opened.decision_seq)
            if call is None:
                self._open_attempts.ended(opened, 500, now)
                return False
            if call.state is CallState.CHALLENGED:
                call.deadline = None  # it goes on
            call.open = opened
        context.call, context.open = call, opened
        self._park(Parked(opened.decision_seq, context, opened.decision, call, now))
        return True

    def record_emergency(
        self,
        context: ResponseContext,
        attempt: Attempt,
        source: Source,
        target: bytes,
        now: float,
        *,
        asked: bytes | None = None,
    ) -> Call:
        """An emergency call's entry and call; the INVITE is on its way already."""
        time, decision = self._clock.time(), self._unasked()
        seq = self._append(
            context, attempt, source, decision, target, now, time, emergency=True, asked=asked
        )
        call = self._call(context, attempt, source, decision, seq, now, emergency=True)
        call.is_referral = asked is not None
        context.call = call
        return call

    def durable(self, seq: int, now: float) -> None:
        """All entries up to `seq` are on disk: their INVITEs go on."""
        parked = self._parked
        assert self._resumer is not None
        while parked and parked[0].seq <= seq:
            self._resumer.resume(parked.popleft(), now)

    @property
    def oldest_waits_since(self) -> float | None:
        """When the INVITE that waits longest was parked."""
        return self._parked[0].parked_at if self._parked else None

    def give_up(self, now: float) -> None:
        """The store has not answered: whoever has waited too long gets an answer without it."""
        assert self._resumer is not None
        for parked in self._parked:
            if parked.parked_at + STORE_PATIENCE > now:
                break
            if not parked.given_up:
                parked.given_up = True
                self._resumer.store_failed(parked, now)

    def _park(self, parked: Parked) -> None:
        assert self._resumer is not None
        if parked.seq <= self._ledger.durable_seq and not self._parked:
            self._resumer.resume(parked, parked.parked_at)
        else:
            self._parked.append(parked)

    def _unasked(self) -> Decision:
        """The decision on a call that no rule was asked about."""
        policy = self._engine.policy
        return Decision(
            verdict="allow",
            policy=policy.name,
            revision=policy.revision,
            policy_sha256=policy.sha256,
        )

    def _call(
        self,
        context: ResponseContext,
        attempt: Attempt,
        source: Source,
        decision: Decision,
        seq: int,
        now: float,
        *,
        emergency: bool = False,
    ) -> Call:
        request = context.request
        call = Call(
            call_id=request.call_id,
            caller_tag=request.from_tag,
            attempt=attempt,
            source=source,
            decision=decision,
            seq=seq,
            emergency=emergency,
            inbound=not source.decide,
            started_at=now,
            caller_flow=context.flow,
            caller_contact=request.first(b"contact"),
        )
        self._recorder.admitted(call)
        return call

    def _append(
        self,
        context: ResponseContext,
        attempt: Attempt,
        source: Source,
        decision: Decision,
        target: bytes,
        now: float,
        time: float,
        *,
        emergency: bool = False,
        asked: bytes | None = None,
        is_transfer: bool = False,
    ) -> int:
        request, via, flow = context.request, context.request.via, context.flow
        contact = request.first(b"contact")
        would = decision.would
        return self._ledger.append(
            DecisionEntry(
                time_us=microseconds(time),
                boot=self._clock.boot_id,
                boot_us=microseconds(now),
                gate=self._gate,
                source=attempt.source,
                caller=attempt.caller,
                organisation=attempt.organisation,
                campaign=attempt.campaign,
                cli=attempt.cli,
                callee=attempt.callee,
                callee_kind=attempt.callee_kind,
                callee_spelled=attempt.callee_spelled,
                callee_country=attempt.callee_country,
                to_number=attempt.to_number,
                call_id=attempt.call_id,
                from_tag=attempt.from_tag,
                cseq=attempt.cseq,
                user_agent=attempt.user_agent,
                lead_region=attempt.lead_region,
                lead_zone=attempt.lead_zone,
                asserted=attempt.asserted,
                anonymous=attempt.is_anonymous,
                via=text_of(via.sent_by + b";" + via.branch),
                method="INVITE" if asked is None else text_of(request.method),
                request_uri=text_of(request.uri if asked is None else asked),
                target=text_of(target),
                caller_flow=f"{flow.transport}:{flow.host}:{flow.port}",
                caller_contact=None if contact is None else text_of(contact),
                direction="outbound" if source.decide else "inbound",
                emergency=emergency,
                transfer=is_transfer,
                verdict=decision.verdict,
                rule=decision.rule,
                code=decision.code,
                reason=decision.reason,
                retry_after=decision.retry_after,
                redress=decision.redress,
                tags=dict(decision.tags),
                would=None
                if would is None
                else WouldEntry(verdict=would.verdict, rule=would.rule, reason=would.reason),
                policy=decision.policy,
                revision=decision.revision,
                policy_sha256=decision.policy_sha256,
                steps=[step.record() for step in decision.steps],
            )
        )

    def _other_number(
        self, request: Request, source: Source, uri: Uri, callee: Callee
    ) -> str | None:
        """The number in To where it is another than the one that rings (design §7)."""
        value = request.first(b"to")
        if value is None:
            return None
        plain = _PLAIN_TO.match(value)
        if plain is not None and plain[1] == uri.user:
            return None
        try:
            to_uri = parse_uri(parse_name_addr(value).uri)
        except BadMessage:
            return None
        if not to_uri.user or has_token_shape(to_uri.user):  # a phone, not a number
            return None
        read = source.dial_plan.read(dialled(to_uri))
        return None if read.key == callee.key else read.key
