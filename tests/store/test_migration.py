"""Making a store and bringing it up to date."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from sipgate.store import StoreError, metadata, migrate
from sipgate.store.migration import REVISION


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "var" / "sipgate.db"


def test_a_store_is_made_with_its_folder_for_its_user_only(path: Path) -> None:
    migrate(f"sqlite:///{path}")

    assert path.stat().st_mode & 0o777 == 0o600


def test_a_store_keeps_a_write_ahead_log(path: Path) -> None:
    migrate(f"sqlite:///{path}")

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_migrating_twice_changes_nothing(path: Path) -> None:
    migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO entry VALUES (1, x'00')")
        connection.commit()

    migrate(f"sqlite:///{path}")

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM entry").fetchone() == (1,)


def test_the_revisions_make_the_tables_that_the_code_knows(path: Path) -> None:
    migrate(f"sqlite:///{path}")

    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    engine.dispose()
    assert differences == []


def test_the_newest_revision_is_the_one_that_the_code_expects() -> None:
    config = Config()
    config.set_main_option("script_location", "sipgate.store:migrations")
    config.set_main_option("path_separator", "os")

    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_a_store_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    migrate(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()

    with pytest.raises(StoreError, match="another version of sipgate"):
        migrate(f"sqlite:///{path}")

    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM alembic_version").fetchall() == [("9999",)]


def test_a_migration_that_fails_leaves_nothing_behind(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE stranger(x)")  # the last one that the revision makes

    with pytest.raises(StoreError, match="stranger already exists"):
        migrate(f"sqlite:///{path}")

    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema").fetchall()
    assert tables == [("stranger",)]


def test_a_file_that_is_no_store_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, but quite long" * 100)

    with pytest.raises(StoreError, match="not a database"):
        migrate(f"sqlite:///{path}")


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreError, match="cannot be made"):
        migrate(f"sqlite:///{tmp_path}/file/sipgate.db")
