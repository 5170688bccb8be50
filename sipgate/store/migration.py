"""Bringing a store to this version's tables, or making it. Only its owner may."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from .errors import StoreError
from .location import make_private, sqlite_path

REVISION = "0003"  # the newest in migrations/versions


def migrate(url: str) -> None:
    """Make the store's tables as this version wants them; quick if they are so already.

    Blocks. All or nothing: a crash on the way leaves the store as it was. StoreError when the
    store is newer than this program, damaged, or can't be written.
    """
    path = sqlite_path(url)
    make_private(path)
    try:
        if _revision(path) != REVISION:
            _upgrade(path)
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error


def _revision(path: Path) -> str | None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # stays with the file
        if not connection.execute(
            "SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'"
        ).fetchone():
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])


def _upgrade(path: Path) -> None:
    from alembic import command  # takes 0.2 s, and as a rule there is nothing to do
    from alembic.config import Config
    from alembic.util import CommandError
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import DBAPIError

    config = Config()
    config.set_main_option("script_location", "sipgate.store:migrations")
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{path}")
    event.listen(engine, "connect", _leave_transactions_to_us)
    event.listen(engine, "begin", _begin_immediate)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(f"{path}: made by another version of sipgate: {error}") from error
    except DBAPIError as error:
        raise StoreError(f"{path}: {error.orig}") from error
    finally:
        engine.dispose()


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # else sqlite3 would commit before each CREATE TABLE


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
