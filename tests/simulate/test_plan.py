"""The callee's plan: which number meets which fate."""

from collections import Counter
from pathlib import Path

import pytest

from sipgate.simulate.document import BadFile
from sipgate.simulate.fate import Fate
from sipgate.simulate.plan import default_plan, load_plan, parse_plan

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart" / "callee.yaml"


def test_a_number_that_no_plan_names_is_answered() -> None:
    fate = default_plan().fate("+4930123456")
    assert (fate.do, fate.talk_seconds) == ("answer", None)


def test_the_number_counts_before_its_prefixes_and_the_longest_prefix_before_others() -> None:
    plan = parse_plan(
        """
        lines:
          - {prefix: "+49", then: {do: ring}}
          - {prefix: "+4930", then: {do: busy}}
          - {number: "+4930 1234", then: {do: refuse, code: 404}}
        """
    )
    said = [plan.fate(number).do for number in ("+49301234", "+49301235", "+4940", "+1", "")]
    assert said == ["refuse", "busy", "ring", "answer", "answer"]


@pytest.mark.parametrize("user", ["+49 (30) 12-34", "+49301234;phone-context=x", "+49301234:pw"])
def test_separators_parameters_and_passwords_do_not_hide_a_number(user: str) -> None:
    plan = parse_plan('lines: [{number: "+49301234", then: {do: busy}}]')
    assert plan.fate(user).do == "busy"


def test_a_busy_line_says_486_and_a_refusal_603_unless_told_otherwise() -> None:
    plan = parse_plan(
        """
        lines:
          - {number: "1", then: {do: busy}}
          - {number: "2", then: {do: refuse}}
          - {number: "3", then: {do: refuse, code: 480, phrase: Gone Fishing, ring: 2s}}
        """
    )
    assert plan.fate("1").code == 486
    assert plan.fate("2") == Fate(do="refuse", code=603)
    assert plan.fate("3") == Fate(do="refuse", code=480, phrase=b"Gone Fishing", ring_seconds=2.0)


RANDOM = """
seed: 7
lines:
  - prefix: "5"
    random:
      - {share: 0.25, do: answer, talk: 1s-9s}
      - {share: 0.75, do: ring}
"""


def test_random_fates_keep_their_shares() -> None:
    plan = parse_plan(RANDOM)
    drawn = Counter(plan.fate("55").do for _ in range(2000))
    assert drawn["answer"] == pytest.approx(500, abs=75)


def test_the_same_seed_gives_the_same_fates() -> None:
    one, two = parse_plan(RANDOM), parse_plan(RANDOM)
    assert [one.fate("5") for _ in range(50)] == [two.fate("5") for _ in range(50)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lines: [{number: '1', then: {do: sing}}]", "'answer', 'ring', 'busy' or 'refuse'"),
        ("lines: [{number: '1', then: {do: busy, talk: 3s}}]", 'has no "talk"; expected it with'),
        ("lines: [{number: '1', prefix: '2', then: {do: ring}}]", 'one of "number" and "prefix"'),
        ("lines: [{number: '1'}]", 'not one of "then" and "random"'),
        ("lines: [{number: ' ', then: {do: ring}}]", "no digits"),
        ("lines: [{number: '1', random: [{share: 0.5, do: ring}]}]", "add up to 0.5; expected 1"),
        ("lines: [{number: '1', then: {do: refuse, code: 200}}]", "greater than or equal to 300"),
        ("lines: [{number: '1', then: {do: refuse, phrase: \"a\\r\\nb\"}}]", "control characters"),
        (
            "lines: [{number: '1', then: {do: ring}}, {number: '(1)', then: {do: busy}}]",
            '"1" is planned twice',
        ),
    ],
)
def test_a_plan_with_a_mistake_says_where_and_what(text: str, said: str) -> None:
    with pytest.raises(BadFile) as caught:
        parse_plan(text)
    message = str(caught.value)
    assert message.startswith("plan.yaml:1: ")
    assert said in message


def test_the_quickstart_plan_does_what_its_comment_says() -> None:
    plan = load_plan(QUICKSTART)
    fates = {number: plan.fate(number) for number in ("100", "101", "102", "103", "104", "9110")}
    assert [fate.do for fate in fates.values()] == [
        "ring", "busy", "refuse", "refuse", "answer", "answer",
    ]  # fmt: skip
    assert fates["103"].code == 404
    assert fates["104"].talk_seconds == 3.0
    assert fates["9110"].talk_seconds is None
