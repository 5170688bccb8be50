"""What must hold in every play, whatever goes wrong: design §1 and §17, seen from outside.

Where a promise can't be kept (the caller's INVITE died with a gate that was killed), the exception
is stated here as narrowly as it can be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sipgate.ledger import DecisionEntry
from sipgate.sip import Message, Request, parse_message, parse_uri

from .agenda import NEVER
from .evidence import Evidence
from .limit_model import exceeded

if TYPE_CHECKING:
    from .calling_end import DialledInvite
    from .network_play import NetworkPlay
    from .simulated_network import Passage

OWN_HEADERS = (b"via:", b"max-forwards:", b"max-breadth:", b"record-route:", b"x-sipgate-")
REFUSALS = (b"SIP/2.0 3", b"SIP/2.0 4", b"SIP/2.0 5", b"SIP/2.0 6")
ON_ITS_WAY_SECONDS = 4.0  # until the third copy of a 2xx, if two are lost, has come over one hop
FORGOTTEN_SECONDS = 3601.0
RETRY_SECONDS = 33.0
SHORT_SECONDS = 0.6  # a gate that is away no longer misses two copies of a 2xx at most
TIMER_B = 32.0  # RFC 3261 §17.1.1.2: then the gate forgets an INVITE that nothing came for
HOP_SECONDS = 40.0  # all that is repeated has been repeated: 64 × T1, and the way


class Accepted(NamedTuple):
    """A 2xx that a callee has sent for the first time."""

    at: float
    is_late: bool  # the first that was heard of that INVITE, just when its Timer B was due


class Watcher:
    """Looks at each message as it leaves a host: what can't be judged afterwards."""

    def __init__(self, gate: str, emergency: str | None, evidence: Evidence) -> None:
        self.broken: list[str] = []
        self.rang: dict[tuple[bytes, bytes, bytes], Request] = {}  # Call-ID, tag, branch: INVITE
        self.accepted: dict[tuple[bytes, bytes], Accepted] = {}  # by Call-ID and To tag
        self._left_at: dict[bytes, float] = {}  # by branch: the INVITE's first copy
        self._in_progress: set[bytes] = set()  # branches that got a 1xx
        self.refused: dict[bytes, float] = {}  # Call-ID: the gate's first final that is no 2xx
        self._gate = gate + ":"
        self._emergency = emergency
        self._evidence = evidence

    def watch(self, passage: Passage) -> None:
        """One message, in the moment of its sending."""
        raw = passage.raw
        if passage.fate == "dead":
            return
        if passage.sender.startswith(self._gate):
            if raw.startswith(b"INVITE "):
                self._left(passage)
            elif raw.startswith(REFUSALS):
                response = parse_message(raw)
                if response.cseq_method == b"INVITE":
                    self.refused.setdefault(response.call_id, passage.at)
        elif raw.startswith((b"SIP/2.0 1", b"SIP/2.0 2")):
            response = parse_message(raw)
            if response.cseq_method == b"INVITE":
                self._answered(response, passage)

    def _answered(self, response: Message, passage: Passage) -> None:
        branch = response.via.branch
        if passage.raw.startswith(b"SIP/2.0 1"):
            self._in_progress.add(branch)
            return
        waited = passage.at - self._left_at.get(branch, passage.at)
        is_late = branch not in self._in_progress and waited > TIMER_B - ON_ITS_WAY_SECONDS
        key = (response.call_id, response.to_tag)
        self.accepted.setdefault(key, Accepted(passage.at, is_late))

    def _left(self, passage: Passage) -> None:
        """An INVITE leaves the gate: is the evidence for it safe?"""
        invite = parse_message(passage.raw)
        assert isinstance(invite, Request)
        if invite.to_tag:
            return
        self._left_at.setdefault(invite.via.branch, passage.at)
        key = (invite.call_id, invite.from_tag, invite.via.branch)
        if key in self.rang:
            return
        self.rang[key] = invite
        user = (parse_uri(invite.uri).user or b"").decode()
        if user == self._emergency:
            return
        fitting = [
            entry
            for entry in self._evidence.decisions_on(invite.call_id, invite.from_tag)
            if entry.verdict != "reject" and f"sip:{user}@" in entry.request_uri
        ]
        if not fitting:
            self.broken.append(
                f"an INVITE to {user} (Call-ID {invite.call_id.decode()}) left at {passage.at:.4f}"
                " without a durable decision that lets it"
            )


def broken_promises(play: NetworkPlay) -> Iterator[str]:
    """Every promise that did not hold, in a sentence each."""
    yield from (f"an exception {error}" for error in play.errors)
    yield from play.watcher.broken
    yield from exceeded(play.landscape.limits, play.evidence)
    yield from _finals(play)
    yield from _lost_answers(play)
    yield from _changed(play)
    yield from _evidence(play)
    yield from _remains(play)


def _finals(play: NetworkPlay) -> Iterator[str]:
    """One final response that is no 2xx, or one 2xx or more; and at least one."""
    for invite in play.invites:
        name = _name(invite)
        statuses = [status for status, _ in invite.finals]
        are_too_many = len(statuses) > 1 and any(status >= 300 for status in statuses)
        if are_too_many and not (invite.planned.copies > 1 and _was_killed_in(play, invite)):
            yield f"{name} got more than one final response: {statuses}"
        if not statuses and not _may_be_lost(play, invite):
            yield f"{name} got no final response"
        if (
            invite.planned.is_emergency
            and not any(200 <= status < 300 for status in statuses)
            and not _may_be_lost(play, invite)
            and not _was_cancelled(invite)
        ):
            yield f"{name} is an emergency call and got {statuses} only"


def _may_be_lost(play: NetworkPlay, invite: DialledInvite) -> bool:
    """Whether who sent it can't hope for an answer: a host was away, or its connection ended."""
    until = (invite.ended_at or play.clock.now()) + 1.0
    if invite.stream_failed or _was_killed_in(play, invite):
        return True
    if not _cut_off_in(play, invite.began_at - HOP_SECONDS, until):
        return False
    return len(play.landscape.targets) < 2 or not _was_dead_all_along(play, invite)


def _was_dead_all_along(play: NetworkPlay, invite: DialledInvite) -> bool:
    """Whether one target was away before the INVITE, and until it had ended: others must do."""
    start = play.started_at
    until = invite.ended_at or play.clock.now()
    away = [
        trouble
        for trouble in play.faults.of_kind("callee cut off")
        if start + trouble.ends_at >= invite.began_at - HOP_SECONDS and start + trouble.at <= until
    ]
    return len(away) == 1 and (
        start + away[0].at < invite.began_at and start + away[0].ends_at > until
    )


def _was_killed_in(play: NetworkPlay, invite: DialledInvite) -> bool:
    until = (invite.ended_at or play.clock.now()) + 1.0
    return any(begin <= until and end + 2.0 >= invite.began_at for begin, end in play.kills)


def _cut_off_in(play: NetworkPlay, since: float, until: float) -> bool:
    start = play.started_at
    return any(
        start + trouble.at <= until and start + trouble.ends_at >= since
        for trouble in play.faults.of_kind("callee cut off")
    )


def _was_cancelled(invite: DialledInvite) -> bool:
    """The caller lost patience: an answer is a matter of luck."""
    if invite.result is None or invite.ended_at is None:
        return False
    waited = invite.ended_at - invite.began_at
    return invite.result.end == "cancelled" or waited > invite.planned.patience_seconds


def _lost_answers(play: NetworkPlay) -> Iterator[str]:
    """Every 2xx that a callee sent reaches the caller, of every fork."""
    arrived = {
        (invite.planned.call_id, tag)
        for invite in play.invites
        for status, tag in invite.finals
        if 200 <= status < 300
    }
    invites_by_id: dict[bytes, list[DialledInvite]] = {}
    for invite in play.invites:
        invites_by_id.setdefault(invite.planned.call_id, []).append(invite)
    for (call_id, tag), (at, is_late) in play.watcher.accepted.items():
        invites = invites_by_id.get(call_id, [])
        if (call_id, tag) in arrived or not invites or is_late:
            continue
        if play.watcher.refused.get(call_id, NEVER) <= at + ON_ITS_WAY_SECONDS:
            continue  # another final was first: a gate may send but one
        if any(invite.stream_failed for invite in invites) or _cut_off_in(
            play, at - 1.0, at + HOP_SECONDS
        ):
            continue
        if any(begin <= at + HOP_SECONDS and end + 2.0 >= at for begin, end in play.kills) and (
            (play.faults.weather.loss and _down_seconds(play) > SHORT_SECONDS)
            or not _was_safe_at_kills(play, invites)
        ):
            continue  # too few repetitions are left, or nothing tells the gate of that call
        if _was_over_at_a_kill(play, invites[0]):
            continue
        yield f"a 2xx (Call-ID {call_id.decode()}, tag {tag.decode()}) never reached the caller"


def _down_seconds(play: NetworkPlay) -> float:
    return sum(end - begin for begin, end in play.kills)


def _was_safe_at_kills(play: NetworkPlay, invites: list[DialledInvite]) -> bool:
    """Whether there is a decision on each, and it was made before the gate died."""
    decisions = [
        one
        for invite in invites
        for one in play.evidence.decisions_on(invite.planned.call_id, invite.planned.from_tag)
    ]
    return bool(decisions) and all(
        invite.began_at + 1.0 < begin for invite in invites for begin, _ in play.kills
    )


def _was_over_at_a_kill(play: NetworkPlay, invite: DialledInvite) -> bool:
    """Whether an attempt had its outcome when the gate died: its other forks are not rebuilt."""
    planned = invite.planned
    return any(
        outcome.boot_us <= begin * 1_000_000
        for begin, _ in play.kills
        for decision in play.evidence.decisions_on(planned.call_id, planned.from_tag)
        for outcome in play.evidence.outcomes.get(decision.seq, [])
    )


def _changed(play: NetworkPlay) -> Iterator[str]:
    """Every header byte that the gate doesn't own has gone through, in order."""
    tags = tuple({name for one in play.evidence.decisions for name in one.tags})
    owned = OWN_HEADERS + tuple(f"{name}:".lower().encode() for name in tags)
    sent: dict[tuple[bytes, bytes], list[tuple[bytes, ...]]] = {}
    for invite in play.invites:
        key = (invite.planned.call_id, invite.planned.from_tag)
        sent.setdefault(key, []).append(_foreign(invite.lines, owned))
    for (call_id, tag, _), request in play.watcher.rang.items():
        if _foreign(request.lines, owned) not in sent.get((call_id, tag), []):
            yield f"the INVITE of Call-ID {call_id.decode()} was changed on its way"


def _foreign(lines: Sequence[bytes], owned: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(line for line in lines[1:] if line and not line.lower().startswith(owned))


def _evidence(play: NetworkPlay) -> Iterator[str]:
    """The ledger tells of each call what became of it, once."""
    evidence = play.evidence
    numbers = [entry.seq for entry in evidence.entries]
    if numbers != list(range(1, len(numbers) + 1)):
        yield "the ledger's numbers have gaps"
    for decision in evidence.decisions:
        outcomes = evidence.outcomes.get(decision.seq, [])
        answers = evidence.answers.get(decision.seq, [])
        if decision.verdict == "reject":
            if outcomes or answers:
                yield f"{decision.id} was refused and has an outcome or an answer"
            continue
        if len(outcomes) != 1:
            yield f"{decision.id} has {len(outcomes)} outcomes"
        if len(answers) > len({answer.to_tag for answer in answers}) and not play.kills:
            yield f"{decision.id} was answered {len(answers)} times, not each by another phone"
        if _was_answered(play, decision) and not answers and not play.kills:
            yield f"{decision.id} was answered, and the ledger doesn't say so"


def _was_answered(play: NetworkPlay, decision: DecisionEntry) -> bool:
    """Whether a caller of exactly this decision got a 2xx (names used again prove nothing)."""
    same = [
        one
        for one in play.evidence.decisions
        if (one.call_id, one.from_tag) == (decision.call_id, decision.from_tag)
    ]
    return len(same) == 1 and any(
        200 <= status < 300
        for invite in play.invites
        if invite.planned.call_id == decision.call_id.encode()
        for status, _ in invite.finals
    )


def _remains(play: NetworkPlay) -> Iterator[str]:
    """All calls are over and time has passed: nothing is left anywhere."""
    if not play.is_drained:
        yield f"after {play.clock.now() - play.started_at:.0f} s something is still to be done"
    if play.gate is None:
        yield "the gate never came back"
        return
    # A refused INVITE may come again for a while; what the ledger left open at a start closes by
    # itself after an hour.
    play.clock.advance(FORGOTTEN_SECONDS if play.kills else RETRY_SECONDS)
    for table, size in play.gate.leftovers().items():
        yield f"{size} left in the gate's {table}"
    for end in play.callees:
        if end.open_calls or end.open_transactions:
            yield f"{end.open_calls} calls, {end.open_transactions} transactions left at a callee"
    for caller in play.callers:
        if caller.open_calls or caller.endpoint.open_transactions:
            yield f"{caller.open_calls} calls left at a caller"


def _name(invite: DialledInvite) -> str:
    planned = invite.planned
    return f"the INVITE of {planned.caller} to {planned.number} ({planned.call_id.decode()})"
