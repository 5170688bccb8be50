"""Connections to a store for all but the ledger's writer and readers."""

from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from .location import sqlite_path

BUSY_MS = 5000


def engine(url: str) -> AsyncEngine:
    """SQLAlchemy over aiosqlite; whoever makes it awaits `dispose()` at the end.

    The ledger's writer takes the same lock: a transaction that writes has one small batch.
    """
    made = create_async_engine(f"sqlite+aiosqlite:///{sqlite_path(url)}")
    event.listen(made.sync_engine, "connect", _set_up)
    return made


def _set_up(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
