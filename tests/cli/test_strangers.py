"""`sipgate strangers`."""

import asyncio
import json
import tomllib
from pathlib import Path

import pytest

from sipgate.store import Stranger, StrangerStore, engine

from .conftest import RunCommand


@pytest.fixture
def knocked(store: Path) -> None:
    """Two addresses that no source matches."""

    async def write() -> None:
        opened = engine(f"sqlite:///{store}")
        await StrangerStore(opened).add(
            [
                Stranger(
                    address=address,
                    transport="udp",
                    first_time=1_790_000_000.0,
                    last_time=last_time,
                    packets=packets,
                    reason="no source matches",
                    method="REGISTER",
                    user_agent="friendly-scanner",
                )
                for address, last_time, packets in (
                    ("203.0.113.7", 1_790_000_100.0, 12),
                    ("2001:db8::7", 1_790_003_600.0, 1),
                )
            ]
        )
        await opened.dispose()

    asyncio.run(write())


@pytest.mark.usefixtures("knocked")
def test_who_knocked_is_listed_most_recent_first(sipgate: RunCommand) -> None:
    found = [json.loads(line) for line in sipgate("strangers", "--json").out.splitlines()]

    assert [row["address"] for row in found] == ["2001:db8::7", "203.0.113.7"]
    assert found[1]["first_time"] == "2026-09-21T14:13:20Z"
    assert found[1]["packets"] == 12
    assert found[1]["reason"] == "no source matches"


@pytest.mark.usefixtures("knocked")
def test_the_lines_that_would_admit_them_are_configuration(sipgate: RunCommand) -> None:
    row = json.loads(sipgate("strangers", "--json", "--limit", "1").out)

    assert tomllib.loads(row["admit"]) == {
        "source": [{"name": "new", "match": ["2001:db8::7"], "upstream": "carrier"}]
    }


@pytest.mark.usefixtures("knocked")
def test_people_get_a_table_and_the_lines(sipgate: RunCommand) -> None:
    out = sipgate("strangers").out

    assert "friendly-scanner" in out
    assert 'match = ["2001:db8::7", "203.0.113.7"]' in out


@pytest.mark.usefixtures("store")
def test_nobody_is_a_fine_answer(sipgate: RunCommand) -> None:
    ran = sipgate("strangers")

    assert (ran.exit_code, ran.out) == (0, "nobody: all SIP came from sources\n")
