"""Which INVITEs are one attempt: they share its decision and are counted once."""

from collections import OrderedDict
from typing import TypeAlias

from .attempt import Attempt
from .decision import Decision

RETRY_SECONDS = 32.0  # 64 × T1, RFC 3261 §17.1.1.2: nobody waits longer for an answer
MAX_RETRIES = 5
MAX_FORKS = 10  # more than a PBX tries for one call; endless ones would ring on a single count
OPEN_SECONDS = 3600.0  # a call that rings for longer than an hour is decided again if it forks
MAX_OPEN = 100_000

Name: TypeAlias = tuple[str, str, str, str, str]


class OpenAttempt:
    """An attempt that was decided, and whose INVITE may come again.

    `cseq` is that of the latest INVITE that belongs to it.
    """

    __slots__ = ("attempt", "cseq", "decision", "decision_seq", "forks", "invites", "retries")

    def __init__(self, attempt: Attempt, decision_seq: int, decision: Decision) -> None:
        self.attempt = attempt
        self.decision_seq = decision_seq
        self.decision = decision
        self.cseq = attempt.cseq
        self.invites = 1  # that have not ended
        self.retries = 0
        self.forks = 0  # that came after the first INVITE, ended ones too

    @property
    def is_open(self) -> bool:
        """Whether an INVITE of it has not had its final response."""
        return self.invites > 0

    @property
    def may_come_again(self) -> bool:
        """Whether a repaired INVITE would still belong to it."""
        return self.retries < MAX_RETRIES


class OpenAttempts:
    """Finds the attempt that an INVITE belongs to, by source, caller, Call-ID, From tag, callee.

    It belongs to an open attempt with its own CSeq (a fork, a failover, a retry after a crash), at
    most 10 times, or, with a higher CSeq, to one that ended less than 32 s ago with a response that
    asks for a repaired INVITE, at most 5 times. Anything else is a new attempt: the same Call-ID
    for another callee, a higher CSeq while one is open, the same INVITE after any other end.
    While a retry may come the attempt is not over: whoever owns its charge keeps it so long.
    """

    def __init__(self, max_open: int = MAX_OPEN) -> None:
        self._max_open = max_open
        self._attempts_by_name: dict[Name, list[OpenAttempt]] = {}
        self._opened_at: OrderedDict[OpenAttempt, float] = OrderedDict()  # oldest first
        self._retry_until: OrderedDict[OpenAttempt, float] = OrderedDict()  # ended; soonest first

    def __len__(self) -> int:
        """How many attempts are remembered, open and ended ones."""
        return len(self._opened_at) + len(self._retry_until)

    def find(self, attempt: Attempt, now: float) -> OpenAttempt | None:
        """The attempt that this INVITE belongs to; None: it is a new one.

        Finding means belonging: the INVITE must be told to `ended` like the first one. Its
        decision holds for it, and nothing is counted again.
        """
        self.expire(now)
        known = self._attempts_by_name.get(_name(attempt))
        if known is None:
            return None
        for one in known:
            if one.is_open and one.cseq == attempt.cseq and self._may_repeat(one, now):
                one.invites += 1
                one.forks += 1
                return one
        if any(one.is_open for one in known):
            return None
        for one in known:
            if one.cseq < attempt.cseq:
                del self._retry_until[one]
                one.cseq = attempt.cseq
                one.retries += 1
                one.invites = 1
                self._opened_at[one] = now
                return one
        return None

    def is_repeated(self, attempt: Attempt, now: float) -> bool:
        """Whether this INVITE is one more of an attempt that is open; changes nothing."""
        self.expire(now)
        return any(
            one.is_open and one.cseq == attempt.cseq and self._may_repeat(one, now)
            for one in self._attempts_by_name.get(_name(attempt), ())
        )

    def opened(
        self, attempt: Attempt, decision_seq: int, decision: Decision, now: float
    ) -> OpenAttempt:
        """Remember a new attempt with its decision."""
        self.expire(now)
        one = OpenAttempt(attempt, decision_seq, decision)
        self._attempts_by_name.setdefault(_name(attempt), []).append(one)
        self._opened_at[one] = now
        if len(self._opened_at) > self._max_open:
            self._forget(self._opened_at.popitem(last=False)[0])
        return one

    def ended(self, one: OpenAttempt, status: int, now: float) -> bool:
        """One INVITE of it got its final response; True when it was the last open one.

        What the last one ended with decides whether a repaired INVITE may follow.
        """
        self.expire(now)
        one.invites -= 1
        if one.invites > 0:
            return False
        if one not in self._opened_at:
            return True  # expired before: nothing is remembered of it
        del self._opened_at[one]
        if asks_for_repair(status) and one.may_come_again:
            self._retry_until[one] = now + RETRY_SECONDS
            if len(self._retry_until) > self._max_open:
                self._forget(self._retry_until.popitem(last=False)[0])
        else:
            self._forget(one)
        return True

    def _may_repeat(self, one: OpenAttempt, now: float) -> bool:
        if one.forks >= MAX_FORKS:
            return False
        # A refusal is open for longer only if a crash kept it from being sent.
        return one.decision.is_admitted or now - self._opened_at[one] <= RETRY_SECONDS

    def expire(self, now: float) -> None:
        """Forget those whose time is over."""
        for attempts, out_at in (
            (self._retry_until, now),
            (self._opened_at, now - OPEN_SECONDS),
        ):
            while attempts:
                one = next(iter(attempts))
                if attempts[one] >= out_at:
                    break
                del attempts[one]
                self._forget(one)

    def _forget(self, one: OpenAttempt) -> None:
        name = _name(one.attempt)
        known = self._attempts_by_name[name]
        known.remove(one)
        if not known:
            del self._attempts_by_name[name]


def asks_for_repair(status: int) -> bool:
    """Whether a user agent answers it with the same INVITE, repaired and with a higher CSeq."""
    return status in (401, 407, 422, 488, 491) or 300 <= status <= 399


def _name(attempt: Attempt) -> Name:
    return (attempt.source, attempt.caller, attempt.call_id, attempt.from_tag, attempt.callee)
