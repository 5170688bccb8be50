"""`kill -9` under load: no call without evidence, no limit exceeded."""

import shutil
from pathlib import Path

import pytest

from bench.kill import kill_under_load

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("sipp") is None, reason="SIPp is not installed"),
]


def test_three_kills_lose_no_decision_and_exceed_no_limit(tmp_path: Path) -> None:
    findings = kill_under_load(tmp_path / "kill", rounds=3, rate=300)
    assert findings.without_decision == []
    assert findings.decided_twice == []
    assert findings.over_limit == {}
    assert findings.rounds == 3
    assert findings.rejected > 0
