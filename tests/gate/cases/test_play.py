"""A case is decided as a gate would decide it after that history."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipgate.counters import MemoryCounters
from sipgate.gate import Attempt, Engine, MemoryLists, Policy, read_policy
from sipgate.gate.cases import Case, Played, play, read_cases

DAY = "2026-11-20T"
HEAD = "policy: test\nrevision: 1\nregion: US\ntimezone: America/New_York\nrules:\n"


def policy_of(rules: str, head: str = HEAD) -> Policy:
    return read_policy((head + rules).encode(), Path("test.yaml"))


def case_of(text: str) -> Case:
    """The only case of a file, from its `given` and `attempt`."""
    whole = f"policy: {Path(__file__).name}\ncases:\n- name: one\n  expect: {{verdict: allow}}\n"
    (case,) = read_cases((whole + text).encode(), Path(__file__)).cases
    return case


def played(rules: str, *given: str, attempt: str = "", at: str = "14:00:00-05:00") -> Played:
    items = "".join(f"  - {{{item}}}\n" for item in given)
    said = f'at: "{DAY}{at}", caller: hq/1, callee: "+13055550123"{attempt}'
    text = f"  given:\n{items}" if given else ""
    case = case_of(f"{text}  attempt: {{{said}}}\n")
    return play(policy_of(rules), case.given, case.attempt)


def call(at: str, rest: str = "", callee: str = "+13055550123") -> str:
    return f'at: "{DAY}{at}-05:00", caller: hq/1, callee: "{callee}"{rest}'


def consent(at: str, rest: str = "") -> str:
    said = f"callee: (305) 555-0123, purpose: marketing{rest}"
    return f"at: {at}, consent: {{{said}}}"


VIP = "- id: vip\n  list: {name: vip, of: caller}\n  then: reject\n"
CONSENTED = "- id: consented\n  consent: {purpose: marketing}\n  then: reject\n"
CAP = "- id: cap\n  rate: {per: caller, limit: 3, window: 1h}\n  then: reject\n"
ADMITTED = CAP.replace("window: 1h", "window: 1h, count: admitted")
ANSWERED = CAP.replace("window: 1h", "window: 1h, count: answered")
DISTINCT = CAP.replace("window: 1h", "window: 1h, count: distinct-callees")
BUSY_LINE = "- id: busy\n  concurrent: {per: caller, limit: 1}\n  then: reject\n"
DNC = "- id: dnc\n  list: {name: dnc, of: callee}\n  then: reject\n"
OLD = "- id: old\n  list: {name: dnc, max-age: 7d}\n  then: reject\n"


@pytest.mark.parametrize(
    ("rules", "given", "verdict"),
    [
        (CAP, (call("13:00:01", ", repeat: 3, every: 1s"),), "reject"),
        (CAP, (call("13:00:00", ", repeat: 3, every: 1s"),), "allow"),
        (CAP, (call("13:30:00", ", verdict: reject, repeat: 3, every: 1s"),), "reject"),
        (ADMITTED, (call("13:30:00", ", verdict: reject, repeat: 3, every: 1s"),), "allow"),
        (ADMITTED, (call("13:30:00", ", verdict: tag, repeat: 3, every: 1s"),), "reject"),
        (ANSWERED, (call("13:30:00", ", outcome: busy, repeat: 3, every: 1s"),), "allow"),
        (ANSWERED, (call("13:30:00", ", outcome: answered, repeat: 3, every: 1s"),), "reject"),
        (
            ANSWERED,
            (call("12:59:59", ", outcome: answered, ring: 5s, repeat: 3, every: 1ms"),),
            "reject",
        ),
        (
            ANSWERED,
            (call("13:59:59", ", outcome: answered, ring: 5s, repeat: 3, every: 1ms"),),
            "allow",
        ),
        (DISTINCT, (call("13:30:00", ", repeat: 9, every: 1s"),), "allow"),
        (DISTINCT, (call("13:30:00", ", repeat: 3, every: 1s", "+13055550001"),), "allow"),
        (
            DISTINCT,
            (call("13:30:00", ", repeat: 3, every: 1s, callee-step: 1", "+13055550001"),),
            "reject",
        ),
        (BUSY_LINE, (call("13:59:00"),), "allow"),
        (BUSY_LINE, (call("13:59:00", ", outcome: in-progress"),), "reject"),
        (BUSY_LINE, (call("13:59:00", ", outcome: in-progress, talk: 1s"),), "reject"),
        (BUSY_LINE, (call("13:59:00", ", outcome: answered, talk: 60s"),), "allow"),
        (BUSY_LINE, (call("13:59:00", ", outcome: answered, talk: 61s"),), "reject"),
        (BUSY_LINE, (call("13:59:00", ", outcome: answered, ring: 1s, talk: 60s"),), "reject"),
        (BUSY_LINE, (call("13:59:00", ", outcome: unanswered, ring: 61s"),), "reject"),
        (DNC, (), "allow"),
        (DNC, (f'at: "{DAY}09:00:00Z", list: {{name: dnc, add: [3055550123]}}',), "reject"),
        (DNC, (f'at: "{DAY}09:00:00Z", list: {{name: dnc, add: ["+1305*"]}}',), "reject"),
        (
            DNC,
            (
                f'at: "{DAY}10:00:00Z", list: {{name: dnc, remove: ["+13055550123"]}}',
                f'at: "{DAY}09:00:00Z", list: {{name: dnc, add: ["(305) 555-0123"]}}',
            ),
            "allow",
        ),
        (VIP, (f'at: "{DAY}09:00:00Z", list: {{name: vip, add: [hq/1]}}',), "reject"),
        (VIP, (f'at: "{DAY}09:00:00Z", list: {{name: vip, add: [hq/2]}}',), "allow"),
        (CONSENTED, (), "reject"),
        (CONSENTED, (consent("2026-11-01T00:00:00Z"),), "allow"),
        (CONSENTED, (consent("2026-11-01T00:00:00Z", ", source: Web Form"),), "allow"),
        (CONSENTED, (consent("2026-11-01T00:00:00Z", ", organisation: hq"),), "allow"),
        (CONSENTED, (consent("2026-11-01T00:00:00Z", ", organisation: acme"),), "reject"),
        (
            CONSENTED,
            (
                consent("2026-11-01T00:00:00Z", ', organisation: hq, expires: "2026-11-02T00:00Z"'),
                consent("2026-11-01T00:00:00Z"),
            ),
            "allow",
        ),
        (
            CONSENTED,
            (consent("2026-11-01T00:00:00Z", f", expires: {DAY}14:00:00-05:00"),),
            "reject",
        ),
        (CONSENTED, (consent("2026-11-01T00:00Z", f", expires: {DAY}14:00:01-05:00"),), "allow"),
        (
            CONSENTED,
            (
                consent("2026-11-09T00:00:00Z", ", revoked: true"),
                consent("2026-11-01T00:00:00Z"),
            ),
            "reject",
        ),
        (
            CONSENTED,
            (
                consent("2026-11-19T00:00:00Z", ", revoked: true"),
                consent("2026-11-20T00:00:00Z"),
            ),
            "allow",
        ),
        (OLD, (), "reject"),
        (OLD, ('at: "2026-11-13T14:00:00-05:00", list: {name: dnc, add: ["1"]}',), "reject"),
        (OLD, ('at: "2026-11-13T14:00:01-05:00", list: {name: dnc, add: ["1"]}',), "allow"),
    ],
)
def test_history_counts_as_it_happened(rules: str, given: tuple[str, ...], verdict: str) -> None:
    assert played(rules, *given).decision.verdict == verdict


def test_at_one_instant_what_had_begun_ends_before_what_begins() -> None:
    rules = BUSY_LINE.replace("limit: 1", "limit: 2")
    given = (
        call("13:00:00", ", outcome: in-progress"),
        call("14:00:00", ", outcome: in-progress"),
        call("13:59:00", ", outcome: answered, talk: 60s"),
    )

    assert played(rules, *given).decision.steps[0].values == {"count": 2, "limit": 2}


def test_numbers_are_read_with_the_dial_plan_of_the_policys_region() -> None:
    def attempt_of(callee: str) -> Attempt:
        return played(CAP, attempt="").attempt if not callee else _attempt(callee)

    assert attempt_of("").callee_country == "US"
    assert (attempt_of("(305) 555-0123").callee, attempt_of("911").callee_kind) == (
        "+13055550123",
        "emergency",
    )
    assert (attempt_of("4711").callee_kind, attempt_of("häns").callee_kind) == (
        "short",
        "unreadable",
    )


def _attempt(callee: str) -> Attempt:
    said = f'at: "{DAY}14:00:00Z", caller: hq/1, callee: "{callee}"'
    return play(policy_of(CAP), (), case_of(f"  attempt: {{{said}}}\n").attempt).attempt


def test_an_emergency_call_passes_and_no_rule_is_explained() -> None:
    said = f'at: "{DAY}14:00:00Z", caller: hq/1, callee: "911"'
    found = play(
        policy_of(CAP.replace("limit: 3", "limit: 0")),
        (),
        case_of(f"  attempt: {{{said}}}\n").attempt,
    )

    assert (found.decision.verdict, found.decision.rule, found.explained) == ("allow", None, ())


def test_an_attempt_has_all_that_a_gate_would_know() -> None:
    attempt = played(
        CAP,
        attempt=(
            ", campaign: solar, cli: (305) 555-0100, to: 911, user-agent: MicroSIP/3,"
            " asserted: 3055550101, anonymous: true, owned-clis: [3055550100, 4711],"
            " lead-region: US-FL, lead-zone: America/Chicago"
        ),
    ).attempt

    assert attempt == Attempt(
        source="hq",
        caller="hq/1",
        organisation="hq",
        campaign="solar",
        cli="+13055550100",
        callee="+13055550123",
        callee_kind="number",
        callee_spelled="+13055550123",
        callee_country="US",
        to_number="911",
        call_id=attempt.call_id,
        from_tag="case",
        cseq=1,
        user_agent="MicroSIP/3",
        lead_region="US-FL",
        lead_zone="America/Chicago",
        asserted="+13055550101",
        is_anonymous=True,
        owned_clis=frozenset(("+13055550100", "4711")),
    )


def test_source_and_organisation_may_be_others() -> None:
    attempt = played(CAP, attempt=", source: branch, organisation: acme").attempt

    assert (attempt.source, attempt.organisation) == ("branch", "acme")


def test_every_rule_is_explained_those_past_the_settling_one_too() -> None:
    other = "- id: other\n  when: {campaign: loans}\n  rate: {per: caller, limit: 1, window: day}\n"
    rules = CAP + other + "  then: allow\n" + CAP.replace("id: cap", "id: late")

    explained = played(rules, call("13:30:00", ", repeat: 3, every: 1s")).explained

    assert [(one.rule, one.state, one.after) for one in explained] == [
        ("cap", "held", None),
        ("other", "not selected", None),
        ("late", "held", "cap"),
    ]
    assert explained[0].words == "3 of 3 in 1h per caller"
    assert explained[1].words == "campaign is none, not loans"
    assert [one.line for one in explained] == [6, 9, 13]


CALLS = st.lists(
    st.tuples(
        st.integers(0, 40),  # minutes after the one before
        st.sampled_from(["hq/1", "hq/2"]),
        st.integers(1, 3),  # callee
        st.sampled_from([None, "busy", "answered", "unanswered"]),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(CALLS)
def test_a_case_is_decided_as_an_engine_that_saw_those_calls_decides(calls: Any) -> None:
    rules = (
        ADMITTED
        + DISTINCT.replace("id: cap", "id: distinct")
        + ANSWERED.replace("id: cap", "id: answered").replace("reject", "{tag: {X-A: '{count}'}}")
    )
    policy = policy_of(rules)
    engine = Engine(policy, MemoryCounters(), MemoryLists())
    given_lines, time = "", 1_795_000_000.0
    for minutes, caller, callee, outcome in calls:
        time += 60 * minutes + 1
        at = _rfc_3339(time)
        said = f'at: "{at}", caller: {caller}, callee: "+1305555012{callee}"'
        text = f"  given:\n{given_lines}" if given_lines else ""
        case = case_of(f"{text}  attempt: {{{said}}}\n")
        found = play(policy, case.given, case.attempt)

        decision, charge = engine.decide(found.attempt, time, time)

        assert found.decision == decision
        rest = f", verdict: {decision.verdict}"
        if decision.is_admitted:
            if outcome == "answered":
                engine.answered(charge, time, time)
            engine.ended(charge, None, time, time)
            rest += f", outcome: {outcome}" if outcome else ""
        given_lines += f"  - {{{said}{rest}}}\n"


def _rfc_3339(time: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(time, UTC).isoformat()
