"""CSV files with consents, as customer systems leave them."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sipgate.consent import ColumnMapping, ColumnsError, Consent, ConsentFile
from sipgate.numbers import DialPlan, Reject

PLAN = DialPlan(region="US")
NOW = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
NEW_YORK = ZoneInfo("America/New_York")
HEADER = "callee,purpose,granted"


def items(
    path: Path,
    written: str | bytes,
    columns: dict[str, str] | None = None,
    values: dict[str, str] | None = None,
) -> list[Consent | Reject]:
    file = path / "crm.csv"
    file.write_bytes(written if isinstance(written, bytes) else written.encode())
    reading = ConsentFile(
        file, mapping=ColumnMapping(columns or {}, values or {}), plan=PLAN, zone=NEW_YORK, now=NOW
    )
    return list(reading.items())


def one(path: Path, header: str, line: str, **values: str) -> Consent | Reject:
    fixed = {name.replace("_", "-"): value for name, value in values.items()}
    (found,) = items(path, f"{header}\n{line}\n", values=fixed)
    return found


def time(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc, arg-type]


def test_a_line_becomes_a_consent(tmp_path: Path) -> None:
    header = (
        "callee,organisation,purpose,channel,source,source-where,source-time,source-how,"
        "evidence,basis,granted,expires"
    )
    line = (
        '(305) 555-0123,ACME Loans,Marketing,Voice,Web Form,"https://example.com/a,b",'
        "2026-01-01T10:00:00Z,ticked,sha256:00,Explicit,2026-01-02T03:04:05+01:00,2027-01-01"
    )
    assert one(tmp_path, header, line) == Consent(
        callee="+13055550123",
        organisation="ACME Loans",
        purpose="marketing",
        channel="voice",
        source="web-form",
        source_where="https://example.com/a,b",
        source_time=time(2026, 1, 1, 10),
        source_how="ticked",
        evidence="sha256:00",
        basis="explicit",
        granted=time(2026, 1, 2, 2, 4, 5),
        expires=time(2027, 1, 1, 5),  # midnight in New York
    )


def test_columns_are_mapped_and_values_set(tmp_path: Path) -> None:
    found = items(
        tmp_path,
        "Phone Number;Opted-in at;Country\n3055550123;2026-01-02;US\n",
        {"phone_number": "callee", "Opted-In At": "granted"},
        {"purpose": "marketing", "source": "web-form"},
    )
    assert found == [
        Consent(
            callee="+13055550123",
            purpose="marketing",
            source="web-form",
            granted=time(2026, 1, 2, 5),
        )
    ]


def test_columns_that_are_no_fields_are_told(tmp_path: Path) -> None:
    file = tmp_path / "crm.csv"
    file.write_text("callee,purpose,granted,ip,wording\n3055550123,x,2026-01-01,::1,v3\n")
    reading = ConsentFile(file, mapping=ColumnMapping(), plan=PLAN, zone=NEW_YORK, now=NOW)

    assert len(list(reading.items())) == 1
    assert reading.unused_columns == ["ip", "wording"]


@pytest.mark.parametrize(
    ("header", "columns", "values", "told"),
    [
        ("phone,purpose,granted", {}, {}, "no column for callee"),
        ("callee,granted", {}, {}, "no column for purpose"),
        ("callee,purpose", {}, {}, "no column for granted"),
        ("a,b", {}, {}, "no column for callee and purpose and granted"),
        (HEADER, {"tel": "callee"}, {}, 'no column "tel"'),
        (HEADER, {"callee": "number"}, {}, '"number" is no field; there are callee, purpose'),
        (HEADER, {}, {"colour": "red"}, '"colour" is no field'),
        (f"{HEADER},tel", {"tel": "callee"}, {}, "two columns are callee"),
        ("", {}, {}, "the file is empty"),
    ],
)
def test_columns_that_give_no_consents_are_refused(
    tmp_path: Path, header: str, columns: dict[str, str], values: dict[str, str], told: str
) -> None:
    with pytest.raises(ColumnsError, match=told):
        items(tmp_path, f"{header}\n", columns, values)


@pytest.mark.parametrize(
    ("status", "granted", "revoked"),
    [
        ("opt-in", 5, None),
        ("Yes", 5, None),
        ("", 5, None),
        ("opted out", None, 5),
        ("0", None, 5),
    ],
)
def test_a_status_says_whether_it_was_given_or_taken_back(
    tmp_path: Path, status: str, granted: int | None, revoked: int | None
) -> None:
    found = one(tmp_path, f"{HEADER},status", f"3055550123,x,2026-01-01,{status}")

    assert isinstance(found, Consent)
    assert found.granted == (None if granted is None else time(2026, 1, 1, granted))
    assert found.revoked == (None if revoked is None else time(2026, 1, 1, revoked))


def test_a_revocation_needs_no_grant(tmp_path: Path) -> None:
    found = one(tmp_path, "callee,purpose,revoked,reason", "3055550123,x,2026/1/2,said stop")

    assert found == Consent(
        callee="+13055550123", purpose="x", revoked=time(2026, 1, 2, 5), reason="said stop"
    )


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"callee": "8.61E+12"}, "callee: digits lost: a spreadsheet rounded the number"),
        ({"callee": ""}, "callee: no digits"),
        ({"callee": "+49900*"}, "callee: a prefix, not a number"),
        ({"callee": "911"}, "callee: an emergency number"),
        ({"purpose": ""}, "no purpose"),
        ({"purpose": "x" * 65}, "purpose: expected a word of up to 64 characters"),
        ({"granted": ""}, "no time when it was granted"),
        ({"granted": "yesterday"}, 'granted: "yesterday" is no time'),
        ({"granted": "05/11/2026"}, 'granted: "05/11/2026" is no time'),
        ({"granted": "2026-13-01"}, "is no time"),
        ({"granted": "0001-01-01T00:00+14:00"}, "is no time"),
        ({"expires": "9999-12-31T23:59-12:00"}, "is no time"),
        ({"granted": "2026-12-24"}, "granted: in the future"),
        ({"expires": "2026-01-01"}, "it expires before it is granted"),
        ({"revoked": "2025-01-01"}, "it is revoked before it is granted"),
        ({"status": "perhaps"}, 'status: "perhaps" is neither in nor out'),
        (
            {"status": "opt-in", "revoked": "2026-02-01"},
            "the status says that it holds, but it is revoked",
        ),
        ({"source-where": "x" * 257}, "source-where: 257 characters, 256 may be"),
        ({"organisation": "ac\x1bme"}, "organisation: a character that can't be printed"),
    ],
)
def test_a_bad_line_is_told_with_its_number_and_reason(
    tmp_path: Path, fields: dict[str, str], reason: str
) -> None:
    row = {"callee": "3055550123", "purpose": "x", "granted": "2026-01-01", **fields}
    found = items(tmp_path, f"{','.join(row)}\n\n{','.join(row.values())}\n")

    assert len(found) == 1
    assert isinstance(found[0], Reject)
    assert found[0].line == 3
    assert reason in found[0].reason


@pytest.mark.parametrize(
    "written",
    [
        f"{HEADER}\r\n３０５５５５０１２３,x,2026-01-01\r\n".encode("utf-8-sig"),
        f"{HEADER}\r\n3055550123,x,2026-01-01\r\n".encode("utf-16"),
        f"{HEADER}\r3055550123,x,2026-01-01\r".encode(),
        b'callee\tpurpose\tgranted\n"=""3055550123"""\tx\t2026-01-01\n',
    ],
    ids=["byte order mark, full width", "UTF-16", "CR", "TSV, spreadsheet's text"],
)
def test_files_come_as_spreadsheets_leave_them(tmp_path: Path, written: bytes) -> None:
    assert items(tmp_path, written) == [
        Consent(callee="+13055550123", purpose="x", granted=time(2026, 1, 1, 5))
    ]


def test_what_is_no_utf_8_is_a_bad_line(tmp_path: Path) -> None:
    line = "3055550123,营销,2026-01-01".encode("gbk")
    (found,) = items(tmp_path, HEADER.encode() + b"\n" + line + b"\n")

    assert isinstance(found, Reject)
    assert found.reason == "not UTF-8"


def test_a_line_without_an_end_is_not_read_to_it(tmp_path: Path) -> None:
    with pytest.raises(ColumnsError, match="a line of more than 200000 characters"):
        items(tmp_path, f"{HEADER}\n{'x' * 300_000}")


def test_bad_lines_go_to_the_rejects_file(tmp_path: Path) -> None:
    file, rejects = tmp_path / "crm.csv", tmp_path / "bad.csv"
    file.write_text(f"{HEADER}\nAnn,x,2026-01-01\n3055550123,x,2026-01-01\nBob,x,2026-01-01\n")
    reading = ConsentFile(
        file, mapping=ColumnMapping(), plan=PLAN, zone=NEW_YORK, now=NOW, rejects=rejects
    )
    with reading:
        found = list(reading)

    assert (len(found), reading.accepted, reading.rejected) == (1, 1, 2)
    assert rejects.read_text().splitlines() == [
        "line,reason,text",
        '2,callee: no digits,"Ann,x,2026-01-01"',
        '4,callee: no digits,"Bob,x,2026-01-01"',
    ]


@given(st.binary(max_size=300))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_consents_bad_lines_or_refused(tmp_path: Path, tail: bytes) -> None:
    try:
        found = items(tmp_path, f"{HEADER},status,expires\n".encode() + tail)
    except ColumnsError:
        return
    assert all(isinstance(item, Consent | Reject) for item in found)
