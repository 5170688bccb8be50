"""Whether the store and the key can be what the configuration says, without making either."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipgate.config import Config

SQLITE_MAGIC = b"SQLite format 3\0"


def store_problems(config: "Config") -> Iterator[str]:
    """One sentence for each thing that would keep the gate from starting."""
    yield from _file_problems(config.gate.store_path, SQLITE_MAGIC, "no SQLite database")
    yield from _key_problems(config.gate.key_file)


def _key_problems(path: Path) -> Iterator[str]:
    from sipgate.app import find_key
    from sipgate.config import ConfigError

    found = list(_file_problems(path, b"", ""))
    yield from found
    if not found:
        try:
            find_key(path)
        except ConfigError as error:
            yield from map(str, error.problems)


def _file_problems(path: Path, magic: bytes, complaint: str) -> Iterator[str]:
    """What is wrong with a file that is there, or with the folder in which it is to be made."""
    try:
        with open(path, "rb") as file:
            start = file.read(len(magic))
        if start and start != magic:  # SQLite takes an empty file for a new database
            yield f"{path}: {complaint}"
    except FileNotFoundError:
        folder = next(folder for folder in path.parents if folder.exists())
        if not os.access(folder, os.W_OK):
            yield f"{path}: can't be made: {folder} is not writable"
    except NotADirectoryError:
        yield f"{path}: can't be made: a folder of its path is a file"
    except OSError as error:
        yield f"{path}: can't be read: {error.strerror}"
