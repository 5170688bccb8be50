"""The secret behind branches and dialog tokens, in its file."""

import os
import secrets
from pathlib import Path

from sipgate.config import ConfigError, Problem

KEY_BYTES = 32


def read_key(path: Path) -> bytes:
    """The secret; made at the first start, mode 0600, and on disk before it is used.

    Raises ConfigError for a file too short to be one: with a key that others can guess they can
    write tokens that the gate takes for its own. Raises OSError.
    """
    key = find_key(path)
    if key is None:
        key = secrets.token_bytes(KEY_BYTES)
        _write(path, key)
    return key


def find_key(path: Path) -> bytes | None:
    """The secret, None where there is no file yet; raises as `read_key` does."""
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        return None
    if len(key) < KEY_BYTES:
        text = f"{len(key)} bytes are no key; expected {KEY_BYTES} random ones, or no file"
        raise ConfigError([Problem(str(path), None, None, text)])
    return key


def _write(path: Path, key: bytes) -> None:
    """By rename, so that a power cut leaves the whole key or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
