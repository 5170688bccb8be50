"""The words of RFC 3261 §25 that all readers share: bytes, names, numbers, lists, folding."""

import re
from functools import lru_cache

TOKEN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~"
HOST = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"  # "_": seen in DNS
IPV6 = b"0123456789abcdefABCDEF:."
VISIBLE = bytes(range(0x21, 0x7F)) + bytes(range(0x80, 0x100))  # no space, no control byte
URI = bytes(set(range(0x21, 0x7F)) - set(b'<>"'))  # "#" and others unescaped: many phones do
WORD = bytes(set(VISIBLE) - set(b'<>"'))  # URIs and values that the gate only passes on

COMPACT = {  # RFC 3261 §7.3.3 and IANA's registry
    b"a": b"accept-contact",
    b"b": b"referred-by",
    b"c": b"content-type",
    b"d": b"request-disposition",
    b"e": b"content-encoding",
    b"f": b"from",
    b"i": b"call-id",
    b"j": b"reject-contact",
    b"k": b"supported",
    b"l": b"content-length",
    b"m": b"contact",
    b"n": b"identity-info",
    b"o": b"event",
    b"r": b"refer-to",
    b"s": b"subject",
    b"t": b"to",
    b"u": b"allow-events",
    b"v": b"via",
    b"x": b"session-expires",
    b"y": b"identity",
}

COMMON_NAMES = (  # as most peers spell them; any other spelling costs a little more
    b"Accept",
    b"Accept-Encoding",
    b"Accept-Language",
    b"Alert-Info",
    b"Allow",
    b"Allow-Events",
    b"Authorization",
    b"Call-ID",
    b"Call-Info",
    b"Contact",
    b"Content-Disposition",
    b"Content-Encoding",
    b"Content-Length",
    b"Content-Type",
    b"CSeq",
    b"Date",
    b"Diversion",
    b"Event",
    b"Expires",
    b"From",
    b"History-Info",
    b"Identity",
    b"Max-Breadth",
    b"Max-Forwards",
    b"Min-Expires",
    b"Min-SE",
    b"Organization",
    b"P-Access-Network-Info",
    b"P-Asserted-Identity",
    b"P-Charging-Vector",
    b"P-Early-Media",
    b"P-Preferred-Identity",
    b"Path",
    b"Priority",
    b"Privacy",
    b"Proxy-Authenticate",
    b"Proxy-Authorization",
    b"Proxy-Require",
    b"RAck",
    b"Reason",
    b"Record-Route",
    b"Refer-To",
    b"Referred-By",
    b"Remote-Party-ID",
    b"Replaces",
    b"Require",
    b"Retry-After",
    b"Route",
    b"RSeq",
    b"Server",
    b"Service-Route",
    b"Session-Expires",
    b"Session-ID",
    b"Subject",
    b"Subscription-State",
    b"Supported",
    b"Timestamp",
    b"To",
    b"Unsupported",
    b"User-Agent",
    b"Via",
    b"Warning",
    b"WWW-Authenticate",
)

KEYS = {  # a header's name as spelled -> its key: the full name in lower case
    **{name: name.lower() for name in COMMON_NAMES},
    **{name.lower(): name.lower() for name in COMMON_NAMES},
    **{name.title(): name.lower() for name in COMMON_NAMES},  # Call-Id, Cseq
    **COMPACT,
    **{letter.upper(): name for letter, name in COMPACT.items()},
}

# What opens and never closes reaches to the end: so each byte is looked at once, whatever comes.
_COMMA = re.compile(rb'"(?:[^"\\]|\\.)*"?|<[^>]*>?|(,)', re.DOTALL)
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_SEMICOLON = re.compile(rb'"(?:[^"\\]|\\.)*"?|(;)', re.DOTALL)


def header_key(name: bytes) -> bytes | None:
    """The key of a header's name in any spelling; None if it is no name.

    White space before the colon is no part of it (RFC 3261 §25.1, HCOLON).
    """
    return _short_key(name) if len(name) < 64 else _read_key(name)


def unfold(value: bytes) -> bytes:
    """One line from a header folded over several: each fold becomes a space (RFC 3261 §25.1)."""
    if b"\n" not in value:
        return value
    return b" ".join(part.strip(b" \t") for part in value.split(b"\r\n"))


def split_values(value: bytes) -> list[bytes]:
    """The values of a comma list in order; commas in quotes and in <> separate nothing.

    Empty elements are left out.
    """
    if b"," not in value:
        parts = [value]
    elif b'"' not in value and b"<" not in value:
        parts = value.split(b",")
    else:
        parts = _split(value, _COMMA)
    return [stripped for part in parts if (stripped := part.strip())]


def first_comma(value: bytes, start: int = 0) -> int:
    """Where the first comma that separates values stands; -1 without one."""
    first = value.find(b",", start)
    if first < 0 or (value.find(b'"', start, first) < 0 and value.find(b"<", start, first) < 0):
        return first  # nothing opens before it that could hold it
    for match in _COMMA.finditer(value, start):
        if match.start(1) >= 0:
            return match.start(1)
    return -1


def split_params(params: bytes) -> list[bytes]:
    """The parts between semicolons as they are; semicolons in quotes separate nothing."""
    return _split(params, _SEMICOLON) if b'"' in params else params.split(b";")


def is_token(word: bytes) -> bool:
    """Whether this is a token (RFC 3261 §25.1)."""
    return bool(word) and not word.translate(None, TOKEN)


def is_value(word: bytes) -> bool:
    """Whether this may be a parameter's value: a quoted string, or without quotes and spaces."""
    if word[:1] == b'"':
        return _QUOTED.fullmatch(word) is not None
    return not word.translate(None, WORD)


def is_host(host: bytes) -> bool:
    """Whether this may be a host name, an IPv4 address or an IPv6 reference in brackets."""
    if host[:1] == b"[":
        return host[-1:] == b"]" and len(host) > 3 and not host[1:-1].translate(None, IPV6)
    return bool(host) and not host.translate(None, HOST)


def read_number(digits: bytes, limit: int) -> int | None:
    """A number in decimal digits of at most `limit`; None if it isn't one."""
    if not digits.isdigit():
        return None
    if len(digits) > 10:
        digits = digits.lstrip(b"0") or b"0"
        if len(digits) > 10:
            return None  # int() of a few thousand digits would cost, or raise
    number = int(digits)
    return number if number <= limit else None


def _split(value: bytes, separator: re.Pattern[bytes]) -> list[bytes]:
    parts = []
    start = 0
    for match in separator.finditer(value):
        if match.start(1) >= 0:
            parts.append(value[start : match.start(1)])
            start = match.end(1)
    parts.append(value[start:])
    return parts


def _read_key(name: bytes) -> bytes | None:
    name = name.rstrip(b" \t")
    if not name or name.translate(None, TOKEN):
        return None
    name = name.lower()
    return COMPACT.get(name, name)


_short_key = lru_cache(maxsize=1024)(_read_key)  # a peer spells its names alike each time
