"""What a gate knew before a crash it knows after it, from the ledger alone."""

from dataclasses import fields as fields_of
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipgate.counters import MemoryCounters
from sipgate.gate import (
    Attempt,
    Charge,
    Decision,
    DraftHistory,
    Engine,
    EntryAge,
    MemoryLists,
    OpenAttempts,
    Rebuild,
    ended_of,
    read_policy,
    rebuild_horizon,
)
from sipgate.ledger import (
    ActEntry,
    AnsweredEntry,
    DecisionEntry,
    Entry,
    OutcomeEntry,
    decode_entry,
    encode_entry,
)

POLICY = read_policy(
    b"""policy: p
revision: 1
timezone: Europe/Berlin
rules:
- id: standing
  trust: {per: caller, below: 97, slow: 1d}
  then: {tag: {X-Standing: "{standing}"}}
- id: machine
  dialer: {per: caller, score: 0.1, window: 40s}
  then: {tag: {X-Machine: "{score} {signs}"}}
- id: tag
  rate: {per: caller, limit: 2, window: 20s}
  then: {tag: {X-A: "{count}"}}
- id: callees
  when: {campaign: pool}
  rate: {per: caller, limit: 2, window: 40s, count: distinct-callees}
  then: {reject: 486}
- id: lines
  concurrent: {per: [source, campaign], limit: 3}
  then: {reject: 480}
- id: admitted
  rate: {per: caller, limits: [{limit: 4, window: 30s}, {limit: 9, window: day}], count: admitted}
  then: {reject: 403}
- id: attempts
  rate: {per: campaign, limit: 7, window: 25s}
  then: {reject: 603}
- id: answered
  rate: {per: callee, limit: 2, window: 50s, count: answered}
  then: {reject: 480}
- id: refused
  rate: {per: [organisation, callee], limit: 1, window: day, count: refused-by-callee}
  then: {reject: 607}
- id: rejected
  rate: {per: [caller, callee], limit: 3, window: 35s, count: rejected}
  then: {reject: 404, retry-after: opening}
- id: days
  rate: {per: source, limit: 12, window: day, count: distinct-callees}
  then: {reject: 404}
- id: talked
  cooldown: {per: [caller, callee], wait: 15s, after: [answered]}
  then: {reject: 403}
- id: again
  when: {campaign: pool}
  cooldown: {per: organisation, wait: 4s}
  then: {tag: {X-B: "{until}"}}
- id: hung-up
  ratio: {per: caller, of: cancelled, share: 0.4, sample: 3, window: 60s}
  then: {tag: {X-C: "{share} of {sample}"}}
- id: days-cancelled
  ratio: {per: organisation, of: cancelled, share: 0.3, sample: 4, window: day}
  then: {tag: {X-D: "{count}"}}
""",
    Path("p"),
)
BOOT = "boot-1"


class Recorder:
    """A gate that writes what it decides into a list, as the ledger would."""

    def __init__(self, now: float = 1000.0, time: float = 1_789_940_000.0) -> None:
        self.engine = Engine(POLICY, MemoryCounters(), MemoryLists())
        self.now, self.time = now, time
        self.entries: list[Entry] = []
        self.live: list[tuple[int, Charge]] = []
        self.answered: set[int] = set()

    def call(self, attempt: Attempt) -> Decision:
        decision, charge = self.engine.decide(attempt, self.now, self.time)
        seq = self._append(decision_entry(attempt, decision, self.now, self.time))
        if decision.is_admitted:
            self.live.append((seq, charge))
        return decision

    def hang_up(self, index: int, kind: str = "answered") -> None:
        seq, charge = self.live.pop(index)
        entry = OutcomeEntry(**self._stamp(), decision=seq, kind=kind, status=200)  # type: ignore[arg-type]
        self.engine.ended(charge, ended_of(entry), self.now, self.time)
        self._append(entry)

    def answer(self, index: int) -> None:
        seq, charge = self.live[index]
        if seq not in self.answered:  # as the recorder does: only the first counts
            self.answered.add(seq)
            self.engine.answered(charge, self.now, self.time)
        self._append(AnsweredEntry(**self._stamp(), decision=seq, to_tag="t"))

    def _append(self, entry: Entry) -> int:
        entry.seq = len(self.entries) + 1
        self.entries.append(decode_entry(encode_entry(entry)))
        return entry.seq

    def _stamp(self) -> dict[str, Any]:
        return stamp(self.now, self.time)


def stamp(now: float, time: float) -> dict[str, Any]:
    return {"time_us": round(time * 1e6), "boot": BOOT, "boot_us": round(now * 1e6)}


def decision_entry(
    attempt: Attempt, decision: Decision, now: float, time: float, **fields: Any
) -> DecisionEntry:
    return DecisionEntry(
        **stamp(now, time),
        **{
            field.name: getattr(attempt, field.name)
            for field in fields_of(Attempt)
            if field.name not in ("is_anonymous", "owned_clis")
        },
        anonymous=attempt.is_anonymous,
        **{
            "gate": "g",
            "via": "v",
            "request_uri": "u",
            "caller_flow": "f",
            **fields,
        },
        verdict=decision.verdict,
        rule=decision.rule,
        code=decision.code,
        reason=decision.reason,
        tags=dict(decision.tags),
        policy=decision.policy,
        revision=decision.revision,
        policy_sha256=decision.policy_sha256,
        steps=[step.record() for step in decision.steps],
    )


def make(caller: str, callee: str, campaign: str | None) -> Attempt:
    return Attempt(
        source="hq",
        caller=f"hq/{caller}",
        organisation="acme",
        campaign=campaign,
        callee=callee,
        callee_kind="number",
        callee_spelled=callee,
        call_id="c",
        from_tag="f",
        cseq=1,
    )


ATTEMPTS = st.builds(
    make,
    st.sampled_from(["1", "2"]),
    st.sampled_from(["+1", "+2", "+3", "+4"]),
    st.sampled_from([None, "pool"]),
)
STEPS = st.one_of(
    ATTEMPTS,
    ATTEMPTS,
    st.floats(0.0, 15.0, allow_nan=False),
    st.sampled_from([86_400.0, 43_200.5]),
    st.tuples(st.sampled_from(["answer", "answered", "refused", "cancelled"]), st.integers(0, 5)),
)


def play(recorder: Recorder, steps: list[Any]) -> list[Decision]:
    decisions = []
    for step in steps:
        if isinstance(step, float):
            recorder.now += step
            recorder.time += step
        elif isinstance(step, Attempt):
            decisions.append(recorder.call(step))
        elif recorder.live and step[0] == "answer":
            recorder.answer(step[1] % len(recorder.live))
        elif recorder.live:
            recorder.hang_up(step[1] % len(recorder.live), step[0])
    return decisions


def rebuilt(recorder: Recorder, *, boot: str = BOOT, now: float | None = None) -> Recorder:
    """A gate that knows only the entries."""
    second = Recorder(recorder.now if now is None else now, recorder.time)
    rebuild = Rebuild(
        second.engine,
        OpenAttempts(),
        boot=boot,
        now_us=round(second.now * 1e6),
        time_us=round(second.time * 1e6),
    )
    for entry in recorder.entries:
        rebuild.feed(entry)
    second.entries = list(recorder.entries)
    second.live = [
        (seq, call.charge) for seq, call in rebuild.calls.items() if call.charge is not None
    ]
    second.answered = {seq for seq, call in rebuild.calls.items() if call.answered is not None}
    return second


@settings(max_examples=150, deadline=None)
@given(st.lists(STEPS, max_size=60), st.lists(STEPS, max_size=40))
def test_a_rebuilt_gate_decides_as_the_one_that_went_on(
    before: list[Any], after: list[Any]
) -> None:
    first = Recorder()
    play(first, before)
    second = rebuilt(first)
    assert play(second, after) == play(first, after)


@settings(max_examples=50, deadline=None)
@given(st.lists(STEPS, max_size=60), st.lists(STEPS, max_size=40))
def test_after_a_reboot_it_goes_by_the_calendar(before: list[Any], after: list[Any]) -> None:
    first = Recorder(now=1_000_000.0)  # so that no age loses a microsecond to rounding
    play(first, before)
    second = rebuilt(first, boot="boot-2", now=5.0)
    assert [d.verdict for d in play(second, after)] == [d.verdict for d in play(first, after)]


def test_a_clock_that_was_set_back_makes_no_age_negative() -> None:
    age = EntryAge("boot-2", now_us=10_000_000, time_us=5_000_000)
    entry = ActEntry(time_us=9_000_000, boot="boot-1", boot_us=77, kind="k", by="b")
    assert age.now_us(entry) == 10_000_000


def test_ages_never_run_backwards() -> None:
    age = EntryAge("boot-2", now_us=10_000_000, time_us=5_000_000)
    acts = [
        ActEntry(time_us=time_us, boot="boot-1", boot_us=0, kind="k", by="b")
        for time_us in (2_000_000, 4_000_000, 3_000_000)
    ]
    assert [age.now_us(act) for act in acts] == [7_000_000, 9_000_000, 9_000_000]


def test_an_earlier_boot_s_own_clock_counts_where_it_is_known_how_it_lies() -> None:
    age = EntryAge("boot-2", now_us=10_000_000, time_us=0)
    age.date_by({"boot-1": -7_000_000})
    entry = ActEntry(time_us=9_000_000, boot="boot-1", boot_us=4_000_000, kind="k", by="b")
    assert age.now_us(entry) == -3_000_000


def test_an_open_attempt_is_found_again_with_its_decision() -> None:
    first = Recorder()
    decision = first.call(make("1", "+1", None))
    open_attempts = OpenAttempts()
    rebuild = Rebuild(first.engine, open_attempts, boot=BOOT, now_us=1_001_000_000, time_us=0)
    rebuild.feed(first.entries[0])
    found = open_attempts.find(make("1", "+1", None), 1001.0)
    assert found is not None
    assert (found.decision_seq, found.decision) == (1, decision)
    assert rebuild.calls[1].open_attempt is found


@pytest.mark.parametrize("end", ["answer", "hang_up"])
def test_an_answered_or_ended_attempt_is_not_open(end: str) -> None:
    first = Recorder()
    first.call(make("1", "+1", None))
    getattr(first, end)(0)
    open_attempts = OpenAttempts()
    rebuild = Rebuild(first.engine, open_attempts, boot=BOOT, now_us=1_001_000_000, time_us=0)
    for entry in first.entries:
        rebuild.feed(entry)
    assert open_attempts.find(make("1", "+1", None), 1001.0) is None
    assert list(rebuild.calls) == ([1] if end == "answer" else [])


@pytest.mark.parametrize(
    "fields", [{"emergency": True}, {"direction": "inbound"}, {"transfer": True}]
)
def test_calls_that_no_rule_is_asked_about_are_restored_and_not_counted(
    fields: dict[str, Any],
) -> None:
    first = Recorder()
    allow = Decision(verdict="allow", policy="p", revision="1", policy_sha256="")
    entry = decision_entry(make("1", "+1", None), allow, 1000.0, 0.0, **fields)
    entry.seq = 3
    counters = MemoryCounters()
    engine = Engine(POLICY, counters, MemoryLists())
    rebuild = Rebuild(engine, OpenAttempts(), boot=BOOT, now_us=1_001_000_000, time_us=0)
    rebuild.feed(entry)
    assert (rebuild.calls[3].charge, len(counters)) == (None, 0)
    assert first.engine.calls_in_progress == 0


def test_a_draft_reads_its_history_from_the_ledger() -> None:
    first = Recorder()
    for _ in range(3):
        first.call(make("1", "+1", None))
    new = read_policy(
        b"policy: q\nrevision: 1\nrules:\n- id: a\n"
        b"  rate: {per: callee, limit: 3, window: 1h}\n  then: reject\n",
        Path("q"),
    )
    draft = first.engine.draft(new)
    age = EntryAge(BOOT, round(first.now * 1e6), round(first.time * 1e6))
    history = DraftHistory(draft, age)
    for entry in first.entries:
        history.feed(entry)
    first.engine.adopt(draft)
    assert first.call(make("2", "+1", None)).rule == "a"
    assert first.call(make("2", "+2", None)).rule is None


def test_the_horizon_covers_windows_and_the_calls_that_end_in_them() -> None:
    assert rebuild_horizon(POLICY) == 2 * 86_400 + 5 * 3600
    assert rebuild_horizon(POLICY, max_call_seconds=1e6) == 2 * 86_400 + 1e6 + 3600


@settings(max_examples=100, deadline=None)
@given(st.lists(STEPS, max_size=50), st.lists(STEPS, max_size=20), st.lists(STEPS, max_size=30))
def test_a_policy_that_is_reloaded_decides_as_if_it_always_had(
    before: list[Any], meanwhile: list[Any], after: list[Any]
) -> None:
    first = Recorder()
    plain = read_policy(b"policy: q\nrevision: 1\nrules: []\n", Path("q"))
    first.engine.reload(plain)
    play(first, before)
    draft = first.engine.draft(POLICY)
    history = DraftHistory(draft, EntryAge(BOOT, round(first.now * 1e6), round(first.time * 1e6)))
    read = list(first.entries)
    play(first, meanwhile)
    for entry in read:
        history.feed(entry)
    first.engine.adopt(draft)
    second = rebuilt(first)
    assert play(second, after) == play(first, after)
