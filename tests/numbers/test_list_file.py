"""List files as spreadsheets, registries and people make them."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipgate.numbers import ColumnError, DialPlan, ListImport, Reject, parse_list_file

DE = DialPlan(region="DE")
US = DialPlan(region="US")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "list.txt"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "list.csv"


def test_a_text_file_has_one_number_a_line(file: Path) -> None:
    file.write_bytes(b"030 1234567\n\n# refused in May\n+1 305 555 0123\n0049 30 1234568\n")
    assert list(parse_list_file(file, plan=DE)) == ["+49301234567", "+13055550123", "+49301234568"]


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbf0301234567\r\n0301234568\r\n",
        b"0301234567\r0301234568\r",
        b"phone number\n0301234567\n0301234568",
        "0301234567\r\n0301234568\r\n".encode("utf-16"),
        "０３０１２３４５６７\n030\u2011123\u20114568\n".encode(),
        b"0301234567\0\n\0\n'0301234568\n",
    ],
    ids=["mark and CRLF", "CR alone", "header", "UTF-16", "full width", "NUL and quote"],
)
def test_the_form_of_the_file_does_not_matter(file: Path, raw: bytes) -> None:
    file.write_bytes(raw)
    numbers = [item for item in parse_list_file(file, plan=DE) if isinstance(item, str)]
    assert numbers == ["+49301234567", "+49301234568"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("alice", "no digits"),
        ("8.61E+12", "digits lost: a spreadsheet rounded the number"),
        ("8,61E+12", "digits lost: a spreadsheet rounded the number"),
        ("110", "an emergency number"),
        ("123", "too short for a number"),
        ("1234567", "no possible number in DE"),
        ("030123456789012345", "no possible number in DE"),
        ("0301234567abc", "letters in the number"),
        ("+49301234567/+49301234569", "more than one number"),
        ("+49301234567 +49301234569", "more than one number"),
        ("030 1234567, 030 1234569", "more than one number"),
        ("030/1234567;+49 (30) 1234569", "more than one number"),
        ("0900*", "a prefix needs + and the country code: +49900*"),
        ("030\udcff1234567", "not UTF-8"),
    ],
)
def test_a_bad_line_is_told_with_its_number_and_reason(file: Path, line: str, reason: str) -> None:
    file.write_bytes(f"0301234567\n{line}\n0301234568\n".encode(errors="surrogateescape"))
    first, reject, last = parse_list_file(file, plan=DE)
    assert (first, last) == ("+49301234567", "+49301234568")
    assert isinstance(reject, Reject)
    assert (reject.line, reject.reason) == (2, reason)


def test_a_registrys_area_code_comma_number_is_one_number(file: Path) -> None:
    file.write_bytes(b"305,5550123\n212,5550123\n3055550124\n")
    assert list(parse_list_file(file, plan=US)) == ["+13055550123", "+12125550123", "+13055550124"]


@pytest.mark.parametrize("column", ["Phone", "phone ", 2, "2"])
def test_a_column_is_named_or_counted(table: Path, column: str | int) -> None:
    table.write_bytes(
        b'name;Phone;city\r\n"Smith; J";030 1234567;X\r\nB;0301234568;"two\r\nlines"\r\n'
    )
    assert list(parse_list_file(table, plan=DE, column=column)) == ["+49301234567", "+49301234568"]


def test_lines_are_counted_over_fields_of_several_lines(table: Path) -> None:
    table.write_bytes(b'a,phone\n"x\ny",0301234567\nz,bad\nq\n')
    assert list(parse_list_file(table, plan=DE, column="phone")) == [
        "+49301234567",
        Reject(4, "z,bad", "no digits"),
        Reject(5, "q", "the column is missing in this line"),
    ]


def test_a_file_without_header_keeps_its_first_line(table: Path) -> None:
    table.write_bytes(b"1,0301234567\n2,0301234568\n")
    assert list(parse_list_file(table, plan=DE, column=2)) == ["+49301234567", "+49301234568"]


def test_whether_there_is_a_header_can_be_said(table: Path) -> None:
    table.write_bytes(b"0301234567\n0301234568\n")
    assert list(parse_list_file(table, plan=DE, header=True)) == ["+49301234568"]


@pytest.mark.parametrize(
    ("column", "told"),
    [(None, "name one"), ("fax", "no column 'fax'"), (3, "no column 3"), (0, "no column 0")],
)
def test_a_column_that_is_not_there_is_an_error(
    table: Path, column: str | int | None, told: str
) -> None:
    table.write_bytes(b"name,phone\nx,0301234567\n")
    with pytest.raises(ColumnError, match=told):
        list(parse_list_file(table, plan=DE, column=column))


def test_an_open_quote_is_told_where_it_begins(table: Path) -> None:
    table.write_bytes(b'0301234567\n"0301234568\n0301234569\n')
    _, reject = parse_list_file(table, plan=DE)
    assert isinstance(reject, Reject)
    assert reject.line == 2


def test_callers_are_taken_as_they_are(file: Path) -> None:
    file.write_bytes(b"hq/4711\n hq/Alice \nhq/+13055550123\n")
    entries = list(parse_list_file(file, plan=DE, entries="text"))
    assert entries == ["hq/4711", "hq/Alice", "hq/+13055550123"]


@pytest.mark.parametrize("name", ["list.txt", "list.csv"])
def test_the_first_of_the_callers_is_no_header_unless_a_column_is_named(
    tmp_path: Path, name: str
) -> None:
    file = tmp_path / name
    file.write_text("hq/vip\nhq/reception\n")
    assert list(parse_list_file(file, plan=DE, entries="text")) == ["hq/vip", "hq/reception"]
    named = parse_list_file(file, plan=DE, column="hq/vip", entries="text")
    assert list(named) == ["hq/reception"]


def test_a_prefix_is_an_entry(file: Path) -> None:
    file.write_bytes(b"+49900*\n+49 137 *\n")
    assert list(parse_list_file(file, plan=DE)) == ["+49900*", "+49137*"]


def test_short_numbers_are_entries_where_the_plan_names_them(file: Path) -> None:
    file.write_bytes(b"4711\n4811\n")
    plan = DialPlan(region="DE", extensions=("47xx",))
    assert list(parse_list_file(file, plan=plan)) == [
        "4711",
        Reject(2, "4811", "too short for a number"),
    ]


def test_an_import_counts_and_writes_rejects(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b'0301234567\nalice, "x"\n123\n')
    rejects = tmp_path / "rejects.csv"
    with ListImport(file, plan=DE, rejects=rejects) as numbers:
        assert list(numbers) == ["+49301234567"]
    assert (numbers.accepted, numbers.rejected) == (1, 2)
    assert numbers.first_reject == Reject(2, 'alice, "x"', "no digits")
    assert rejects.read_bytes() == (
        b'line,reason,text\r\n2,no digits,"alice, ""x"""\r\n3,too short for a number,123\r\n'
    )


def test_an_import_without_bad_lines_leaves_no_rejects(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"0301234567\n")
    rejects = tmp_path / "rejects.csv"
    rejects.write_text("from an earlier import")
    with ListImport(file, plan=DE, rejects=rejects) as numbers:
        assert list(numbers) == ["+49301234567"]
    assert not rejects.exists()


def test_a_missing_file_is_an_os_error(file: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(parse_list_file(file, plan=DE))


@settings(max_examples=100)
@given(raw=st.binary(max_size=300), column=st.sampled_from([None, 1]))
def test_any_bytes_are_read_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes, column: int | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_bytes(raw)
    list(parse_list_file(path, plan=DE, column=column))


def test_text_with_control_characters_is_no_entry(tmp_path: Path) -> None:
    (tmp_path / "callers.txt").write_text("hq/4711\nhq/\x1b[2J\n")

    found = list(parse_list_file(tmp_path / "callers.txt", plan=DialPlan(), entries="text"))

    assert found == ["hq/4711", Reject(2, "hq/\x1b[2J", "a character that can't be printed")]
