"""A reload of a running gate: all or nothing, counters kept, a good one works after a bad one."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sipgate.app.process import serve
from sipgate.config import load_config
from sipgate.ledger import ActEntry, LedgerReader
from sipgate.store import NoOwner, OwnerClient, RequestError

from .test_owner_commands import CONFIG
from .test_second_look import record

FIRST = """policy: test
revision: 1
rules:
- id: cap
  rate: {per: caller, limit: 2, window: 365d}
  then: reject
"""
SECOND = """policy: test
revision: 2
rules:
- id: renamed
  rate: {per: caller, limit: 5, window: 365d}
  then: reject
- id: new
  rate: {per: callee, limit: 3, window: 365d, count: admitted}
  then: {tag: {X-A: "{count}"}}
"""
BAD = {
    "wrong key": (SECOND.replace("limit: 5", "limt: 5").encode(), ':5:23: unknown key "limt"; did'),
    "impossible window": (SECOND.replace("365d", "500d").encode(), ':5:41: found "500d"; expected'),
    "unknown zone": (b"timezone: Mars\n" + SECOND.encode(), ':1:11: found "Mars"; expected a time'),
    "doubled id": (SECOND.replace("id: new", "id: renamed").encode(), ':7:7: id "renamed" for the'),
    "include": (
        b"include: other.yaml\n" + SECOND.encode(),
        ':1:1: unknown key "include": a',
    ),
    "another region, so other emergency numbers": (
        b"region: GB\n" + SECOND.encode(),
        ": region GB in the place of none; expected a restart",
    ),
    "tab": (SECOND.replace("  then", "\tthen").encode(), ":6:1: a tab in the indentation"),
    "UTF-16": (SECOND.encode("utf-16"), ":1:1: UTF-16; expected UTF-8"),
    "nothing": (b"", ":1:1: the file is empty; expected a policy"),
}

Ask = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A gate with three calls on record, two of them by hq/1."""
    (tmp_path / "policy.yaml").write_text(FIRST)
    (tmp_path / "sipgate.toml").write_text(CONFIG)
    asyncio.run(record(tmp_path))
    return tmp_path


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Ask]:
    """A gate that runs, and a way to ask it."""
    config = load_config(folder / "sipgate.toml", {})
    client = OwnerClient(config.gate.store_path)
    gate = asyncio.create_task(serve(config))

    async def ask(op: str, **args: Any) -> dict[str, Any]:
        return await asyncio.to_thread(client.request, op, **args)

    async def started() -> None:
        while True:
            try:
                status = await ask("status")
            except (NoOwner, RequestError):
                await asyncio.sleep(0.02)
            else:
                if status["ready"]:
                    return
                await asyncio.sleep(0.02)

    try:
        await asyncio.wait_for(started(), 30)
        yield ask
    finally:
        gate.cancel()
        await asyncio.wait([gate])


async def told(ask: Ask) -> tuple[str, list[str]]:
    """The revision that decides, and what its rules say of a call by hq/1."""
    answer = await ask("decision-explain", decision="gate-1-2")
    words = [f"{rule['rule']}: {rule['words']}" for rule in answer["rules"]]
    return answer["decision"]["revision"], words


COUNTED = ("1", ["cap: 2 of 2 in 365d per caller"])
RELOADED = (
    "2",
    ["renamed: 2 of 5 in 365d per caller", "new: 3 of 3 admitted in 365d per callee"],
)


@pytest.mark.parametrize(("raw", "said"), BAD.values(), ids=BAD)
def test_a_bad_policy_changes_nothing_and_the_next_good_one_works(
    folder: Path, raw: bytes, said: str
) -> None:
    async def play() -> None:
        async with running(folder) as ask:
            assert await told(ask) == COUNTED
            (folder / "policy.yaml").write_bytes(raw)
            with pytest.raises(RequestError) as refused:
                await ask("reload")
            assert str(refused.value).startswith(f"{folder}/policy.yaml{said}")
            assert await told(ask) == COUNTED
            (folder / "policy.yaml").write_text(SECOND)
            assert (await ask("reload"))["revision"] == "2"
            assert await told(ask) == RELOADED

    asyncio.run(play())


def test_a_policy_that_is_gone_changes_nothing(folder: Path) -> None:
    async def play() -> None:
        async with running(folder) as ask:
            (folder / "policy.yaml").unlink()
            with pytest.raises(RequestError, match=r"policy\.yaml: No such file or directory"):
                await ask("reload")
            assert await told(ask) == COUNTED

    asyncio.run(play())


def test_only_what_was_loaded_is_on_record(folder: Path) -> None:
    async def play() -> None:
        async with running(folder) as ask:
            for text in (SECOND.replace("reject", "rejct"), SECOND):
                (folder / "policy.yaml").write_text(text)
                try:
                    await ask("reload", by="alice")
                except RequestError:
                    continue

    asyncio.run(play())

    with LedgerReader(folder / "var/sipgate.db") as reader:
        acts = [entry for entry in reader.entries() if isinstance(entry, ActEntry)]
    loaded = [act for act in acts if act.kind == "policy-loaded"]
    assert [(act.by, act.detail["revision"]) for act in loaded][-1:] == [("alice", "2")]
    assert [act.detail["revision"] for act in loaded].count("2") == 1


def test_the_record_tells_which_file_of_bans_was_read(folder: Path) -> None:
    ban = "region,from,to,reason,source\nUS-FL,2026-09-28,2026-09-28,{},an order\n"
    rule = '- {id: open, hours: {open: {mon-sun: "00:00-24:00"}, bans: b.csv}, then: reject}\n'

    async def play() -> None:
        async with running(folder) as ask:
            for reason in ("storm", "flood"):
                (folder / "b.csv").write_text(ban.format(reason))
                (folder / "policy.yaml").write_text(SECOND.rstrip() + "\n" + rule)
                await ask("reload")

    asyncio.run(play())

    with LedgerReader(folder / "var/sipgate.db") as reader:
        acts = [entry for entry in reader.entries() if isinstance(entry, ActEntry)]
    files = [act.detail["files"] for act in acts if act.kind == "policy-loaded"][-2:]
    assert files == [
        f"b.csv {hashlib.sha256(ban.format(reason).encode()).hexdigest()}"
        for reason in ("storm", "flood")
    ]


def test_a_signal_reloads_too_and_a_bad_policy_before_it_does_no_harm(folder: Path) -> None:
    async def play() -> None:
        async with running(folder) as ask:
            (folder / "policy.yaml").write_text(SECOND.replace("reject", "rejct"))
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0)
            assert await told(ask) == COUNTED
            (folder / "policy.yaml").write_text(SECOND)
            os.kill(os.getpid(), signal.SIGHUP)
            async with asyncio.timeout(20):
                while await told(ask) != RELOADED:  # noqa: ASYNC110  the gate tells nobody
                    await asyncio.sleep(0.02)

    asyncio.run(play())
