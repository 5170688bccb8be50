"""What is said of selections without any attempt is true of every attempt."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipgate.gate import Attempt
from sipgate.gate.selection import covers, selects_nothing, unknown_countries
from sipgate.gate.when import When
from sipgate.numbers import DialPlan

VALUES = {
    "caller": ["hq/1", "hq/2"],
    "source": ["hq", "branch"],
    "campaign": ["loans", "pool"],
    "organisation": ["acme", "hq"],
    "cli": ["+4930100", "4711"],
    "callee": ["+49", "+4930", "49", "47", "+1", "4"],
    "country": ["DE", "US", "XX"],
    "kind": ["number", "short", "unreadable"],
    "region": ["US-FL", "US-NY"],
    "local-time": ["08:00-12:00", "20:00-06:00"],
    "user-agent": ["*", "MicroSIP*", "microsip/3*", "*sip*", "Zoiper"],
}
PLAN = DialPlan(region="DE")


def one_when(depth: int) -> st.SearchStrategy[When]:
    keys = st.lists(st.sampled_from(sorted(VALUES)), max_size=2, unique=True)

    def filled(keys: list[str]) -> st.SearchStrategy[When]:
        values = st.tuples(
            *(
                st.lists(st.sampled_from(VALUES[key]), min_size=1, max_size=2, unique=True).map(
                    lambda found: tuple(sorted(found))
                )
                for key in sorted(keys)
            )
        )
        unless = st.none() if not depth else st.none() | one_when(depth - 1)
        return st.builds(
            lambda v, u: When(tuple(zip(sorted(keys), v, strict=True)), u), values, unless
        )

    return keys.flatmap(filled)


def attempts() -> st.SearchStrategy[Attempt]:
    def made(
        caller: str, source: str, callee: str, campaign: str | None, cli: str | None, agent: Any
    ) -> Attempt:
        read = PLAN.read(callee)
        return Attempt(
            source=source,
            caller=caller,
            organisation="acme" if campaign else source,
            campaign=campaign,
            cli=cli,
            callee=read.key,
            callee_kind=read.kind,
            callee_spelled=read.spelled,
            callee_country=PLAN.region if read.kind == "unreadable" else read.country,
            call_id="a",
            from_tag="b",
            cseq=1,
            user_agent=agent,
        )

    return st.builds(
        made,
        st.sampled_from(["hq/1", "hq/2", "branch/1"]),
        st.sampled_from(["hq", "branch"]),
        st.sampled_from(
            ["+4930123456", "030123456", "+13055550123", "+12125550123", "4711", "49", "häns", "+1"]
        ),
        st.sampled_from([None, "loans", "pool", "other"]),
        st.sampled_from([None, "+4930100", "4711"]),
        st.sampled_from([None, "", "MicroSIP/3.21", "microsip", "Zoiper", "x sip"]),
    )


def selects(when: When, attempt: Attempt, time: float) -> bool:
    compiled = when.compile()
    return compiled is None or compiled(attempt, time)


@settings(max_examples=150, deadline=None)
@given(one_when(2), one_when(2), attempts(), st.integers(1_790_000_000, 1_791_000_000))
def test_what_is_covered_is_selected_and_what_selects_nothing_does(
    wide: When, narrow: When, attempt: Attempt, time: int
) -> None:
    is_selected = selects(narrow, attempt, time)

    assert not (is_selected and selects_nothing(narrow))
    assert not (is_selected and covers(wide, narrow) and not selects(wide, attempt, time))


def when(text: str) -> When:
    """`campaign=a|b country=DE !(source=hq)` as a selection."""
    inner = re.search(r"!\((.*)\)$", text)
    keys = text[: inner.start()] if inner else text
    pairs = (part.split("=") for part in keys.split())
    values = tuple(sorted((key, tuple(sorted(found.split("|")))) for key, found in pairs))
    return When(values, when(inner[1]) if inner else None)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("", "campaign=a"),
        ("campaign=a|b", "campaign=a"),
        ("campaign=a", "campaign=a source=hq"),
        ("callee=+49", "callee=+4930|+4940"),
        ("callee=49", "callee=+4930"),
        ("user-agent=MicroSIP*", "user-agent=microsip/3*"),
        ("user-agent=*", "user-agent=a*b"),
        ("kind=number|unreadable", "country=DE"),
        ("region=US-FL|US-NY", "region=US-FL"),
        ("!(campaign=a)", "campaign=b"),
        ("!(campaign=a)", "source=hq !(campaign=a|c)"),
        ("!(callee=+49)", "callee=+1"),
        ("!(campaign=a source=hq)", "campaign=b source=hq"),
    ],
)
def test_a_wider_selection_is_seen_to_be_one(wide: str, narrow: str) -> None:
    assert covers(when(wide), when(narrow))


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("campaign=a", ""),
        ("campaign=a", "campaign=a|b"),
        ("campaign=a", "source=a"),
        ("callee=+49", "callee=49"),
        ("callee=+4930", "callee=+49"),
        ("user-agent=a*b", "user-agent=*"),
        ("user-agent=a?c", "user-agent=abc"),
        ("!(campaign=a)", "source=hq"),
        ("!(region=US-FL)", "region=US-NY"),  # it may be in both
        ("!(local-time=08:00-12:00)", "local-time=13:00-14:00"),
    ],
)
def test_what_is_not_certain_is_not_said(wide: str, narrow: str) -> None:
    assert not covers(when(wide), when(narrow))


@pytest.mark.parametrize(
    "text",
    [
        "campaign=a !(campaign=a|b)",
        "campaign=a source=hq !(source=hq)",
        "!()",
        "callee=+4930 !(callee=+49)",
        "country=DE !(kind=number|unreadable)",
        "country=XX",
        "country=DE kind=short",
    ],
)
def test_a_selection_that_excludes_itself_selects_nothing(text: str) -> None:
    assert selects_nothing(when(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "campaign=a !(campaign=b)",
        "country=DE|XX",
        "country=DE kind=short|number",
        "country=DE kind=unreadable",
    ],
)
def test_a_selection_that_may_select_is_not_said_to_be_empty(text: str) -> None:
    assert not selects_nothing(when(text))


def test_countries_that_no_number_has_are_named() -> None:
    assert unknown_countries(when("country=DE|UK|ZZ")) == ["UK", "ZZ"]
