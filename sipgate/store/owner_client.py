"""Asking the owner of a store to do something, from another process."""

import socket
from pathlib import Path
from typing import Any

import msgspec

from .errors import NoOwner, RequestError, StoreError
from .location import socket_path
from .owner_socket import MAX_REQUEST_BYTES, socket_address

TIMEOUT_SECONDS = 600.0  # an import of millions takes minutes
MAX_ANSWER_BYTES = 256 << 20


class OwnerClient:
    """Knows where the owner would be; each request is a connection of its own."""

    def __init__(self, path: Path, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """`path` is the store's."""
        self._path = socket_path(path)
        self._timeout_seconds = timeout_seconds

    def request(self, op: str, **args: Any) -> dict[str, Any]:
        """Ask and wait for the result; blocks.

        NoOwner when nobody listens, RequestError when the owner refuses, StoreError when the
        conversation breaks off: then nobody knows whether it was done.
        """
        line = msgspec.json.encode({**args, "op": op}) + b"\n"
        if len(line) > MAX_REQUEST_BYTES:
            raise StoreError(f"{op}: a request of {len(line)} bytes; {MAX_REQUEST_BYTES} may be")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(self._timeout_seconds)
            try:
                with socket_address(self._path) as address:
                    connection.connect(address)
            except (FileNotFoundError, ConnectionRefusedError) as error:
                raise NoOwner(f"{self._path}: nobody owns the store") from error
            except OSError as error:
                raise StoreError(f"{self._path}: cannot connect: {error}") from error
            try:
                connection.sendall(line)
                with connection.makefile("rb") as answers:
                    answer = answers.readline(MAX_ANSWER_BYTES)
            except OSError as error:
                raise StoreError(f"{self._path}: {op}: {error}") from error
        if not answer.endswith(b"\n"):
            raise StoreError(f"{self._path}: {op}: the owner went away before it answered")
        decoded = msgspec.json.decode(answer, type=dict[str, dict[str, Any]])
        if "error" in decoded:
            raise RequestError(str(decoded["error"].get("text")))
        return decoded["result"]
