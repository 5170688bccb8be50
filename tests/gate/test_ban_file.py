"""The file of bans: what it says, and what is said of a wrong one."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.gate import PolicyError, Problem
from sipgate.gate.ban_file import read_bans
from sipgate.gate.opening import Ban

HEADER = "region,from,to,reason,source\n"


def local(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def read(folder: Path, text: str | bytes) -> tuple[Ban, ...]:
    path = folder / "bans.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_bans(path).bans


def test_dates_are_banned_from_the_first_to_the_whole_of_the_last(tmp_path: Path) -> None:
    bans = read(tmp_path, HEADER + "US-FL,2026-09-28,2026-10-02,storm,the order\n")
    assert bans == (Ban("US-FL", local("2026-09-28"), local("2026-10-03"), "storm", "the order"),)


def test_a_date_time_is_the_first_moment_in_and_the_first_out(tmp_path: Path) -> None:
    bans = read(tmp_path, HEADER + "FR,2026-07-14T08:00,2026-07-14T12:30:15,parade,decree\n")
    assert (bans[0].start, bans[0].end) == (
        local("2026-07-14T08:00"),
        local("2026-07-14T12:30:15"),
    )


def test_a_file_without_end_is_read_no_further_than_bans_may_go(tmp_path: Path) -> None:
    path = tmp_path / "endless.csv"
    path.touch()
    os.truncate(path, 2**40)  # all of it would not fit into memory
    with pytest.raises(PolicyError, match="more than 4000000 bytes"):
        read_bans(path)


def test_quotes_remarks_empty_lines_and_another_order_are_read(tmp_path: Path) -> None:
    text = (
        "\ufeff# remark\n\nto,from,region,source,reason\n"
        '2026-01-02, 2026-01-01 ,US,"law, art. 1",storm\n\n# end\n'
    )
    assert read(tmp_path, text) == (
        Ban("US", local("2026-01-01"), local("2026-01-03"), "storm", "law, art. 1"),
    )


def test_a_header_alone_bans_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, HEADER) == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("US-ZZ,2026-01-01,2026-01-02,a,b", '2:1: region "US-ZZ"; expected a country such as US'),
        ("XX,2026-01-01,2026-01-02,a,b", '2:1: region "XX"'),
        ("us-fl,2026-13-01,2026-01-02,a,b", '2:7: from "2026-13-01"; expected a date such as'),
        ("US,2026-01-01,2026-02-30,a,b", '2:15: to "2026-02-30"'),
        ("US,2026-01-01T08:00Z,2026-01-02,a,b", '2:4: from "2026-01-01T08:00Z"'),
        (
            "US,2026-01-02,2026-01-01,a,b",
            '2:15: to "2026-01-01"; expected a moment after 2026-01-02',
        ),
        ("US,2026-01-01T08:00,2026-01-01T08:00,a,b", "expected a moment after 2026-01-01T08:00"),
        ("US,2026-01-01,2026-01-02,,b", '2:1: reason ""; expected text'),
        ("US,2026-01-01,2026-01-02,a,", '2:1: source ""; expected text'),
        ("US,2026-01-01,2026-01-02,a", "2:1: 4 fields; expected 5"),
        ("US,2026-01-01,2026-01-02,a,b,c", "2:1: 6 fields; expected 5"),
        ('US,2026-01-01,2026-01-02,"a,b', "2:1: not CSV"),
        ("US,9999-12-31,9999-12-31,a,b", '2:4: to "9999-12-31"'),
    ],
)
def test_a_wrong_line_is_named_with_its_place(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(tmp_path, HEADER + line + "\n")
    assert any(said in str(problem) for problem in caught.value.problems), str(caught.value)


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        read(tmp_path, HEADER + "XX,x,2026-01-02,a,b\nUS,2026-01-01,2026-01-02,a,b\nUS,a,b,,\n")
    assert [problem.line for problem in caught.value.problems] == [2, 2, 4, 4, 4, 4]
    assert all(problem.file.name == "bans.csv" for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an empty file; expected region,from,to,reason,source"),
        ("region,from,til,reason,source\n", 'unknown column "til"'),
        ("regon,from,to,reason,source\n", 'did you mean "region"?'),
        ("region,from,to,reason\n", "the header region,from,to,reason; expected"),
        ("region,region,from,to,reason,source\n", "the header region,region"),
        (HEADER.encode() + b"US,2026-01-01,2026-01-02,\xff,b\n", "2:1: text that is not UTF-8"),
        ("#" * 4_000_001, "more than 4000000 bytes; expected a smaller file"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_the_callers_to_tell(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_bans(tmp_path / "none.csv")


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda t: (HEADER + t).encode()))
def test_any_bytes_are_bans_or_a_list_of_problems(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(raw)
    problems: tuple[Problem, ...] = ()
    bans: tuple[Ban, ...] = ()
    try:
        bans = read_bans(path).bans
    except PolicyError as error:
        problems = error.problems
    assert all(ban.start < ban.end for ban in bans)
    assert not (bans and problems)
