"""The policy packs: each rule at work in a test, each source named, what is unverified left out."""

import re
from pathlib import Path

import pytest

from sipgate.gate import load_policy, read_policy
from sipgate.gate.cases import Coverage, find_test_files, load_cases, play

POLICIES = Path(__file__).parents[2] / "policies"
LAW = ("cn-call-centre", "uk-ofcom", "us-fl", "us-reg-f", "us-tsr")
PACKS = (*LAW, "article")
DOUBT = re.compile(r"\[[^]]*\b[KL]\b[^]]*\]")  # [K], [L, …], [limits V2, numbers K]
SOURCE = re.compile(r"\[[^]]*\bV2?\b[^]]*\]|The gate's own")


def text_of(pack: str) -> str:
    return (POLICIES / f"{pack}.yaml").read_text()


def in_doubt(pack: str) -> str:
    """The pack with what is commented out put in: lines of rules that begin with a #."""
    return re.sub(r"^#(?=  - |    [a-z]+: )", "", text_of(pack), flags=re.M)


def remarks(text: str) -> dict[str, str]:
    """The remark above each rule, by its id; rules without one share the one above them."""
    found, remark, is_open = {}, "", False
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            remark = f"{remark if is_open else ''} {stripped}"
            is_open = True
        elif stripped:
            is_open = False
            if stripped.startswith("- id: "):
                found[stripped.removeprefix("- id: ")] = remark
    return found


@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_says_that_it_is_no_legal_advice(pack: str) -> None:
    assert re.search(r"\b[Nn]ot\s(# )?legal advice\b", text_of(pack))


@pytest.mark.parametrize("pack", PACKS)
def test_each_rule_holds_in_a_case_and_not_in_another(pack: str) -> None:
    policy = load_policy(POLICIES / f"{pack}.yaml")
    coverage = Coverage(policy)
    for path in find_test_files([policy.path]):
        for case in load_cases(path).cases:
            coverage.note(play(policy, case.given, case.attempt).decision)

    assert [rule.rule for rule in coverage.rules if not rule.is_covered] == []


@pytest.mark.parametrize("pack", LAW)
def test_what_is_on_was_read_somewhere(pack: str) -> None:
    policy, told = load_policy(POLICIES / f"{pack}.yaml"), remarks(text_of(pack))

    assert [rule.id for rule in policy.rules if not SOURCE.search(told[rule.id])] == []


@pytest.mark.parametrize("pack", ["cn-call-centre", "uk-ofcom", "us-tsr"])
def test_what_is_in_doubt_is_off_says_why_and_can_be_put_in(pack: str) -> None:
    on = {rule.id for rule in load_policy(POLICIES / f"{pack}.yaml").rules}
    policy = read_policy(in_doubt(pack).encode(), POLICIES / f"{pack}.yaml")
    off = [rule.id for rule in policy.rules if rule.id not in on]
    told = remarks(in_doubt(pack))

    assert off
    assert [rule for rule in off if not DOUBT.search(told[rule])] == []
