"""Puts the parts together: configuration in, a proxy with all that it needs out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sipgate.clock import Clock
from sipgate.config import Caller, Config
from sipgate.config import Source as SourceSettings
from sipgate.config import Upstream as UpstreamSettings
from sipgate.consent import MemoryConsents
from sipgate.counters import MemoryCounters
from sipgate.gate import Engine, MemoryLists, OpenAttempts, Policy
from sipgate.ledger import Ledger
from sipgate.net import Listener, Network, Resolver
from sipgate.numbers import DialPlan, EmergencyNumbers
from sipgate.proxy import (
    ActiveCalls,
    Admission,
    Authenticator,
    BindingTable,
    BranchMaker,
    CallerProfile,
    CallProgress,
    CallRecorder,
    CallRestorer,
    CallSetup,
    ChallengedTargets,
    DialogSender,
    FlowTokens,
    Forwarder,
    GuardLimits,
    HopResolver,
    LoopDetector,
    NatKeepAlive,
    NonceMint,
    Overload,
    OwnAddresses,
    PacketGuard,
    PhoneSender,
    Prober,
    Proxy,
    RedressCard,
    Registrations,
    RestoredInvites,
    RestoredResponses,
    ReturnPath,
    ServerSide,
    Source,
    SourceTable,
    StatelessRefusals,
    StrangerTable,
    Target,
    TimerQueue,
    TransactionTable,
    Upstream,
    UpstreamSender,
)
from sipgate.sip import Limits, Timers

from .inbound_sources import inbound_sources
from .net_limits import spares

DEFAULT_PROBE_SECONDS = 30.0  # design §12


@dataclass(frozen=True, slots=True)
class Parts:
    """What `build` made, for whoever runs it."""

    proxy: Proxy
    engine: Engine
    open_attempts: OpenAttempts
    calls: ActiveCalls
    recorder: CallRecorder
    restorer: CallRestorer
    restored: RestoredInvites
    strangers: StrangerTable
    hops: HopResolver
    upstreams: Mapping[str, Upstream]
    prober: Prober
    timers: TimerQueue
    table: TransactionTable
    admission: Admission
    bindings: BindingTable
    keep_alive: NatKeepAlive
    phones: PhoneSender
    overload: Overload
    counts: Counter[str]


def build(
    config: Config,
    *,
    clock: Clock,
    network: Network,
    resolver: Resolver,
    listeners: Sequence[Listener],
    ledger: Ledger,
    policy: Policy,
    lists: MemoryLists,
    consents: MemoryConsents | None = None,
    targets: Mapping[str, Sequence[Target]],
    key: bytes,
    limits: Limits,
    secrets: Mapping[str, Mapping[str, str]] | None = None,
) -> Parts:
    """Make a gate of a configuration; nothing runs yet. `targets` are the upstreams' by name,
    `secrets` the callers' password hashes (`read_secrets`); without `consents` nobody has any.
    """
    counts: Counter[str] = Counter()
    timers = TimerQueue()
    own_sources = [make_source(settings, config, policy) for settings in config.source]
    inbound = inbound_sources(own_sources, [settings.name for settings in config.upstream])
    names = {source.name for source in own_sources}
    # The others are no addresses, but calls of theirs are found again by name after a restart.
    others = [source for name, source in inbound.items() if name not in names]
    sources = SourceTable([*own_sources, *others])
    upstreams = {
        settings.name: _upstream(settings, targets[settings.name]) for settings in config.upstream
    }
    monitor = config.gate.mode == "monitor"
    engine = Engine(policy, MemoryCounters(), lists, monitor=monitor, consents=consents)
    open_attempts, calls, table = OpenAttempts(), ActiveCalls(), TransactionTable(timers)
    branches = BranchMaker(key)
    own = OwnAddresses(listeners, config.gate.aliases)
    return_path, restored = ReturnPath(network), RestoredInvites(open_attempts, branches)
    hops = HopResolver(network, resolver)
    recorder = CallRecorder(ledger, engine, calls, timers, clock, max_call=config.gate.max_call)
    bindings, tokens = BindingTable(), FlowTokens(key)
    keep_alive = NatKeepAlive(bindings, timers)
    registrations = Registrations(
        bindings=bindings, tokens=tokens, keep_alive=keep_alive, clock=clock, counts=counts
    )
    progress, challenged = CallProgress(recorder, open_attempts), ChallengedTargets()
    forwarder = Forwarder(
        server_side=ServerSide(
            table=table,
            timers=timers,
            sip_timers=Timers(),
            branches=branches,
            return_path=return_path,
        ),
        progress=progress,
        table=table,
        timers=timers,
        sip_timers=Timers(),
        branches=branches,
        registrations=registrations,
        restored_responses=RestoredResponses(restored, progress, return_path, counts),
        challenged=challenged,
        counts=counts,
        session_seconds=int(config.gate.session_timer or 0),
    )
    admission = Admission(
        gate=config.gate.name,
        engine=engine,
        open_attempts=open_attempts,
        ledger=ledger,
        recorder=recorder,
        calls=calls,
        callers={
            caller.id: CallerProfile(
                caller.organisation, caller.campaign, own_numbers(caller, own_sources)
            )
            for caller in config.caller
        },
        clock=clock,
        counts=counts,
    )
    strangers = StrangerTable()
    loops = LoopDetector(own, branches, table, restored)
    upstream_sender = UpstreamSender(
        gate=config.gate.name,
        upstreams=upstreams,
        own=own,
        forwarder=forwarder,
        branches=branches,
        hops=hops,
        registrations=registrations,
        bindings=bindings,
        challenged=challenged,
        counts=counts,
    )
    phones = PhoneSender(
        bindings=bindings,
        tokens=tokens,
        own=own,
        forwarder=forwarder,
        branches=branches,
        sources=sources,
        inbound_sources=inbound,
        upstream_at=upstream_sender.upstream_at,
        counts=counts,
        is_used=any(source.registrations in ("path", "contact") for source in own_sources),
    )
    forwarder.fail_over_with(upstream_sender)
    restored.may_have_gone_to(upstream_sender.target_keys)
    prober = Prober(table=table, timers=timers, sip_timers=Timers(), branches=branches, flows=hops)
    for upstream in upstreams.values():
        prober.follow(upstream, clock.now())
    dialogs = DialogSender(
        calls=calls,
        branches=branches,
        forwarder=forwarder,
        recorder=recorder,
        hops=hops,
        own=own,
        bindings=bindings,
        upstreams=tuple(upstreams.values()),
        clock=clock,
        counts=counts,
    )
    mint = NonceMint(key, clock.boot_id, clock.now())
    authenticator = Authenticator(secrets=secrets or {}, mint=mint, counts=counts)
    setup = CallSetup(
        gate=config.gate.name,
        forwarder=forwarder,
        authenticator=authenticator,
        admission=admission,
        recorder=recorder,
        calls=calls,
        loops=loops,
        upstream_sender=upstream_sender,
        dialogs=dialogs,
        phones=phones,
        restored=restored,
        ledger=ledger,
        counts=counts,
        pass_on_store_failure=config.gate.on_store_failure == "pass",
        monitor=monitor,
        card=_card(config, engine, clock, counts),
    )
    overload = Overload()
    guard = PacketGuard(
        sources=sources,
        upstream_sender=upstream_sender,
        strangers=strangers,
        table=table,
        restored=restored,
        overload=overload,
        refusals=StatelessRefusals(branches, return_path),
        may_shed=spares(config, policy),
        has_logged_in=authenticator.has_logged_in,
        clock=clock,
        limits=limits,
        guard_limits=GuardLimits(
            packets_per_second=config.limits.packets_per_second,
            stranger_packets_per_second=config.limits.stranger_packets_per_second,
            transactions_per_source=config.limits.transactions_per_source,
        ),
        counts=counts,
    )
    proxy = Proxy(
        sources=sources,
        own=own,
        guard=guard,
        strangers=strangers,
        forwarder=forwarder,
        setup=setup,
        admission=admission,
        recorder=recorder,
        table=table,
        timers=timers,
        loops=loops,
        upstream_sender=upstream_sender,
        dialogs=dialogs,
        phones=phones,
        restored=restored,
        return_path=return_path,
        clock=clock,
        limits=limits,
        counts=counts,
        answer_strangers=config.gate.unknown_source == "403",
    )
    admission.hand_to(setup)
    restorer = CallRestorer(
        sources=sources,
        calls=calls,
        recorder=recorder,
        timers=timers,
        network=network,
        invites=restored,
        max_call=config.gate.max_call,
    )
    return Parts(
        proxy,
        engine,
        open_attempts,
        calls,
        recorder,
        restorer,
        restored,
        strangers,
        hops,
        upstreams,
        prober,
        timers,
        table,
        admission,
        bindings,
        keep_alive,
        phones,
        overload,
        counts,
    )


def _card(config: Config, engine: Engine, clock: Clock, counts: Counter[str]) -> RedressCard | None:
    if config.redress is None:
        return None
    from .redress_card import SignedCard, read_signer  # cryptography, which few need

    signer = read_signer(config.redress)
    return SignedCard(config.redress, signer, lambda: engine.policy.redress, clock, counts)


def sip_limits(config: Config) -> Limits:
    limits = config.limits
    return Limits(
        max_message_bytes=limits.max_message_bytes,
        max_headers=limits.max_headers,
        max_header_bytes=limits.max_header_bytes,
        max_vias=limits.max_vias,
    )


def own_numbers(caller: Caller, sources: Sequence[Source]) -> frozenset[str] | None:
    """A caller's numbers as its source reads them, and blocks with their `*`; None: unknown."""
    if caller.clis is None:
        return None
    name = caller.id.partition("/")[0]
    plan = next(source.dial_plan for source in sources if source.name == name)
    read = (cli if cli.endswith("*") else plan.identity(cli) for cli in caller.clis)
    return frozenset(cli for cli in read if cli is not None)


def make_source(settings: SourceSettings, config: Config, policy: Policy) -> Source:
    """A source as the configuration says; without a region it dials like the policy's."""
    region = settings.region or policy.region
    regions = [code for code in (settings.region, policy.region) if code is not None]
    return Source(
        name=settings.name,
        networks=settings.networks,
        certificates=settings.certificates,
        realm=settings.realm,
        identity=settings.identity,
        trusted=settings.trusted,
        decide=settings.decide,
        dial_plan=DialPlan(
            region=region,
            area_code=settings.area_code,
            international_prefix=settings.international_prefix,
            outside_line=settings.outside_line,
            extensions=settings.extensions,
            short_codes=settings.short_codes,
            emergency=EmergencyNumbers(*regions),
        ),
        organisation=settings.organisation,
        campaign_header=_header(settings.campaign_header),
        lead_region_header=_header(settings.lead_headers.region),
        lead_zone_header=_header(settings.lead_headers.timezone),
        callers_listed=settings.callers == "listed",
        registrations=settings.registrations,
        nat=settings.nat,
        routes=settings.routes,
        accept_tags=settings.accept_tags,
        uri_lists=settings.uri_lists,
        rejects_to_mismatch=settings.to_mismatch == "reject",
        strip=settings.strip,
        prefix=settings.prefix or "",
        e164=settings.e164,
        upstream=settings.upstream or config.upstream[0].name,
    )


def _header(name: str | None) -> bytes | None:
    return None if name is None else name.lower().encode()


def _upstream(settings: UpstreamSettings, targets: Sequence[Target]) -> Upstream:
    probe = settings.probe
    if probe is None:
        may_be_several = len(settings.targets) > 1 or settings.targets[0].is_name
        probe = DEFAULT_PROBE_SECONDS if may_be_several else 0.0
    return Upstream(
        name=settings.name,
        targets=targets,
        trusted=settings.trusted,
        tags=settings.tags,
        large_requests_tcp=settings.large_requests == "tcp",
        downgrades_sips=settings.sips == "downgrade",
        rotates=settings.select == "round-robin",
        probe_seconds=probe,
        answer_within=settings.answer_within,
    )
