"""The life of a gate: it decides, crashes, is rebuilt from its ledger, its clocks are set."""

from dataclasses import fields as fields_of
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sipgate.counters import MemoryCounters
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
    ActEntry,
    AnsweredEntry,
    DecisionEntry,
    Entry,
    Moment,
    OutcomeEntry,
    beginning,
    decode_entry,
    encode_entry,
)

BERLIN = ZoneInfo("Europe/Berlin")
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
        self.time_us = 1_792_877_400 * SECOND  # 2026-10-24T23:30+02:00; the next day has 25 hours
        self.happened: list[Entry] = []
        self.entries: list[Entry] = []
        self.late: list[Entry] = []  # not yet in the ledger
        self.open: dict[int, Charge] = {}  # calls in progress by their decision's number
        self.first_read = [0]  # places in `happened` from which on the gate, or a reload, has read
        self.is_writing_late = False
        self._zeros_us = {self.boot_id: 0}
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

    def wait_for_midnight(self, and_us: int) -> None:
        """Until the next day begins in Berlin, or a little longer or less."""
        today = datetime.fromtimestamp(self.time_us // SECOND, BERLIN).date()
        midnight = datetime.combine(today + timedelta(days=1), time(), BERLIN)
        self.wait(max(0, round(midnight.timestamp()) * SECOND + and_us - self.time_us))

    def set_clock(self, microseconds: int) -> None:
        """The calendar is set, forward or back."""
        self.write()
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
            if seq not in self._answered:  # another fork's answer counts nowhere
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
        self._date()
        zeros_us, read = self._read(self.policy)
        rebuild = Rebuild(
            self.engine,
            OpenAttempts(),
            boot=self.boot_id,
            now_us=self.now_us,
            time_us=self.time_us,
        )
        rebuild.date_by(zeros_us)
        for entry in read:
            rebuild.feed(decode_entry(encode_entry(entry)))
        self.first_read = [self._place(read)]
        expected = self._in_progress()
        self.open = {
            seq: call.charge for seq, call in rebuild.calls.items() if call.charge is not None
        }
        assert expected <= self.open.keys()
        self._answered = {seq for seq, call in rebuild.calls.items() if call.answered is not None}
        started = ActEntry(**self._stamp(), kind="gate-started", by="sipgate")
        self.happened.append(started)
        self._write(started)
        self._end_old()

    def reboot(self, gap_us: int, set_by_us: int = 0) -> None:
        """The machine was off for a while; its calendar may be wrong afterwards."""
        self.boot += 1
        self.now_us = 7 * SECOND
        self.time_us += gap_us + set_by_us
        self.restart()

    def draft(self, policy: Policy) -> None:
        """Begin a reload."""
        if self._draft is None:
            self.write()  # what the gate does first
            draft = self.engine.draft(policy)
            self._date()
            zeros_us, read = self._read(policy)
            age = EntryAge(self.boot_id, self.now_us, self.time_us)
            age.date_by(zeros_us)
            self.first_read.append(self._place(read))
            self._draft = (draft, DraftHistory(draft, age), read)

    def adopt(self) -> None:
        """End it."""
        if self._draft is not None:
            draft, history, read = self._draft
            self._draft = None
            for entry in read:
                history.feed(decode_entry(encode_entry(entry)))
            self.engine.adopt(draft)
            self.policy = draft.policy

    def age(self, entry: Entry) -> int:
        """How long ago it was: in each boot by its own clock, between two by the calendar."""
        return max(0, self.now_us - entry.boot_us - self._zeros_us[entry.boot])

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
        self.engine.ended(charge, ended_of(entry), self._now, self._time)
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
        for entry in self.happened:
            match entry:
                case DecisionEntry() if entry.verdict != "reject" and self.age(entry) < MAX_RING:
                    going.add(entry.seq)
                case AnsweredEntry() if self.age(entry) < MAX_CALL:
                    going.add(entry.decision)
                case OutcomeEntry():
                    going.discard(entry.decision)
                case _:
                    pass
        return going

    def _read(self, policy: Policy) -> tuple[dict[str, int], list[Entry]]:
        """What `read_history` feeds."""
        now = Moment(time_us=self.time_us, boot=self.boot_id, boot_us=self.now_us)
        age_us = round(rebuild_horizon(policy) * SECOND)
        seq, zeros_us = beginning(self, now, age_us, len(self.entries))
        return zeros_us, self.entries[seq - 1 :]

    def _place(self, read: list[Entry]) -> int:
        known = {id(entry) for entry in read}
        places = (at for at, one in enumerate(self.happened) if id(one) in known)
        return next(places, len(self.happened))

    def at_or_after(self, seq: int) -> tuple[int, Moment] | None:
        """The ledger's n-th entry."""
        if not 0 < seq <= len(self.entries):
            return None
        entry = self.entries[seq - 1]
        return seq, Moment(time_us=entry.time_us, boot=entry.boot, boot_us=entry.boot_us)

    at_or_before = at_or_after

    def _date(self) -> None:
        """Where the zero of each boot's clock lies on this boot's, entry by entry."""
        later_boot, later_us, later_time_us = self.boot_id, self.now_us, self.time_us
        zeros_us = {self.boot_id: 0}
        for entry in reversed(self.happened):
            if entry.boot != later_boot:
                off_us = max(0, later_time_us - entry.time_us)
                zeros_us[entry.boot] = zeros_us[later_boot] + later_us - off_us - entry.boot_us
            later_boot, later_us, later_time_us = entry.boot, entry.boot_us, entry.time_us
        self._zeros_us = zeros_us

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
