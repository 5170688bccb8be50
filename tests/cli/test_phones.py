"""`sipgate phones`."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from sipgate.store import Registration, RegistrationStore, engine

from .conftest import RunCommand


@pytest.fixture
def registered(store: Path) -> None:
    """Two phones that are registered, and one that was."""
    now = time.time()

    async def write() -> None:
        opened = engine(f"sqlite:///{store}")
        await RegistrationStore(opened).write(
            [
                Registration(
                    token=f"r{user}",
                    aor=f"{user}@pbx.example.com".encode(),
                    contact=f"sip:{user}@192.168.1.5:5060".encode(),
                    source="floor",
                    upstream="pbx",
                    by_path=user == "4712",
                    flow="udp:203.0.113.7:40112",
                    listener="udp:0.0.0.0:5060",
                    is_natted=True,
                    user_agent=b"Agent\xff" if user == "4711" else None,
                    registered_time=1_790_000_000.0,
                    refreshed_time=1_790_000_060.0,
                    expires_time=expires_time,
                )
                for user, expires_time in (
                    ("4711", 4_000_000_000.0),
                    ("4712", now + 600),
                    ("4713", now - 1),
                )
            ],
            [],
        )
        await opened.dispose()

    asyncio.run(write())


@pytest.mark.usefixtures("registered")
def test_phones_that_are_registered_are_listed(sipgate: RunCommand) -> None:
    found = [json.loads(line) for line in sipgate("phones", "--json").out.splitlines()]

    assert [row["phone"] for row in found] == ["4711@pbx.example.com", "4712@pbx.example.com"]
    assert found[0] == {
        "phone": "4711@pbx.example.com",
        "contact": "sip:4711@192.168.1.5:5060",
        "flow": "udp:203.0.113.7:40112",
        "listener": "udp:0.0.0.0:5060",
        "nat": True,
        "registrations": "contact",
        "source": "floor",
        "upstream": "pbx",
        "token": "r4711",
        "user_agent": "Agent\\xff",
        "registered": "2026-09-21T14:13:20Z",
        "refreshed": "2026-09-21T14:14:20Z",
        "expires": "2096-10-02T07:06:40Z",
    }
    assert found[1]["registrations"] == "path"


@pytest.mark.usefixtures("registered")
def test_people_get_a_table(sipgate: RunCommand) -> None:
    first, second, *rest = sipgate("phones").out.splitlines()

    assert first.split()[:2] == ["phone", "registered"]
    assert second.split()[:3] == [
        "4711@pbx.example.com",
        "sip:4711@192.168.1.5:5060",
        "udp:203.0.113.7:40112",
    ]
    assert len(rest) == 1


@pytest.mark.usefixtures("registered")
def test_one_user_can_be_asked_for(sipgate: RunCommand) -> None:
    [line] = sipgate("phones", "4712", "--json").out.splitlines()

    assert json.loads(line)["phone"] == "4712@pbx.example.com"


@pytest.mark.usefixtures("store")
def test_no_phone_is_said_so(sipgate: RunCommand) -> None:
    assert sipgate("phones").out == "no phone is registered through the gate\n"
