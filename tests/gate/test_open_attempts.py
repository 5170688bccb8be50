"""One attempt, one decision, one count: which INVITEs belong together."""

from typing import Any

import pytest

from sipgate.gate import Decision, OpenAttempts
from sipgate.gate.open_attempts import MAX_FORKS, OPEN_SECONDS

ALLOW = Decision(verdict="allow", policy="p", revision="1", policy_sha256="")
REJECT = Decision(verdict="reject", code=403, policy="p", revision="1", policy_sha256="")


@pytest.fixture
def known() -> OpenAttempts:
    return OpenAttempts()


def test_an_invite_with_the_open_cseq_belongs(known: OpenAttempts, attempt: Any) -> None:
    one = known.opened(attempt(), 7, ALLOW, 0.0)
    assert known.find(attempt(), 1.0) is one
    assert (one.decision_seq, one.decision) == (7, ALLOW)


def test_whether_an_invite_belongs_can_be_asked_without_its_belonging(
    known: OpenAttempts, attempt: Any
) -> None:
    assert not known.is_repeated(attempt(), 0.0)
    one = known.opened(attempt(), 7, ALLOW, 0.0)
    assert known.is_repeated(attempt(), 1.0)
    assert not known.is_repeated(attempt(cseq=2), 1.0)
    assert not known.is_repeated(attempt(call_id="other"), 1.0)
    assert (one.invites, one.forks) == (1, 0)
    known.ended(one, 486, 2.0)
    assert not known.is_repeated(attempt(), 2.0)


@pytest.mark.parametrize("field", ["source", "caller", "call_id", "from_tag", "callee"])
def test_another_name_is_another_attempt(known: OpenAttempts, attempt: Any, field: str) -> None:
    known.opened(attempt(), 7, ALLOW, 0.0)
    assert known.find(attempt(**{field: "other"}), 1.0) is None


def test_forks_do_not_go_on_for_ever_on_one_count(known: OpenAttempts, attempt: Any) -> None:
    one = known.opened(attempt(), 7, ALLOW, 0.0)
    for _ in range(MAX_FORKS):
        assert known.find(attempt(), 1.0) is one
        known.ended(one, 486, 2.0)
    assert one.is_open
    assert known.find(attempt(), 3.0) is None


@pytest.mark.parametrize("cseq", [1, 3])
def test_another_cseq_while_one_is_open_is_another_attempt(
    known: OpenAttempts, attempt: Any, cseq: int
) -> None:
    known.opened(attempt(cseq=2), 7, ALLOW, 0.0)
    assert known.find(attempt(cseq=cseq), 1.0) is None


@pytest.mark.parametrize("status", [300, 302, 399, 401, 407, 422, 488, 491])
def test_a_repaired_invite_within_32_seconds_belongs(
    known: OpenAttempts, attempt: Any, status: int
) -> None:
    one = known.opened(attempt(cseq=1), 7, ALLOW, 0.0)
    assert known.ended(one, status, 10.0)
    assert known.find(attempt(cseq=2), 42.0) is one
    assert known.find(attempt(cseq=2), 42.0) is one  # its fork
    assert (one.cseq, one.retries) == (2, 1)


@pytest.mark.parametrize("status", [200, 403, 404, 480, 486, 487, 500, 503, 603])
def test_after_any_other_end_it_is_a_new_attempt(
    known: OpenAttempts, attempt: Any, status: int
) -> None:
    one = known.opened(attempt(cseq=1), 7, ALLOW, 0.0)
    known.ended(one, status, 10.0)
    assert known.find(attempt(cseq=2), 10.0) is None
    assert known.find(attempt(cseq=1), 10.0) is None
    assert len(known) == 0


def test_the_same_cseq_after_a_challenge_is_a_new_attempt(
    known: OpenAttempts, attempt: Any
) -> None:
    one = known.opened(attempt(cseq=1), 7, ALLOW, 0.0)
    known.ended(one, 407, 1.0)
    assert known.find(attempt(cseq=1), 2.0) is None


def test_after_32_seconds_a_repaired_invite_is_a_new_attempt(
    known: OpenAttempts, attempt: Any
) -> None:
    one = known.opened(attempt(cseq=1), 7, ALLOW, 0.0)
    known.ended(one, 407, 10.0)
    assert known.find(attempt(cseq=2), 42.001) is None
    assert len(known) == 0


def test_a_repaired_invite_to_another_callee_is_a_new_attempt(
    known: OpenAttempts, attempt: Any
) -> None:
    one = known.opened(attempt(cseq=1), 7, ALLOW, 0.0)
    known.ended(one, 302, 1.0)
    assert known.find(attempt(cseq=2, callee="+1"), 2.0) is None


def test_there_are_five_retries_at_most(known: OpenAttempts, attempt: Any) -> None:
    one = known.opened(attempt(cseq=1), 7, ALLOW, 0.0)
    found = []
    for cseq in range(2, 9):
        known.ended(one, 407, 1.0)
        found.append(known.find(attempt(cseq=cseq), 1.0))
    assert found == [one] * 5 + [None] * 2
    assert len(known) == 0


def test_an_attempt_ends_with_its_last_fork(known: OpenAttempts, attempt: Any) -> None:
    one = known.opened(attempt(), 7, ALLOW, 0.0)
    known.find(attempt(), 1.0)
    assert not known.ended(one, 486, 2.0)
    assert known.find(attempt(), 3.0) is one
    assert not known.ended(one, 486, 4.0)
    assert known.ended(one, 486, 4.0)
    assert known.find(attempt(), 5.0) is None


def test_a_refusal_that_a_crash_kept_back_is_repeated_for_32_seconds(
    known: OpenAttempts, attempt: Any
) -> None:
    known.opened(attempt(), 7, REJECT, 0.0)
    assert known.find(attempt(), 32.0) is not None
    assert known.find(attempt(), 33.0) is None


def test_nothing_stays_for_ever(known: OpenAttempts, attempt: Any) -> None:
    one = known.opened(attempt(), 7, ALLOW, 0.0)
    assert known.find(attempt(call_id="b"), OPEN_SECONDS + 1) is None
    assert len(known) == 0
    assert known.ended(one, 200, OPEN_SECONDS + 2)  # its call is over all the same


def test_one_that_was_forgotten_still_ends_with_its_last_invite(
    known: OpenAttempts, attempt: Any
) -> None:
    one = known.opened(attempt(), 7, ALLOW, 0.0)
    assert known.find(attempt(), 1.0) is one
    assert known.find(attempt(call_id="b"), OPEN_SECONDS + 1) is None
    assert not known.ended(one, 503, OPEN_SECONDS + 2)
    assert known.ended(one, 503, OPEN_SECONDS + 2)
    assert len(known) == 0


def test_the_oldest_goes_when_there_are_too_many(attempt: Any) -> None:
    known = OpenAttempts(max_open=2)
    for number in range(3):
        known.opened(attempt(call_id=str(number)), number, ALLOW, float(number))
    assert known.find(attempt(call_id="0"), 5.0) is None
    assert known.find(attempt(call_id="1"), 5.0) is not None
    assert len(known) == 2


def test_ended_ones_are_bounded_too(attempt: Any) -> None:
    known = OpenAttempts(max_open=2)
    for number in range(5):
        one = known.opened(attempt(call_id=str(number)), number, ALLOW, 0.0)
        known.ended(one, 407, 0.0)
    assert len(known) == 2
