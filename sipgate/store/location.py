"""Where a store is: its URL, and the files that lie beside it."""

import os
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from .errors import StoreError


def sqlite_path(url: str) -> Path:
    """The file of `sqlite:///var/sipgate.db`; StoreError for any other kind of URL."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise StoreError(f"store {url!r}: not a URL; expected sqlite:///PATH") from error
    if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.host:
        raise StoreError(f"store {url!r}: expected sqlite:///PATH")
    if parsed.database == ":memory:":
        raise StoreError(f"store {url!r}: evidence in memory is none; expected a file")
    return Path(parsed.database)


def lock_path(path: Path) -> Path:
    """The file whose lock its owner holds."""
    return path.with_name(f"{path.name}.lock")


def socket_path(path: Path) -> Path:
    """The socket on which its owner listens."""
    return path.with_name(f"{path.name}.sock")


def make_private(path: Path) -> None:
    """Make an empty file that only its user may read, with its folder, where there is none.

    SQLite gives the same mode to the files that it puts beside it. One that is there is not even
    opened: closing it would drop the locks that SQLite has on it in this process.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"{path}: cannot be made: {error.strerror}") from error
