"""`sipgate number`: how what is dialled is read."""

import json
from pathlib import Path

import pytest

from .conftest import RunCommand


def read(sipgate: RunCommand, *words: str) -> dict[str, object]:
    ran = sipgate("number", *words, "--json")
    assert ran.exit_code == 0, ran.err
    facts: dict[str, object] = json.loads(ran.out)
    return facts


def with_second_source(folder: Path) -> None:
    path = folder / "sipgate.toml"
    added = (
        '[[source]]\nname = "uk"\nmatch = ["10.2.0.0/16"]\nregion = "GB"\n'
        'outside-line = ["9"]\ne164 = true\n'
    )
    path.write_text(path.read_text() + added)


def test_a_number_has_its_place_and_what_goes_out(sipgate: RunCommand, folder: Path) -> None:
    assert read(sipgate, "1 (850) 555-0123", "--source", "hq") == {
        "dialled": "1 (850) 555-0123",
        "source": "hq",
        "kind": "number",
        "number": "+18505550123",
        "emergency": False,
        "country": "US",
        "regions": ["US-FL"],
        "zones": ["America/Chicago", "America/New_York"],
        "goes_out": "1%20(850)%20555-0123",
        "upstream": "carrier",
    }


def test_each_source_reads_it_its_own_way(sipgate: RunCommand, folder: Path) -> None:
    with_second_source(folder)
    british = read(sipgate, "9 07700 900123", "--source", "uk")
    assert (british["number"], british["goes_out"]) == ("+447700900123", "+447700900123")
    assert british["zones"] == ["Europe/London"]


@pytest.mark.parametrize(
    ("dialled", "kind", "number"),
    [
        ("911", "emergency", "911"),
        ("urn:service:sos.fire", "emergency", "urn:service:sos.fire"),
        ("4711", "short", "4711"),
        ("tel:5550123;phone-context=+1305", "number", "+13055550123"),
        ("sip:+13055550123@example.com;user=phone", "number", "+13055550123"),
        ("*67 13055550123", "number", "+13055550123"),
        ("nonsense", "unreadable", "nonsense"),
    ],
)
def test_uris_codes_and_nonsense_are_read(
    sipgate: RunCommand, folder: Path, dialled: str, kind: str, number: str
) -> None:
    facts = read(sipgate, dialled)
    assert (facts["kind"], facts["number"], facts["emergency"]) == (
        kind,
        number,
        kind == "emergency",
    )


def test_what_cant_be_read_is_somewhere_in_the_sources_country(
    sipgate: RunCommand, folder: Path
) -> None:
    facts = read(sipgate, "nonsense")
    assert (facts["country"], facts["regions"]) == ("US", [])
    assert "Pacific/Honolulu" in facts["zones"]  # type: ignore[operator]


def test_people_get_lines(sipgate: RunCommand, folder: Path) -> None:
    ran = sipgate("number", "911")
    assert "emergency  yes: it passes before any rule" in ran.out
    assert "zones      -" in ran.out
    toll_free = sipgate("number", "18005550123")
    assert "regions    nobody knows" in toll_free.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("911", "--source", "zz"), 'no [[source]] is named "zz"; there is hq, uk'),
        (("911",), "whose number? --source is one of hq, uk"),
        (("sip:example.com", "--source", "hq"), "a URI without a user part calls nobody"),
        (("", "--source", "hq"), "can't be in a request"),
    ],
)
def test_a_wrong_question_is_told_so(
    sipgate: RunCommand, folder: Path, words: tuple[str, ...], said: str
) -> None:
    with_second_source(folder)
    ran = sipgate("number", *words)
    assert ran.exit_code == 2
    assert said in ran.err


def test_a_policy_that_is_missing_is_told(sipgate: RunCommand, folder: Path) -> None:
    (folder / "policy.yaml").unlink()
    ran = sipgate("number", "911")
    assert ran.exit_code == 2
    assert "policy.yaml" in ran.err
