"""URLs and the files beside a store."""

from pathlib import Path

import pytest

from sipgate.store import StoreError, lock_path, socket_path, sqlite_path


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///var/sipgate.db", "var/sipgate.db"),
        ("sqlite:////srv/sipgate.db", "/srv/sipgate.db"),
        ("sqlite:///a store.db", "a store.db"),
    ],
)
def test_a_url_names_a_file(url: str, path: str) -> None:
    assert sqlite_path(url) == Path(path)


@pytest.mark.parametrize(
    "url",
    ["", "var/sipgate.db", "sqlite://", "sqlite:///:memory:", "postgresql://db/x", "sqlite://h/x"],
)
def test_a_url_that_names_no_file_is_refused(url: str) -> None:
    with pytest.raises(StoreError):
        sqlite_path(url)


def test_lock_and_socket_lie_beside_the_store() -> None:
    assert lock_path(Path("var/sipgate.db")) == Path("var/sipgate.db.lock")
    assert socket_path(Path("var/sipgate.db")) == Path("var/sipgate.db.sock")
