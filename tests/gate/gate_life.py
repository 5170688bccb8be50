"""The life of a gate: it decides, crashes, is rebuilt from its ledger, its clocks are set."""

from dataclasses import fields as fields_of
from typing import Any

from sipgate.counters import Ended, MemoryCounters
from sipgate.gate import (
    Attempt,
    Charge,
    Decision,
    Draft,
    DraftHistory,
    Engine,
    EntryAge,
    MemoryLists,
    OpenAttempts,
    Policy,
    Rebuild,
    ended_of,
    rebuild_horizon,
)
from sipgate.ledger import (
    AnsweredEntry,
    DecisionEntry,
    Entry,
    Moment,
    OutcomeEntry,
    decode_entry,
    encode_entry,
)

SECOND = 1_000_000
MAX_LATE = 60 * SECOND  # no ledger is full for much longer without anybody's noticing
MAX_RING = 3600 * SECOND
MAX_CALL = 4 * 3600 * SECOND


class Life:
    """One gate with its ledger and the two clocks that its entries are stamped by.

    `happened` is all that did, in order; `entries` is the ledger, where answers and ends may come
    later than what happened after them, or be lost with a crash.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.boot = 0
        self.now_us = 1000 * SECOND
        self.time_us = 1_792_877_400 * SECOND  # 2026-10-24T22:10Z: 10 minutes into Berlin's Sunday
        self.happened: list[Entry] = []
        self.entries: list[Entry] = []
        self.late: list[Entry] = []  # not yet in the ledger
        self.open: dict[int, Charge] = {}  # calls in progress by their decision's number
        self.dated: list[tuple[int, int]] = []  # when entries of other boots were, by both clocks
        self.first_read = 0  # place in `happened` of what the gate can know of
        self.is_writing_late = False
        self._seq = 0
        self._answered: set[int] = set()
        self._draft: tuple[Draft, DraftHistory, list[Entry]] | None = None
        self.engine = Engine(policy, MemoryCounters(), MemoryLists())

    def wait(self, microseconds: int) -> None:
        if microseconds > MAX_LATE:
            self.write()
        self.now_us += microseconds
        self.time_us += microseconds
        self._end_old()

    def set_clock(self, microseconds: int) -> None:
        """The calendar is set, forward or back."""
        self.time_us += microseconds

    def call(self, attempt: Attempt) -> Decision:
        decision, charge = self.engine.decide(attempt, self._now, self._time)
        entry = _decision_entry(attempt, decision, self._stamp())
        self._seq += 1
        entry.seq = self._seq
        self.happened.append(entry)
        self._write(entry)
        if decision.is_admitted:
            self.open[entry.seq] = charge
        return decision

    def answer(self, index: int) -> None:
        if self.open:
            seq = sorted(self.open)[index % len(self.open)]
            if seq not in self._answered:
                self._answered.add(seq)
                self.engine.answered(self.open[seq], self._now, self._time)
                self._record(AnsweredEntry(**self._stamp(), decision=seq, to_tag="t"))

    def end(self, index: int, kind: str) -> None:
        if self.open:
            self._end(sorted(self.open)[index % len(self.open)], kind)

    def write(self) -> None:
        """The ledger takes what it had no room for."""
        self.entries += self.late
        self.late = []

    def restart(self) -> None:
        """Killed and started again, in the same boot; what was not written is lost."""
        lost = {id(entry) for entry in self.late}
        self.happened = [entry for entry in self.happened if id(entry) not in lost]
        self.late, self._draft = [], None
        self.engine = Engine(self.policy, MemoryCounters(), MemoryLists())
        self.dated.append((self.now_us, self.time_us))
        read = self._read(self.policy)
        rebuild = Rebuild(
            self.engine,
            OpenAttempts(),
            boot=self.boot_id,
            now_us=self.now_us,
            time_us=self.time_us,
        )
        for entry in read:
            rebuild.feed(decode_entry(encode_entry(entry)))
        known = {id(entry) for entry in read}
        self.first_read = next(
            (at for at, one in enumerate(self.happened) if id(one) in known), len(self.happened)
        )
        expected = self._in_progress()
        self.open = {
            seq: call.charge for seq, call in rebuild.calls.items() if call.charge is not None
        }
        assert expected <= self.open.keys()
        self._answered = {seq for seq, call in rebuild.calls.items() if call.answered is not None}
        self._end_old()

    def reboot(self, gap_us: int, set_by_us: int = 0) -> None:
        """The machine was off for a while; its calendar may be wrong afterwards."""
        self.boot += 1
        self.now_us = 7 * SECOND
        self.time_us += gap_us + set_by_us
        self.dated = []
        self.restart()

    def draft(self, policy: Policy) -> None:
        """Begin a reload."""
        if self._draft is None:
            self.write()  # what the gate does first
            draft = self.engine.draft(policy)
            self.dated.append((self.now_us, self.time_us))
            age = EntryAge(self.boot_id, self.now_us, self.time_us)
            self._draft = (draft, DraftHistory(draft, age), self._read(policy))

    def adopt(self) -> None:
        """End it."""
        if self._draft is not None:
            draft, history, read = self._draft
            self._draft = None
            for entry in read:
                history.feed(decode_entry(encode_entry(entry)))
            self.engine.adopt(draft)
            self.policy = draft.policy

    def ages(self) -> list[int]:
        """How long ago each of `happened` was: microseconds.

        Never less than whatever happened later.
        """
        found: list[int] = []
        least = 0
        for entry in reversed(self.happened):
            least = max(least, self.dated_age(entry))
            found.append(least)
        return found[::-1]

    def dated_age(self, entry: Entry) -> int:
        """How old its date makes it: in this boot by its own clock, else by the calendar."""
        if entry.boot == self.boot_id:
            return self.now_us - entry.boot_us
        return max(
            self.now_us - now_us + max(0, time_us - entry.time_us) for now_us, time_us in self.dated
        )

    @property
    def boot_id(self) -> str:
        return f"boot-{self.boot}"

    @property
    def _now(self) -> float:
        return self.now_us / SECOND

    @property
    def _time(self) -> float:
        return self.time_us / SECOND

    def _end(self, seq: int, kind: str) -> None:
        charge = self.open.pop(seq)
        entry = OutcomeEntry(**self._stamp(), decision=seq, kind=kind, status=200)  # type: ignore[arg-type]
        assert charge.attempt is not None
        ended: Ended = ended_of(entry, charge.attempt.callee)
        self.engine.ended(charge, ended, self._now, self._time)
        self._record(entry)

    def _record(self, entry: Entry) -> None:
        self.happened.append(entry)
        if self.is_writing_late:
            self.late.append(entry)
        else:
            self._write(entry)

    def _write(self, entry: Entry) -> None:
        self.entries.append(entry)

    def _end_old(self) -> None:
        """Nothing rings or lasts for ever."""
        going = self._in_progress()
        for seq in [seq for seq in self.open if seq not in going]:
            self._end(seq, "answered" if seq in self._answered else "unanswered")

    def _in_progress(self) -> set[int]:
        """The calls that may be going on still, by all that has happened."""
        going: set[int] = set()
        known: set[int] = set()
        for entry, age in zip(self.happened, self.ages(), strict=True):
            match entry:
                case DecisionEntry() if entry.verdict != "reject":
                    if age < MAX_RING:
                        going.add(entry.seq)
                    if self.dated_age(entry) < MAX_RING + MAX_CALL:
                        known.add(entry.seq)
                case AnsweredEntry() if age < MAX_CALL and entry.decision in known:
                    going.add(entry.decision)
                case OutcomeEntry():
                    going.discard(entry.decision)
                case _:
                    pass
        return going

    def _read(self, policy: Policy) -> list[Entry]:
        """What `LedgerReader.first_seq_since` finds the beginning of."""
        horizon_us = round(rebuild_horizon(policy) * SECOND)
        since = Moment(
            time_us=self.time_us - horizon_us, boot=self.boot_id, boot_us=self.now_us - horizon_us
        )
        low, high = 0, len(self.entries)
        while low < high:
            middle = (low + high) // 2
            entry = self.entries[middle]
            moment = Moment(time_us=entry.time_us, boot=entry.boot, boot_us=entry.boot_us)
            if since.is_reached_by(moment):
                high = middle
            else:
                low = middle + 1
        return self.entries[low:]

    def _stamp(self) -> dict[str, Any]:
        return {"time_us": self.time_us, "boot": self.boot_id, "boot_us": self.now_us}


def _decision_entry(attempt: Attempt, decision: Decision, stamp: dict[str, Any]) -> DecisionEntry:
    return DecisionEntry(
        **stamp,
        **{
            field.name: getattr(attempt, field.name)
            for field in fields_of(Attempt)
            if field.name not in ("is_anonymous", "owned_clis")
        },
        gate="g",
        via="v",
        request_uri="u",
        caller_flow="f",
        verdict=decision.verdict,
        rule=decision.rule,
        policy=decision.policy,
        revision=decision.revision,
        policy_sha256=decision.policy_sha256,
    )
