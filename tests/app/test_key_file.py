"""The secret behind branches and tokens."""

from pathlib import Path

import pytest

from sipgate.app.key_file import KEY_BYTES, find_key, read_key
from sipgate.config import ConfigError


def test_a_key_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "var/sipgate.key"

    key = read_key(path)

    assert len(key) == KEY_BYTES
    assert read_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["sipgate.key"]


def test_what_a_crash_left_of_writing_it_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "sipgate.key.new").write_bytes(b"half")

    assert len(read_key(tmp_path / "sipgate.key")) == KEY_BYTES


@pytest.mark.parametrize("raw", [b"", b"k" * (KEY_BYTES - 1)], ids=["empty", "short"])
def test_a_key_that_can_be_guessed_is_refused(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "sipgate.key"
    path.write_bytes(raw)

    with pytest.raises(ConfigError, match=f"{len(raw)} bytes are no key"):
        read_key(path)


def test_looking_for_a_key_makes_none(tmp_path: Path) -> None:
    assert find_key(tmp_path / "sipgate.key") is None
    assert not list(tmp_path.iterdir())
