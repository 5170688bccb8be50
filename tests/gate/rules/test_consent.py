"""`consent`: nobody may be called without one that the policy accepts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipgate.consent import Consent, MemoryConsents
from sipgate.counters import MemoryCounters
from sipgate.gate import Attempt, Engine, MemoryLists, PolicyError, read_policy
from sipgate.gate.rules.consent import MAX_AGE_SECONDS
from tests.gate.conftest import NOW, TIME

MakeGate = Callable[..., Any]
DAY = 86_400.0
CALLEE = "+4930123456"


def consent(**fields: Any) -> Consent:
    return Consent(
        **{"callee": CALLEE, "purpose": "marketing", "granted": TIME - DAY, "id": 7, **fields}
    )


def with_consents(gate: MakeGate, condition: str, *consents: Consent) -> Any:
    then = '{reject: 403, reason: "{purpose}: {why}"}'
    g = gate(f"- id: c\n  consent: {condition}\n  then: {then}\n")
    g.consents.add(consents)
    return g


@pytest.mark.parametrize(
    ("condition", "fields", "why"),
    [
        ("{purpose: marketing}", {}, None),
        ("{purpose: service}", {}, "none on record"),
        ("{purpose: marketing}", {"callee": "+4930123457"}, "none on record"),
        ("{purpose: marketing}", {"organisation": "acme"}, None),
        ("{purpose: marketing}", {"organisation": "globex"}, "none on record"),
        ("{purpose: marketing}", {"granted": TIME + 1}, "none on record"),
        ("{purpose: marketing}", {"granted": TIME}, None),
        ("{purpose: marketing}", {"revoked": TIME}, "revoked"),
        ("{purpose: marketing}", {"revoked": TIME + 0.001}, None),
        ("{purpose: marketing}", {"granted": None, "revoked": TIME}, "revoked"),
        ("{purpose: marketing}", {"expires": TIME}, "expired"),
        ("{purpose: marketing}", {"expires": TIME + 0.001}, None),
        ("{purpose: marketing, max-age: 1d}", {}, "too old"),
        ("{purpose: marketing, max-age: 1d}", {"granted": TIME - DAY + 0.001}, None),
        ("{purpose: marketing, source-required: true}", {}, "no source"),
        ("{purpose: marketing, source-required: true}", {"source": "purchased"}, None),
        ("{purpose: marketing, sources: web-form}", {}, "no source"),
        ("{purpose: marketing, sources: [web-form, contract]}", {"source": "contract"}, None),
        ("{purpose: marketing, sources: web-form}", {"source": "purchased"}, "source not accepted"),
        ("{purpose: marketing, basis: explicit}", {}, "basis not accepted"),
        ("{purpose: marketing, basis: [explicit, x]}", {"basis": "explicit"}, None),
        ("{purpose: marketing, channel: voice}", {}, None),
        ("{purpose: marketing, channel: voice}", {"channel": "voice"}, None),
        ("{purpose: marketing, channel: voice}", {"channel": "sms"}, "none on record"),
        ("{purpose: marketing}", {"channel": "sms"}, None),
    ],
)
def test_it_holds_where_no_consent_is_good_enough(
    gate: MakeGate, condition: str, fields: dict[str, Any], why: str | None
) -> None:
    decision = with_consents(gate, condition, consent(**fields)).call(organisation="acme")

    (step,) = decision.steps
    assert step.values["why"] == why
    assert decision.verdict == ("allow" if why is None else "reject")
    assert why is None or decision.reason.endswith(f": {why}")


def test_a_number_that_cannot_be_read_needs_one(gate: MakeGate) -> None:
    g = with_consents(gate, "{purpose: marketing}", consent(callee="12x"))

    decision = g.call(callee="12x", callee_kind="unreadable")

    assert decision.verdict == "reject"
    assert decision.steps[0].values["why"] == "unreadable number"


def test_a_short_number_needs_none(gate: MakeGate) -> None:
    decision = with_consents(gate, "{purpose: marketing}").call(callee="4711", callee_kind="short")

    assert decision.verdict == "allow"
    assert decision.steps[0].values == {"purpose": "marketing", "why": None, "consent": None}


def test_the_newest_decides_even_where_an_older_one_is_good_enough(gate: MakeGate) -> None:
    g = with_consents(
        gate,
        "{purpose: marketing, sources: web-form}",
        consent(source="web-form", granted=TIME - 2 * DAY),
        consent(source="purchased", id=8),
    )
    assert g.call().steps[0].values["consent"] == 8
    assert g.call().verdict == "reject"


def test_one_for_all_is_revoked_for_one_organisation_only(gate: MakeGate) -> None:
    g = with_consents(
        gate,
        "{purpose: marketing}",
        consent(),
        consent(organisation="acme", granted=None, revoked=TIME),
    )
    assert g.call(organisation="acme").verdict == "reject"
    assert g.call(organisation="globex").verdict == "allow"


def test_a_change_counts_at_once(gate: MakeGate) -> None:
    g = with_consents(gate, "{purpose: marketing}")
    before = g.call().verdict
    g.consents.add([consent()])
    after = g.call().verdict
    g.consents.add([consent(granted=None, revoked=TIME)])

    assert (before, after, g.call().verdict) == ("reject", "allow", "reject")


@pytest.mark.parametrize(
    ("condition", "fields", "told"),
    [
        ("{purpose: service}", {}, "no consent to service on record"),
        ("{purpose: marketing}", {}, "consent 7 to marketing of 2026-09-20T14:13:20Z holds"),
        ("{purpose: marketing}", {"revoked": TIME}, "was revoked at 2026-09-21T14:13:20Z"),
        ("{purpose: marketing}", {"expires": TIME}, "expired at 2026-09-21T14:13:20Z"),
        ("{purpose: marketing, max-age: 1d}", {}, "of 2026-09-20T14:13:20Z is too old"),
        ("{purpose: marketing, source-required: true}", {}, "doesn't say from which source it is"),
        ("{purpose: marketing, sources: x}", {"source": "bought"}, "is from bought, which is not"),
        ("{purpose: marketing, basis: x}", {}, "says no basis"),
        ("{purpose: marketing, basis: x}", {"basis": "y"}, "rests on y, which isn't accepted"),
    ],
)
def test_it_is_explained_in_words(
    gate: MakeGate, condition: str, fields: dict[str, Any], told: str
) -> None:
    g = with_consents(gate, condition, consent(**fields))
    decision = g.call()
    (step,) = decision.steps

    assert told in g.engine.policy.rules[0].condition.explain(step.held, step.values)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"callee": "4711", "callee_kind": "short"}, "a short number needs no consent"),
        ({"callee": "x", "callee_kind": "unreadable"}, "the number is unreadable"),
    ],
)
def test_numbers_that_are_none_are_explained(
    gate: MakeGate, fields: dict[str, Any], told: str
) -> None:
    g = with_consents(gate, "{purpose: marketing}")
    (step,) = g.call(**fields).steps

    assert told in g.engine.policy.rules[0].condition.explain(step.held, step.values)


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("{}", 'the key "purpose" is missing'),
        ("{purpose: ''}", 'found the text ""; expected a word'),
        ("{purpose: Web Form}", 'found "Web Form"; expected "web-form", as it stands on record'),
        ("{purpose: x, max-age: 4000d}", "a duration from 1s to 3660d"),
        ("{purpose: x, max-age: soon}", "a duration from 1s to 3660d"),
        ("{purpose: x, sources: []}", "found an empty list"),
        ("{purpose: x, basis: [[y]]}", "found a list; expected a word"),
        ("{purpose: x, source-required: perhaps}", "expected true or false"),
        ("{purpose: x, source: y}", 'unknown key "source"; did you mean "sources"?'),
        ("marketing", 'found "marketing"; expected a mapping with purpose'),
    ],
)
def test_what_is_no_condition_is_told(
    rules: Callable[[str], Any], condition: str, told: str
) -> None:
    with pytest.raises(PolicyError) as refused:
        rules(f"- id: c\n  consent: {condition}\n  then: reject\n")

    assert "test.yaml:5:" in str(refused.value)
    assert told in str(refused.value)


def test_a_consent_may_be_ten_years_old(rules: Callable[[str], Any]) -> None:
    policy = rules("- id: c\n  consent: {purpose: x, max-age: 3660d}\n  then: reject\n")

    assert policy.rules[0].condition.max_age_seconds == MAX_AGE_SECONDS


POLICY = read_policy(
    b"policy: t\nrevision: 1\nrules:\n"
    b"- id: c\n"
    b"  consent: {purpose: p, max-age: 3s, sources: [a, b], basis: x, channel: voice}\n"
    b"  then: reject\n",
    Path("t.yaml"),
)
INSTANTS = st.integers(0, 6).map(lambda seconds: TIME + seconds)


@st.composite
def granted(draw: st.DrawFn) -> Consent:
    since = draw(INSTANTS)
    return Consent(
        callee=CALLEE,
        purpose=draw(st.sampled_from("pq")),
        organisation=draw(st.sampled_from((None, "acme"))),
        channel=draw(st.sampled_from((None, "voice", "sms"))),
        source=draw(st.sampled_from((None, "a", "c"))),
        basis=draw(st.sampled_from((None, "x"))),
        granted=since,
        expires=draw(st.none() | INSTANTS),
        revoked=draw(st.none() | INSTANTS.map(lambda time: max(time, since))),
    )


FOR_ACME = {"purpose": "p", "organisation": "acme", "granted": TIME}
FOR_ALL = {"purpose": "p", "granted": TIME, "source": "a", "basis": "x"}


@given(st.lists(granted(), max_size=5), INSTANTS)
@example([consent(**FOR_ACME), consent(**FOR_ALL)], TIME)
@example([consent(**FOR_ALL), consent(**FOR_ACME)], TIME)
def test_it_allows_exactly_what_the_design_says(consents: list[Consent], time: float) -> None:
    # As the store gives them out, in the order of recording: of two of one instant the later wins.
    consents = [replace(one, id=number) for number, one in enumerate(consents, 1)]
    engine = Engine(POLICY, MemoryCounters(), MemoryLists(), consents=MemoryConsents(consents))
    decision, _ = engine.decide(attempt(), NOW, time)

    happened = [
        (instant, is_revocation, index, one)
        for index, one in enumerate(consents)
        for instant, is_revocation in ((one.granted, False), (one.revoked, True))
        if one.purpose == "p"
        and one.channel in (None, "voice")
        and instant is not None
        and instant <= time
    ]
    newest = max(happened, key=lambda event: event[:3], default=None)
    is_good = newest is not None and (
        not newest[1]
        and (newest[3].revoked is None or newest[3].revoked > time)
        and (newest[3].expires is None or time < newest[3].expires)
        and time - newest[0] < 3
        and newest[3].source in ("a", "b")
        and newest[3].basis == "x"
    )
    assert decision.is_admitted is is_good


def attempt() -> Attempt:
    return Attempt(
        source="hq",
        caller="hq/4711",
        organisation="acme",
        callee=CALLEE,
        callee_kind="number",
        callee_spelled="030123456",
        call_id="a",
        from_tag="f",
        cseq=1,
    )
