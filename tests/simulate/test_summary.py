"""Tallies, what they add up to, and what people are told of them."""

import io
import json

import pytest
from rich.console import Console

from sipgate.simulate.summary import CallResult, End, Summary, Tally, Verdict
from sipgate.simulate.table import MAX_ROWS, render, sentences


def result(verdict: Verdict | None, end: End, tag: str | None = None) -> CallResult:
    status = {"answered": 200, "busy": 486, "refused": 403}.get(end)
    return CallResult(
        verdict=verdict, end=end, status=status, reason="limit reached", tags=(tag,) if tag else ()
    )


def tally(*results: CallResult, name: str = "a", extension: str = "1") -> Tally:
    agent = Tally(room="room", name=name, extension=extension)
    for each in results:
        agent.dialled()
        agent.ended(each)
    return agent


def summary(*agents: Tally) -> Summary:
    return Summary(
        scenario="test",
        gate="udp:127.0.0.1:5060",
        pace=24,
        elapsed_seconds=1.23456,
        total_seconds=45.0,
        is_over=False,
        agents=agents,
    )


def printed(what: Summary) -> str:
    paper = io.StringIO()
    Console(width=160, file=paper).print(render(what))
    return paper.getvalue()


FAST = (
    result("allow", "answered"),
    result("tag", "busy", "X-Alert: fast"),
    result("reject", "refused"),
    result("reject", "refused"),
    result(None, "failed"),
)


def test_every_attempt_has_one_verdict_or_is_unclear_or_open() -> None:
    agent = tally(*FAST)
    agent.dialled()
    parts = (agent.allowed, agent.tagged, agent.refused, agent.unclear, agent.open)
    assert parts == (1, 1, 2, 1, 1)
    assert sum(parts) == agent.attempts
    assert (agent.answered, agent.busy, agent.failed) == (1, 1, 1)


def test_the_first_refused_call_is_remembered_by_its_number() -> None:
    agent = tally(*FAST)
    assert (agent.first_refused_attempt, agent.last_status) == (3, 403)


def test_the_json_has_every_key_and_the_sums() -> None:
    plain = json.loads(json.dumps(summary(tally(*FAST), tally(name="b")).as_json()))
    assert plain["totals"]["attempts"] == 5
    assert plain["elapsed_seconds"] == 1.235
    assert plain["agents"][0]["last_tag"] == "X-Alert: fast"
    assert plain["agents"][1]["last_status"] is None


@pytest.mark.parametrize(
    ("agents", "expected"),
    [
        ([tally()], ["No call was placed."]),
        ([tally(result("allow", "answered"))], ["Nobody was refused or tagged."]),
        (
            [tally(*FAST, name="fast"), tally(result("allow", "busy")), tally()],
            [
                "fast (1): 1 allowed, 1 tagged, 2 refused of 5; "
                "first refused at call 3: 403 limit reached.",
                "2 other agents: every call let through.",
                "1 call without a verdict: no answer, or given up early.",
            ],
        ),
    ],
    ids=["idle", "good", "fast"],
)
def test_the_end_says_who_was_stopped_and_at_which_call(
    agents: list[Tally], expected: list[str]
) -> None:
    assert sentences(summary(*agents)) == expected


def test_the_table_shows_agents_up_to_a_screenful_and_all_in_the_sum() -> None:
    agents = [tally(*FAST, name=f"agent-{index}") for index in range(MAX_ROWS + 2)]
    shown = printed(summary(*agents))
    assert f"agent-{MAX_ROWS - 1} " in shown
    assert f"agent-{MAX_ROWS} " not in shown
    assert "all 42 (2 not shown)" in shown
    assert "running for 1 of 45 s" in shown
    assert "403 limit reached" in shown


def test_markup_in_what_a_peer_says_is_shown_as_it_is() -> None:
    agent = tally(CallResult(verdict="reject", end="refused", status=403, reason="[red]x[/]"))
    assert "403 [red]x[/]" in printed(summary(agent))
