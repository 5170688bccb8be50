"""A test file that is wrong says where, what was found and what was expected, all at once."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipgate.gate import PolicyError, Problem
from sipgate.gate.cases import read_cases, read_given
from sipgate.gate.cases.case_file import GivenCall, GivenConsent, GivenListChange

AT = '"2026-11-20T14:00:00-05:00"'
GOOD = f"""policy: {Path(__file__).name}
cases:
- name: one
  given:
  - {{at: "2026-11-01T12:00:00-05:00", consent: {{callee: "+13055550123", purpose: marketing}}}}
  - {{at: "2026-11-02T12:00:00-05:00", list: {{name: dnc, add: ["+13055550199"]}}}}
  - {{at: "2026-11-19T09:00:00Z", caller: hq/4711, callee: "+13055550123", outcome: unanswered}}
  attempt: {{at: {AT}, caller: hq/4712, callee: "+13055550123"}}
  expect: {{verdict: reject, rule: ~, code: 403, tags: {{X-A: b}}, would: ~, explains: 3 of 3}}
"""


def read(text: str | bytes) -> list[str]:
    """What is wrong with a test file."""
    raw = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(PolicyError) as caught:
        read_cases(raw, Path(__file__))
    return [str(problem).removeprefix(f"{__file__}:") for problem in caught.value.problems]


def case(given: str = "", attempt: str = "", expect: str = "verdict: allow") -> str:
    """A file of one case; `given` is in line 5, `attempt` in line 6, `expect` in line 7."""
    return (
        f"policy: {Path(__file__).name}\ncases:\n- name: one\n  given:\n"
        f"  - {{{given or f'at: {AT}, caller: hq/1, callee: 123'}}}\n"
        f"  attempt: {{{attempt or f'at: {AT}, caller: hq/1, callee: 123'}}}\n"
        f"  expect: {{{expect}}}\n"
    )


def call(rest: str) -> str:
    return f"at: {AT}, caller: hq/1, callee: 123, {rest}"


def test_a_test_file_is_read_with_its_places() -> None:
    file = read_cases(GOOD.encode(), Path(__file__))

    (one,) = file.cases
    assert (file.policy, file.timezone) == (Path(__file__), "UTC")
    assert (one.name, one.place.line, one.attempt.caller) == ("one", 3, "hq/4712")
    assert [type(item) for item in one.given] == [GivenConsent, GivenListChange, GivenCall]
    assert [(part.part, part.value) for part in one.expected] == [
        ("verdict", "reject"),
        ("rule", None),
        ("code", 403),
        ("tags X-A", "b"),
        ("would", None),
        ("explains", "3 of 3"),
    ]
    assert {part.place.line for part in one.expected} == {9}


def test_what_is_given_to_the_file_is_given_to_each_case() -> None:
    text = GOOD.replace("cases:", f"given:\n- {{{call('repeat: 2, every: 0s')}}}\ncases:")
    text += GOOD[GOOD.index("- name: one") :].replace("name: one", "name: two")

    file = read_cases(text.encode(), Path(__file__))

    assert [len(one.given) for one in file.cases] == [4, 4]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: the file is empty; expected a test file"),
        ("- a\n", "1:1: found a list; expected a mapping with policy and cases"),
        ("policy: x\n\tcases: []\n", "2:1: a tab in the indentation; expected spaces"),
        ("policy: x.yaml\ncases: []\n", "1:9: there is no file "),
        ("cases: []\n", '1:1: the key "policy" is missing'),
        (GOOD.replace("cases:", "casse:"), '2:1: unknown key "casse"; did you mean "cases"?'),
        (GOOD.replace("- name: one\n ", "-"), 'the key "name" is missing'),
        (GOOD.replace("expect:", "expects:"), 'unknown key "expects"; did you mean "expect"?'),
        (GOOD + GOOD[GOOD.index("- name") :], '10:9: case "one" for the second time; the first is'),
        (GOOD.replace("cases:", "timezone: Mars\ncases:"), '2:11: found "Mars"; '),
        (GOOD.replace("cases:", "include: a.yaml\ncases:"), '2:1: unknown key "include": a policy'),
        ("policy: a\ncases: {}\n", "2:8: found a mapping; expected a list of cases"),
        ("policy: a\ncases: [7]\n", '2:9: found "7"; expected a mapping with name, given, attempt'),
    ],
)
def test_each_mistake_around_the_cases_is_named(text: str, said: str) -> None:
    assert any(said in problem for problem in read(text)), read(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (case(given="caller: hq/1, callee: 123"), '5:5: the key "at" is missing'),
        (case(given="at: yesterday, caller: hq/1, callee: 1"), '5:10: found "yesterday"; expected'),
        (
            case(given="at: 2026-11-20T14:00:00, caller: hq/1, callee: 1"),
            '5:10: found "2026-11-20T14:00:00", which has no offset; expected a time with its',
        ),
        (case(given='at: "0001-01-01T00:00:00Z", caller: hq/1, callee: 1'), "a year from 1971 to"),
        (
            case(given='at: "2026-11-20T14:00:01-05:00", caller: hq/1, callee: 1'),
            "5:5: this is after the attempt; expected history",
        ),
        (
            case(given=call("repeat: 2, every: 1s")),
            "5:5: the last of these calls is after the attempt; expected history",
        ),
        (
            case(given=f"at: {AT}, caller: '4711', callee: 1"),
            '5:47: found the text "4711"; expected source/identity such as hq/4711',
        ),
        (case(given=call("outcom: busy")), 'unknown key "outcom"; did you mean "outcome"?'),
        (
            case(given=call("outcome: buzy")),
            'found "buzy"; did you mean "busy"?; expected answered',
        ),
        (case(given=call("talk: 4s")), "talk without outcome; expected what became of the call"),
        (case(given=call("outcome: busy, talk: 4s")), "talk of a call that was busy; expected"),
        (case(given=call("outcome: answered, talk: 4")), 'found "4"; expected a duration such as'),
        (case(given=call("outcome: answered, talk: 401d")), "expected a duration of up to 400d"),
        (case(given=call("verdict: reject, outcome: busy")), "outcome of a call that was refused"),
        (case(given=call("rule: cap")), "rule of a call that was let through; expected verdict"),
        (case(given=call("repeat: 3")), "a repeat without every; expected every: how long"),
        (case(given=call("every: 3s")), "every without repeat; expected repeat: how many"),
        (case(given=call("repeat: 0, every: 0s")), "expected a whole number from 1 to 100000"),
        (case(given=f"at: {AT}, list: {{name: DNC, add: [1]}}"), "a list's name: small letters"),
        (case(given=f"at: {AT}, list: {{name: dnc}}"), "a list change without add or remove"),
        (case(given=f"at: {AT}, list: {{name: dnc, ad: [1]}}"), 'did you mean "add"?'),
        (case(given=f"at: {AT}, list: {{name: dnc, add: []}}"), "found an empty list"),
        (case(given="list: {name: dnc, add: [1]}"), '5:5: the key "at" is missing'),
        (
            case(given=f"at: {AT}, list: {{name: dnc, add: [1]}}, caller: x/1"),
            'unknown key "caller"',
        ),
        (case(given=f"at: {AT}, consent: {{callee: 1}}"), 'the key "purpose" is missing'),
        (case(attempt=call("outcome: busy")), 'unknown key "outcome"'),
        (case(attempt="caller: hq/1, callee: 1"), '6:12: the key "at" is missing'),
        (case(expect="verdict: alow"), '7:21: found "alow"; did you mean "allow"?; expected allow'),
        (case(expect="vedict: allow"), '7:12: unknown key "vedict"; did you mean "verdict"?'),
        (case(expect=""), "7:11: nothing is expected; expected verdict, rule, code"),
        (case(expect="code: 200"), "expected a whole number from 400 to 699"),
        (case(expect="retry-after: 60"), 'found "60"; expected a duration'),
        (
            case(expect="retry-after: [2m, 60s]"),
            "found a list; expected a duration such as 60s, two",
        ),
        (case(expect="tags: [X-A]"), "found a list; expected header names with their values"),
        (case(expect="tags: {X-A: [b]}"), "found a list; expected text, or ~ for none"),
        (case(expect="would: reject"), 'found "reject"; expected a mapping with verdict, rule or'),
        (case(expect="would: {verdict: no}"), 'found "no"; expected allow, tag or reject'),
    ],
)
def test_each_mistake_in_a_case_is_named(text: str, said: str) -> None:
    assert any(said in problem for problem in read(text)), read(text)


def test_history_is_bounded() -> None:
    many = "".join(f"  - {{{call('repeat: 100000, every: 0s')}}}\n" for _ in range(6))
    text = case().replace("  attempt:", many + "  attempt:")

    assert read(text) == ["10:5: 500001 calls; expected at most 500000"]


def test_a_history_by_itself_is_read() -> None:
    given = read_given(f"given:\n- {{{call('repeat: 2, every: 0s')}}}\n".encode(), Path("h"), 2**51)

    assert [type(item) for item in given] == [GivenCall]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("givn: []\n", 'h:1:1: unknown key "givn"; did you mean "given"?'),
        (f"given:\n- {{{call('ring: 1s')}}}\n", "ring without outcome"),
        (f"given:\n- {{{call('campaign: x')}}}\n", "h:2:3: this is after the attempt"),
    ],
)
def test_a_wrong_history_is_told(text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said.replace("?", r"\?")):
        read_given(text.encode(), Path("h"), 0)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_bytes_are_a_test_file_or_an_error(data: st.DataObject) -> None:
    raw = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        cut = data.draw(st.integers(0, 30))
        raw[at : at + cut] = data.draw(
            st.binary(max_size=6)
            | st.sampled_from([b"{", b"[", b": ", b"- ", b"\n", b"9999", b'"', b"~", b"repeat: 1"])
        )
    assert all(p.line >= 1 and p.column >= 1 for p in problems_of(bytes(raw)))


def problems_of(raw: bytes) -> tuple[Problem, ...]:
    """What is wrong with a file; nothing when it is one of tests."""
    try:
        read_cases(raw, Path(__file__))
    except PolicyError as error:
        return error.problems
    return ()
