"""What a `then` with a refusal makes of a decision: Retry-After until an opening, 603+."""

from pathlib import Path
from typing import Any

import pytest

from sipgate.gate import PolicyError, read_policy

HEAD = "policy: p\nrevision: 1\n"
RULE = "- id: a\n  rate: {per: caller, limit: 1, window: 1m}\n"


def with_redress(redress: str, then: str) -> bytes:
    return f"{HEAD}redress: {redress}\nrules:\n{RULE}  then: {then}\n".encode()


def test_an_opening_counts_the_refused_attempt_where_the_rule_does(gate: Any) -> None:
    g = gate("""
- id: three
  rate: {per: caller, limit: 3, window: 10s}
  then: {reject: 480, retry-after: opening, reason: "{until}"}
""")
    for _ in range(3):
        assert g.call().verdict == "allow"
        g.wait(3)

    refused = g.call()  # at 9 s, after 0, 3 and 6: at 10 s there would be 3, 6 and 9

    assert (refused.retry_after, refused.reason) == (4, "2026-09-21 14:13:33")
    g.wait(3.999)
    assert g.call().verdict == "reject"


def test_who_waits_until_the_opening_gets_through(gate: Any) -> None:
    g = gate("""
- id: three
  rate: {per: caller, limit: 3, window: 10s}
  then: {reject: 480, retry-after: opening}
""")
    for _ in range(3):
        g.call()
        g.wait(2.5)
    g.wait(g.call().retry_after)

    assert g.call().verdict == "allow"


def test_an_opening_waits_for_every_limit_that_is_reached(gate: Any) -> None:
    g = gate("""
- id: two
  rate: {per: caller, limits: [{limit: 1, window: 2s}, {limit: 2, window: 8s}], count: admitted}
  then: {reject: 480, retry-after: opening, reason: "{count} in {window}"}
""")
    g.call()
    g.wait(2)
    g.call()
    g.wait(1)

    refused = g.call()

    assert (refused.retry_after, refused.reason) == (5, "1 in 2s")


@pytest.mark.parametrize(
    "condition",
    [
        "list: {name: refusals, absent: true}",
        "concurrent: {per: caller, limit: 0}",
        "rate: {per: caller, limit: 0, window: day}",
    ],
)
def test_where_time_alone_wont_do_no_retry_is_promised(gate: Any, condition: str) -> None:
    g = gate(f"- id: a\n  {condition}\n  then: {{reject: 480, retry-after: opening}}\n")

    decision = g.call()

    assert (decision.code, decision.retry_after) == (480, None)


def test_hours_open_again_and_say_when(gate: Any) -> None:
    g = gate("""
- id: evenings-only
  hours: {open: {mon-sun: "20:00-21:00"}}
  then: {reject: 480, retry-after: opening}
""")
    seconds = g.call().retry_after  # 14:13:20 UTC is 16:13:20 in Germany

    assert 13_600 <= seconds <= 13_660


def test_a_rule_that_only_monitors_promises_nothing(gate: Any) -> None:
    g = gate("""
- id: one
  rate: {per: caller, limit: 0, window: 1m}
  mode: monitor
  then: {reject: 480, retry-after: 60s}
""")
    assert (g.call().verdict, g.call().retry_after) == ("allow", None)


def test_refusals_alone_are_counted_by_rejected(gate: Any) -> None:
    g = gate("""
- id: storm
  rate: {per: caller, limit: 2, window: 9s, count: rejected}
  then: {reject: 603, retry-after: opening}
- id: one
  rate: {per: caller, limit: 1, window: 4s, count: admitted}
  then: {reject: 480}
""")
    g.call()
    assert [g.call().code for _ in range(4)] == [480, 480, 603, 603]
    g.wait(8)  # the limit of `one` has long been free
    assert [(d.rule, d.retry_after) for d in (g.call(), g.call())] == [("storm", 1), ("storm", 9)]
    g.wait(8)
    assert g.call().rule == "storm"  # who is refused again and again stays out
    g.wait(9)
    assert g.call().verdict == "allow"


def test_what_a_source_forbids_counts_as_rejected(gate: Any, attempt: Any) -> None:
    g = gate("""
- id: storm
  rate: {per: caller, limit: 1, window: 10s, count: rejected}
  then: reject
""")
    g.engine.refuse(attempt(), 403, "Route set not allowed", g.now, g.time)

    assert g.call().rule == "storm"


def test_a_603_plus_carries_the_policys_redress() -> None:
    redress = (
        '{url: "https://redress.example.com/r?x=1", tel: "+18005550100", email: r@example.com}'
    )
    policy = read_policy(with_redress(redress, "{reject: 603+}"), Path("p.yaml"))

    action: Any = policy.rules[0].action
    assert (action.code, action.redress) == (
        603,
        "v=analytics1;url=https://redress.example.com/r?x=1;tel=+18005550100;email=r@example.com"
        ";location=LPN",
    )


def test_a_plain_603_carries_none() -> None:
    raw = with_redress("{email: r@example.com}", "{reject: 603}")

    action: Any = read_policy(raw, Path("p.yaml")).rules[0].action
    assert (action.code, action.redress) == (603, None)


@pytest.mark.parametrize(
    ("redress", "problem"),
    [
        ("{name: Acme}", "no contact; expected at least one of url, tel and email"),
        ("{url: http://example.com}", "expected an https URL without user, password"),
        ("{url: https://user@example.com}", "expected an https URL"),
        ('{url: "https://example.com/a;b"}', "expected an https URL"),
        ("{url: 'https://example.com/\"'}", "expected an https URL"),
        (f"{{url: https://example.com/{'x' * 200}}}", "expected an https URL"),
        ("{url: https://localhost/}", "expected an https URL"),
        ("{tel: 18005550100}", 'expected a number such as "+18005550100"'),
        ("{email: nobody}", "expected an address such as"),
        ("{email: r@example.com, location: LAN}", 'found "LAN"'),
        ("{mail: r@example.com}", 'unknown key "mail"; did you mean "email"?'),
        ("someone", "expected a mapping with url, tel, email, name or location"),
    ],
)
def test_a_redress_that_helps_nobody_is_refused(redress: str, problem: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read_policy(with_redress(redress, "{reject: 603}"), Path("p.yaml"))
    assert problem in str(caught.value)


def test_a_603_plus_without_redress_is_refused() -> None:
    raw = f"{HEAD}rules:\n{RULE}  then: {{reject: 603+}}\n".encode()

    with pytest.raises(PolicyError) as caught:
        read_policy(raw, Path("p.yaml"))
    assert "p.yaml:6:18: 603+ in a policy without redress; expected redress: {url: …}" in str(
        caught.value
    )


@pytest.mark.parametrize("text", ["openning", "60", "0s", "500d", "[60s]"])
def test_a_retry_after_that_is_neither_is_refused(text: str) -> None:
    raw = f"{HEAD}rules:\n{RULE}  then: {{reject: 480, retry-after: {text}}}\n".encode()

    with pytest.raises(PolicyError) as caught:
        read_policy(raw, Path("p.yaml"))
    assert "expected opening, or a duration from 1s to 400d such as 60s" in str(caught.value)
