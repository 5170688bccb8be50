"""`expression`: true over the facts; whatever else is told at load, or recorded."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipgate.gate import Attempt, PolicyError
from sipgate.gate.lists import Lookups
from sipgate.gate.rules.condition import SharedCounters
from sipgate.gate.rules.expression_condition import ExpressionCondition
from sipgate.gate.rules.expression_source import FACTS, BadExpression, read_source
from tests.gate.conftest import TIME

MakeGate = Callable[..., Any]


def step_of(gate: MakeGate, text: str, **fields: Any) -> Any:
    (step,) = with_block(gate, text).call(**fields).steps
    return step


def with_block(gate: MakeGate, text: str) -> Any:
    """A gate whose expression stands in a block, where nothing needs quotes."""
    lines = "\n".join(f"    {line}" for line in text.splitlines())
    return gate(f"- id: e\n  expression: |\n{lines}\n  then: reject\n")


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("true", True),
        ("false", False),
        ("callee.country == 'DE'", True),
        ("callee.country == 'DE' && attempt.local_hour >= 20", False),
        ("attempt.local_hour == 16", True),
        ("attempt.time.getHours() == 14", True),
        ("attempt.time > timestamp('2026-09-21T14:13:19Z')", True),
        ("attempt.time - duration('24h') > timestamp('2026-09-21T14:13:19Z')", False),
        ("attempt.time.getDayOfWeek() == 1", True),
        ("callee.number.startsWith('+4930')", True),
        ("callee . number . startsWith('+4930')", True),
        ("callee.number.matches('^[+]4930[0-9]{6}$')", True),
        ("attempt.user_agent.matches('(?i)^phone/[0-9]+[.]')", True),
        ("callee.kind in ['number', 'short']", True),
        ("attempt.cli == null", True),
        ("has(attempt.cli)", False),
        ("!has(attempt.cli) && has(attempt.caller)", True),
        ("attempt.caller == 'hq/4711' && attempt.source == 'hq'", True),
        ("attempt.organisation == 'acme' ? attempt.campaign == null : false", True),
        ("size(attempt.caller) == 7 && attempt.caller.size() == 7", True),
        ("'attempt.nothing' != 'all(x, y)'  // attempt.nothing", True),
        ("attempt.user_agent.contains('Phone')", True),
        ("{'DE': 20}[callee.country] == 20", True),
        ("int(attempt.caller.size()) % 2 == 1", True),
        ("(callee.country == 'FR' &&\n attempt.local_hour >= 20) ||\ncallee.country == 'DE'", True),
    ],
)
def test_it_holds_where_the_expression_is_true(gate: MakeGate, text: str, holds: bool) -> None:
    step = step_of(gate, text, user_agent="Phone/1.0")

    assert step.held is holds
    assert "error" not in step.values


def test_the_record_has_the_facts_that_it_names_and_no_others(gate: MakeGate) -> None:
    step = step_of(gate, "callee.country == 'FR' && attempt.local_hour >= 20 || has(attempt.cli)")

    assert step.values == {
        "callee.country": "DE",
        "attempt.cli": None,
        "attempt.local_hour": 16,
    }


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "attempt.cli.startsWith('+49')",
            "startsWith doesn't fit its values, with attempt.cli null",
        ),
        ("{'FR': 20}[callee.country] == 20", "key 'DE'"),
        ("int(attempt.source) == 1", "Function 'int' error: string parse error: invalid digit"),
        ("1 / (attempt.local_hour - 16) == 1", "division by zero in CEL expression"),
        ("attempt.cli < 'x'", "No such overload"),
        ("callee.country == 'DE' ? attempt.cli : true", "it gave null"),
    ],
)
def test_a_failure_is_recorded_and_holds_nothing(gate: MakeGate, text: str, error: str) -> None:
    step = step_of(gate, text)

    assert not step.held
    assert error in step.values["error"]


def test_whether_it_fails_depends_on_the_values(gate: MakeGate) -> None:
    g = with_block(gate, "attempt.cli.startsWith('+49')")

    assert g.call(cli="+4930901820").verdict == "reject"
    assert g.call(cli="+33612345678").verdict == "allow"
    assert g.call().verdict == "allow"


@pytest.mark.parametrize(
    ("fields", "held"),
    [
        ({"callee": "+18005550123", "callee_country": "US"}, True),  # toll-free: anywhere
        ({"callee": "+12125550123", "callee_country": "US"}, False),  # New York: 10 o'clock
        ({"callee": "+18085550123", "callee_country": "US"}, True),  # Hawaii: 4 o'clock
        ({"callee": "x", "callee_kind": "unreadable", "callee_country": "US"}, True),
        ({"callee": "x", "callee_kind": "unreadable", "callee_country": None}, False),  # 14: UTC
        ({"callee": "4711", "callee_kind": "short", "callee_country": "US"}, False),
        ({"callee": "+12125550123", "callee_country": "US", "lead_zone": "Pacific/Honolulu"}, True),
    ],
)
def test_of_several_local_hours_any_will_do(
    gate: MakeGate, fields: dict[str, Any], held: bool
) -> None:
    step = step_of(gate, "attempt.local_hour < 8", **fields)

    assert step.held is held
    assert (step.values["attempt.local_hour"] < 8) is held


def test_a_region_of_several_is_none(gate: MakeGate) -> None:
    def region(callee: str) -> Any:
        step = step_of(gate, "callee.region == 'US-NY'", callee=callee, callee_country="US")
        return step.values["callee.region"]

    assert (region("+18005550123"), region("+12125550123")) == (None, "US-NY")


def test_it_is_explained_with_what_it_saw(gate: MakeGate) -> None:
    def told(text: str) -> str:
        g = with_block(gate, text)
        (step,) = g.call().steps
        return str(g.engine.policy.rules[0].condition.explain(step.held, step.values))

    assert told("callee.country == 'DE'") == "it is true (callee.country DE)"
    assert told("callee.country == 'FR'") == "it is false (callee.country DE)"
    assert told("attempt.cli.size() > 3").startswith("it fails: size doesn't fit its values")
    assert told("true") == "it is true"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('"callee.country == \'FR"', "34: a text without its end"),
        ("\"callee.county == 'FR'\"", '16: unknown fact "callee.county"; did you mean "callee.co'),
        ("true && calee.country == 'x'", '23: unknown name "calee"'),
        ("true && callee.country == x", '41: unknown name "x"'),
        ("attempt == null", '15: "attempt" alone; expected attempt.time, attempt.local_hour'),
        ("attempt['cli'] == null", '15: "attempt" alone'),
        ("\"['a'].all(x, x == 'a')\"", '22: "all" is a macro over lists'),
        ("\"['a'].exists(x, x == 'a')\"", '22: "exists" is a macro over lists'),
        ("\"['a'].exists_one(x, x == 'a')\"", '"exists_one" is a macro'),
        ("\"['a'].map(x, x).size() == 1\"", '"map" is a macro over lists'),
        ("\"['a'].filter(x, true).size() == 1\"", '"filter" is a macro over lists'),
        ("now() > attempt.time", '15: unknown function "now"'),
        ("attempt.cli.startWith('+')", '27: unknown function "startWith"; did you mean "starts'),
        ("startsWith(attempt.cli, '+')", '15: "startsWith" as a function; expected after a val'),
        ("attempt.time.getHours('UTC') > 3", "28: getHours with a time zone"),
        ("attempt.cli.matches(attempt.campaign)", "a pattern that is no constant"),
        ("attempt.cli.matches('(')", "35: Function 'matches' error: '(' not a valid regex"),
        (r"attempt.cli.matches('\\w{2}')", r"35: a pattern that takes too long to compile"),
        ("attempt.cli.matches('([0-9]{9}){9}')", "a pattern that takes too long to compile"),
        (r"attempt.cli.matches(r'\d{30}')", "a pattern that takes too long to compile"),
        (r"attempt.cli.matches('\x5cd\x7b30}')", "a pattern that takes too long to compile"),
        ("attempt.cli.matches(b'a')", "35: a pattern of bytes; expected a text"),
        (f"attempt.cli.matches('{'a' * 129}')", "a pattern that takes too long to compile"),
        ("attempt.time > timestamp('yesterday')", "40: Function 'timestamp' error"),
        ("attempt.time.foo > 1", '28: "foo" of what is no fact'),
        ("has(attempt)", '19: "attempt" alone'),
        ("has('x')", '15: "has" of what is no fact; expected has(attempt.cli)'),
        ("has(attempt.cli.size())", '15: "has" of more than a fact'),
        ("attempt.local_hour", "15: it gives a number; expected true or false"),
        ("attempt.caller", "15: it gives text; expected true or false"),
        ("'attempt.local_hour + 1'", "16: it gives a number"),
        ("attempt.local_hour > '20'", "15: No such overload"),
        ("attempt.cli.contains(5)", "15: contains doesn't fit its values"),
        ("attempt.cli + 1 == 2", "Unsupported operation: string + int"),
        ('"true &&"', "23: it ends too early"),
        ("true false", "20: no CEL: extraneous input 'false'"),
        ("true && && false", "no CEL: "),
        ("''", "16: it ends too early"),
        ("[]", "found a list"),
        (f'"{"(" * 21}true{")" * 21}"', "36: nested too deeply; expected at most 20"),
        (f'"{"true && " * 125}true"', "1004 characters; expected at most 1000"),
        ("99999999999999999999 > 1", "invalid int literal"),
        ("{expression: 'true', extra: 1}", 'unknown key "extra"'),
    ],
)
def test_what_is_no_expression_is_told_with_its_place(
    rules: Callable[[str], Any], line: str, told: str
) -> None:
    with pytest.raises(PolicyError) as refused:
        rules(f"- id: e\n  expression: {line}\n  then: reject\n")

    said = str(refused.value)
    assert said.startswith("test.yaml:5:")
    assert told in said


def test_a_place_behind_escapes_is_the_values(rules: Callable[[str], Any]) -> None:
    with pytest.raises(PolicyError, match=r'test\.yaml:5:15: unknown name "x"'):
        rules('- id: e\n  expression: "callee.country == \\"FR\\" && x"\n  then: reject\n')


def test_it_may_stand_under_its_own_name(gate: MakeGate) -> None:
    g = gate("- id: e\n  expression: {expression: callee.kind == 'number'}\n  then: reject\n")

    assert g.call().verdict == "reject"


def test_only_what_is_named_is_read() -> None:
    source = read_source("callee.country == 'FR' && attempt . local_hour >= 20 && has(callee.kind)")

    assert source.facts == ("callee.country", "attempt.local_hour", "callee.kind")
    assert source.flat == (
        "callee_country == 'FR' && attempt_local_hour   >= 20 && (callee_kind != null)"
    )


def test_texts_and_comments_are_left_alone() -> None:
    text = "'attempt.cli' == r\"callee.kind\" // attempt.cli"

    assert read_source(text).flat == text
    assert read_source(text).facts == ()


PIECES = st.sampled_from(
    (
        *FACTS,
        *("attempt", "callee", "x", "has(attempt.cli)", "has", "size(", "int(", "timestamp("),
        *("(", ")", "[", "]", "{", "}", ",", ":", "?", ".", "&&", "||", "!", "-", "+", "*", "/"),
        *("%", "==", "!=", "<", "<=", ">", ">=", "in", "true", "false", "null", "1", "1u", "1.5"),
        *("'a'", '"b"', "r'c'", "b'd'", "''", "'2026-01-01T00:00:00Z'", "9223372036854775807"),
        *(".startsWith(", ".matches('a+')", ".getHours()", ".size()", "//", "'", "\n", "\\", "é"),
    )
)


@given(st.lists(PIECES, max_size=12).map(" ".join), st.booleans(), st.floats(0, 4e9))
@example("9223372036854775807 + 1 == attempt.local_hour", True, TIME)
@example("-attempt.local_hour / -1 > 0", True, TIME)
@example("attempt.time + duration('9999999h') > attempt.time", True, TIME)
def test_any_text_is_refused_or_answers(text: str, is_full: bool, time: float) -> None:
    condition = condition_of(text)
    if isinstance(condition, BadExpression):
        assert 0 <= condition.offset <= len(text)
        return
    asked = condition.compile(SharedCounters(()))(attempt(is_full), LOOKUPS, time)

    assert asked.holds in (True, False)
    assert asked.values is not None
    assert all(isinstance(value, int | str | None) for value in asked.values.values())


def condition_of(text: str) -> ExpressionCondition | BadExpression:
    try:
        return ExpressionCondition(text, ("Europe/Berlin", "America/New_York"), "UTC")
    except BadExpression as error:
        return error


LOOKUPS = Lookups(None, None)  # type: ignore[arg-type]  # an expression looks nothing up


def attempt(is_full: bool) -> Attempt:
    more: dict[str, Any] = {"cli": "+4930901820", "campaign": "solar", "user_agent": "Phone"}
    return Attempt(
        source="hq",
        caller="hq/4711",
        organisation="acme",
        callee="+4930123456" if is_full else "x",
        callee_kind="number" if is_full else "unreadable",
        callee_spelled="030123456",
        callee_country="DE" if is_full else None,
        call_id="a",
        from_tag="f",
        cseq=1,
        **(more if is_full else {}),
    )
