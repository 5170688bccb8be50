"""`identity`: what may be wrong with the number that a call shows."""

from collections.abc import Callable
from typing import Any

import pytest

from sipgate.gate import PolicyError

MakeGate = Callable[..., Any]
OWN = "+4930901820"
OTHER = "+4930901821"
THEN = 'then: {reject: 403, reason: "{signs}"}'


def with_identity(gate: MakeGate, condition: str) -> Any:
    return gate(f"- id: i\n  identity: {condition}\n  {THEN}\n")


@pytest.mark.parametrize(
    ("fields", "signs"),
    [
        ({"cli": OWN}, None),
        ({"cli": OTHER}, "not-owned"),
        ({"cli": OTHER, "owned_clis": None}, None),
        ({"cli": OWN, "owned_clis": frozenset()}, "not-owned"),
        ({"cli": OTHER, "owned_clis": frozenset(("+493090182*",))}, None),
        ({"cli": OWN, "owned_clis": frozenset(("+49309999*", "4711"))}, "not-owned"),
        ({"cli": "4711", "owned_clis": frozenset(("4711",))}, "malformed"),
        ({"cli": "alice"}, "not-owned, malformed"),
        ({"cli": "+49"}, "not-owned, malformed"),
        ({"cli": "+999123456789"}, "not-owned, malformed"),
        ({"cli": "030901820", "owned_clis": None}, "malformed"),
        ({"cli": None}, "anonymous"),
        ({"cli": OWN, "is_anonymous": True}, "anonymous"),
        ({"cli": OWN, "asserted": OWN}, None),
        ({"cli": OWN, "asserted": OTHER}, "contradicted"),
        ({"cli": OWN, "asserted": "4711"}, None),
        ({"cli": "4711", "asserted": OTHER, "owned_clis": None}, "malformed"),
        (
            {"cli": OTHER, "asserted": OWN, "is_anonymous": True},
            "not-owned, anonymous, contradicted",
        ),
    ],
)
def test_it_holds_by_the_signs_that_speak(
    gate: MakeGate, fields: dict[str, Any], signs: str | None
) -> None:
    g = with_identity(gate, "{any: [not-owned, malformed, anonymous, contradicted]}")

    decision = g.call(**{"owned_clis": frozenset((OWN,)), **fields})

    assert decision.steps[0].values["signs"] == signs
    assert decision.reason == signs
    assert decision.verdict == ("allow" if signs is None else "reject")


@pytest.mark.parametrize("sign", ["not-owned", "malformed", "anonymous", "contradicted"])
def test_only_the_signs_that_are_named_speak(gate: MakeGate, sign: str) -> None:
    g = with_identity(gate, f"{{any: {sign}}}")

    decision = g.call(cli="+49", asserted=OTHER, is_anonymous=True, owned_clis=frozenset((OWN,)))

    assert decision.reason == sign


def test_more_numbers_than_may_be_are_a_rotation(gate: MakeGate) -> None:
    g = with_identity(gate, "{rotation: {limit: 2, window: 1h}}")

    verdicts = [g.call(cli=f"+493090182{n}").verdict for n in (1, 2, 1, 2, 3, 3, 1)]

    assert verdicts == ["allow", "allow", "allow", "allow", "reject", "reject", "reject"]


def test_a_second_round_of_the_same_numbers_passes_no_more_than_the_first(gate: MakeGate) -> None:
    g = with_identity(gate, "{rotation: {limit: 2, window: 1h}}")
    for number in range(200):
        g.call(cli=f"+4930901{number:03}")

    assert {g.call(cli=f"+4930901{number:03}").verdict for number in range(200)} == {"reject"}


def test_a_rotation_is_over_when_the_numbers_have_left_the_window(gate: MakeGate) -> None:
    g = with_identity(gate, "{rotation: {limit: 1, window: 1h}}")
    g.call(cli=OWN)
    g.wait(1800)
    g.call(cli=OTHER)
    g.wait(1799.999)
    before = g.call(cli=OTHER).verdict
    g.wait(0.001)

    assert (before, g.call(cli=OTHER).verdict) == ("reject", "allow")


def test_a_rotation_is_the_callers_own(gate: MakeGate) -> None:
    g = with_identity(gate, "{rotation: {limit: 1, window: day}}")
    g.call(caller="hq/4711", cli=OWN)

    assert g.call(caller="hq/4712", cli=OTHER).verdict == "allow"
    assert g.call(caller="hq/4711", cli=OTHER).verdict == "reject"


def test_an_attempt_that_another_sign_refuses_counts_for_the_rotation(gate: MakeGate) -> None:
    g = with_identity(gate, "{any: not-owned, rotation: {limit: 1, window: 1h}}")
    g.call(cli=OTHER, owned_clis=frozenset((OWN,)))

    assert g.call(cli=OWN, owned_clis=frozenset((OWN,))).reason == "rotation"


@pytest.mark.parametrize("window", ["1h", "day"])
def test_who_has_shown_too_many_numbers_gains_nothing_by_showing_none(
    gate: MakeGate, window: str
) -> None:
    g = with_identity(gate, f"{{rotation: {{limit: 2, window: {window}}}}}")
    for number in ("+4930901820", "+4930901821"):
        assert g.call(cli=number).verdict == "allow"
    assert g.call(cli=None, is_anonymous=True).verdict == "allow"
    assert g.call(cli="+4930901822").verdict == "reject"

    hidden = g.call(cli=None, is_anonymous=True)

    assert (hidden.verdict, hidden.reason) == ("reject", "rotation")


def test_who_shows_no_number_rotates_none(gate: MakeGate) -> None:
    g = with_identity(gate, "{rotation: {limit: 0, window: 1h}}")

    assert g.call(cli=None).verdict == "allow"
    assert g.call(cli=OWN).verdict == "reject"


def test_a_text_may_say_how_many_and_until_when(gate: MakeGate) -> None:
    then = '{reject: 403, reason: "{rotation} of {limit} in {window} until {until}"}'
    g = gate(f"- id: i\n  identity: {{rotation: {{limit: 1, window: 1h}}}}\n  then: {then}\n")
    g.call(cli=OWN)
    g.wait(600)

    assert g.call(cli=OTHER).reason == "2 of 1 in 1h until 2026-09-21 15:13:20"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"cli": OTHER}, f"{OTHER} is none of the caller's numbers"),
        ({"cli": "alice", "owned_clis": None}, "alice is no possible number"),
        ({"cli": None}, "it shows no number, or asks that none is shown"),
        ({"cli": OWN, "asserted": OTHER}, f"it shows {OWN}, but {OTHER} is asserted"),
        ({"cli": OWN}, "1 number shown in 1h, 3 may be"),
        ({"cli": "+49"}, "is none of the caller's numbers; +49 is no possible number"),
    ],
)
def test_it_is_explained_in_words(gate: MakeGate, fields: dict[str, Any], told: str) -> None:
    condition = (
        "{any: [not-owned, malformed, anonymous, contradicted], rotation: {limit: 3, window: 1h}}"
    )
    g = with_identity(gate, condition)
    (step,) = g.call(**{"owned_clis": frozenset((OWN,)), **fields}).steps

    assert told in g.engine.policy.rules[0].condition.explain(step.held, step.values)


def test_nothing_wrong_is_explained_too(gate: MakeGate) -> None:
    g = with_identity(gate, "{any: anonymous}")
    (step,) = g.call(cli=OWN).steps

    told = g.engine.policy.rules[0].condition.explain(step.held, step.values)
    assert told == "nothing is wrong with the number that it shows"


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("{}", "an identity without any or rotation; expected one of them, or both"),
        ("{any: []}", "found an empty list"),
        ("{any: stolen}", 'found "stolen"; expected not-owned, malformed, anonymous or'),
        ("{any: anonymus}", 'did you mean "anonymous"?'),
        ("{rotation: 3}", 'found "3"; expected a mapping'),
        ("{rotation: {limit: 3}}", 'the key "window" is missing'),
        ("{rotation: {limit: -1, window: 1h}}", "expected a whole number from 0 to 10000"),
        ("{rotation: {limit: 10001, window: 1h}}", "expected a whole number from 0 to 10000"),
        ("{rotation: {limit: 3, window: 1x}}", "expected day, week, month, or a duration"),
        ("{rotation: {limit: 3, per: caller, window: 1h}}", 'unknown key "per"'),
    ],
)
def test_what_is_no_condition_is_told(
    rules: Callable[[str], Any], condition: str, told: str
) -> None:
    with pytest.raises(PolicyError) as refused:
        rules(f"- id: i\n  identity: {condition}\n  then: reject\n")

    assert "test.yaml:5:" in str(refused.value)
    assert told in str(refused.value)
