"""Playing one case: its history through a real engine on a virtual clock, then its attempt."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from sipgate.consent import Consent, MemoryConsents
from sipgate.counters import Ended, MemoryCounters
from sipgate.gate.attempt import Attempt
from sipgate.gate.decision import Charge, Decision
from sipgate.gate.emergency import is_emergency
from sipgate.gate.engine import Engine
from sipgate.gate.explanation import Explained, explain
from sipgate.gate.lists import MemoryLists
from sipgate.gate.policy import Policy
from sipgate.numbers import DialPlan, NumberList, read_listed_number

from .case_file import Given, GivenCall, GivenConsent, GivenListChange
from .case_shape import IN_PROGRESS, AttemptShape, CallShape, ConsentShape, ListChangeShape

USUAL_STATUS: Final = {
    "answered": 200,
    "cancelled": 487,
    "busy": 486,
    "refused": 607,
    "blocked": 608,
    "unanswered": 480,
    "failed": 500,
    "lost": None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """How an attempt was decided.

    `explained` has every rule, those past the settling one too; an emergency call has asked none.
    """

    attempt: Attempt
    decision: Decision
    explained: tuple[Explained, ...]


def play(
    policy: Policy, given: Iterable[Given], attempt: AttemptShape, *, monitor: bool = False
) -> Played:
    """Decide an attempt after what is given, by a policy that has seen nothing else."""
    stage = _Stage(policy, monitor)
    stage.play(given, attempt.at)
    decided = stage.attempt(attempt)
    time = attempt.at / 1_000_000
    _, seen = stage.engine.look(decided, time, time)
    decision, _ = stage.engine.decide(decided, time, time)
    explained: tuple[Explained, ...] = ()
    if not is_emergency(decided):
        explained = explain(policy, decided, time, decision, seen)
    return Played(attempt=decided, decision=decision, explained=explained)


class _Call:
    """A call of the past, from its decision on."""

    __slots__ = ("attempt", "charge", "ended", "is_admitted", "rule")

    def __init__(self, attempt: Attempt, said: CallShape) -> None:
        self.attempt = attempt
        self.is_admitted = said.verdict != "reject"
        self.rule = said.rule
        self.ended = _ended_of(said)
        self.charge: Charge | None = None


class _Event(NamedTuple):
    """Something that happened: `what` is decided, answered, ended, changed or consented."""

    at_us: int
    is_beginning: bool  # at one instant, first ends what had begun before
    order: int
    what: str
    subject: "_Call | Given"


class _Stage:
    """An engine and all that it looks things up in."""

    def __init__(self, policy: Policy, monitor: bool) -> None:
        self._plan = DialPlan(region=policy.region)
        self._lists = MemoryLists()
        self._entries_by_list: dict[str, set[str]] = {}
        self._consents = MemoryConsents()
        self._order = 0
        self.engine = Engine(
            policy, MemoryCounters(), self._lists, monitor, consents=self._consents
        )

    def play(self, given: Iterable[Given], until_us: int) -> None:
        """Let all that is given happen, in the order of time; what is later hasn't yet."""
        events = [event for event in self._events(given) if event.at_us <= until_us]
        for event in sorted(events, key=lambda event: event[:3]):
            self._happen(event)

    def attempt(self, said: AttemptShape, number: int = 0) -> Attempt:
        """The attempt that a gate would make of it; `number` is of a repeated one, from 0."""
        callee_step, cli_step = 0, 0
        if isinstance(said, CallShape):
            callee_step, cli_step = said.callee_step * number, said.cli_step * number
        callee = self._plan.read(_raised(said.callee, callee_step))
        source = said.source or said.caller.partition("/")[0]
        to_number = None if said.to is None else self._plan.read(said.to).key
        cli = None if said.cli is None else self._plan.identity(_raised(said.cli, cli_step))
        self._order += 1
        return Attempt(
            source=source,
            caller=said.caller,
            organisation=said.organisation or source,
            campaign=said.campaign,
            cli=cli,
            callee=callee.key,
            callee_kind=callee.kind,
            callee_spelled=callee.spelled,
            callee_country=callee.country if callee.kind != "unreadable" else self._plan.region,
            to_number=None if to_number == callee.key else to_number,
            call_id=f"case-{self._order}",
            from_tag="case",
            cseq=1,
            user_agent=said.user_agent,
            lead_region=said.lead_region,
            lead_zone=said.lead_zone,
            asserted=None if said.asserted is None else self._plan.identity(said.asserted),
            is_anonymous=said.anonymous,
            owned_clis=self._owned(said.owned_clis),
        )

    def _owned(self, clis: tuple[str, ...] | None) -> frozenset[str] | None:
        if clis is None:
            return None
        return frozenset(self._plan.identity(cli) or cli for cli in clis)

    def _events(self, given: Iterable[Given]) -> Iterable[_Event]:
        order = 0
        for item in given:
            order += 1
            if isinstance(item, GivenCall):
                for event in self._call_events(item.said, order):
                    order = event.order
                    yield event
            elif isinstance(item, GivenListChange):
                yield _Event(item.at_us, True, order, "changed", item)
            else:
                yield _Event(item.at_us, True, order, "consented", item)

    def _call_events(self, said: CallShape, order: int) -> Iterable[_Event]:
        for number in range(said.repeat):
            at_us = said.at + number * (said.every or 0) * 1000
            call = _Call(self.attempt(said, number), said)
            yield _Event(at_us, True, order, "decided", call)
            is_answered = said.outcome == "answered" or said.talk is not None
            answered_us = at_us + said.ring * 1000
            if is_answered:
                order += 1
                yield _Event(answered_us, answered_us == at_us, order, "answered", call)
            if said.outcome != IN_PROGRESS:
                order += 1
                ended_us = answered_us + (said.talk or 0) * 1000
                yield _Event(ended_us, ended_us == at_us, order, "ended", call)
            order += 1

    def _happen(self, event: _Event) -> None:
        time = event.at_us / 1_000_000
        subject = event.subject
        if isinstance(subject, GivenListChange):
            self._change_list(subject.said, time)
        elif isinstance(subject, GivenConsent):
            self._consents.add([self._consent(subject.said, time)])
        elif isinstance(subject, _Call):
            self._move(subject, event.what, event.at_us, time)

    def _move(self, call: _Call, what: str, at_us: int, time: float) -> None:
        if what == "decided":
            call.charge = self.engine.recount(
                call.attempt,
                is_admitted=call.is_admitted,
                now_us=at_us,
                time_us=at_us,
                rule=call.rule,
            )
            return
        assert call.charge is not None
        if what == "answered":
            self.engine.answered(call.charge, time, time)
        else:
            self.engine.ended(call.charge, call.ended, time, time)

    def _change_list(self, said: ListChangeShape, time: float) -> None:
        entries = self._entries_by_list.setdefault(said.name, set())
        entries.update(self._entry(text) for text in said.add or ())
        entries.difference_update(self._entry(text) for text in said.remove or ())
        self._lists.replace(said.name, NumberList(entries), time)

    def _consent(self, said: ConsentShape, time: float) -> Consent:
        expires = None if said.expires is None else said.expires / 1_000_000
        return Consent(
            callee=self._entry(said.callee),
            purpose=said.purpose,
            organisation=said.organisation,
            channel=said.channel,
            source=said.source,
            basis=said.basis,
            granted=None if said.revoked else time,
            expires=expires,
            revoked=time if said.revoked else None,
            id=len(self._consents) + 1,  # of two at one instant the later decides
        )

    def _entry(self, text: str) -> str:
        """A number or prefix as an import reads it; a caller, a short number as it stands."""
        number, _ = read_listed_number(text, self._plan)
        return text.strip() if number is None else number


def _raised(number: str, by: int) -> str:
    """The number that is so much higher, as long as before."""
    digits = number.lstrip("+")
    if not by or not digits.isdecimal():
        return number
    plus = number[: len(number) - len(digits)]
    return f"{plus}{int(digits) + by:0{len(digits)}d}"


def _ended_of(said: CallShape) -> Ended | None:
    if said.outcome is None or said.outcome == IN_PROGRESS:
        return None
    is_answered = said.outcome == "answered" or said.talk is not None
    ended_by = said.ended_by
    if ended_by is None and is_answered:
        ended_by = "lost" if said.outcome == "lost" else "callee"
    return Ended(
        kind=said.outcome,
        status=said.status if said.status is not None else USUAL_STATUS[said.outcome],
        ring_ms=said.ring,
        talk_ms=(said.talk or 0) if is_answered else None,
        ended_by=ended_by,
        cancelled=said.cancelled or said.outcome == "cancelled",
        info_digits=said.info_digits,
    )
