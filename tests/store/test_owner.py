"""One owner of a store, and those who ask it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sipgate.store import (
    NoOwner,
    OwnerClient,
    RequestError,
    StoreError,
    StoreOwnedError,
    StoreOwner,
    socket_path,
)
from sipgate.store.owner_socket import MAX_REQUEST_BYTES


async def add(request: dict[str, Any]) -> dict[str, Any]:
    return {"sum": request["a"] + request["b"]}


async def refuse(request: dict[str, Any]) -> dict[str, Any]:
    raise RequestError("not today")


async def crash(request: dict[str, Any]) -> dict[str, Any]:
    raise KeyError("gone")


HANDLERS = {"add": add, "refuse": refuse, "crash": crash}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sipgate.db"


def owned(path: Path, conversation: Callable[[], Awaitable[None]]) -> None:
    """Have the conversation while this process owns the store."""

    async def scenario() -> None:
        async with StoreOwner(path, HANDLERS):
            await conversation()

    asyncio.run(scenario())


async def ask(path: Path, op: str, **args: Any) -> dict[str, Any]:
    return await asyncio.to_thread(
        lambda: OwnerClient(path, timeout_seconds=20).request(op, **args)
    )


async def send(path: Path, data: bytes) -> list[dict[str, Any]]:
    """Send bytes as they are; all answers until the owner hangs up."""
    reader, writer = await asyncio.open_unix_connection(socket_path(path))
    writer.write(data)
    writer.write_eof()
    answers = (await reader.read()).splitlines()
    writer.close()
    return [json.loads(answer) for answer in answers]


def test_the_owner_answers(path: Path) -> None:
    async def conversation() -> None:
        assert await ask(path, "add", a=1, b=2) == {"sum": 3}

    owned(path, conversation)


def test_a_refusal_reaches_the_one_who_asked(path: Path) -> None:
    async def conversation() -> None:
        with pytest.raises(RequestError, match="not today"):
            await ask(path, "refuse")

    owned(path, conversation)


def test_an_unknown_operation_is_named_with_those_that_are_known(path: Path) -> None:
    async def conversation() -> None:
        with pytest.raises(RequestError, match="unknown op 'ad'; known: add, crash, refuse"):
            await ask(path, "ad")

    owned(path, conversation)


def test_a_handler_that_breaks_does_not_end_the_owner(path: Path) -> None:
    async def conversation() -> None:
        with pytest.raises(RequestError, match="KeyError"):
            await ask(path, "crash")
        assert await ask(path, "add", a=1, b=1) == {"sum": 2}

    owned(path, conversation)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"nonsense", "bad-request"),
        (b"[1]", "bad-request"),
        (b"", "bad-request"),
        (b"\xff", "bad-request"),
        (b"{}", "unknown-op"),
        (b'{"op": 7}', "unknown-op"),
    ],
    ids=["no JSON", "a list", "empty", "no UTF-8", "no op", "op is no text"],
)
def test_a_bad_line_gets_an_error_and_the_next_one_its_answer(
    path: Path, line: bytes, kind: str
) -> None:
    async def conversation() -> None:
        bad, good = await send(path, line + b'\n{"op":"add","a":1,"b":2}\n')
        assert bad["error"]["kind"] == kind
        assert good == {"result": {"sum": 3}}

    owned(path, conversation)


def test_a_line_that_is_too_long_ends_the_conversation(path: Path) -> None:
    async def conversation() -> None:
        reader, writer = await asyncio.open_unix_connection(socket_path(path))
        writer.write(b"x" * (MAX_REQUEST_BYTES + 1))
        answer = json.loads(await reader.readline())
        assert answer["error"]["kind"] == "too-long"
        writer.close()

    owned(path, conversation)


def test_a_request_that_is_too_long_is_not_sent(path: Path) -> None:
    with pytest.raises(StoreError, match="may be"):
        OwnerClient(path).request("add", a="x" * MAX_REQUEST_BYTES)


def test_half_a_line_is_no_request(path: Path) -> None:
    async def conversation() -> None:
        assert await send(path, b'{"op":"add"') == []

    owned(path, conversation)


def test_a_second_owner_is_refused_and_told_who_the_first_is(path: Path) -> None:
    async def conversation() -> None:
        code = (
            "import asyncio, sys\nfrom pathlib import Path\nfrom sipgate.store import *\n"
            "async def main():\n"
            "    try:\n"
            "        async with StoreOwner(Path(sys.argv[1]), {}): print('owner')\n"
            "    except StoreOwnedError as error: print(error)\n"
            "asyncio.run(main())"
        )
        child = await asyncio.to_thread(
            lambda: subprocess.run(
                [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
            )
        )
        assert "in use by process" in child.stdout
        assert await ask(path, "add", a=1, b=2) == {"sum": 3}

    owned(path, conversation)


def test_in_one_process_too_there_is_one_owner(path: Path) -> None:
    async def conversation() -> None:
        with pytest.raises(StoreOwnedError):
            async with StoreOwner(path, {}):
                pass

    owned(path, conversation)


def test_when_the_owner_has_left_another_may_come(path: Path) -> None:
    async def conversation() -> None:
        assert await ask(path, "add", a=1, b=2) == {"sum": 3}

    owned(path, conversation)
    assert not socket_path(path).exists()
    owned(path, conversation)


def test_the_socket_of_an_owner_that_was_killed_is_replaced(path: Path) -> None:
    code = (
        "import asyncio, os, sys\nfrom pathlib import Path\nfrom sipgate.store import StoreOwner\n"
        "async def main():\n"
        "    async with StoreOwner(Path(sys.argv[1]), {}): os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -9
    assert socket_path(path).exists()
    with pytest.raises(NoOwner):
        OwnerClient(path).request("add")

    async def conversation() -> None:
        assert await ask(path, "add", a=1, b=2) == {"sum": 3}

    owned(path, conversation)


def test_without_an_owner_there_is_nobody_to_ask(path: Path) -> None:
    with pytest.raises(NoOwner):
        OwnerClient(path).request("add", a=1, b=2)


def test_the_socket_and_the_lock_are_private(path: Path) -> None:
    async def conversation() -> None:
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
        assert modes == {"sipgate.db.lock": 0o600, "sipgate.db.sock": 0o600}

    owned(path, conversation)


def test_a_path_too_long_for_a_socket_works(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    path = folder / "sipgate.db"

    async def conversation() -> None:
        assert await ask(path, "add", a=1, b=2) == {"sum": 3}

    owned(path, conversation)
    assert not socket_path(path).exists()


def test_a_name_too_long_for_a_socket_is_an_error_that_says_so(tmp_path: Path) -> None:
    async def conversation() -> None:
        raise AssertionError

    with pytest.raises(StoreError, match="too long for a socket"):
        owned(tmp_path / ("n" * 120), conversation)


def test_an_owner_that_leaves_hangs_up_on_idle_clients(path: Path) -> None:
    async def scenario() -> None:
        async with StoreOwner(path, HANDLERS):
            reader, writer = await asyncio.open_unix_connection(socket_path(path))
            writer.write(b'{"op":"add","a":1,"b":2}\n')
            await reader.readline()
        assert await reader.read() == b""
        writer.close()

    asyncio.run(scenario())


def test_a_handler_is_cancelled_when_the_owner_leaves(path: Path) -> None:
    started, ended = asyncio.Event(), []

    async def wait(request: dict[str, Any]) -> dict[str, Any]:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")
        return {}

    async def scenario() -> None:
        async with StoreOwner(path, {"wait": wait}):
            reader, writer = await asyncio.open_unix_connection(socket_path(path))
            writer.write(b'{"op":"wait"}\n')
            await started.wait()
        assert ended == ["cancelled"]
        assert await reader.read() == b""
        writer.close()

    asyncio.run(scenario())


def test_who_is_patient_waits_for_another_owner_to_leave(tmp_path: Path) -> None:
    async def conversation() -> None:
        store = tmp_path / "gate.db"
        first = StoreOwner(store, {})
        await first.__aenter__()

        async def take_over() -> None:
            async with StoreOwner(store, {}, patience=10.0):
                pass

        waiting = asyncio.create_task(take_over())
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await first.__aexit__()
        await waiting

    asyncio.run(conversation())


def test_patience_has_an_end(tmp_path: Path) -> None:
    async def conversation() -> None:
        store = tmp_path / "gate.db"
        async with StoreOwner(store, {}):
            with pytest.raises(StoreOwnedError):
                async with StoreOwner(store, {}, patience=0.1):
                    pass

    asyncio.run(conversation())
