"""`sipgate policy test`."""

import json
from pathlib import Path

import pytest

from .conftest import RunCommand

RULES = """policy: test
revision: 7
region: US
rules:
- id: cap
  rate: {per: caller, limit: 2, window: day}
  then: {reject: 403, reason: "no more than {limit}"}
- id: dnc
  list: {name: dnc}
  then: reject
"""
CASES = """policy: ../cap.yaml
cases:
- name: the second call of a day passes
  given:
  - {at: "2026-11-20T08:00:00Z", caller: hq/1, callee: 3055550123}
  attempt: {at: "2026-11-20T09:00:00Z", caller: hq/1, callee: 3055550123}
  expect: {verdict: allow}
- name: the third does not
  given:
  - {at: "2026-11-20T08:00:00Z", caller: hq/1, callee: 3055550123, repeat: 2, every: 1m}
  attempt: {at: "2026-11-20T09:00:00Z", caller: hq/1, callee: 3055550123}
  expect: {verdict: reject, rule: cap, explains: 2 of 2}
"""
WRONG = CASES.replace("verdict: reject, rule: cap", "verdict: allow, rule: dnc")


@pytest.fixture
def cases(folder: Path) -> Path:
    (folder / "sipgate.toml").unlink()
    (folder / "policy.yaml").unlink()
    (folder / "cap.yaml").write_text(RULES)
    (folder / "tests").mkdir()
    path = folder / "tests/cap.yaml"
    path.write_text(CASES)
    return path


@pytest.mark.usefixtures("cases")
@pytest.mark.parametrize("path", [".", "cap.yaml", "tests/cap.yaml", "tests"])
def test_cases_that_hold_exit_with_0_and_need_no_configuration(
    sipgate: RunCommand, path: str
) -> None:
    ran = sipgate("policy", "test", path)

    assert (ran.exit_code, ran.err) == (0, "")
    assert ran.out == (
        "tests/cap.yaml: 2 cases, all hold\ncap.yaml: 1 of 2 rules held in a case; never: dnc\n"
    )


def test_a_case_that_fails_says_where_and_why_rule_by_rule(
    sipgate: RunCommand, cases: Path
) -> None:
    cases.write_text(WRONG)

    ran = sipgate("policy", "test", "tests/cap.yaml")

    assert ran.exit_code == 1
    assert ran.out.splitlines() == [
        "tests/cap.yaml:8: the third does not",
        "  tests/cap.yaml:12: expected verdict allow, got reject",
        "  tests/cap.yaml:12: expected rule dnc, got cap",
        "  why, by cap.yaml:",
        "    cap  held          2 of 2 this day per caller; so reject 403",
        "    dnc  did not hold  callee is not on list dnc; past cap, which settled it",
        "tests/cap.yaml: 2 cases, 1 failed",
        "cap.yaml: 1 of 2 rules held in a case; never: dnc",
    ]


def test_json_is_an_object_per_case_and_one_per_policy(sipgate: RunCommand, cases: Path) -> None:
    cases.write_text(WRONG)

    ran = sipgate("policy", "test", "--json", ".")

    good, bad, policy = (json.loads(line) for line in ran.out.splitlines())
    assert (good["case"], good["holds"]) == ("the second call of a day passes", True)
    assert (bad["file"], bad["line"], bad["holds"]) == ("tests/cap.yaml", 8, False)
    assert bad["differences"] == [
        {"line": 12, "part": "verdict", "expected": "allow", "got": "reject"},
        {"line": 12, "part": "rule", "expected": "dnc", "got": "cap"},
    ]
    assert bad["decision"]["reason"] == "no more than 2"
    assert [(rule["rule"], rule["state"], rule["after"]) for rule in bad["rules"]] == [
        ("cap", "held", None),
        ("dnc", "did_not_hold", "cap"),
    ]
    assert policy == {
        "policy": "cap.yaml",
        "coverage": [
            {"rule": "cap", "line": 5, "held": 1, "did_not_hold": 1, "not_asked": 0},
            {"rule": "dnc", "line": 8, "held": 0, "did_not_hold": 1, "not_asked": 1},
        ],
    }


@pytest.mark.usefixtures("cases")
def test_the_cases_that_hold_are_explained_too_when_asked(sipgate: RunCommand) -> None:
    ran = sipgate("policy", "test", "-v", "cap.yaml")

    assert ran.exit_code == 0
    assert ran.out.splitlines()[5:10] == [
        "tests/cap.yaml:8: the third does not",
        "  reject 403 by cap: no more than 2",
        "  why, by cap.yaml:",
        "    cap  held          2 of 2 this day per caller; so reject 403",
        "    dnc  did not hold  callee is not on list dnc; past cap, which settled it",
    ]


@pytest.mark.usefixtures("cases")
def test_coverage_in_full_is_a_row_per_rule(sipgate: RunCommand) -> None:
    ran = sipgate("policy", "test", "--coverage", "cap.yaml")

    assert [line.split() for line in ran.out.splitlines()[-2:]] == [
        ["cap", "5", "1", "1", "0"],
        ["dnc", "8", "0", "1", "1"],
    ]


def test_an_emergency_call_is_explained_by_itself(sipgate: RunCommand, cases: Path) -> None:
    cases.write_text(WRONG.replace("callee: 3055550123}\n  expect", "callee: 911}\n  expect"))

    assert "  why: an emergency call passes before any rule" in sipgate("policy", "test", ".").out


def test_bad_files_exit_with_2_and_the_others_are_played(
    sipgate: RunCommand, cases: Path, folder: Path
) -> None:
    (folder / "tests/bad.yaml").write_text(CASES.replace("given", "givne"))
    (folder / "tests/worse.yaml").write_text(CASES.replace("../cap", "../worse"))
    (folder / "worse.yaml").write_text(RULES.replace("reject: 403", "reject: 503"))

    ran = sipgate("policy", "test", "tests")

    assert ran.exit_code == 2
    assert ran.err.splitlines() == [
        'tests/bad.yaml:4:3: unknown key "givne"; did you mean "given"?',
        'tests/bad.yaml:9:3: unknown key "givne"; did you mean "given"?',
        'worse.yaml:7:18: found "503", which makes a PBX try another trunk; '
        "expected a code from 400 to 499 or 600 to 699, or 603+",
    ]
    assert "tests/cap.yaml: 2 cases, all hold" in ran.out


@pytest.mark.usefixtures("cases")
def test_a_problem_is_an_object_too(sipgate: RunCommand, folder: Path) -> None:
    (folder / "tests/cap.yaml").write_bytes(CASES.encode("utf-16"))

    ran = sipgate("policy", "test", "tests/cap.yaml", "--json")

    assert ran.exit_code == 2
    assert json.loads(ran.out) == {
        "file": "tests/cap.yaml",
        "problem": "tests/cap.yaml:1:1: UTF-16; expected UTF-8",
    }


@pytest.mark.usefixtures("cases")
@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("none.yaml", "none.yaml: no such file or directory\n"),
        ("empty", "empty: no test files in it: none ends in .test.yaml or is in a folder tests\n"),
        ("lonely.yaml", "lonely.yaml: no test names this policy: none beside it in tests/ or"),
    ],
)
def test_a_path_without_tests_exits_with_2(
    sipgate: RunCommand, folder: Path, path: str, said: str
) -> None:
    (folder / "empty").mkdir()
    (folder / "lonely.yaml").write_text(RULES)

    ran = sipgate("policy", "test", path)

    assert ran.exit_code == 2
    assert ran.err.startswith(said)


@pytest.mark.usefixtures("cases")
def test_a_policy_that_no_test_names_is_told(sipgate: RunCommand, folder: Path) -> None:
    (folder / "lonely.yaml").write_text(RULES)

    ran = sipgate("policy", "test", ".")

    assert (ran.exit_code, ran.err) == (0, "lonely.yaml: no test names it\n")
