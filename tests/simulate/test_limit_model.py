"""Limits recounted from the evidence alone."""

import pytest

from sipgate.ledger import DecisionEntry, Entry, OutcomeEntry, Verdict, encode_entry
from sipgate.simulate.evidence import Evidence
from sipgate.simulate.limit_model import Limit, exceeded

DAY = 86_400.0


def decision(
    seq: int, at: float, verdict: Verdict = "allow", caller: str = "hq/1", *, calendar: float = 0.0
) -> DecisionEntry:
    return DecisionEntry(
        seq=seq,
        id=f"gate-1-{seq}",
        time_us=int((at + calendar) * 1e6),
        boot="b",
        boot_us=int(at * 1e6),
        gate="gate-1",
        source="hq",
        caller=caller,
        organisation="hq",
        callee="+13055550001",
        callee_kind="number",
        callee_spelled="+13055550001",
        call_id=f"c{seq}",
        from_tag="f",
        cseq=1,
        via="a;b",
        request_uri="sip:+13055550001@gate",
        caller_flow="udp:10.0.0.1:5060",
        verdict=verdict,
        policy="p",
        revision="1",
        policy_sha256="00",
    )


def outcome(seq: int, of: int) -> OutcomeEntry:
    return OutcomeEntry(seq=seq, time_us=0, boot="b", boot_us=0, decision=of, kind="busy")


def found(limit: Limit, *entries: Entry) -> list[str]:
    evidence = Evidence()
    evidence.written([(entry.seq, encode_entry(entry)) for entry in entries])
    return [sentence.rpartition(" by ")[2] for sentence in exceeded([limit], evidence)]


def rate(limit: int = 2, **fields: object) -> Limit:
    settings: dict[str, object] = {"per": ("caller",), "window_seconds": 10.0}
    return Limit(name="r", kind="rate", limit=limit, **settings | fields)  # type: ignore[arg-type]


def test_one_more_than_the_window_may_hold_is_told() -> None:
    entries = [decision(seq, float(seq)) for seq in (1, 2, 3)]
    assert found(rate(), *entries) == ["gate-1-3, after gate-1-1, gate-1-2"]


def test_exactly_a_window_ago_is_out() -> None:
    assert found(rate(), decision(1, 1.0), decision(2, 5.0), decision(3, 11.0)) == []


def test_another_caller_is_counted_apart() -> None:
    entries = (decision(1, 1.0), decision(2, 2.0), decision(3, 3.0, caller="hq/2"))
    assert found(rate(), *entries) == []


@pytest.mark.parametrize(("counts_refused", "told"), [(True, 1), (False, 0)])
def test_refused_ones_count_where_attempts_do(counts_refused: bool, told: int) -> None:
    entries = (decision(1, 1.0), decision(2, 2.0, "reject"), decision(3, 3.0))
    assert len(found(rate(counts_refused=counts_refused), *entries)) == told


def test_a_refused_call_exceeds_nothing() -> None:
    assert found(rate(limit=0), decision(1, 1.0, "reject")) == []


def test_a_day_is_the_calendars_and_never_runs_backwards() -> None:
    today = rate(limit=1, window_seconds=None)
    assert found(today, decision(1, 0.0), decision(2, DAY)) == []
    back = decision(3, DAY + 1, calendar=-DAY)
    assert found(today, decision(1, 0.0), decision(2, DAY), back) == ["gate-1-3, after gate-1-2"]


def test_a_call_counts_until_its_outcome() -> None:
    lines = Limit(name="l", kind="concurrent", per=("caller",), limit=1)
    assert found(lines, decision(1, 1.0), outcome(2, 1), decision(3, 3.0)) == []
    assert found(lines, decision(1, 1.0), decision(2, 2.0)) == ["gate-1-2, beside gate-1-1"]
