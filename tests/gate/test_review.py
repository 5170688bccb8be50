"""Remarks on a policy are true: what is said never to hold never does."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipgate.consent import Consent, MemoryConsents
from sipgate.counters import Ended, MemoryCounters
from sipgate.gate import Attempt, Engine, MemoryLists, Policy, load_policy, read_policy, review
from sipgate.numbers import DialPlan

POLICIES = sorted((Path(__file__).parents[2] / "policies").glob("*.yaml"))
WEEK = "mon-sun"


def policy_of(*rules: str, mode: str = "enforce") -> Policy:
    text = "".join(f"- {{id: r{n}, {rule}}}\n" for n, rule in enumerate(rules, 1))
    head = f"policy: test\nrevision: 1\nregion: US\nmode: {mode}\nrules:\n"
    return read_policy((head + text).encode(), Path("test.yaml"))


def remarks(*rules: str, mode: str = "enforce") -> list[str]:
    return [f"{r.kind} {r.rule}" for r in review(policy_of(*rules, mode=mode))]


CAP = "rate: {per: caller, limit: 5, window: 1h}"
ALL = "rate: {per: caller, limit: 0, window: 1h}"
REJECT = "then: reject"
ALLOW = "then: allow"
TAG = "then: {tag: {X-A: b}}"
NESTED = "[{limit: 9, window: 1m}, {limit: 5, window: 1h}]"
DNC = "list: {name: dnc}"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ((f"when: {{campaign: a, not: {{campaign: [a, b]}}}}, {CAP}, {REJECT}",), "never-holds r1"),
        ((f"when: {{not: {{}}}}, {CAP}, {TAG}",), "never-holds r1"),
        ((f"when: {{country: UK}}, {CAP}, {TAG}",), "never-holds r1"),
        ((f"when: {{country: US, kind: short}}, {CAP}, {TAG}",), "never-holds r1"),
        (
            (f"hours: {{open: {{{WEEK}: '00:00-24:00'}}, holidays: open}}, {REJECT}",),
            "never-holds r1",
        ),
        (
            (
                "hours: {open: {mon-fri: '00:00-12:00, 12:00-24:00', sat-sun: '00:00-24:00'},"
                f" holidays: open}}, {REJECT}",
            ),
            "never-holds r1",
        ),
        (
            (f"when: {{kind: short}}, hours: {{open: {{mon: '08:00-09:00'}}}}, {REJECT}",),
            "never-holds r1",
        ),
        ((f"when: {{kind: short}}, consent: {{purpose: x}}, {REJECT}",), "never-holds r1"),
        ((f"{ALL}, {ALLOW}", f"{DNC}, {REJECT}"), "never-asked r2"),
        ((f"concurrent: {{per: caller, limit: 0}}, {REJECT}", f"{DNC}, {TAG}"), "never-asked r2"),
        (
            (
                f"when: {{campaign: [a, b]}}, {ALL}, {REJECT}",
                f"when: {{campaign: a, source: hq}}, {CAP}, {REJECT}",
            ),
            "never-asked r2",
        ),
        (
            (
                f"when: {{kind: unreadable}}, consent: {{purpose: x}}, {REJECT}",
                f"when: {{kind: unreadable}}, {CAP}, {REJECT}",
            ),
            "never-asked r2",
        ),
        ((f"{CAP}, {REJECT}", f"{CAP}, {REJECT}"), "shadowed r2"),
        ((f"{CAP}, {REJECT}", f"{CAP}, {TAG}"), "shadowed r2"),
        ((f"{CAP}, {REJECT}", f"{CAP}, {ALLOW}"), "contradicts r2"),
        ((f"{DNC}, {ALLOW}", f"{DNC}, {REJECT}"), "contradicts r2"),
        (
            (f"{CAP}, {REJECT}", f"rate: {{per: caller, limit: 9, window: 30m}}, {REJECT}"),
            "shadowed r2",
        ),
        (
            (
                f"rate: {{per: caller, limit: 5, window: week}}, {REJECT}",
                f"rate: {{per: [caller, callee], limit: 5, window: day, count: admitted}}, {TAG}",
            ),
            "shadowed r2",
        ),
        (
            (
                f"concurrent: {{per: source, limit: 2}}, {REJECT}",
                f"when: {{campaign: a}}, concurrent: {{per: [caller, source], limit: 3}}, {REJECT}",
            ),
            "shadowed r2",
        ),
        (
            (
                f"list: {{name: dnc, max-age: 7d}}, {REJECT}",
                f"list: {{name: dnc, max-age: 31d}}, {REJECT}",
            ),
            "shadowed r2",
        ),
        (
            (
                f"consent: {{purpose: x, max-age: 7d, source-required: true}}, {REJECT}",
                f"consent: {{purpose: x}}, {REJECT}",
            ),
            "shadowed r2",
        ),
        (
            (
                f"hours: {{open: {{mon-fri: '09:00-17:00'}}}}, {REJECT}",
                f"hours: {{open: {{mon-sat: '08:00-20:00'}}}}, {REJECT}",
            ),
            "shadowed r2",
        ),
        (
            (
                f"cooldown: {{per: caller, wait: 7d}}, {REJECT}",
                f"cooldown: {{per: caller, wait: 7d}}, {ALLOW}",
            ),
            "contradicts r2",
        ),
        (
            (
                f"ratio: {{per: caller, of: short, share: 0.1, window: day}}, {REJECT}",
                f"ratio: {{per: caller, of: short, share: 0.2, sample: 200, window: day}}, {TAG}",
            ),
            "shadowed r2",
        ),
        (
            (
                f"dialer: {{per: caller, score: 0.5}}, {REJECT}",
                f"dialer: {{per: caller, score: 0.8}}, {REJECT}",
            ),
            "shadowed r2",
        ),
        (
            (
                f"trust: {{per: caller, below: 40}}, {REJECT}",
                f"trust: {{per: caller, below: 20}}, {REJECT}",
            ),
            "shadowed r2",
        ),
        (
            (
                f"identity: {{any: [anonymous, malformed]}}, {REJECT}",
                f"identity: {{any: anonymous}}, {TAG}",
            ),
            "shadowed r2",
        ),
        (
            (
                "rate: {per: caller, limits: [{limit: 9, window: 1m}, {limit: 5, window: 1h}]}, "
                + TAG,
            ),
            "useless r1",
        ),
        ((f"list: {{name: refusals, max-age: 7d}}, {REJECT}",), "useless r1"),
        ((f"when: {{country: [GB, UK]}}, {CAP}, {REJECT}",), "useless r1"),
        ((f"when: {{caller: [hq/1, hq/77*]}}, {CAP}, {REJECT}",), "useless r1"),
        ((f"when: {{not: {{campaign: loans*}}}}, {CAP}, {REJECT}",), "useless r1"),
    ],
)
def test_what_can_never_do_anything_is_told(rules: tuple[str, ...], said: str) -> None:
    assert remarks(*rules) == [said]


@pytest.mark.parametrize(
    "rules",
    [
        (f"{CAP}, {TAG}", f"{CAP}, {REJECT}"),
        (f"{CAP}, mode: monitor, {REJECT}", f"{CAP}, {REJECT}"),
        (f"when: {{campaign: a}}, {CAP}, {REJECT}", f"{CAP}, {REJECT}"),
        (f"rate: {{per: caller, limit: 9, window: 1h}}, {REJECT}", f"{CAP}, {REJECT}"),
        (f"{CAP}, {REJECT}", f"rate: {{per: caller, limit: 9, window: 2h}}, {REJECT}"),
        (f"{CAP}, {REJECT}", f"rate: {{per: source, limit: 9, window: 1h}}, {REJECT}"),
        (f"{CAP}, {REJECT}", f"rate: {{per: caller, limit: 5, window: day}}, {REJECT}"),
        (
            f"rate: {{per: caller, limit: 5, window: month}}, {REJECT}",
            f"rate: {{per: caller, limit: 9, window: week}}, {REJECT}",  # it may lie in two months
        ),
        (
            f"rate: {{per: caller, limit: 5, window: 1h, count: admitted}}, {REJECT}",
            f"rate: {{per: caller, limit: 9, window: 1h}}, {REJECT}",
        ),
        (
            f"rate: {{per: caller, limit: 0, window: 1h, count: distinct-callees}}, {REJECT}",
            f"{DNC}, {REJECT}",
        ),
        (
            f"rate: {{per: caller, limit: 5, window: 1h, count: distinct-callees}}, {REJECT}",
            "when: {campaign: a}, "
            f"rate: {{per: caller, limit: 9, window: 1h, count: distinct-callees}}, {REJECT}",
        ),
        (f"{DNC}, {REJECT}", f"list: {{name: dnc, max-age: 7d}}, {REJECT}"),
        (f"{DNC}, {REJECT}", f"list: {{name: dnc, absent: true}}, {ALLOW}"),
        (f"{DNC}, {REJECT}", f"list: {{name: dnc, of: cli}}, {REJECT}"),
        (
            f"consent: {{purpose: x, sources: [a, b]}}, {REJECT}",
            f"consent: {{purpose: x, sources: [a]}}, {REJECT}",
        ),
        (
            f"hours: {{open: {{mon-fri: '09:00-17:00'}}}}, {REJECT}",
            f"hours: {{open: {{mon-fri: '10:00-16:00'}}}}, {REJECT}",
        ),
        (f"hours: {{open: {{{WEEK}: '00:00-24:00'}}}}, {REJECT}",),  # holidays are closed
        (f"hours: {{open: {{{WEEK}: '00:00-23:59'}}, holidays: open}}, {REJECT}",),
        (
            f"trust: {{per: caller, below: 40, limit: 3, window: 1h}}, {REJECT}",
            f"trust: {{per: caller, below: 20}}, {REJECT}",
        ),
        (
            f"expression: \"callee.country == 'US'\", {REJECT}",
            f"expression: \"callee.country == 'DE'\", {REJECT}",
        ),
        (
            f"identity: {{any: anonymous}}, {REJECT}",
            f"identity: {{any: [anonymous, malformed]}}, {REJECT}",
        ),
    ],
)
def test_what_may_do_something_is_left_alone(rules: tuple[str, ...]) -> None:
    assert remarks(*rules) == []


def test_in_a_monitored_policy_no_rule_keeps_another_from_being_asked() -> None:
    assert remarks(f"{CAP}, {REJECT}", f"{CAP}, {ALLOW}", mode="monitor") == []


def test_a_remark_says_file_line_and_the_other_rule() -> None:
    (remark,) = review(policy_of(f"{CAP}, {REJECT}", f"{CAP}, {ALLOW}"))

    assert (remark.line, remark.other) == (7, "r1")
    assert str(remark) == (
        'test.yaml:7: rule "r2" contradicts rule "r1" (line 6): that one has rejected the call'
        " already"
    )


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_nothing_is_to_be_said_of_the_shipped_policies(path: Path) -> None:
    assert [str(remark) for remark in review(load_policy(path))] == []


WHENS = st.sampled_from(
    [
        "",
        "when: {campaign: a}, ",
        "when: {campaign: [a, b]}, ",
        "when: {campaign: a, kind: number}, ",
        "when: {not: {campaign: b}}, ",
        "when: {campaign: a, not: {campaign: [a, b]}}, ",
        "when: {kind: [short, unreadable]}, ",
        "when: {kind: short}, ",
        "when: {callee: '+1305'}, ",
        "when: {callee: '1'}, ",
    ]
)
KINDS: list[st.SearchStrategy[str]] = [
    st.builds(
        "rate: {{per: {}, limit: {}, window: 1h}}".format,
        st.sampled_from(["caller", "callee", "[caller, callee]", "source"]),
        st.integers(1, 2),
    ),
    st.builds(
        "rate: {{per: caller, limit: {}, window: {}}}".format,
        st.integers(1, 2),
        st.sampled_from(["10s", "1h", "day", "week"]),
    ),
    st.builds(
        "rate: {{per: caller, limit: {}, window: 1h, count: {}}}".format,
        st.integers(0, 2),
        st.sampled_from(["attempts", "admitted", "answered", "refused-by-callee"]),
    ),
    st.builds(
        "rate: {{per: caller, limit: {}, window: day, count: distinct-callees}}".format,
        st.integers(0, 2),
    ),
    st.builds(
        "rate: {{per: caller, limits: [{{limit: {}, window: {}}}, "
        "{{limit: {}, window: 1h}}]}}".format,
        st.integers(0, 3),
        st.sampled_from(["10s", "2h"]),
        st.integers(0, 3),
    ),
    st.builds(
        "concurrent: {{per: {}, limit: {}}}".format,
        st.sampled_from(["caller", "[caller, callee]", "source"]),
        st.integers(0, 3),
    ),
    st.builds(
        "list: {{name: {}, of: {}, absent: {}}}".format,
        st.sampled_from(["dnc", "vip"]),
        st.sampled_from(["callee", "caller"]),
        st.sampled_from(["true", "false"]),
    ),
    st.builds(
        "list: {{name: dnc{}}}".format, st.sampled_from(["", ", max-age: 1h", ", max-age: 3h"])
    ),
    st.builds(
        "consent: {{purpose: x{}}}".format,
        st.sampled_from(["", ", max-age: 1h", ", max-age: 3h", ", sources: web", ", basis: a"]),
    ),
    st.builds(
        "hours: {{open: {{{}: '{}'}}, holidays: open}}".format,
        st.sampled_from(["mon-sun", "mon-fri"]),
        st.sampled_from(["00:00-24:00", "08:00-20:00", "09:00-17:00", "00:00-12:00,12:00-24:00"]),
    ),
    st.builds(
        "cooldown: {{per: {}, wait: {}}}".format,
        st.sampled_from(["caller", "source"]),
        st.sampled_from(["10s", "1h"]),
    ),
    st.builds(
        "ratio: {{per: caller, of: short, share: {}, sample: {}, window: 1h}}".format,
        st.sampled_from(["0", "0.3", "0.5"]),
        st.integers(1, 3),
    ),
    st.builds("trust: {{per: caller, below: {}}}".format, st.sampled_from([90, 97, 100])),
    st.builds("dialer: {{per: caller, score: {}}}".format, st.sampled_from(["0.1", "0.3"])),
    st.sampled_from(
        [
            'expression: "true"',
            'expression: "false"',
            "expression: \"callee.kind == 'number'\"",
            'expression: "attempt.local_hour >= 12"',
        ]
    ),
    st.builds(
        "identity: {{any: {}}}".format,
        st.sampled_from(["anonymous", "[anonymous, malformed]", "malformed"]),
    ),
]
CONDITIONS = st.one_of(KINDS)
RULES = st.builds(
    "{}{}, {}{}".format,
    WHENS,
    CONDITIONS,
    st.sampled_from(["", "", "", "mode: monitor, "]),
    st.sampled_from([REJECT, REJECT, ALLOW, TAG]),
)
CALLS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 9, 11, 700, 3600, 40_000]),  # seconds after the one before
        st.sampled_from(["hq/1", "hq/2"]),
        st.sampled_from(["+13055550123", "+13055550124", "+4930123456", "4711", "häns"]),
        st.sampled_from([None, "a", "b"]),
        st.sampled_from([None, "+13055550100", "911911"]),
        st.sampled_from(["up", "short", "long", "busy", "refused", "list", "consent"]),
    ),
    min_size=1,
    max_size=25,
)
PLAN = DialPlan(region="US")


def held(policy: Policy, calls: Any, *, monitor: bool) -> set[str]:
    """The rules that held in a decision, or in monitor mode would have spoken."""
    return set().union(*decisions(policy, calls, monitor=monitor))


def decisions(policy: Policy, calls: Any, *, monitor: bool = False) -> Iterator[set[str]]:
    """Of each call the rules that held, or in monitor mode the one that would have spoken."""
    lists, consents = MemoryLists(), MemoryConsents()
    engine = Engine(policy, MemoryCounters(), lists, monitor, consents=consents)
    time = 1_790_000_000.0
    for pause, caller, dialled, campaign, cli, then in calls:
        time += pause
        callee = PLAN.read(dialled)
        attempt = Attempt(
            source="hq",
            caller=caller,
            organisation="hq",
            campaign=campaign,
            cli=cli,
            callee=callee.key,
            callee_kind=callee.kind,
            callee_spelled=callee.spelled,
            callee_country=callee.country,
            call_id=str(time),
            from_tag="a",
            cseq=1,
        )
        decision, charge = engine.decide(attempt, time, time)
        if monitor:
            would = decision.would
            yield {would.rule} if would is not None and would.rule is not None else set()
        else:
            yield {step.rule for step in decision.steps if step.held}
        if then == "list":
            lists.replace("dnc", {callee.key}, time)
        elif then == "consent":
            consents.add([Consent(callee=callee.key, purpose="x", source="web", granted=time)])
        elif then != "up" and decision.is_admitted:
            if then in ("short", "long"):
                engine.answered(charge, time, time)
            talk = {"short": 1000, "long": 60_000}.get(then)
            kind = "answered" if talk is not None else then
            ended = Ended(kind, 200, 0, talk, "callee")
            engine.ended(charge, ended, time, time)


@settings(max_examples=200, deadline=None)
@given(st.lists(RULES, min_size=2, max_size=5), CALLS, st.booleans())
def test_a_rule_that_is_said_never_to_hold_never_does(
    rules: list[str], calls: Any, monitor: bool
) -> None:
    policy = policy_of(*rules)
    idle = {remark.rule for remark in review(policy) if remark.means_never}

    assert held(policy, calls, monitor=monitor) & idle == set()


FEW_CALLS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 11, 700, 5400, 40_000]),
        st.sampled_from(["hq/1", "hq/1", "hq/2"]),
        st.sampled_from(["+13055550123", "+13055550123", "+13055550124"]),
        st.sampled_from([None, "a"]),
        st.sampled_from([None, "911911"]),
        st.sampled_from(["up", "up", "short", "long", "refused", "list", "consent"]),
    ),
    min_size=2,
    max_size=12,
)


@pytest.mark.parametrize("kind", range(len(KINDS)))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_implied_holds_too(kind: int, data: st.DataObject) -> None:
    condition, other = data.draw(KINDS[kind]), data.draw(KINDS[kind])
    when = data.draw(st.sampled_from(["", "when: {campaign: a}, "]))
    rule = f"{when}{other}, {TAG}"
    if not any(one.other == "r1" for one in review(policy_of(f"{condition}, {REJECT}", rule))):
        return
    # A rule that is monitored ends nothing, so both are asked.
    policy = policy_of(f"{condition}, mode: monitor, {REJECT}", rule)

    for held in decisions(policy, data.draw(FEW_CALLS)):
        assert "r2" not in held or "r1" in held
