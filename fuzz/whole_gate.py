"""What must hold for a whole gate, whatever comes from whomever.

The bytes are a script: each step is one byte that says what happens and further bytes that say how.
So a mutation of the bytes is another conversation.
"""

import hashlib
import re
from collections.abc import Callable

from sipgate.sip import (
    BadMessage,
    Limits,
    Message,
    Request,
    Response,
    parse_message,
    secret_hash,
)
from tests.proxy.house import GATE, End, House
from tests.sip.samples import TORTURE

MOST_STEPS = 60
MOST_WAKES = 20_000
STEPS = 16
PER_PACKET = 8  # entries of all tables that one packet may make
RULES = "[{id: cap, rate: {per: caller, limit: 3, window: day}, then: {reject: 403}}]"
SHORT = 'max-call = "1m"'
WIDE = Limits(max_message_bytes=2**20, max_headers=1024, max_header_bytes=2**17, max_vias=1024)
TORTURES = [path.read_bytes() for path in sorted(TORTURE.rglob("*.dat"))]

METHODS = (
    *("INVITE", "ACK", "CANCEL", "BYE", "REGISTER", "OPTIONS", "REFER", "SUBSCRIBE"),
    *("NOTIFY", "INFO", "PRACK", "UPDATE", "MESSAGE", "PUBLISH", "x-NEW", "invite"),
)
PHONE_URI = "sip:4711@10.1.0.7:5060"
URIS = (
    f"sip:+13055550001@{GATE}",
    f"sip:+13055550002@{GATE}",
    f"sip:911@{GATE}",
    f"sip:{GATE}",
    "sip:callee@10.9.0.9:5080",
    "sip:+13055550001@far.example",
    "tel:+13055550001",
    "sips:+13055550001@far.example",
    "urn:service:sos",
    "http://x",
    PHONE_URI,
)
STATUSES = (100, 180, 183, 200, 202, 302, 401, 407, 408, 481, 486, 487, 503, 603, 199, 699)
CALLEE = b"<sip:callee@10.9.0.9:5080>"
ASKING = '\nrealm = "a.b"'
SOURCES = ("", '\nregistrations = "contact"', '\nregistrations = "path"', ASKING)
SECRET = secret_hash("SHA-256", "4711", "a.b", "open")
PROOF = (
    b'Proxy-Authorization: Digest username="4711", realm="a.b", nonce="%b", uri="%b", '
    b'response="%b", algorithm=SHA-256, qop=auth, nc=%08x, cnonce="c"'
)
_NONCE = re.compile(rb'nonce="([^"]+)"')
WAITS = (0.0, 0.1, 0.5, 1.0, 4.0, 32.0, 64.0, 180.0)

# Where the gate's scripts begin: what `Play` reads, step by step, without its first byte.
_ASK, _ANSWER, _WRITE, _WAIT, _IN_DIALOG, _BACK, _AGAIN = 1, 3, 5, 6, 7, 8, 9
_PHONE, _TRUNK, _WHOLE = 0, 2, 255
_INVITE = (_ASK, _PHONE, 0, 0, 0, _WHOLE, _WRITE)
_RINGS = (_ANSWER, _TRUNK, 4, 1, _WHOLE)
_ANSWERED = (*_INVITE, *_RINGS, _ANSWER, _TRUNK, 4, 3, _WHOLE, _IN_DIALOG, 1, 3, _WHOLE)
_TAKES = (_ANSWER, _TRUNK, 12, 3, _WHOLE)
CALLS = tuple(
    bytes(steps)
    for steps in (
        (*_ANSWERED, _IN_DIALOG, 3, 3, _WHOLE, *_TAKES),  # BYE
        (*_ANSWERED, _BACK, 3, 3, _WHOLE, _ANSWER, _PHONE, 12, 3, _WHOLE),  # and from behind
        (*_ANSWERED, _IN_DIALOG, 0, 3, _WHOLE, *_TAKES, _IN_DIALOG, 11, 3, _WHOLE, *_TAKES),
        (*_INVITE, *_RINGS, _ASK, _PHONE, 2, 0, 0, _WHOLE, _ANSWER, _TRUNK, 4, 12, _WHOLE),
        (*_INVITE, _ANSWER, _TRUNK, 4, 10, _WHOLE, _ASK, _PHONE, 1, 0, 8, _WHOLE),  # refused
        (*_INVITE, _WAIT, 5, _AGAIN, _PHONE, _WHOLE, _WAIT, 7),
        # With a password: asked for it, the ACK, the INVITE with it.
        (*_INVITE, _ASK, _PHONE, 1, 0, 0, _WHOLE, _ASK, _PHONE, 16, 0, 36, _WHOLE, _WRITE, *_TAKES),
        (_ASK, _PHONE, 4, 3, 0, _WHOLE, *_TAKES, _ASK, _PHONE, 7, 0, 1, _WHOLE, *_TAKES),
        (_ASK, _PHONE, 6, 0, 0, _WHOLE, _WRITE, *_TAKES, _ASK, _PHONE, 0, 2, 1, _WHOLE),
    )
)


class Script:
    """The bytes, as decisions; zeros when they are used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_over(self) -> bool:
        return self._at >= len(self._data)

    def byte(self) -> int:
        at, self._at = self._at, self._at + 1
        return self._data[at] if at < len(self._data) else 0

    def chunk(self, length: int) -> bytes:
        at, self._at = self._at, self._at + length
        return self._data[at : at + length]


class Play:
    """One gate, and what the script makes its peers do."""

    def __init__(self, script: Script) -> None:
        self._script = script
        first = script.byte()
        lines = "routes = true\nnat = true" if first & 2 else ""
        lines += SOURCES[first >> 5 & 3]
        asks = lines.endswith(ASKING)
        self.house = House(
            RULES,
            secrets={"hq/4711": {"SHA-256": SECRET}} if asks else None,
            identity='["digest", "from"]' if asks else '["from"]',
            gate=SHORT if first & 1 else f'{SHORT}\nmode = "monitor"',
            source=lines,
            upstream="trusted = false" if first & 4 else "",
            transport="tcp" if first & 8 else "udp",
            phone_transport="tcp" if first & 16 else "udp",
            trunks=3 if first & 128 else 1,
        )
        house = self.house
        self._ends: tuple[End, ...] = (
            house.phone,
            house.pbx,
            house.trunk,
            house.stranger,
            house.end("second", "10.1.0.8", 5060, "tcp"),
            *house.trunks[1:],
        )
        self._last = dict.fromkeys(self._ends, b"")
        self.packets = 0
        self._steps: tuple[Callable[[], None], ...] = (
            self._raw,
            self._ask,
            self._ask,
            self._answer,
            self._answer,
            self._write,
            self._wait,
            self._in_dialog,
            self._back,
            self._again,
            self._torture,
            self._fail,
            self._lose,
            self._bad_stream,
            self._call_phone,
            self._wait,
        )
        assert len(self._steps) == STEPS, "another number changes what the kept scripts do"

    def run(self) -> None:
        """Play all steps, then let all end that can."""
        house, script = self.house, self._script
        for _ in range(MOST_STEPS):
            if script.is_over:
                break
            self._steps[script.byte() % STEPS]()
            house.heard()
            table = house.parts.table
            size = len(table.servers) + len(table.clients) + len(house.parts.timers)
            assert size <= PER_PACKET * (self.packets + 1), house.leftovers()
        house.ledger.is_full = False
        house.writes()
        for binding in list(house.parts.bindings):  # they may hold for a month
            house.parts.bindings.remove(binding.token)
        self._let_end()
        house.writes()
        assert house.leftovers() == {}, house.leftovers()
        assert house.parts.table.contexts == 0

    def _let_end(self) -> None:
        house = self.house
        for _ in range(MOST_WAKES):
            due = house.parts.proxy.wake()
            if due is None:
                break
            house.clock.advance(max(due - house.clock.now(), 0.001))
        else:
            raise AssertionError("it never gets quiet")
        house.clock.advance(64.0)  # what is kept for as long as somebody may try again

    def _end(self) -> End:
        return self._ends[self._script.byte() % len(self._ends)]

    def _send(self, end: End, raw: bytes) -> None:
        if not end.wire.is_open:
            end.wire.open = True
        self._last[end] = raw
        self.packets += 1
        before = len(self.house.air.log)
        self.house.parts.proxy.packet(raw, end.wire)
        for _, sent, _ in self.house.air.log[before:]:
            check_sent(sent)

    def _tweaked(self, raw: bytes) -> bytes:
        """Some bytes of the script in the place of some others."""
        script = self._script
        count = script.byte()
        if count >= 64 or not raw:
            return raw
        at = (script.byte() << 8 | script.byte()) % len(raw)
        return raw[:at] + script.chunk(count) + raw[at + script.byte() % 16 :]

    def _raw(self) -> None:
        end = self._end()
        self._send(end, self._script.chunk(self._script.byte() << 3))

    def _ask(self) -> None:
        script, end = self._script, self._end()
        number = script.byte()
        method = METHODS[number % len(METHODS)]
        uri = self._uri(script.byte())
        which = script.byte()
        raw = written(
            end,
            method,
            uri,
            headers=self._proofs(end, method, uri, number >> 4),
            call=which & 3,
            cseq=1 + (which >> 2 & 1),
            to_tag=("", "t1", "t2", "")[which >> 3 & 3],
            branch=which >> 5,
        )
        self._send(end, self._tweaked(raw))

    def _proofs(self, end: End, method: str, uri: str, count: int) -> list[bytes]:
        """That it knows the password, if it was asked for one and wants to."""
        if not count:
            return []
        nonces = [nonce for raw in end.got for nonce in _NONCE.findall(raw)]
        if not nonces:
            return []
        hashed = _sha256(f"{method}:{uri}".encode("latin-1"))
        response = _sha256(b"%b:%b:%08x:c:auth:%b" % (SECRET.encode(), nonces[-1], count, hashed))
        return [PROOF % (nonces[-1], uri.encode("latin-1"), response, count)]

    def _uri(self, number: int) -> str:
        """One of the usual; a phone that has registered is called by its token."""
        uri = URIS[number % len(URIS)]
        if uri == PHONE_URI:
            for binding in self.house.parts.bindings:
                return f"sip:{binding.token.decode()}@{GATE}"
        return uri

    def _answer(self) -> None:
        script, end = self._script, self._end()
        which = script.byte()
        asked = _requests(end.got)
        status = STATUSES[script.byte() % len(STATUSES)]
        if not asked:
            return
        request = asked[-1 - which % min(4, len(asked))]
        raw = answer_to(request, status, tag=("", "t1", "t2", "t3")[which >> 2 & 3])
        self._send(end, self._tweaked(raw))

    def _write(self) -> None:
        self.house.writes()

    def _wait(self) -> None:
        house = self.house
        until = house.clock.now() + WAITS[self._script.byte() % len(WAITS)]
        for _ in range(MOST_WAKES):
            due = house.parts.proxy.wake()
            now = house.clock.now()
            if now >= until:
                return
            house.clock.advance(min(until, max(now + 0.001, until if due is None else due)) - now)
        raise AssertionError("it never gets quiet")

    def _in_dialog(self) -> None:
        script, phone = self._script, self._ends[0]
        answers = [found for found in _responses(phone.got) if found.status // 100 == 2]
        method = METHODS[script.byte() % len(METHODS)]
        which = script.byte()
        if not answers:
            return
        answer = answers[-1]
        contact = (answer.first(b"contact") or b"<sip:callee@10.9.0.9:5080>").strip(b"<>")
        uri = contact.decode("latin-1") if which & 1 else URIS[which % len(URIS)]
        routes = b", ".join(reversed(answer.values(b"record-route")))
        raw = written(
            phone,
            method,
            uri,
            call_id=answer.call_id,
            to_tag=answer.to_tag.decode("latin-1"),
            cseq=2 + (which >> 4),
            branch=8 + (which >> 4),
            headers=[b"Route: " + routes] if routes and which & 2 else [],
        )
        self._send(phone, self._tweaked(raw))

    def _back(self) -> None:
        script, trunk = self._script, self._ends[2]
        invites = [found for found in _requests(trunk.got) if found.method == b"INVITE"]
        method = METHODS[script.byte() % len(METHODS)]
        which = script.byte()
        if not invites:
            return
        invite = invites[-1]
        contact = (invite.first(b"contact") or b"<sip:x@10.1.0.7>").strip(b"<>")
        uri = contact.decode("latin-1") if which & 1 else URIS[which % len(URIS)]
        routes = b", ".join(invite.values(b"record-route"))
        raw = written(
            trunk,
            method,
            uri,
            call_id=invite.call_id,
            from_tag="t1",
            to_tag=invite.from_tag.decode("latin-1"),
            cseq=1 + (which >> 4),
            branch=24 + (which >> 4),
            headers=[b"Route: " + routes] if routes and which & 2 else [],
        )
        self._send(trunk, self._tweaked(raw))

    def _again(self) -> None:
        end = self._end()
        self._send(end, self._tweaked(self._last[end]))

    def _torture(self) -> None:
        end = self._end()
        self._send(end, self._tweaked(TORTURES[self._script.byte() % len(TORTURES)]))

    def _call_phone(self) -> None:
        """The registrar calls whom it was told of last, by Path where it has one."""
        script, trunk = self._script, self._ends[2]
        which = script.byte()
        asked = [found for found in _requests(trunk.got) if found.method == b"REGISTER"]
        if not asked:
            return
        uri = (asked[-1].first(b"contact") or b"").partition(b"<")[2].partition(b">")[0]
        method = METHODS[which % len(METHODS)]
        spelled = uri.decode("latin-1") or "sip:x@10.1.0.7"
        path = asked[-1].values(b"path")
        raw = written(
            trunk,
            method,
            spelled,
            call=2,
            branch=40 + (which >> 4),
            headers=[b"Route: " + value for value in path],
        )
        self._send(trunk, self._tweaked(raw))

    def _fail(self) -> None:
        """The ledger takes nothing, or takes it again."""
        self.house.ledger.is_full = not self.house.ledger.is_full

    def _lose(self) -> None:
        wire = self._end().wire
        if wire.reliable:
            wire.open = False
        self.house.parts.proxy.flow_lost(wire, "lost")

    def _bad_stream(self) -> None:
        wire = self._end().wire
        if wire.reliable:
            self.house.parts.proxy.bad_stream(wire, BadMessage(400, "bad"))
            wire.open = False


def check_gate(data: bytes) -> None:
    """A script of any bytes: no exception, bounded tables, and nothing left when all has ended."""
    Play(Script(data)).run()


def check_sent(sent: bytes) -> None:
    """Each request that the gate sends can be read.

    A response may repeat what a broken request said, or what an upstream put below our Via.
    """
    if sent.startswith(b"SIP/2.0 "):
        return
    message = parse_message(sent, WIDE)
    assert isinstance(message, Request)
    assert message.max_forwards is not None
    assert message.via.sent_by == GATE.encode()


def _sha256(raw: bytes) -> bytes:
    return hashlib.sha256(raw).hexdigest().encode()


def _requests(got: list[bytes]) -> list[Request]:
    return [found for found in map(_read, got) if isinstance(found, Request)]


def _responses(got: list[bytes]) -> list[Response]:
    return [found for found in map(_read, got) if isinstance(found, Response)]


def _read(raw: bytes) -> Message | None:
    try:
        return parse_message(raw, WIDE)
    except BadMessage:
        return None


def written(
    end: End,
    method: str,
    uri: str,
    *,
    call: int = 0,
    call_id: bytes = b"",
    from_tag: str = "f1",
    to_tag: str = "",
    cseq: int = 1,
    branch: int = 0,
    headers: list[bytes] | None = None,
) -> bytes:
    """A request in the spelling of a common phone."""
    transport = end.wire.transport.upper()
    kind = "INVITE" if method in ("ACK", "CANCEL") else method
    lines = [
        f"{method} {uri} SIP/2.0".encode("latin-1"),
        f"Via: SIP/2.0/{transport} {end.address};branch=z9hG4bK{kind}{call}{branch}".encode(),
        b"Max-Forwards: 70",
        f"From: <sip:4711@{end.wire.host}>;tag={from_tag}".encode(),
        f"To: <sip:x@y>{f';tag={to_tag}' if to_tag else ''}".encode("latin-1"),
        b"Call-ID: " + (call_id or b"c%d" % call),
        f"CSeq: {cseq} {method}".encode(),
        f"Contact: <sip:4711@{end.address}>".encode(),
        *((b"Supported: path",) if method == "REGISTER" else ()),
        *(headers or []),
        b"Content-Length: 0",
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def answer_to(request: Request, status: int, *, tag: str) -> bytes:
    """An answer as a common peer spells it."""
    registered = request.method == b"REGISTER"
    lines = [f"SIP/2.0 {status} X".encode()]
    for name in (b"via", b"record-route", b"from"):
        lines += [request.lines[index] for index in request.indexes(name)]
    to = b"To: " + (request.first(b"to") or b"")
    lines += [
        to + (f";tag={tag}".encode() if tag and not request.to_tag else b""),
        b"Call-ID: " + request.call_id,
        b"CSeq: %d %b" % (request.cseq_number, request.cseq_method),
        b"Contact: " + ((registered and request.first(b"contact")) or CALLEE),
        b"Content-Length: 0",
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"
