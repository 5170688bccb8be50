"""The one process that may change a store: it holds the lock and answers on the socket."""

import asyncio
import fcntl
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import structlog

from .errors import RequestError, StoreError, StoreOwnedError
from .location import lock_path, make_private, socket_path
from .owner_socket import MAX_REQUEST_BYTES, socket_address

Handler: TypeAlias = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]

MAX_CLIENTS = 32
RETRY_SECONDS = 0.05

log = structlog.get_logger(__name__)


class StoreOwner:
    """Owns the store at `path` inside `async with`.

    A request goes to the handler of its `op`, which gets the request without it and gives the
    result; a RequestError is the client's answer. Entering raises StoreOwnedError if another
    process is the owner. Leaving ends every conversation.
    """

    def __init__(
        self, path: Path, handlers: Mapping[str, Handler], *, patience: float = 0.0
    ) -> None:
        """`patience`: seconds that entering waits for another owner to leave."""
        self._patience = patience
        self._path = path
        self._handlers = handlers
        self._lock_fd: int | None = None
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> "StoreOwner":
        until = asyncio.get_running_loop().time() + self._patience
        while self._lock_fd is None:
            try:
                self._lock_fd = _lock(lock_path(self._path))
            except StoreOwnedError:
                if asyncio.get_running_loop().time() >= until:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
        try:
            listening = _listen(socket_path(self._path))
            self._server = await asyncio.start_unix_server(
                self._converse, sock=listening, limit=MAX_REQUEST_BYTES
            )
        except BaseException:
            self._release()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            assert self._server is not None
            self._server.close()
            for client in self._clients:
                client.cancel()
            await asyncio.gather(*self._clients, return_exceptions=True)
        finally:
            socket_path(self._path).unlink(missing_ok=True)
            self._release()

    def _release(self) -> None:
        assert self._lock_fd is not None
        os.close(self._lock_fd)  # the lock goes with it; the file stays, for others may wait on it
        self._lock_fd = None

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            if len(self._clients) > MAX_CLIENTS:
                await _answer(writer, _error("busy", f"{MAX_CLIENTS} clients are connected"))
                return
            while line := await _read_line(reader, writer):
                await _answer(writer, await self._handle(line))
        except ConnectionError:
            pass  # the client is gone; what it asked for is done
        finally:
            self._clients.discard(task)
            writer.close()

    async def _handle(self, line: bytes) -> dict[str, Any]:
        try:
            request = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            return _error("bad-request", f"expected one JSON object a line: {error}")
        operation = request.pop("op", None)
        handler = self._handlers.get(operation) if isinstance(operation, str) else None
        if handler is None:
            known = ", ".join(sorted(self._handlers)) or "none"
            return _error("unknown-op", f"unknown op {operation!r}; known: {known}")
        try:
            return {"result": await handler(request)}
        except RequestError as error:
            return _error("refused", str(error))
        except Exception as error:
            log.exception("owner_request_failed", op=operation)
            return _error("failed", f"{type(error).__name__}: {error}")


async def _read_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The next line; empty when the client has ended, or its line doesn't."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError:
        return b""
    except asyncio.LimitOverrunError:
        text = f"the line is longer than {MAX_REQUEST_BYTES} bytes"
        await _answer(writer, _error("too-long", text))
        return b""


async def _answer(writer: asyncio.StreamWriter, answer: dict[str, Any]) -> None:
    writer.write(msgspec.json.encode(answer) + b"\n")
    await writer.drain()


def _error(kind: str, text: str) -> dict[str, Any]:
    return {"error": {"kind": kind, "text": text}}


def _lock(path: Path) -> int:
    make_private(path)
    try:
        lock_fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(f"{path}: cannot open: {error.strerror}") from error
    try:
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.read(lock_fd, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(lock_fd)
        raise StoreOwnedError(f"{path}: the store is in use by process {owner}") from error
    os.ftruncate(lock_fd, 0)
    os.pwrite(lock_fd, b"%d\n" % os.getpid(), 0)
    return lock_fd


def _listen(path: Path) -> socket.socket:
    """Bind a private socket. Whatever has the name is stale, for we hold the lock."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    old_mask = os.umask(0o177)
    try:
        path.unlink(missing_ok=True)
        with socket_address(path) as address:
            listening.bind(address)
        listening.listen(MAX_CLIENTS)
    except OSError as error:
        listening.close()
        raise StoreError(f"{path}: cannot listen: {error}") from error
    except StoreError:
        listening.close()
        raise
    finally:
        os.umask(old_mask)
    return listening
