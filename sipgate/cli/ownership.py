"""Changing a store: through the gate that owns it, or by owning it for a moment."""

import asyncio
import contextlib
import getpass
import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from .failure import BadInput, CannotDo

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from sipgate.clock import Clock
    from sipgate.config import Config
    from sipgate.ledger import Ledger


def ask_owner(config: "Config", op: str, **args: Any) -> dict[str, Any] | None:
    """What the running gate answers; None when none runs."""
    from sipgate.store import NoOwner, OwnerClient, RequestError

    try:
        return OwnerClient(config.gate.store_path).request(op, **args)
    except NoOwner:
        return None
    except RequestError as error:
        raise BadInput(f"sipgate: {error}") from error


def ask_running_gate(config: "Config", op: str, **args: Any) -> dict[str, Any]:
    """What only a running gate knows; CannotDo when none runs."""
    answer = ask_owner(config, op, **args)
    if answer is None:
        raise CannotDo(f"sipgate: no gate is running on the store {config.gate.store_path}")
    return answer


@asynccontextmanager
async def owned_store(config: "Config") -> "AsyncIterator[AsyncEngine]":
    """The store, made or brought up to date, and nobody else's while the block runs."""
    from sipgate.store import StoreOwner, engine, migrate

    async with StoreOwner(config.gate.store_path, {}):
        await asyncio.to_thread(migrate, config.gate.store)
        opened = engine(config.gate.store)
        try:
            yield opened
        finally:
            await opened.dispose()


@asynccontextmanager
async def owned_ledger(config: "Config", clock: "Clock") -> "AsyncIterator[Ledger]":
    """The ledger of a store that is owned, for the act of a change; durable after the block."""
    from sipgate.ledger import Ledger

    ledger = await Ledger.open(
        config.gate.store_path, gate=config.gate.name, clock=clock, index=False
    )
    try:
        yield ledger
    finally:
        await ledger.close()


@asynccontextmanager
async def store_to_read(config: "Config") -> "AsyncIterator[AsyncEngine]":
    """The store as it is, whoever owns it."""
    from sipgate.store import engine

    require_store(config)
    opened = engine(config.gate.store)
    try:
        yield opened
    finally:
        await opened.dispose()


def require_store(config: "Config") -> None:
    """Raises CannotDo before the first start, and for a store that can't be read.

    Asked here because an asynchronous connection that fails may end after its loop has.
    """
    path = config.gate.store_path
    if not path.exists():
        raise CannotDo(f"sipgate: there is no store at {path} yet; sipgate run makes it")
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        raise CannotDo(f"sipgate: {path}: {error}") from error


def whoever_asks() -> str:
    """Who stands in the record of an act."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
