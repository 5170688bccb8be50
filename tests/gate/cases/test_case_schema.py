"""The JSON Schema of test files takes what the reader takes, and finds the usual mistakes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipgate.gate import PolicyError
from sipgate.gate.cases import case_schema, find_test_files, read_cases
from tests.gate.json_schema import is_valid, loaded

ROOT = Path(__file__).parents[3]
SCHEMA = case_schema()
FILES = find_test_files([ROOT / "policies"])
MANUAL = re.findall(r"```yaml\n(policy:.*?)```", (ROOT / "docs/policy-tests.md").read_text(), re.S)
CASE = (ROOT / "policies/tests/quickstart.yaml").read_text()


def test_the_file_for_editors_is_the_schema_of_the_shapes() -> None:
    written = json.loads((ROOT / "policies/tests.schema.json").read_text())

    # Make it: sipgate policy schema --tests -o policies/tests.schema.json
    assert written == SCHEMA


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_shipped_test_file_fits(path: Path) -> None:
    assert is_valid(loaded(path.read_bytes()), SCHEMA)


@pytest.mark.parametrize("text", MANUAL, ids=lambda text: text.split("\n")[0])
def test_every_test_file_in_the_manual_fits(text: str) -> None:
    assert is_valid(loaded(text), SCHEMA)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("cases:", "casse:"),
        ("name: a first", "nam: a first"),
        ("caller: hq/4711", "caller: 4711"),
        ('at: "2026-11-20T09:00:00Z"', "at: noon"),
        ("verdict: allow", "verdict: alow"),
        ("{verdict: allow, rule: ~, tags: {}}", "{}"),
        ("tags: {}", "tags: []"),
        ("repeat: 19", "repeat: 0"),
        ("every: 1s", "every: 1"),
        ("repeat: 19", "outcome: buzy, repeat: 19"),
        ("code: 403", "code: 200"),
    ],
)
def test_the_mistakes_that_an_editor_can_see_are_refused(old: str, new: str) -> None:
    assert old in CASE

    assert not is_valid(loaded(CASE.replace(old, new)), SCHEMA)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_schema_is_never_stricter_than_the_reader(data: st.DataObject) -> None:
    path: Any = data.draw(st.sampled_from(FILES))
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        cut = data.draw(st.integers(0, 4))
        raw[at : at + cut] = data.draw(
            st.text("0123456789abcdefsmhdw+*/ ", max_size=4).map(str.encode)
            | st.sampled_from([b"[a]", b"true", b"~", b"'1'", b"busy", b"repeat", b"{}"])
        )
    try:
        read_cases(bytes(raw), path)
    except PolicyError:
        return
    assert is_valid(loaded(bytes(raw)), SCHEMA)
