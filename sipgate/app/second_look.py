"""What a gate would say now of an attempt that it has decided before; for `policy explain`."""

from dataclasses import replace
from typing import Any

from sipgate.clock import Clock
from sipgate.config import Config
from sipgate.consent import ConsentStore, MemoryConsents
from sipgate.counters import MemoryCounters, microseconds
from sipgate.gate import (
    Engine,
    MemoryLists,
    OpenAttempts,
    Policy,
    Rebuild,
    attempt_of,
    decision_row,
    explain,
    load_policy,
    rebuild_horizon,
)
from sipgate.ledger import DecisionEntry, LedgerReader, decode_entry
from sipgate.numbers import NumberList
from sipgate.store import NumberListStore, engine

from .build import make_source, own_numbers
from .history import moment_of, read_history


def find_decision(config: Config, decision: str) -> DecisionEntry | None:
    """The entry with this id (`gate-1-42`); None when the ledger has none. Raises LedgerError."""
    _, _, number = decision.rpartition("-")
    if not number.isdecimal() or len(number) > 18:
        return None
    with LedgerReader(config.gate.store_path) as reader:
        body = reader.body(int(number))
    entry = None if body is None else decode_entry(body)
    return entry if isinstance(entry, DecisionEntry) and entry.id == decision else None


def second_look(
    config: Config, engine: Engine, entry: DecisionEntry, clock: Clock
) -> dict[str, Any]:
    """How the attempt would be decided now, and what each rule says; nothing is counted."""
    now, time = clock.now(), clock.time()
    attempt = replace(attempt_of(entry), owned_clis=_own_numbers(config, engine.policy, entry))
    decision, steps = engine.look(attempt, now, time)
    explained = explain(engine.policy, attempt, time, decision, steps)
    return {
        "time_us": microseconds(time),
        "decision": decision_row(decision),
        "rules": [one.row() for one in explained],
    }


def _own_numbers(config: Config, policy: Policy, entry: DecisionEntry) -> frozenset[str] | None:
    """The caller's numbers, which the ledger doesn't keep, as the configuration has them."""
    caller = next((found for found in config.caller if found.id == entry.caller), None)
    if caller is None:
        return None
    return own_numbers(caller, [make_source(found, config, policy) for found in config.source])


async def engine_at_rest(config: Config, clock: Clock) -> Engine:
    """The engine of a gate that doesn't run, as its store and ledger say it would be now.

    To be asked, not to decide by. Raises PolicyError, LedgerError, StoreError, OSError.
    """
    policy = load_policy(config.gate.policy, timezone=config.gate.timezone)
    lists, consents = MemoryLists(), MemoryConsents()
    database = engine(config.gate.store)
    try:
        list_store = NumberListStore(database, clock)
        for version in await list_store.all():
            entries = NumberList(await list_store.load(version.name))
            lists.replace(version.name, entries, version.as_of)
        consents.add(await ConsentStore(database, clock).load())
    finally:
        await database.dispose()
    monitor = config.gate.mode == "monitor"
    made = Engine(policy, MemoryCounters(), lists, monitor=monitor, consents=consents)
    now = moment_of(clock)
    rebuild = Rebuild(made, OpenAttempts(), boot=now.boot, now_us=now.boot_us, time_us=now.time_us)
    store = config.gate.store_path
    with LedgerReader(store) as reader:
        last_seq = reader.last_seq()
    seconds = rebuild_horizon(policy, config.gate.max_call)
    read_history(store, now, seconds, last_seq, rebuild)
    return made
