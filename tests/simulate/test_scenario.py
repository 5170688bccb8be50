"""Scenario files."""

from pathlib import Path

import pytest

from sipgate.simulate.document import BadFile
from sipgate.simulate.scenario import load_scenario, parse_scenario

ARTICLE = Path(__file__).parents[2] / "examples" / "scenarios" / "article.yaml"

SMALL = """
scenario: small
gate: 127.0.0.1:5060
calls: 10
rooms:
  - name: one
    agents: {count: 12, extension: "47##", name: "agent ##"}
    numbers: {first: "+4930999", count: 3, step: 2}
    every: 9.6s
"""


def test_hashes_become_the_number_of_the_agent() -> None:
    agents = parse_scenario(SMALL).rooms[0].agents
    assert (agents.extension_of(1), agents.extension_of(12)) == ("4701", "4712")
    assert agents.name_of(3) == "agent 03"


def test_a_range_keeps_its_plus_and_its_zeros() -> None:
    numbers = parse_scenario(SMALL.replace("+4930999", "0099")).rooms[0].numbers
    assert [numbers[index] for index in range(len(numbers))] == ["0099", "0101", "0103"]


def test_pace_divides_the_duration() -> None:
    scenario = parse_scenario(SMALL + "duration: 10m\npace: 20\n")
    assert scenario.real_seconds == 30.0
    assert scenario.at_pace(60).real_seconds == 10.0


def test_a_pace_that_cannot_be_kept_is_refused() -> None:
    with pytest.raises(ValueError, match="pace 0"):
        parse_scenario(SMALL).at_pace(0)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("gate: 127.0.0.1:5060", "gate: nowhere", ':3: gate: "nowhere" is no address'),
        ("    every: 9.6s\n", "", ':6: not one of "every" and "pause"'),
        ("every: 9.6s", "evry: 9.6s", 'unknown key "evry"; did you mean "every"?'),
        ("every: 9.6s", "every: 9.6", ':9: every: "9.6" is no duration'),
        ("calls: 10\n", "", 'neither "duration" nor "calls"'),
        ('"47##"', '"47#"', ':7: agents: "47#" has no room for 12 agents'),
        ('"47##"', '"47 ##"', '"47 01" is no user part'),
        ("+4930999", "+4930 999", '"+4930 999" is no number'),
        ("+4930999", "9999999", "runs out of digits"),
        ("first:", "list: [], first:", "list: too little; expected at least one item"),
        ("every: 9.6s", 'every: 9.6s\n    user-agent: "a\\nb"', "is no header value"),
        ("every: 9.6s", "every: 9.6s\n    campaign-header: From", "is no header for this"),
        ("every: 9.6s", "every: 9.6s\n    called: {answered: 0.9, busy: 0.2}", "add up to 1.1"),
        ("every: 9.6s", "every: 9.6s\n    called: {answered: 0.9, invalid: 0.2}", "add up to 1.1"),
        (
            "every: 9.6s",
            'every: 9.6s\n    neighbour: true\n    clis: {list: ["1"]}',
            '"clis" beside "neighbour"; expected one of them',
        ),
        ("count: 12,", "count: 12, lines: 0.5,", 'lines: "0.5"; expected greater than or equal'),
        ("scenario: small", "scenario: small\nexpect: bad", "expect: \"bad\"; expected 'abusive'"),
    ],
)
def test_a_scenario_with_a_mistake_says_where_and_what(old: str, new: str, said: str) -> None:
    with pytest.raises(BadFile) as caught:
        parse_scenario(SMALL.replace(old, new))
    assert said in str(caught.value)


def test_lines_are_rounded_over_all_agents() -> None:
    agents = parse_scenario(SMALL.replace("count: 12,", "count: 3, lines: 1.8,")).rooms[0].agents
    assert agents.seats == 5


def test_two_agents_never_share_an_extension() -> None:
    again = SMALL[SMALL.index("  - name: one") :].replace("name: one", "name: two")
    with pytest.raises(BadFile, match='extension 4701 in "one" and "two"'):
        parse_scenario(SMALL + again)


def test_the_article_takes_less_than_a_minute() -> None:
    scenario = load_scenario(ARTICLE)
    assert scenario.real_seconds is not None
    assert scenario.real_seconds < 55
