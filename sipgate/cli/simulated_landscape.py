"""Who stands where in a simulation of a configuration: callers inside its sources, and callees.

The gate and its targets get addresses of the network for benchmarks, whatever the file says, where
all of them are often one machine. What counts of a target is its transport and its spelling.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from sipgate.config import Config
from sipgate.config_values import Target as SipTarget
from sipgate.counters import CalendarWindow, SlidingWindow
from sipgate.gate import Allow, ConcurrentCondition, Policy, RateCondition, Reject
from sipgate.numbers import EmergencyNumbers
from sipgate.proxy import Target
from sipgate.simulate import Dialling, GatePort, Landscape, Limit

from .failure import BadInput

GATE = "198.18.0.1"
TARGET_NETWORK = "198.18.1."
TRANSPORTS = ("udp", "tcp")
NUMBERS = ("+13055550001", "+13055550002", "+13055550003")
CALLERS = ("4711", "4712", "4713")
EMERGENCY_NUMBERS = ("911", "112", "110", "999", "000", "119", "190", "10111")
MOST_NAMES = 5
LAST_TIMERS_SECONDS = 21600.0  # a callee that nobody hangs up on does so itself after four hours
TRIED_ADDRESSES = 16
PHONES_PER_SOURCE = 2


@dataclass(frozen=True, slots=True)
class Stage:
    """What is needed to set up a play."""

    landscape: Landscape
    targets: Mapping[str, Sequence[Target]]  # by the name of the upstream


def stage_of(config: Config, policy: Policy, spare: Sequence[str] = ()) -> Stage:
    """The landscape of a configuration. Raises BadInput where nobody could call.

    `spare` are the transports of targets that each upstream has behind those of its own.
    """
    ports = _gate_ports(config)
    targets = _targets(config, spare)
    transports = [port.transport for port in ports]
    callers = [
        (address, transports[place % len(transports)])
        for place, address in enumerate(_phones(config))
    ]
    if not callers:
        raise BadInput("sipgate: no [[source]] that decides has an IPv4 network to call from")
    landscape = Landscape(
        gate=GATE,
        gate_ports=ports,
        callers=callers,
        targets=[
            (one.transport, one.host, one.port) for those in targets.values() for one in those
        ],
        dialling=Dialling(_names(config), NUMBERS, _emergency(config, policy)),
        limits=_limits(config, policy),
        ends_within_seconds=2 * config.gate.max_call + LAST_TIMERS_SECONDS,
    )
    return Stage(landscape, targets)


def _gate_ports(config: Config) -> list[GatePort]:
    ports: dict[tuple[str, int], GatePort] = {}
    for listen in config.listen:
        key = (listen.transport, listen.address.port)
        if listen.transport in TRANSPORTS and key not in ports:
            advertise = None if listen.advertise is None else str(listen.advertise)
            ports[key] = GatePort(*key, advertise)
    if not ports:
        raise BadInput("sipgate: no [[listen]] with UDP or TCP, and nothing else can be simulated")
    return list(ports.values())


def _targets(config: Config, spare: Sequence[str]) -> dict[str, list[Target]]:
    """The targets of each upstream; `spare` are the transports of more behind the first one's."""
    places = count(1)
    by_upstream: dict[str, list[Target]] = {}
    for upstream in config.upstream:
        mine = by_upstream[upstream.name] = []
        for target in upstream.targets:
            transport = target.transport or "udp"
            transport = transport if transport in TRANSPORTS else "tcp"
            mine.append(_target(next(places), target, "udp" if target.is_built_in else transport))
        mine += [_target(next(places), upstream.targets[0], transport) for transport in spare]
    return by_upstream


def _target(place: int, settings: SipTarget, transport: str) -> Target:
    host, port = f"{TARGET_NETWORK}{place}", settings.port or 5060
    authority = settings.authority or f"{host}:{port}"
    return Target(transport=transport, host=host, port=port, uri_hostport=authority.encode())


def _phones(config: Config) -> list[str]:
    """A few addresses of each source that decides, which no other source takes."""
    phones: list[str] = []
    for source in config.source:
        own: list[str] = []
        for network in source.networks:
            if not source.decide or network.version != 4:
                continue
            for place in range(min(network.num_addresses, TRIED_ADDRESSES)):
                address = network[place]
                best = max(
                    (
                        (match.prefixlen, other.name)
                        for other in config.source
                        for match in other.networks
                        if match.version == 4 and address in match
                    ),
                )
                if best[1] == source.name and len(own) < PHONES_PER_SOURCE:
                    own.append(str(address))
        phones += own
    return list(dict.fromkeys(phones))


def _names(config: Config) -> Sequence[str]:
    known = tuple(caller.id.partition("/")[2] for caller in config.caller)
    return known[:MOST_NAMES] or CALLERS


def _emergency(config: Config, policy: Policy) -> str | None:
    """A number that is an emergency for every source that decides; None: there is none."""
    plans = [
        EmergencyNumbers(source.region, policy.region) for source in config.source if source.decide
    ]
    for digits in EMERGENCY_NUMBERS:
        if all(plan.match(digits) for plan in plans):
            return digits
    return None


def _limits(config: Config, policy: Policy) -> list[Limit]:
    """The rules that bind every call: those that can be recounted without the engine."""
    limits: list[Limit] = []
    if config.gate.mode == "monitor" or policy.is_monitored:
        return limits
    for rule in policy.rules:
        if isinstance(rule.action, Allow) and not rule.is_monitored:
            break  # what it lets through no later rule sees
        if (
            rule.is_monitored
            or rule.when.compile() is not None
            or not isinstance(rule.action, Reject)
        ):
            continue
        condition = rule.condition
        if isinstance(condition, ConcurrentCondition):
            limits.append(
                Limit(name=rule.id, kind="concurrent", per=condition.per, limit=condition.limit)
            )
        elif isinstance(condition, RateCondition):
            limits += _rate_limits(rule.id, condition)
    return limits


def _rate_limits(name: str, condition: RateCondition) -> list[Limit]:
    limits: list[Limit] = []
    for one in condition.limits:
        window, moves = one.definition.window, one.definition.moves.value
        is_day = isinstance(window, CalendarWindow) and window.unit == "day"
        if moves not in ("attempts", "admitted") or not (
            is_day or isinstance(window, SlidingWindow)
        ):
            continue
        limits.append(
            Limit(
                name=name,
                kind="rate",
                per=condition.per,
                limit=one.limit,
                window_seconds=window.length_us / 1_000_000
                if isinstance(window, SlidingWindow)
                else None,
                zone=window.zone if isinstance(window, CalendarWindow) else "UTC",
                counts_refused=moves == "attempts",
            )
        )
    return limits
