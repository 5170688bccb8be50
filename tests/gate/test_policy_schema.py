"""The JSON Schema for editors: what the reader takes it takes, and it finds the usual mistakes."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipgate.gate import PolicyError, policy_schema, read_policy
from sipgate.gate.policy_schema import WHEN_MEANINGS, spelled_duration
from sipgate.gate.rules import KINDS
from sipgate.gate.when_shape import KEYS

from .json_schema import is_valid, loaded

ROOT = Path(__file__).parents[2]
SCHEMA = policy_schema()
POLICIES = sorted((ROOT / "policies").glob("*.yaml"))
MANUAL = [
    text
    for text in re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/policy.md").read_text(), re.S)
    if text.startswith("policy:")
]
HEAD = "policy: sales\nrevision: 1\nrules:\n- id: one\n"
RATE = "  rate: {per: caller, limit: 5, window: 1m}\n"


def test_the_file_for_editors_is_the_schema_of_the_shapes() -> None:
    written = json.loads((ROOT / "policies/policy.schema.json").read_text())

    # Make it: sipgate policy schema -o policies/policy.schema.json
    assert written == SCHEMA


def test_every_key_of_when_says_what_it_means() -> None:
    assert [*WHEN_MEANINGS] == [*KEYS]


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_every_shipped_policy_fits(path: Path) -> None:
    assert is_valid(loaded(path.read_bytes()), SCHEMA)


@pytest.mark.parametrize("text", MANUAL, ids=lambda text: text.split("\n")[0])
def test_every_policy_in_the_manual_fits(text: str) -> None:
    assert is_valid(loaded(text), SCHEMA)


def test_every_key_says_what_it_means() -> None:
    rule = SCHEMA["properties"]["rules"]["items"]["properties"]
    keys = [*SCHEMA["properties"].items(), *rule.items()]
    keys += [item for kind in KINDS for item in _keys_of(rule[kind])]

    assert [key for key, value in keys if not (value.get("description") or "$ref" in value)] == []


def _keys_of(schema: dict[str, Any]) -> list[tuple[str, Any]]:
    shape = schema if "properties" in schema else schema["anyOf"][-1]
    return list(shape["properties"].items())


@pytest.mark.parametrize(
    "text",
    [
        "revision: 1\nrules: []\n",
        "policy: p\nrevision: 1\nrulez: []\n",
        "policy: p q\nrevision: 1\nrules: []\n",
        "policy: p\nrevision: 1\nrules: []\nregion: UKK\n",
        "policy: p\nrevision: 1\nrules: []\nmode: monitr\n",
        "policy: p\nrevision: 1\nrules: {}\n",
        HEAD + RATE,
        HEAD + "  then: reject\n",
        HEAD + RATE + "  concurrent: {per: caller, limit: 2}\n  then: reject\n",
        HEAD + RATE + "  then: maybe\n",
        HEAD + RATE + "  then: {reject: 503}\n",
        HEAD + RATE + "  then: {reject: 487}\n",
        HEAD + RATE + "  then: {reject: 403, allow: true}\n",
        HEAD + RATE + "  then: {tag: {}}\n",
        HEAD + RATE + f"  then: {{reject: 403, reason: {'x' * 201}}}\n",
        HEAD + RATE + "  then: {reject: 403, retry-after: 60}\n",
        HEAD + "  rate: {per: caler, limit: 5, window: 1m}\n  then: reject\n",
        HEAD + "  rate: {per: [], limit: 5, window: 1m}\n  then: reject\n",
        HEAD + "  rate: {per: caller, limit: five, window: 1m}\n  then: reject\n",
        HEAD + "  rate: {per: caller, limits: [{limit: 5}]}\n  then: reject\n",
        HEAD + "  list: {name: x, of: calee}\n  then: reject\n",
        HEAD + "  list: {name: x, absent: 1}\n  then: reject\n",
        HEAD + "  when: {callr: hq/1}\n" + RATE + "  then: reject\n",
        HEAD + "  when: {caller: '4711'}\n" + RATE + "  then: reject\n",
        HEAD + "  when: {not: {kind: emergency}}\n" + RATE + "  then: reject\n",
    ],
)
def test_the_mistakes_that_an_editor_can_see_are_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        read_policy(text.encode(), Path("p.yaml"))

    assert not is_valid(loaded(text), SCHEMA)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_the_schema_is_never_stricter_than_the_reader(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(POLICIES)).read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw)))
        cut = data.draw(st.integers(0, 4))
        raw[at : at + cut] = data.draw(
            st.text("0123456789abcdefsmhdw+*/ ", max_size=4).map(str.encode)
            | st.sampled_from([b"[a]", b"true", b"~", b"'1'", b"day", b"limit", b"callee", b"not"])
        )
    try:
        read_policy(bytes(raw), Path("p.yaml"))
    except PolicyError:
        return
    assert is_valid(loaded(bytes(raw)), SCHEMA)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (2, "2s"), (90, "90s"), (2400, "40m"), (86_400, "1d"), (1_209_600, "2w")],
)
def test_a_default_duration_is_written_as_in_a_policy(seconds: int, text: str) -> None:
    assert spelled_duration(seconds) == text
