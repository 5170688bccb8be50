"""The manual and the code say the same."""

import re
import tomllib
from pathlib import Path

import pytest

from sipgate.app.owner_commands import NETWORK_COUNTS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
CODE = [path.read_text("utf-8") for path in sorted((ROOT / "sipgate").rglob("*.py"))]

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.M)
FENCED = re.compile(r"^```.*?^```", re.M | re.S)
ROW = re.compile(r"^\| RFC (\d+) \| [^|]+ \| (\w+) \| [^|]* \|$", re.M)


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return FENCED.sub("", page.read_text("utf-8"))


def links() -> list[tuple[Path, str]]:
    """Every link of the manual into this project, with the page that it stands on."""
    found = [(page, target) for page in PAGES for target in LINK.findall(prose(page))]
    return [(page, target) for page, target in found if "://" not in target]


def anchors(page: Path) -> set[str]:
    """The names that a page's headings get."""
    headings = [heading.lower() for heading in HEADING.findall(prose(page))]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


def rows() -> dict[int, str]:
    """RFC number to yes, partly or no."""
    found = ROW.findall((ROOT / "docs/rfcs.md").read_text("utf-8"))
    return {int(number): done for number, done in found}


def cited() -> set[int]:
    """The RFCs that the code names."""
    return {int(number) for text in CODE for number in re.findall(r"RFC\s+(\d+)", text)}


def logged() -> set[str]:
    """The events that the gate logs at info and above."""
    call = re.compile(r"log\.(?:info|warning|error|exception)\(\s*\"(\w+)\"")
    return {event for text in CODE for event in call.findall(text)}


def counted() -> set[str]:
    """The counters that `status` gives."""
    return {name for text in CODE for name in re.findall(r"counts\[\"(\w+)\"\] \+= 1", text)}


def told(section: str) -> set[str]:
    """The first cells of a table in docs/operation.md that are code."""
    page = (ROOT / "docs/operation.md").read_text("utf-8")
    part = page.split(f"\n## {section}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]+`) \|", part, re.M)
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize(
    ("page", "target"), links(), ids=[f"{page.name} {target}" for page, target in links()]
)
def test_every_link_leads_somewhere(page: Path, target: str) -> None:
    name, _, anchor = target.partition("#")
    file = page.parent / name if name else page

    assert file.exists()
    assert not anchor or anchor in anchors(file)


def test_every_page_can_be_reached_from_the_readme() -> None:
    linked = {(page.parent / target.partition("#")[0]).resolve() for page, target in links()}

    # A link to a folder reaches what is in it: docs/decisions grows.
    assert [page for page in PAGES[1:] if not {page, page.parent} & linked] == []


def test_every_rfc_that_the_code_cites_has_a_row() -> None:
    assert sorted(cited() - rows().keys()) == []


def test_every_rfc_that_is_followed_is_cited() -> None:
    followed = {number for number, done in rows().items() if done != "no"}

    assert sorted(followed - cited()) == []


def test_an_rfc_has_one_row_that_says_yes_partly_or_no() -> None:
    page = (ROOT / "docs/rfcs.md").read_text("utf-8")

    assert len(re.findall(r"^\| RFC \d", page, re.M)) == len(rows())
    assert set(rows().values()) == {"yes", "partly", "no"}


def test_every_dependency_has_its_reasons() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    names = {re.split(r"[<>=\[]", line)[0].lower() for line in project["dependencies"]}
    page = (ROOT / "docs/decisions/0001-dependencies.md").read_text("utf-8")
    reasons = set(re.findall(r"^\| ([\w.-]+) \|", page, re.M)) - {"library"}

    assert names == {name.lower() for name in reasons}


def test_every_log_event_is_in_the_manual() -> None:
    assert told("What it logs") == logged()


def test_every_counter_is_in_the_manual() -> None:
    assert told("Counters") == counted()


def test_every_counter_of_the_network_is_in_the_manual() -> None:
    assert told("Network counters") == set(NETWORK_COUNTS)


def proofs() -> set[str]:
    """What the tables of docs/sip.md name: tests, modules, files of tests."""
    page = (ROOT / "docs/sip.md").read_text("utf-8")
    part = page.split("\n## What each RFC asks of a proxy")[1]
    rows = re.findall(r"^\| RFC .*$", part, re.M)
    return {name for row in rows for name in re.findall(r"`([\w/]+(?:\.py)?)`", row)}


def test_every_test_that_the_manual_names_is_there() -> None:
    named = {name for name in proofs() if name.startswith("test_")}
    files = (path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    there = {name for text in files for name in re.findall(r"def (test_\w+)\(", text)}

    assert named
    assert sorted(named - there) == []


def test_every_file_that_the_manual_names_beside_them_is_there() -> None:
    named = {name for name in proofs() if name.endswith(".py")}

    assert named
    assert [
        name
        for name in sorted(named)
        if not (ROOT / ("" if name.startswith("tests/") else "sipgate") / name).exists()
    ] == []


def test_every_row_about_an_rfc_names_a_test() -> None:
    page = (ROOT / "docs/sip.md").read_text("utf-8")
    rows = re.findall(r"^\| RFC .*$", page, re.M)

    assert rows
    assert [row for row in rows if "test_" not in row] == []
