"""What may go wrong although every file is right: ports, upstreams, lists, idle rules, trust."""

import asyncio
import errno
import fcntl
import ipaddress
import secrets
import shlex
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from sipgate.app import read_secrets, unlike_callers
from sipgate.clock import SystemClock
from sipgate.consent import ConsentStore
from sipgate.gate import REFUSALS, Reject, review
from sipgate.net import Place, ResolveError, Resolver, Wish
from sipgate.sip import ALGORITHMS
from sipgate.store import NumberListStore, engine, lock_path

if TYPE_CHECKING:
    from sipgate.config import Config, Source, Target
    from sipgate.gate import Policy

ANSWER_SECONDS = 2.0  # for one OPTIONS: two retransmissions (RFC 3261 §17.1.2.1)
RESEND_SECONDS = 0.5  # T1
REJECTED_BY_MACHINE = 608


def warnings(config: "Config", policy: "Policy", path: Path) -> list[str]:
    """One sentence each; `path` is the configuration's file.

    Opens sockets for a moment and leaves nothing behind.
    """
    return [
        *_taken_ports(config),
        *_silent_upstreams(config),
        *_missing_lists(config, policy, path),
        *_missing_consents(config, policy, path),
        *_missing_numbers(config, policy),
        *_deciding_upstreams(config),
        *_unproven_callers(config),
        *_unlike_callers(config, policy),
        *_shut_doors(config),
        *_unlike_passwords(config),
        *_unbelieved_headers(config),
        *_cardless_refusals(config, policy),
        *map(str, review(policy)),
    ]


def _cardless_refusals(config: "Config", policy: "Policy") -> Iterator[str]:
    missing = []
    if policy.redress is None:
        missing.append("redress in the policy")
    if config.redress is None:
        missing.append("[redress] in the configuration")
    for rule in policy.rules if missing else ():
        if isinstance(rule.action, Reject) and rule.action.code == REJECTED_BY_MACHINE:
            yield (
                f"rule {rule.id} refuses with 608 without saying whom to turn to (RFC 8688):"
                f" that needs {' and '.join(missing)}"
            )


def _taken_ports(config: "Config") -> Iterator[str]:
    if _is_running(config):
        return  # the ports are that gate's
    for listen in config.listen:
        address = listen.address
        kind = socket.SOCK_DGRAM if listen.transport == "udp" else socket.SOCK_STREAM
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
        with socket.socket(family, kind) as probe:
            if listen.transport == "tcp":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # TIME_WAIT is fine
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind((address.host, address.port))
            except OSError as error:
                where = f"{listen.transport} {address}"
                if error.errno == errno.EADDRINUSE:
                    yield f"{where} is in use by another program"
                elif error.errno == errno.EADDRNOTAVAIL:
                    yield f"{where} is no address of this machine"
                else:
                    yield f"{where} can't be listened on: {error.strerror}"


def _silent_upstreams(config: "Config") -> Iterator[str]:
    for upstream in config.upstream:
        for target in upstream.targets:
            if not target.is_built_in and (complaint := _complaint(target)) is not None:
                yield f"upstream {upstream.name}: {target} {complaint}"


def _complaint(target: "Target") -> str | None:
    try:
        wish = Wish(target.host, target.port, target.transport, target.is_secure)
        location = asyncio.run(Resolver(SystemClock()).locate(wish))
    except ResolveError as error:
        return f"can't be located: {error.reason}"
    complaints = [_silence(target, place) for place in location.places]
    if len(complaints) == 1 or None not in complaints:
        return complaints[0]
    silent = sum(complaint is not None for complaint in complaints)
    return f"is {len(complaints)} places, of which {silent} don't answer" if silent else None


def _silence(target: "Target", place: Place) -> str | None:
    kind = socket.SOCK_DGRAM if place.transport == "udp" else socket.SOCK_STREAM
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        try:
            probe.settimeout(ANSWER_SECONDS)
            probe.connect((place.host, place.port))
            if place.transport == "udp" and not _answers_options(probe, target):
                return "doesn't answer OPTIONS"
        except TimeoutError:
            return "doesn't answer"
        except OSError as error:
            return f"can't be reached: {error.strerror}"
    return None


def _answers_options(probe: socket.socket, target: "Target") -> bool:
    host, port = probe.getsockname()[:2]
    own = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    request = (
        f"OPTIONS sip:{target.authority} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {own};branch=z9hG4bK{secrets.token_hex(8)};rport\r\n"
        "Max-Forwards: 1\r\n"
        f"From: <sip:check@{own}>;tag={secrets.token_hex(4)}\r\n"
        f"To: <sip:{target.authority}>\r\n"
        f"Call-ID: {secrets.token_hex(8)}\r\n"
        "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    ).encode()
    probe.settimeout(RESEND_SECONDS)
    for _ in range(int(ANSWER_SECONDS / RESEND_SECONDS)):
        probe.send(request)
        try:
            return probe.recv(65535).startswith(b"SIP/2.0 ")
        except TimeoutError:
            continue
    return False


def _is_running(config: "Config") -> bool:
    """Whether a gate owns this store now. Makes no file."""
    try:
        with open(lock_path(config.gate.store_path), "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _missing_lists(config: "Config", policy: "Policy", path: Path) -> Iterator[str]:
    known = asyncio.run(_imported_lists(config)) if config.gate.store_path.exists() else set()
    for name in policy.list_names:
        if name not in known and name != REFUSALS:
            kind = " --kind text" if policy.list_subjects(name) == {"caller"} else ""
            yield (
                f"list {name} was never imported, so it is empty:"
                f" sipgate list import {name} FILE{kind} -c {shlex.quote(str(path))}"
            )


async def _imported_lists(config: "Config") -> set[str]:
    opened = engine(config.gate.store)
    try:
        return {found.name for found in await NumberListStore(opened, SystemClock()).all()}
    except SQLAlchemyError:
        return set()  # no gate has made the tables yet
    finally:
        await opened.dispose()


def _missing_consents(config: "Config", policy: "Policy", path: Path) -> Iterator[str]:
    if not policy.asks_for_consents:
        return
    if not config.gate.store_path.exists() or asyncio.run(_has_no_consent(config)):
        yield (
            "no consent is on record, so consent rules hold for every call:"
            f" sipgate consent import FILE -c {shlex.quote(str(path))}"
        )


def _missing_numbers(config: "Config", policy: "Policy") -> Iterator[str]:
    if policy.asks_whose_numbers and all(caller.clis is None for caller in config.caller):
        yield (
            "identity rules ask for not-owned, but no [[caller]] has clis: nobody's numbers are"
            " known, so it holds for no call"
        )


async def _has_no_consent(config: "Config") -> bool:
    opened = engine(config.gate.store)
    try:
        return await ConsentStore(opened, SystemClock()).is_empty()
    except SQLAlchemyError:
        return True  # no gate has made the tables yet
    finally:
        await opened.dispose()


def _deciding_upstreams(config: "Config") -> Iterator[str]:
    for upstream in config.upstream:
        for target in upstream.targets:
            source = None if target.is_built_in else _source_at(config, target.host)
            if source is not None and source.decide:
                yield (
                    f"upstream {upstream.name}: {target.host} is also in source {source.name},"
                    " so calls that come from it are decided; a source of its own with"
                    " decide = false would let them in"
                )


def _source_at(config: "Config", host: str) -> "Source | None":
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    matching = [
        (network.prefixlen, index)
        for index, source in enumerate(config.source)
        for network in source.networks
        if network.version == address.version and address in network
    ]
    return config.source[max(matching)[1]] if matching else None


def _unproven_callers(config: "Config") -> Iterator[str]:
    for source in config.source:
        is_claimed = "from" in source.identity or any(
            scheme.startswith("header:") for scheme in source.identity
        )
        is_claimed = is_claimed and source.realm is None
        if source.decide and not source.trusted and is_claimed and source.callers == "any":
            yield (
                f"source {source.name} isn't trusted, yet its callers say themselves who they"
                " are: whoever writes another name gets limits of his own; callers = "
                '"listed" gives all unknown ones one caller'
            )


def _unlike_callers(config: "Config", policy: "Policy") -> Iterator[str]:
    for where, caller, read in unlike_callers(config, policy):
        yield f"{where}: no call has the caller {caller}, for the gate reads that as {read}"


def _shut_doors(config: "Config") -> Iterator[str]:
    for source in config.source:
        has_passwords = any(
            caller.password_file is not None and caller.id.startswith(f"{source.name}/")
            for caller in config.caller
        )
        if source.realm is not None and not has_passwords:
            yield (
                f"source {source.name} asks for passwords, but no [[caller]] of it has one:"
                f" sipgate password {source.name}/USER --out FILE"
            )


def _unlike_passwords(config: "Config") -> Iterator[str]:
    """A phone answers the strongest challenge, whoever it was meant for (RFC 8760 §2.4)."""
    secrets = read_secrets(config)
    for source in config.source:
        of_source = {
            caller: found
            for caller, found in secrets.items()
            if caller.startswith(f"{source.name}/")
        }
        offered = [name for name in ALGORITHMS if any(name in one for one in of_source.values())]
        for caller, found in of_source.items():
            missing = [name.lower() for name in offered[: offered.index(next(iter(found)))]]
            if missing:
                yield (
                    f"{caller} has no {missing[0]} hash, which others of source {source.name} have:"
                    " a phone that knows it answers that challenge and is refused; sipgate password"
                    f" {caller} --algorithm {' --algorithm '.join(n.lower() for n in offered)}"
                )


def _unbelieved_headers(config: "Config") -> Iterator[str]:
    """Headers that are named, and mean nothing from a source that isn't trusted."""
    for source in config.source:
        lead = source.lead_headers
        named = {
            "campaign-header": source.campaign_header,
            "lead-headers": lead.region or lead.timezone,
        }
        ignored = [key for key, header in named.items() if header is not None]
        if ignored and not source.trusted:
            yield f"source {source.name} is not trusted: its {' and '.join(ignored)} mean nothing"
