"""What a case expects is compared part by part."""

from pathlib import Path

import pytest

from sipgate.gate import read_policy
from sipgate.gate.cases import differences, play, read_cases

RULES = """policy: test
revision: 1
redress: {url: "https://example.com/wrong"}
rules:
- id: slow
  mode: monitor
  rate: {per: caller, limit: 0, window: 1m}
  then: {reject: 480, reason: "slow down"}
- id: mark
  rate: {per: caller, limit: 0, window: 1h}
  then: {tag: {X-Alert: "count {count}"}}
- id: stop
  when: {campaign: loans}
  list: {name: dnc, absent: true}
  then: {reject: 603, reason: "not {callee}", retry-after: 2m}
- id: block
  when: {campaign: blocked}
  list: {name: dnc, absent: true}
  then: {reject: 603+}
"""
AT = 'at: "2026-11-20T14:00:00Z", caller: hq/1, callee: "+13055550123"'


def told(expect: str, attempt: str = AT + ", campaign: loans") -> list[str]:
    """What isn't as expected."""
    text = (
        f"policy: {Path(__file__).name}\ncases:\n- name: one\n"
        f"  attempt: {{{attempt}}}\n  expect: {{{expect}}}\n"
    )
    (case,) = read_cases(text.encode(), Path(__file__)).cases
    policy = read_policy(RULES.encode(), Path("test.yaml"))
    return [str(one) for one in differences(case, play(policy, case.given, case.attempt))]


@pytest.mark.parametrize(
    ("expect", "attempt"),
    [
        ("verdict: reject, rule: stop, code: 603, reason: not +13055550123, retry-after: 2m", None),
        ("retry-after: [110s, 2m]", None),
        ("retry-after: ~", AT),
        ("redress: ~", AT),
        ('redress: "url=https://example.com/wrong"', AT + ", campaign: blocked"),
        ("would: {verdict: reject, rule: slow, reason: slow down}, tags: {}", None),
        ("explains: 0 of 0 in 1m", None),
        ("verdict: tag, rule: mark, tags: {x-alert: count 0, X-Other: ~}, reason: ~", AT),
    ],
)
def test_what_is_as_expected_is_no_difference(expect: str, attempt: str | None) -> None:
    assert told(expect, attempt or AT + ", campaign: loans") == []


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ("verdict: allow", "expected verdict allow, got reject"),
        ("rule: ~", "expected rule none, got stop"),
        ("code: 403", "expected code 403, got 603"),
        ("reason: no", "expected reason no, got not +13055550123"),
        ("retry-after: 60s", "expected retry-after 60s, got 120s"),
        ("redress: tel=", "expected redress tel=, got none"),
        ("retry-after: [121s, 2h]", "expected retry-after 121s to 7200s, got 120s"),
        ("retry-after: ~", "expected retry-after none, got 120s"),
        ("tags: {X-Alert: count 0}", "expected tags X-Alert count 0, got none"),
        ("would: ~", "expected would none, got reject by slow"),
        ("would: {rule: mark}", "expected would rule mark, got slow"),
        (
            "explains: 3 of 3",
            'expected an explanation with "3 of 3", got "0 of 0 in 1m per caller"',
        ),
    ],
)
def test_what_differs_says_what_was_expected_and_what_it_got(expect: str, said: str) -> None:
    assert told(expect) == [said]


def test_no_tags_at_all_is_a_part_of_a_decision() -> None:
    assert told("tags: {}", AT) == ["expected tags none, got X-Alert: count 0"]


def test_each_part_that_differs_is_told_in_the_order_of_the_file() -> None:
    assert told("code: 403, verdict: allow") == [
        "expected code 403, got 603",
        "expected verdict allow, got reject",
    ]
