"""A running gate: from its configuration to its last written entry."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from sipgate.clock import Clock, SystemClock
from sipgate.config import Config
from sipgate.config import Upstream as UpstreamSettings
from sipgate.consent import ConsentStore, MemoryConsents
from sipgate.gate import MemoryLists, Policy, load_policy
from sipgate.ledger import Ledger
from sipgate.net import InheritedSockets, Network, Resolver, inherit
from sipgate.numbers import NumberList, load_tables, table_versions
from sipgate.proxy import NameWait, Target
from sipgate.simulate import answering_end, load_plan, parse_address
from sipgate.store import (
    NumberListStore,
    RegistrationStore,
    StoreError,
    StoreOwner,
    Stranger,
    StrangerStore,
    engine,
    migrate,
)

from .banner import announce, hints, is_trial
from .build import Parts, build, sip_limits
from .certificates import server_tls, trust_upstreams
from .garbage import GarbageRounds
from .history import read_history
from .key_file import read_key
from .load_watch import LoadWatch
from .net_limits import net_limits, spares
from .owner_commands import OwnerCommands
from .password_file import read_secrets
from .phone_book import PhoneBook
from .recovery import Recovery
from .restarting import restarting
from .upgrade import Upgrade
from .upstream_watch import UpstreamWatch, targets_known
from .wake import Waker

SWITCH_SECONDS = 0.0005  # so that a busy loop doesn't starve the writer: design §16
CLOCK_STEP_SECONDS = 1.0  # a larger one is an act: design §10, Time
WATCH_SECONDS = 1.0
STRANGERS_SECONDS = 10.0
SOON = 0.05
SPOKEN = ("udp", "tcp", "tls")  # best first, where DNS leaves the choice to us
RESOLVE_PATIENCE = 3.0  # for the names of targets, before new calls are taken
OWNER_PATIENCE = 10.0  # a command may own the store for a moment between two programs
READY_PATIENCE = 3.0  # what came meanwhile waits so long; then emergency calls can't any more
CATCH_UP_SECONDS = 3.0
MOST_UNWRITTEN = 10_000  # rows of strangers while the store can't be written

log = structlog.get_logger()


async def serve(
    config: Config,
    clock: Clock | None = None,
    *,
    look: str = "sipgate calls",
    check: Sequence[str] = (),
) -> list[int]:
    """Run a gate until SIGTERM or SIGINT, or SIGUSR2: then gives the sockets for its successor.

    `look` is the command that shows its decisions, for the hints at start; `check` the one that
    says whether a successor would start.
    Raises the errors of the layers below where it can't start: PolicyError, StoreError,
    LedgerError, ListenError, ResolveError, OSError.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    clock = clock or SystemClock()
    policy = load_policy(config.gate.policy, timezone=config.gate.timezone)
    key = read_key(config.gate.key_file)
    load_tables()
    commands = OwnerCommands(config, clock)
    inherited = inherit(os.environ)
    async with StoreOwner(
        config.gate.store_path, commands.handlers, patience=OWNER_PATIENCE if inherited else 0.0
    ):
        await asyncio.to_thread(migrate, config.gate.store)
        database = engine(config.gate.store)
        try:
            upgrade = Upgrade(check)
            process = GateProcess(
                config, clock, policy, key, database, commands, look, upgrade, inherited
            )
            await process.run()
        finally:
            await database.dispose()
    return upgrade.descriptors


class GateProcess:
    """The life of one gate, inside `StoreOwner`."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        policy: Policy,
        key: bytes,
        database: AsyncEngine,
        commands: OwnerCommands,
        look: str,
        upgrade: Upgrade,
        inherited: InheritedSockets,
    ) -> None:
        self._look = look
        self._upgrade = upgrade
        self._inherited = inherited
        self._waits_until_ready = len(inherited) > 0
        self._database = database
        self._config = config
        self._clock = clock
        self._policy = policy
        self._key = key
        self._lists = MemoryLists()
        self._list_store = NumberListStore(database, clock)
        self._consents = MemoryConsents()
        self._consent_store = ConsentStore(database, clock)
        self._stranger_store = StrangerStore(database)
        self._commands = commands
        self._stop = asyncio.Event()
        self._unwritten: list[Stranger] = []

    async def run(self) -> None:
        """Serve until stopped, drain, write the last entry."""
        config = self._config
        await self._load_lists()
        ledger = await Ledger.open(config.gate.store_path, gate=config.gate.name, clock=self._clock)
        try:
            async with contextlib.AsyncExitStack() as stack:
                await self._serve(ledger, stack)
        finally:
            await ledger.close()

    async def _serve(self, ledger: Ledger, stack: contextlib.AsyncExitStack) -> None:
        config, clock = self._config, self._clock
        network = Network(
            clock=clock,
            limits=net_limits(config),
            sip_limits=sip_limits(config),
            may_shed=spares(config, self._policy),
            inherited=self._inherited,
        )
        resolver = Resolver(clock, spoken=SPOKEN)
        targets = {
            upstream.name: await stack.enter_async_context(_first_targets(upstream, resolver))
            for upstream in config.upstream
        }
        listeners = [
            await network.listen(
                listen.transport,
                listen.address.host,
                listen.address.port,
                None if listen.advertise is None else str(listen.advertise),
                tls=server_tls(listen),
            )
            for listen in config.listen
        ]
        self._inherited.close()
        trust_upstreams(network, config)
        parts = build(
            config,
            clock=clock,
            network=network,
            resolver=resolver,
            listeners=listeners,
            ledger=ledger,
            policy=self._policy,
            lists=self._lists,
            consents=self._consents,
            targets=targets,
            key=self._key,
            secrets=read_secrets(config),
            limits=sip_limits(config),
        )
        phone_book = PhoneBook(
            RegistrationStore(self._database),
            bindings=parts.bindings,
            keep_alive=parts.keep_alive,
            phones=parts.phones,
            network=network,
            listeners=listeners,
            clock=clock,
        )
        await phone_book.load()
        network.receiver = parts.proxy
        ledger.on_durable = parts.proxy.durable
        waker = Waker(parts.proxy, clock)
        parts.timers.when_earlier(waker.earlier)
        load = LoadWatch(
            parts.overload,
            network.queue_age_seconds,
            parts.admission,
            clock,
            parts.counts,
            ledger_counts=config.gate.on_store_failure == "refuse",
        )
        names = NameWait(resolver)
        parts.hops.ask_with(names.ask)
        self._commands.connect(
            parts,
            ledger,
            self._lists,
            self._list_store,
            self._consents,
            self._consent_store,
            network,
        )
        watch = UpstreamWatch(config, parts.upstreams, resolver, parts.prober, clock)
        early = await stack.enter_async_context(asyncio.TaskGroup())
        watching = early.create_task(restarting("upstreams", watch.run))
        getting_ready = early.create_task(self._get_ready(parts, ledger, watch))
        if self._waits_until_ready:  # then nothing that has arrived gets 503
            await asyncio.wait({getting_ready}, timeout=READY_PATIENCE)
        # An emergency call needs a target too: what comes meanwhile waits in the sockets.
        await watch.wait_first(RESOLVE_PATIENCE)
        async with network, asyncio.TaskGroup() as tasks:
            works = {
                "names": names.run,
                "clock": lambda: self._watch_clock(parts),
                "strangers": lambda: self._keep_strangers(parts),
                "phones": phone_book.run,
                "reload": self._commands.reload_when_asked,
                "upgrade": lambda: self._upgrade.run(parts, network, self._stop),
                "garbage": GarbageRounds(lambda: network.counts.packets).run,
            }
            owned = [tasks.create_task(restarting(name, work)) for name, work in works.items()]
            owned.append(watching)
            waker.start()
            # What has waited from one program to the next is no overload.
            load.start(after=CATCH_UP_SECONDS if self._waits_until_ready else 0.0)
            with self._signals():
                await getting_ready
                announce(
                    config.gate.name,
                    listeners,
                    parts.engine.policy,
                    config.gate.store_path,
                    [
                        f"{name} at {target.key.decode()}"
                        for name, upstream in parts.upstreams.items()
                        for target in upstream.targets
                    ],
                    hints(config, self._look),
                    is_trial=is_trial(config),
                )
                await self._stop.wait()
                if not self._upgrade.descriptors:
                    await self._drain(parts)
            for task in owned:
                task.cancel()
            load.stop()
            waker.stop()
            await self._write_strangers(parts)
            await phone_book.write()
            parts.recorder.act(
                "gate-stopped", "sipgate", {"upgrade": bool(self._upgrade.descriptors)}
            )

    async def _load_lists(self) -> None:
        for version in await self._list_store.all():
            entries = NumberList(await self._list_store.load(version.name))
            self._lists.replace(version.name, entries, version.as_of)

    async def _get_ready(self, parts: Parts, ledger: Ledger, watch: UpstreamWatch) -> None:
        """All that new calls need; until then they get 503 if they are read at all."""
        await self._rebuild(parts, ledger)
        await asyncio.to_thread(self._consents.add, await self._consent_store.load())
        await watch.wait_first(RESOLVE_PATIENCE)
        parts.recorder.act("gate-started", "sipgate", self._started_detail())
        parts.proxy.is_ready = True

    async def _rebuild(self, parts: Parts, ledger: Ledger) -> None:
        """Counters, open attempts and calls as the ledger has them (design §10, After a crash)."""
        last_seq = ledger.found_seq
        recovery = Recovery(parts, self._policy, self._clock, self._config.gate.max_call)
        store = self._config.gate.store_path
        await asyncio.to_thread(
            read_history, store, recovery.now, recovery.seconds, last_seq, recovery
        )
        restored = recovery.finish()
        if last_seq:
            log.info("state_rebuilt", entries=last_seq, calls=restored)

    def _started_detail(self) -> dict[str, int | str | bool | None]:
        return {
            **self._policy.cited,
            "mode": self._config.gate.mode,
            **table_versions(),
        }

    async def _drain(self, parts: Parts) -> None:
        """No new calls; what is being set up or torn down may end (design §15, SIGTERM)."""
        parts.proxy.is_draining = True
        log.info("drain_started", transactions=parts.table.contexts, calls=len(parts.calls))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._config.gate.drain_timeout):
                # A table on the hot path tells nobody when it is empty; looking is cheap here.
                while parts.table.contexts or len(parts.admission):  # noqa: ASYNC110
                    await asyncio.sleep(SOON)
        log.info("drain_ended", transactions=parts.table.contexts, calls=len(parts.calls))

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._commands.ask_reload)
        loop.add_signal_handler(signal.SIGUSR2, self._upgrade.ask)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR2):
                loop.remove_signal_handler(number)

    async def _watch_clock(self, parts: Parts) -> None:
        """A step of the calendar is an act, so that windows over it can be judged."""
        clock = self._clock
        offset = clock.time() - clock.now()
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            step = clock.time() - clock.now() - offset
            if abs(step) > CLOCK_STEP_SECONDS:
                offset += step
                log.warning("clock_jumped", step_ms=round(step * 1000))
                parts.recorder.act("clock-jumped", "sipgate", {"step_ms": round(step * 1000)})

    async def _keep_strangers(self, parts: Parts) -> None:
        while True:
            await asyncio.sleep(STRANGERS_SECONDS)
            await self._write_strangers(parts)

    async def _write_strangers(self, parts: Parts) -> None:
        """Rows that can't be written wait for the next time; a stranger more or less is no harm."""
        self._unwritten = (self._unwritten + parts.strangers.due_rows())[-MOST_UNWRITTEN:]
        if self._unwritten:
            try:
                await self._stranger_store.add(self._unwritten)
            except (StoreError, SQLAlchemyError, OSError) as error:
                log.warning("strangers_unwritten", rows=len(self._unwritten), error=str(error))
            else:
                self._unwritten = []


@contextlib.asynccontextmanager
async def _first_targets(
    settings: UpstreamSettings, resolver: Resolver
) -> AsyncIterator[Sequence[Target]]:
    """The targets that no name server is needed for; the built-in callee is started for it."""
    if not settings.targets[0].is_built_in:
        yield targets_known(settings.targets, resolver)
        return
    plan = None if settings.plan is None else load_plan(settings.plan)
    async with answering_end(parse_address("127.0.0.1:0"), plan) as (_, listener):
        yield [
            Target(
                transport="udp",
                host="127.0.0.1",
                port=listener.port,
                uri_hostport=listener.via_sent_by,
            )
        ]
