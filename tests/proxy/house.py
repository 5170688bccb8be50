"""A gate without sockets and disk, and the ends that talk to it.

`House.heard()` gives all that left the gate since it was last asked, in order, as `who: start
line`. The ledger writes nothing before `House.writes()`; time stands still until `House.waits()`.
"""

import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import cast

from sipgate.app.build import Parts, build
from sipgate.clock import VirtualClock
from sipgate.config import Config, load_config
from sipgate.gate import MemoryLists, Policy, Rebuild, read_policy
from sipgate.ledger import (
    ActEntry,
    AnsweredEntry,
    DecisionEntry,
    Entry,
    Ledger,
    LedgerFullError,
    OutcomeEntry,
    encode_entry,
)
from sipgate.net import Flow, Listener, Location, Network, Resolver, Wish
from sipgate.net.local_addresses import LocalAddresses
from sipgate.proxy import Binding, Target, as_stored, from_stored
from sipgate.sip import Limits, Message, Request, Response, parse_message
from sipgate.store import Registration

GATE = "10.0.0.1:5060"
PHONE, PBX, TRUNK, STRANGER = "10.1.0.7", "10.2.0.2", "10.9.0.9", "192.0.2.66"
TRUNKS = (TRUNK, "10.9.0.10", "10.9.0.11")
STEP_SECONDS = 0.25

ALLOW_ALL = "[]"
CONFIG = """[gate]
name = "gate-1"
policy = "policy.yaml"
store = "sqlite:///gate.db"
{gate}
[[listen]]
transport = "udp"
address = "10.0.0.1:5060"
[[listen]]
transport = "tcp"
address = "10.0.0.1:5060"
[[source]]
name = "hq"
match = ["10.1.0.0/16"]
identity = {identity}
region = "US"
upstream = "trunk"
{source}
[[source]]
name = "pbx"
match = ["10.2.0.2"]
identity = ["p-asserted-identity", "from"]
trusted = true
region = "US"
upstream = "trunk"
[[upstream]]
name = "trunk"
targets = ["sip:10.9.0.9:5080{transport}"]
{upstream}
"""


class Wire(Flow):
    """A flow that writes what is sent on it into the house's log."""

    def __init__(
        self,
        transport: str,
        host: str,
        port: int,
        log: list[tuple["Wire", bytes, float]],
        clock: VirtualClock,
    ) -> None:
        listener = Listener(
            transport,
            "10.0.0.1",
            5060,
            advertise=None,
            local_addresses=LocalAddresses(VirtualClock()),
        )
        super().__init__(host, port, listener)
        self.transport = transport
        self.reliable = transport != "udp"
        self.is_secure = transport == "tls"
        self.peer_names: frozenset[str] = frozenset()
        self.open = True
        self.waiting: list[bytes] | None = None  # a list while the connection is being made
        self._log = log
        self._clock = clock

    @property
    def is_open(self) -> bool:
        return self.open

    def send(self, data: bytes) -> None:
        if self.waiting is not None:
            self.waiting.append(data)
        elif self.open:
            self._log.append((self, data, self._clock.now()))

    def withdraw(self, data: bytes) -> bool:
        if self.waiting is None or data not in self.waiting:
            return False
        self.waiting.remove(data)
        return True

    def close(self, reason: str) -> None:
        if self.reliable:
            self.open = False


class Air:
    """The same flow for the same peer; nothing gets lost but what is closed."""

    def __init__(self, clock: VirtualClock) -> None:
        self.log: list[tuple[Wire, bytes, float]] = []  # and when
        self._clock = clock
        self._wires: dict[tuple[str, str, int], Wire] = {}

    def flow_to(
        self,
        transport: str,
        host: str,
        port: int,
        *,
        listener: Listener | None = None,
        server_name: str = "",
    ) -> Wire:
        key = (transport, host, port)
        wire = self._wires.get(key)
        if wire is None or not wire.is_open:
            wire = self._wires[key] = Wire(transport, host, port, self.log, self._clock)
        return wire

    def alias(self, flow: Flow, sent_by_host: str, port: int) -> bool:
        """As `Network.alias`; what a certificate proves is the test's to say."""
        if sent_by_host not in flow.peer_names:
            return False
        self._wires[flow.transport, flow.host, port] = cast(Wire, flow)
        return True


class HandLedger:
    """A ledger whose disk is moved by hand."""

    def __init__(self, entries: Sequence[Entry] = ()) -> None:
        self.entries: list[Entry] = list(entries)
        self.durable_seq = len(self.entries)
        self.failing_since: float | None = None
        self.is_full = False

    def append(self, entry: Entry, urgent: bool = True) -> int:
        if self.is_full:
            raise LedgerFullError("full")
        entry.seq = len(self.entries) + 1
        encode_entry(entry)
        self.entries.append(entry)
        return entry.seq


class Numeric:
    """A resolver that knows numeric hosts only."""

    def located(self, wish: Wish) -> Location | None:
        return None


class End:
    """A peer of the gate: sends what it is told, and remembers what it got."""

    def __init__(self, house: "House", name: str, wire: Wire) -> None:
        self.name = name
        self.wire = wire
        self.got: list[bytes] = []
        self._house = house

    @property
    def address(self) -> str:
        return f"{self.wire.host}:{self.wire.port}"

    def sends(self, raw: bytes | str) -> None:
        data = raw if isinstance(raw, bytes) else raw.encode()
        self._house.parts.proxy.packet(data, self.wire)

    def asks(
        self,
        method: str,
        uri: str,
        *,
        to: str | None = None,
        to_tag: str = "",
        from_user: str = "4711",
        from_tag: str = "f1",
        call_id: str = "c1",
        cseq: int = 1,
        branch: str = "b1",
        headers: Sequence[str] = (),
        max_forwards: int | None = 70,
        body: str = "",
        via: str | None = None,
        length: bool = True,
    ) -> bytes:
        """Send a request; gives its bytes."""
        raw = request(
            self,
            method,
            uri,
            to=to,
            to_tag=to_tag,
            from_user=from_user,
            from_tag=from_tag,
            call_id=call_id,
            cseq=cseq,
            branch=branch,
            headers=headers,
            max_forwards=max_forwards,
            body=body,
            via=via,
            length=length,
        )
        self.sends(raw)
        return raw

    def calls(
        self, user: str = "+13055550001", *, headers: Sequence[str] = (), **fields: object
    ) -> bytes:
        """Send an initial INVITE to a number at the gate."""
        contact = f"Contact: <sip:4711@{self.address}>"
        uri = f"sip:{user}@{GATE}"
        return self.asks("INVITE", uri, headers=[contact, *headers], **fields)  # type: ignore[arg-type]

    def got_request(self, method: str) -> Request:
        """The latest request of that method."""
        for raw in reversed(self.got):
            message = parse_message(raw)
            if isinstance(message, Request) and message.method == method.encode():
                return message
        raise AssertionError(f"{self.name} got no {method}")

    def got_response(self, status: int, method: str = "") -> Response:
        """The latest response with that status, to a request of that method if one is named."""
        for raw in reversed(self.got):
            message = parse_message(raw)
            if (
                isinstance(message, Response)
                and message.status == status
                and (method.encode() in (b"", message.cseq_method))
            ):
                return message
        raise AssertionError(f"{self.name} got no {status}")

    def answers(
        self,
        status: int,
        *,
        method: str = "INVITE",
        to: Request | None = None,
        phrase: str = "X",
        tag: str = "t1",
        headers: Sequence[str] = (),
        contact: str | None = "sip:callee@10.9.0.9:5080",
        body: str = "",
        length: bool = True,
    ) -> bytes:
        """Send a response to the latest request of that method, or to the one given."""
        asked = to if to is not None else self.got_request(method)
        lines = [f"SIP/2.0 {status} {phrase}"]
        lines += [asked.lines[index].decode() for index in asked.indexes(b"via")]
        lines += [asked.lines[index].decode() for index in asked.indexes(b"record-route")]
        target = (asked.first(b"to") or b"").decode()
        lines += [
            f"From: {(asked.first(b'from') or b'').decode()}",
            f"To: {target}" + (f";tag={tag}" if tag and not asked.to_tag else ""),
            f"Call-ID: {asked.call_id.decode()}",
            f"CSeq: {asked.cseq_number} {asked.cseq_method.decode()}",
        ]
        if contact is not None and asked.method != b"BYE":
            lines.append(f"Contact: <{contact}>")
        lines += headers
        if length:
            lines.append(f"Content-Length: {len(body)}")
        raw = ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
        self.sends(raw)
        return raw

    def acknowledges(self, status: int, *, branch: str = "b1", cseq: int = 1) -> None:
        """Send the ACK to a refusal that it got: hop by hop, on the INVITE's branch."""
        refusal = self.got_response(status)
        self.asks(
            "ACK",
            f"sip:+13055550001@{GATE}",
            to_tag=refusal.to_tag.decode(),
            from_tag=refusal.from_tag.decode(),
            call_id=refusal.call_id.decode(),
            cseq=cseq,
            branch=branch,
        )

    def in_dialog(
        self,
        method: str,
        *,
        cseq: int = 2,
        branch: str = "d1",
        uri: str = "sip:callee@10.9.0.9:5080",
        status: int = 200,
        headers: Sequence[str] = (),
        **fields: object,
    ) -> bytes:
        """Send a request in the dialog that a response has opened."""
        answer = self.got_response(status, "INVITE")
        routes = [f"Route: {v.decode()}" for v in reversed(answer.values(b"record-route"))]
        return self.asks(
            method,
            uri,
            to_tag=answer.to_tag.decode(),
            from_tag=answer.from_tag.decode(),
            call_id=answer.call_id.decode(),
            cseq=cseq,
            branch=branch,
            headers=[*routes, *headers],
            **fields,  # type: ignore[arg-type]
        )

    def back(
        self,
        method: str,
        *,
        cseq: int = 1,
        branch: str = "u1",
        tag: str = "t1",
        uri: str | None = None,
        asked: str = "INVITE",
        headers: Sequence[str] = (),
        **fields: object,
    ) -> bytes:
        """Send a request of the called side in the dialog of the latest INVITE that it got."""
        invite = self.got_request(asked)
        contact = (invite.first(b"contact") or b"<sip:x@y>").decode().strip("<>")
        routes = [f"Route: {v.decode()}" for v in invite.values(b"record-route")]
        return self.asks(
            method,
            uri if uri is not None else contact,
            from_user="callee",
            from_tag=tag,
            to_tag=invite.from_tag.decode(),
            call_id=invite.call_id.decode(),
            cseq=cseq,
            branch=branch,
            headers=[*routes, *headers],
            **fields,  # type: ignore[arg-type]
        )


class House:
    """One gate with a phone, a PBX and a trunk around it."""

    def __init__(
        self,
        rules: str = ALLOW_ALL,
        *,
        gate: str = "",
        source: str = "",
        upstream: str = "",
        transport: str = "udp",
        phone_transport: str = "udp",
        trunks: int = 1,
        is_ready: bool = True,
        entries: Sequence[Entry] = (),
        clock: VirtualClock | None = None,
        secrets: Mapping[str, Mapping[str, str]] | None = None,
        identity: str = '["from"]',
    ) -> None:
        """`trunks` is how many targets the upstream has, each with an end of its own."""
        self.clock = clock if clock is not None else VirtualClock()
        self.ledger = HandLedger(entries)
        self.air = Air(self.clock)
        self.lists = MemoryLists()
        self._settings = (rules, gate, source, upstream, transport, trunks)
        hosts = TRUNKS[:trunks]
        self._secrets, self._identity = secrets, identity
        suffix = "" if transport == "udp" else f";transport={transport}"
        config, policy = _read(rules, gate, source, upstream, suffix, identity)
        self.parts: Parts = build(
            config,
            clock=self.clock,
            network=cast(Network, self.air),
            resolver=cast(Resolver, Numeric()),
            listeners=[self.air.flow_to(name, "10.0.0.99", 1).listener for name in ("udp", "tcp")],
            ledger=cast(Ledger, self.ledger),
            policy=policy,
            lists=self.lists,
            targets={
                "trunk": [
                    Target(
                        transport=transport,
                        host=host,
                        port=5080,
                        uri_hostport=b"%b:5080" % host.encode(),
                    )
                    for host in hosts
                ]
            },
            key=b"k" * 32,
            limits=Limits(),
            secrets=secrets,
        )
        self.parts.proxy.is_ready = is_ready
        self._ends: dict[tuple[str, int], End] = {}
        self.phone = self.end("phone", PHONE, 5060, phone_transport)
        self.pbx = self.end("pbx", PBX, 5060)
        self.trunks = [
            self.end(name, host, 5080, transport)
            for name, host in zip(("trunk", "trunk2", "trunk3"), hosts, strict=False)
        ]
        self.trunk = self.trunks[0]
        self.stranger = self.end("stranger", STRANGER, 5060)
        self._heard = 0

    def end(self, name: str, host: str, port: int, transport: str = "udp") -> End:
        """One more peer."""
        found = End(self, name, self.air.flow_to(transport, host, port))
        self._ends[host, port] = found
        return found

    def heard(self) -> list[str]:
        """What the gate has sent since the last time."""
        lines = []
        for wire, raw, _ in self.air.log[self._heard :]:
            end = self._ends.get((wire.host, wire.port))
            name = end.name if end is not None else f"{wire.host}:{wire.port}"
            if end is not None:
                end.got.append(raw)
            start = raw.partition(b"\r")[0].decode("utf-8", "backslashreplace")
            lines.append(f"{name}: {start}")
        self._heard = len(self.air.log)
        return lines

    def writes(self) -> None:
        """The disk has all that was appended."""
        self.ledger.failing_since = None
        self.ledger.durable_seq = len(self.ledger.entries)
        self.parts.proxy.durable(self.ledger.durable_seq)

    def waits(self, seconds: float) -> None:
        """Let time pass, timers with it."""
        end = self.clock.now() + seconds
        while True:
            due = self.parts.proxy.wake()
            now = self.clock.now()
            if now >= end:
                return
            step = min(end, now + STEP_SECONDS, max(now + 0.001, end if due is None else due))
            self.clock.advance(step - now)

    def restarts(self) -> "House":
        """Kill this gate; another one comes up with its ledger and its key."""
        rules, gate, source, upstream, transport, trunks = self._settings
        after = House(
            rules=rules,
            gate=gate,
            source=source,
            upstream=upstream,
            transport=transport,
            trunks=trunks,
            entries=self.ledger.entries[: self.ledger.durable_seq],
            clock=self.clock,
            secrets=self._secrets,
            identity=self._identity,
        )
        now, time = self.clock.now(), self.clock.time()
        phones = [
            after.phone_again(as_stored(binding, now, time))
            for binding in self.parts.bindings
            if binding.expires_at > now
        ]
        for phone in phones:
            after.parts.bindings.restore(phone)
        after.parts.keep_alive.watch_all(phones, now)
        rebuild = Rebuild(
            after.parts.engine,
            after.parts.open_attempts,
            boot=self.clock.boot_id,
            now_us=int(now * 1_000_000),
            time_us=int(time * 1_000_000),
        )
        for entry in after.ledger.entries:
            rebuild.feed(entry)
        after.parts.restorer.restore(rebuild.calls.values(), now)
        for before, now_end in (
            (self.phone, after.phone),
            (self.pbx, after.pbx),
            *zip(self.trunks, after.trunks, strict=True),
        ):
            now_end.got = before.got
        return after

    def phone_again(self, row: Registration) -> Binding:
        """The binding of a row of the store."""
        transport, host, port = row.flow.split(":")
        flow = self.air.flow_to(transport, host, int(port)) if transport == "udp" else None
        return from_stored(row, flow, self.clock.now(), self.clock.time())

    @property
    def decisions(self) -> list[DecisionEntry]:
        return [entry for entry in self.ledger.entries if isinstance(entry, DecisionEntry)]

    @property
    def answers(self) -> list[AnsweredEntry]:
        return [entry for entry in self.ledger.entries if isinstance(entry, AnsweredEntry)]

    @property
    def outcomes(self) -> list[OutcomeEntry]:
        return [entry for entry in self.ledger.entries if isinstance(entry, OutcomeEntry)]

    @property
    def acts(self) -> list[ActEntry]:
        return [entry for entry in self.ledger.entries if isinstance(entry, ActEntry)]

    def leftovers(self) -> dict[str, int]:
        """The tables that still hold something."""
        parts = self.parts
        parts.open_attempts.expire(self.clock.now())
        sizes = {
            "servers": len(parts.table.servers),
            "clients": len(parts.table.clients),
            "contexts": parts.table.contexts,
            "calls": len(parts.calls),
            "attempts": len(parts.open_attempts),
            "parked": len(parts.admission),
            "in progress": parts.engine.calls_in_progress,
            "timers": len(parts.timers),
        }
        return {name: size for name, size in sizes.items() if size}

    def call_up(self, **fields: object) -> None:
        """A call of the phone's that the trunk has answered and the phone acknowledged."""
        self.phone.calls(**fields)  # type: ignore[arg-type]
        self.writes()
        self.heard()
        self.trunk.answers(180)
        self.trunk.answers(200)
        self.heard()
        self.phone.in_dialog("ACK", cseq=1, branch="a1")
        self.heard()


def request(
    end: End,
    method: str,
    uri: str,
    *,
    to: str | None,
    to_tag: str,
    from_user: str,
    from_tag: str,
    call_id: str,
    cseq: int,
    branch: str,
    headers: Sequence[str],
    max_forwards: int | None,
    body: str,
    via: str | None,
    length: bool,
) -> bytes:
    """A request in the spelling of a common phone."""
    place = end.wire.transport.upper()
    lines = [
        f"{method} {uri} SIP/2.0",
        via if via is not None else f"Via: SIP/2.0/{place} {end.address};branch=z9hG4bK{branch}",
    ]
    if max_forwards is not None:
        lines.append(f"Max-Forwards: {max_forwards}")
    lines += [
        f"From: <sip:{from_user}@{end.wire.host}>;tag={from_tag}",
        f"To: <{to if to is not None else uri}>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        *headers,
    ]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def header(message: Message, name: str) -> str | None:
    """One header's value as text."""
    value = message.first(name.encode())
    return None if value is None else value.decode()


@cache
def _read(
    rules: str, gate: str, source: str, upstream: str, transport: str, identity: str
) -> tuple[Config, Policy]:
    text = f"policy: test\nrevision: 1\nrules: {rules}\n".encode()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "policy.yaml").write_bytes(text)
        (folder / "gate.toml").write_text(
            CONFIG.format(
                gate=gate,
                source=source,
                upstream=upstream,
                transport=transport,
                identity=identity,
            )
        )
        config = load_config(folder / "gate.toml", {})
        return config, read_policy(text, folder / "policy.yaml")
