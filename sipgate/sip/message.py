"""Reading a message: what a proxy needs is checked and at hand, all else stays as it came.

A message is its lines. Nothing is copied out of them before someone asks, so that what the gate
has no business with can go out byte for byte (see `Splice`).
"""

from __future__ import annotations

from dataclasses import dataclass

from .address import read_tag
from .bad_message import BadMessage
from .grammar import (
    KEYS,
    URI,
    VISIBLE,
    first_comma,
    header_key,
    is_token,
    read_number,
    split_values,
    unfold,
)
from .plain import choose_plain_answerer, choose_plain_reader
from .uri import parse_uri
from .via import Via, parse_sent_by, parse_via

MAX_CSEQ = 2**32 - 1  # RFC 3261 §8.1.1.5 asks senders for less than 2**31; RFC 4475 §3.1.2.4
MAX_FORWARDS = 255  # RFC 3261 §20.22

_ONCE = frozenset(
    (  # RFC 3261 §7.3.1: what is no list stands there once
        b"to",
        b"from",
        b"call-id",
        b"cseq",
        b"max-forwards",
        b"content-length",
    )
)

_METHODS = frozenset(  # IANA's registry; any other token is a method too
    b"ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE "
    b"UPDATE".split()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How large a message may be before reading it costs too much."""

    max_message_bytes: int = 65535
    max_headers: int = 256
    max_header_bytes: int = 8192  # one header with its folds
    max_vias: int = 70


DEFAULT = Limits()


class Message:
    """What requests and responses have in common.

    `lines` holds the start line and then one item per header as received, without the CRLF at
    its end; a folded header is one item with its folds in it. Indexes count in `lines`.
    """

    __slots__ = (
        "_positions",
        "_repeated",
        "body",
        "call_id",
        "cseq_method",
        "cseq_number",
        "from_tag",
        "lines",
        "raw",
        "to_tag",
        "via",
        "via_index",
    )

    raw: bytes  # as received
    lines: list[bytes]
    body: bytes
    call_id: bytes
    cseq_number: int
    cseq_method: bytes
    from_tag: bytes  # b"" if there is none
    to_tag: bytes  # b"" if there is none
    via: Via  # the topmost
    via_index: int  # its line
    _positions: dict[bytes, int]  # key -> first line
    _repeated: dict[bytes, list[int]] | None  # key -> all lines, if there are several

    def index(self, name: bytes) -> int | None:
        """The first line of this header; `name` is the full name in lower case, here and below."""
        return self._positions.get(name)

    def indexes(self, name: bytes) -> tuple[int, ...]:
        """All lines of this header, in whatever form they are spelled."""
        if self._repeated is not None and name in self._repeated:
            return tuple(self._repeated[name])
        index = self._positions.get(name)
        return () if index is None else (index,)

    def first(self, name: bytes) -> bytes | None:
        """The whole value of this header's first line, unfolded; None if there is none."""
        index = self._positions.get(name)
        if index is None:
            return None
        value = self.lines[index].partition(b":")[2]
        return unfold(value).strip() if b"\n" in value else value.strip()

    def values(self, name: bytes) -> list[bytes]:
        """All values of a header that is a comma list, over all its lines, unfolded."""
        values = []
        for index in self.indexes(name):
            values += split_values(unfold(self.lines[index].partition(b":")[2]))
        return values


class Request(Message):
    """A request; `method` in its own case, for it is case-sensitive (RFC 3261 §7.1)."""

    __slots__ = ("max_forwards", "method", "uri")

    method: bytes
    uri: bytes
    max_forwards: int | None  # None: the header is missing, as from RFC 2543's time

    def __repr__(self) -> str:
        return f"<{self.method!r} {self.uri!r} {self.call_id!r}>"


class Response(Message):
    """A response."""

    __slots__ = ("phrase", "status")

    status: int
    phrase: bytes

    def __repr__(self) -> str:
        return f"<{self.status} to {self.cseq_method!r} {self.call_id!r}>"


_read_plain = choose_plain_reader(Request, Response, Via)  # gives what `_parse` gives, or None
_answer_plain = choose_plain_answerer()


def parse_message(raw: bytes, limits: Limits = DEFAULT) -> Request | Response:
    """Read one datagram, or one message that `StreamFramer` cut out; raises BadMessage.

    Bytes behind Content-Length are left out of `body` (RFC 3261 §18.3). Without a Content-Length
    the body is all the rest, as UDP allows.
    """
    plain = _read_plain(
        raw,
        limits.max_message_bytes,
        limits.max_headers,
        limits.max_header_bytes,
        limits.max_vias,
    )
    if plain is not None:
        return plain
    try:
        return _parse(raw, limits)
    except BadMessage as error:
        error.request = read_answerable(raw, limits)
        raise


def answer_plain(
    raw: bytes,
    method: bytes,
    status_line: bytes,
    host: bytes,
    port: int,
    force_rport: bool,
    limits: Limits = DEFAULT,
) -> tuple[bytes, bytes, bytes, bytes] | None:
    """What `PlainAnswerer` in plain.py gives: branch, sent-by and an answer in two parts."""
    return _answer_plain(
        raw,
        method,
        status_line,
        host,
        port,
        force_rport,
        limits.max_message_bytes,
        limits.max_headers,
        limits.max_header_bytes,
        limits.max_vias,
    )


def read_answerable(raw: bytes, limits: Limits = DEFAULT) -> Request | None:
    """Of a message that can't be read: what an answer to it copies.

    None if no answer would find its way, or none is allowed: responses, ACK, no usable Via, no
    CSeq. Other fields may be missing.
    """
    raw_head = raw.lstrip(b"\r\n")[: limits.max_message_bytes]
    head, empty_line, _ = raw_head.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    if not empty_line:
        lines.pop()  # it may be half a line
    if not lines or any(b"\r" in line or b"\n" in line for line in lines):
        return None  # what others may take for line ends is not repeated
    words = lines[0].split()
    if len(words) < 3 or not words[-1].upper().startswith(b"SIP/"):
        return None
    request = Request()
    request.method = words[0]
    request.uri = words[1]
    if words[0] == b"ACK" or not is_token(words[0]):
        return None
    request.raw = raw
    request.lines = lines[: limits.max_headers + 1]
    request.body = request.from_tag = request.to_tag = b""
    request.max_forwards = None
    _index_headers(request)
    top = _top_via(request, 2**31)
    cseq = request.first(b"cseq")
    if not top or not cseq:
        return None
    try:
        request.via = parse_via(top)
    except BadMessage:
        try:
            request.via = parse_sent_by(top)
        except BadMessage:
            return None
    request.cseq_number = read_number(cseq.split()[0], MAX_CSEQ) or 0
    request.cseq_method = cseq.split()[-1]
    request.call_id = request.first(b"call-id") or b""
    request.from_tag = _tag_or_none(request.first(b"from"))
    request.to_tag = _tag_or_none(request.first(b"to"))
    return request


def _parse(raw: bytes, limits: Limits) -> Request | Response:
    received = raw
    if raw[:2] == b"\r\n":
        raw = raw.lstrip(b"\r\n")  # RFC 3261 §7.5
    end = raw.find(b"\r\n\r\n")
    if len(raw) > limits.max_message_bytes:
        raise BadMessage(513, f"more than {limits.max_message_bytes} bytes")
    if end < 0:
        raise BadMessage(400, "no empty line after the headers")
    head = raw[:end]
    lines = head.split(b"\r\n")
    if not len(lines) == head.count(b"\n") + 1 == head.count(b"\r") + 1:
        raise BadMessage(400, "a CR or LF alone in a header")
    if len(lines) > limits.max_headers + 1:
        raise BadMessage(400, f"more than {limits.max_headers} header lines")
    message = _read_start_line(lines[0])
    message.raw = received
    message.lines = lines
    bad_line = _index_headers(message)
    if bad_line is not None:
        raise BadMessage(400, "a line that is no header")
    if end > limits.max_header_bytes and max(map(len, message.lines)) > limits.max_header_bytes:
        raise BadMessage(513, f"a header of more than {limits.max_header_bytes} bytes")
    _read_headers(message, limits)
    message.body = _cut_body(message, raw, end + 4)
    return message


def _read_start_line(line: bytes) -> Request | Response:
    if line[:8] == b"SIP/2.0 " or line[:4].upper() == b"SIP/":
        version, _, rest = line.partition(b" ")
        status, space, phrase = rest.partition(b" ")
        if version.upper() != b"SIP/2.0":
            raise BadMessage(505, "a response of another version of SIP")
        if len(status) != 3 or not status.isdigit() or not b"100" <= status <= b"699" or not space:
            raise BadMessage(400, "a response without a status")
        response = Response()
        response.status = int(status)
        response.phrase = phrase
        return response
    words = line.split(b" ")
    if len(words) != 3:
        raise BadMessage(400, "a start line that is not three words")
    request = Request()
    request.method, request.uri, version = words
    if version != b"SIP/2.0" and version.upper() != b"SIP/2.0":
        if version[:4].upper() == b"SIP/":
            raise BadMessage(505, "a request of another version of SIP")
        raise BadMessage(400, "a start line that is not SIP")
    if not request.method.isalpha() and not is_token(request.method):
        raise BadMessage(400, "a method that is no token")
    _check_request_uri(request.uri)
    return request


def _check_request_uri(uri: bytes) -> None:
    scheme, colon, rest = uri.partition(b":")
    if not colon or not rest or uri.translate(None, URI):
        raise BadMessage(400, "a Request-URI that is no URI")
    if scheme not in (b"sip", b"sips", b"tel") and not (scheme[:1].isalpha() and is_token(scheme)):
        raise BadMessage(400, "a Request-URI without a scheme")
    if b"?" in rest and parse_uri(uri).headers:  # RFC 3261 §19.1.1
        raise BadMessage(400, "a Request-URI with headers in it")


def _index_headers(message: Message) -> bytes | None:
    """Note where each header is, folds joined; the first line that is no header, or None."""
    lines = message.lines
    positions: dict[bytes, int] = {}
    repeated: dict[bytes, list[int]] | None = None
    common = KEYS.get
    bad_line = None
    for at, line in enumerate(lines):
        name, colon, _ = line.partition(b":")
        key = common(name)
        if key is None or not colon:
            if at == 0:
                continue  # the start line
            if line[:1] in (b" ", b"\t") and at > 1:
                message.lines = _join_folds(lines)
                return _index_headers(message)
            key = header_key(name) if colon else None
            if key is None:
                bad_line = bad_line or line or b" "
                continue
        if key not in positions:
            positions[key] = at
        elif repeated is None:
            repeated = {key: [positions[key], at]}
        elif key in repeated:
            repeated[key].append(at)
        else:
            repeated[key] = [positions[key], at]
    message._positions = positions
    message._repeated = repeated
    return bad_line


def _join_folds(lines: list[bytes]) -> list[bytes]:
    joined: list[list[bytes]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and len(joined) > 1:
            joined[-1].append(line)
        else:
            joined.append([line])
    return [parts[0] if len(parts) == 1 else b"\r\n".join(parts) for parts in joined]


def _read_headers(message: Request | Response, limits: Limits) -> None:
    lines = message.lines
    positions = message._positions
    try:
        call_id = lines[positions[b"call-id"]].partition(b":")[2].strip()
        cseq = lines[positions[b"cseq"]].partition(b":")[2].split()
        from_ = lines[positions[b"from"]].partition(b":")[2].strip()
        to = lines[positions[b"to"]].partition(b":")[2].strip()
    except KeyError as missing:
        raise BadMessage(400, f"no {missing.args[0].decode()}") from None
    if message._repeated is not None:
        doubled = _ONCE.intersection(message._repeated)
        if doubled:
            raise BadMessage(400, f"more than one {min(doubled).decode()}")
    if not call_id or call_id.translate(None, VISIBLE):
        raise BadMessage(400, "a call-id that is none")
    message.call_id = call_id
    number = read_number(cseq[0], MAX_CSEQ) if len(cseq) == 2 else None
    if number is None:
        raise BadMessage(400, "a cseq that is none")
    message.cseq_number = number
    message.cseq_method = method = cseq[1]
    if isinstance(message, Request):
        if method != message.method:
            status = 400 if message.method in _METHODS else 501  # RFC 4475 §3.1.2.18
            raise BadMessage(status, "a cseq of another method")
        at = positions.get(b"max-forwards")
        message.max_forwards = None if at is None else _read_max_forwards(lines[at])
    elif not method.isalpha() and not is_token(method):
        raise BadMessage(400, "a cseq without a method")
    message.from_tag = read_tag(from_)
    message.to_tag = read_tag(to)
    top = _top_via(message, limits.max_vias)
    if top is None:
        raise BadMessage(400, "no via")
    message.via = parse_via(top)


def _read_max_forwards(line: bytes) -> int:
    hops = read_number(line.partition(b":")[2].strip(), MAX_FORWARDS)
    if hops is None:
        raise BadMessage(400, "a max-forwards that is none")
    return hops


def _top_via(message: Message, max_vias: int) -> bytes | None:
    """The topmost Via value as it is spelled; raises BadMessage if there are too many."""
    at = message._positions.get(b"via")
    if at is None:
        return None
    message.via_index = at
    top = message.lines[at].partition(b":")[2].strip()
    if message._repeated is not None and b"via" in message._repeated:
        vias = 0
        for index in message._repeated[b"via"]:
            vias += 1 + message.lines[index].count(b",")
    elif b"," in top:
        vias = 1 + top.count(b",")
    else:
        return top
    if vias > max_vias:
        raise BadMessage(400, f"more than {max_vias} via values")
    comma = first_comma(top) if b"," in top else -1
    return top if comma < 0 else top[:comma].rstrip()


def _cut_body(message: Message, raw: bytes, start: int) -> bytes:
    at = message._positions.get(b"content-length")
    if at is None:
        return raw[start:]
    length = read_number(message.lines[at].partition(b":")[2].strip(), 2**31)
    if length is None:
        raise BadMessage(400, "a content-length that is none")
    end = start + length
    if end > len(raw):
        raise BadMessage(400, "a content-length of more than there is")
    return raw[start:end]


def _tag_or_none(value: bytes | None) -> bytes:
    try:
        return read_tag(value) if value else b""
    except BadMessage:
        return b""
