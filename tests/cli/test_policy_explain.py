"""`sipgate policy explain`: of an attempt, and of a decision on record."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from sipgate.clock import SystemClock
from sipgate.ledger import DecisionEntry, Ledger
from sipgate.store import migrate

from .conftest import RunCommand
from .running_gate import running_gate

RULES = """policy: test
revision: 7
region: US
rules:
- id: mark
  rate: {per: caller, limit: 1, window: day}
  then: {tag: {X-Count: "{count}"}}
- id: cap
  rate: {per: caller, limit: 2, window: 365d}
  then: {reject: 480, reason: "no more than {limit}", retry-after: 60s}
- id: loans
  when: {campaign: loans}
  list: {name: dnc}
  then: reject
"""
GIVEN = """given:
- {at: "2026-11-20T08:00:00Z", caller: hq/1, callee: 3055550123, repeat: 2, every: 1m}
"""
AT = ("--at", "2026-11-20T09:00:00Z")
ATTEMPT = ("--caller", "hq/1", "--callee", "(305) 555-0123", *AT)


@pytest.fixture
def policy(folder: Path) -> Path:
    path = folder / "policy.yaml"
    path.write_text(RULES)
    (folder / "given.yaml").write_text(GIVEN)
    return path


def told(out: str) -> list[list[str]]:
    """The table of rules, its columns apart."""
    return [[cell for cell in line.split("  ") if cell] for line in out.splitlines()[3:]]


@pytest.mark.usefixtures("policy")
def test_an_attempt_is_decided_by_the_policy_alone(sipgate: RunCommand, folder: Path) -> None:
    (folder / "sipgate.toml").unlink()

    ran = sipgate("policy", "explain", "--policy", "policy.yaml", *ATTEMPT)

    assert (ran.exit_code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "hq/1 to +13055550123 (number, US)",
        "by policy.yaml, test, revision 7, with nothing before it:",
        "  allow",
        "  mark   did not hold  0 of 1 this day per caller",
        "  cap    did not hold  0 of 2 in 365d per caller",
        "  loans  not selected  campaign is none, not loans",
    ]


@pytest.mark.usefixtures("policy")
def test_what_is_given_happens_before_it(sipgate: RunCommand) -> None:
    words = ("--policy", "policy.yaml", "--given", "given.yaml", "--campaign", "loans")

    ran = sipgate("policy", "explain", *words, *ATTEMPT)

    assert ran.out.splitlines()[1:] == [
        "by policy.yaml, test, revision 7, with 1 thing given:",
        "  reject 480 by cap: no more than 2 (Retry-After: 60)",
        "  mark   held          2 of 1 this day per caller; so tag X-Count",
        "  cap    held          2 of 2 in 365d per caller; so reject 480",
        "  loans  did not hold  callee is not on list dnc; past cap, which settled it",
    ]


@pytest.mark.usefixtures("policy")
def test_the_policy_of_the_configuration_is_the_usual_one(sipgate: RunCommand) -> None:
    ran = sipgate("policy", "explain", "--caller", "hq/1", "--callee", "911", "--json")

    row = json.loads(ran.out)
    assert (row["callee_kind"], row["decision"]["verdict"], row["rules"]) == (
        "emergency",
        "allow",
        [],
    )


@pytest.mark.usefixtures("policy")
def test_an_emergency_call_asks_no_rule(sipgate: RunCommand) -> None:
    ran = sipgate("policy", "explain", "--caller", "hq/1", "--callee", "911")

    assert ran.out.splitlines()[2:] == ["  allow", "  an emergency call passes before any rule"]


@pytest.mark.usefixtures("policy")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "nothing to explain; expected an attempt's --caller and --callee, or the id of a"),
        (("--caller", "hq/1"), "nothing to explain; expected an attempt's --caller and"),
        (("--caller", "4711", "--callee", "1"), '--caller: found "4711"; expected source/identity'),
        (("--caller", "hq/1", "--callee", "1", "--at", "noon"), '--at: found "noon"; expected a'),
        (("--caller", "hq/1", "--callee", "1", "--today"), "--today: for a decision on record"),
        (("gate-1-1", "--campaign", "x"), "--campaign: not for a decision on record; expected"),
        (("gate-1-1", "--policy", "x"), "--policy: not for a decision on record; expected"),
        ((*ATTEMPT, "--policy", "none.yaml"), "none.yaml: no such file or directory"),
        ((*ATTEMPT, "--given", "none.yaml"), "none.yaml: no such file or directory"),
        ((*ATTEMPT, "--given", "policy.yaml"), 'policy.yaml:1:1: unknown key "policy"'),
    ],
)
def test_what_can_not_be_explained_exits_with_2(
    sipgate: RunCommand, words: tuple[str, ...], said: str
) -> None:
    ran = sipgate("policy", "explain", *words)

    assert ran.exit_code == 2
    assert ran.err.startswith(said)


def test_a_broken_policy_is_told(sipgate: RunCommand, policy: Path) -> None:
    policy.write_text(RULES.replace("reject: 480", "reject: 503"))

    ran = sipgate("policy", "explain", *ATTEMPT)

    assert ran.exit_code == 2
    assert f"{policy}:10:18: found" in ran.err


async def _record(folder: Path, *entries: dict[str, Any]) -> None:
    path = folder / "var/sipgate.db"
    migrate(f"sqlite:///{path}")
    clock = SystemClock()
    ledger = await Ledger.open(path, gate="gate-1", clock=clock, index=False)
    for fields in entries:
        usual: dict[str, Any] = {
            "time_us": int(clock.time() * 1_000_000) - 60_000_000,
            "boot": clock.boot_id,
            "boot_us": int(clock.now() * 1_000_000) - 60_000_000,
            "gate": "gate-1",
            "source": "hq",
            "caller": "hq/1",
            "organisation": "hq",
            "callee": "+13055550123",
            "callee_kind": "number",
            "callee_spelled": "3055550123",
            "callee_country": "US",
            "call_id": "a",
            "from_tag": "a",
            "cseq": 1,
            "via": "10.1.0.7:5060;z9hG4bKa",
            "request_uri": "sip:3055550123@10.1.0.9",
            "caller_flow": "udp:10.1.0.7:5060",
            "verdict": "allow",
            "policy": "test",
            "revision": "7",
            "policy_sha256": hashlib.sha256(RULES.encode()).hexdigest(),
        }
        ledger.append(DecisionEntry(**{**usual, **fields}))
    await ledger.close()


REFUSED = {
    "verdict": "reject",
    "rule": "cap",
    "code": 480,
    "reason": "no more than 2",
    "steps": [
        {"rule": "mark", "held": True, "count": 5, "limit": 1, "window": "day"},
        {"rule": "cap", "held": True, "count": 2, "limit": 2, "window": "365d"},
    ],
}


@pytest.fixture
def ledger(folder: Path, policy: Path) -> Path:
    others = {"emergency": True}, {"direction": "inbound"}
    forbidden = {"verdict": "reject", "code": 403, "reason": "routes are not allowed"}
    asyncio.run(_record(folder, REFUSED, *others, forbidden, {"transfer": True}))
    return policy


@pytest.mark.usefixtures("ledger")
def test_a_decision_is_told_up_to_the_rule_that_settled_it(sipgate: RunCommand) -> None:
    ran = sipgate("policy", "explain", "gate-1-1")

    assert (ran.exit_code, ran.err) == (0, "")
    assert ran.out.splitlines()[0].endswith("Z: hq/1 to +13055550123 (number, US)")
    assert ran.out.splitlines()[1:] == [
        "by test, revision 7:",
        "  reject 480 by cap: no more than 2",
        "  mark   held          5 of 1 this day per caller; so tag X-Count",
        "  cap    held          2 of 2 in 365d per caller; so reject 480",
        "  loans  not selected  campaign is none, not loans",
    ]


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ("gate-1-2", "  an emergency call passes before any rule"),
        ("gate-1-3", "  an inbound call: no rule is asked"),
        ("gate-1-4", "  the source's settings forbid it, before any rule"),
        ("gate-1-5", "  a transfer of a call that was up: no rule is asked"),
    ],
)
def test_a_decision_before_any_rule_says_so(sipgate: RunCommand, decision: str, said: str) -> None:
    assert sipgate("policy", "explain", decision).out.splitlines()[-1] == said


def test_under_another_policy_the_record_is_told_without_words(
    sipgate: RunCommand, ledger: Path
) -> None:
    ledger.write_text(RULES.replace("limit: 2", "limit: 3"))

    ran = sipgate("policy", "explain", "gate-1-1")

    assert ran.err == (
        "the policy file has changed since: these are the values on record, in no words\n"
    )
    assert ran.out.splitlines()[3:] == [
        "  mark  held          count 5, limit 1, window day",
        "  cap   held          count 2, limit 2, window 365d",
    ]


@pytest.mark.usefixtures("ledger")
def test_today_asks_all_rules_of_the_ledger_where_no_gate_runs(sipgate: RunCommand) -> None:
    ran = sipgate("policy", "explain", "gate-1-1", "--today")

    lines = ran.out.splitlines()
    assert lines[6].startswith("with today's lists and counts (")
    assert lines[6].endswith("), by test, revision 7, the same attempt would be:")
    # The refused attempt counts; emergency and inbound calls don't, what is forbidden does.
    assert lines[7:] == [
        "  reject 480 by cap: no more than 2 (Retry-After: 60)",
        "  mark   held          2 of 1 this day per caller; so tag X-Count",
        "  cap    held          2 of 2 in 365d per caller; so reject 480",
        "  loans  not selected  campaign is none, not loans",
    ]


@pytest.mark.usefixtures("ledger")
def test_today_asks_the_running_gate(sipgate: RunCommand, folder: Path) -> None:
    row = {"verdict": "allow", "rule": None, "code": None, "reason": None, "retry_after": None}
    row["redress"] = None
    row |= {"tags": {}, "would": None, "policy": "newer", "revision": "8"}
    answer = {"time_us": 1_790_000_000_000_000, "decision": row, "rules": []}

    with running_gate(folder / "var/sipgate.db", {"decision-explain": answer}) as requests:
        ran = sipgate("policy", "explain", "gate-1-1", "--today")

    assert [request["decision"] for request in requests] == ["gate-1-1"]
    assert ran.out.splitlines()[6:] == [
        "with today's lists and counts (2026-09-21T14:13:20Z), by newer, revision 8,"
        " the same attempt would be:",
        "  allow",
        "  no rule was asked",
    ]


@pytest.mark.usefixtures("ledger")
def test_json_has_record_and_today(sipgate: RunCommand) -> None:
    row = json.loads(sipgate("policy", "explain", "gate-1-1", "--today", "--json").out)

    assert (row["id"], row["policy_at_hand"], row["unasked"]) == ("gate-1-1", True, None)
    assert [rule["state"] for rule in row["rules"]] == ["held", "held", "not_selected"]
    assert row["today"]["decision"]["rule"] == "cap"


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("decision", ["gate-1-9", "gate-2-1", "nonsense", "gate-1-", "1" * 30])
def test_a_decision_that_is_not_there_exits_with_1(sipgate: RunCommand, decision: str) -> None:
    ran = sipgate("policy", "explain", decision)

    assert (ran.exit_code, ran.err) == (1, f"{decision}: the ledger has no such decision\n")


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("own", "told"),
    [
        ("305 555 0199", "+13055550100 is none of the caller's numbers"),
        ("305 555 0100", "nothing is wrong with the number that it shows"),
    ],
)
def test_today_knows_which_numbers_are_the_callers_own(
    sipgate: RunCommand, folder: Path, own: str, told: str
) -> None:
    (folder / "policy.yaml").write_text(
        "policy: test\nrevision: 8\nrules:\n"
        "  - {id: own, identity: {any: not-owned}, then: {tag: {X-Shown: other}}}\n"
    )
    with (folder / "sipgate.toml").open("a") as config:
        config.write(f'[[caller]]\nid = "hq/4711"\nclis = ["{own}"]\n')

    assert told in sipgate("policy", "explain", "gate-1-1", "--today").out
