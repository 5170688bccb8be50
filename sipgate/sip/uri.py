"""URIs: sip and sips (RFC 3261 §19.1), tel (RFC 3966), urn and whatever else has a scheme."""

import re
from urllib.parse import unquote_to_bytes

from .bad_message import BadMessage
from .grammar import WORD, is_host, is_token, read_number

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Uri:
    """One URI, taken apart as far as its scheme allows; `raw` is what goes out again."""

    __slots__ = (
        "headers",
        "host",
        "opaque",
        "params",
        "password",
        "port",
        "raw",
        "scheme",
        "user",
    )

    raw: bytes
    scheme: bytes  # lower case
    user: bytes | None  # sip: escapes kept, no password; tel: the number; else None
    password: bytes | None
    host: bytes  # lower case, an IPv6 address in brackets; b"" if not sip or sips
    port: int | None
    params: dict[bytes, bytes | None]  # names in lower case, values as spelled
    headers: bytes  # what stands after the "?", b"" without one
    opaque: bytes  # what stands after the scheme, if it is none of sip, sips and tel

    def __repr__(self) -> str:
        return f"Uri({self.raw!r})"


def parse_uri(raw: bytes) -> Uri:
    """Take a URI apart; raises BadMessage(400)."""
    uri = Uri()
    uri.raw = raw
    scheme, colon, rest = raw.partition(b":")
    if scheme not in (b"sip", b"tel", b"sips"):
        scheme = scheme.lower()
    uri.scheme = scheme
    uri.user = uri.password = uri.port = None
    uri.host = uri.headers = uri.opaque = b""
    if not colon or not rest or raw.translate(None, WORD):
        raise BadMessage(400, "not a URI")
    if scheme in (b"sip", b"sips"):
        _read_sip(uri, rest)
    elif scheme == b"tel":
        uri.user, _, params = rest.partition(b";")
        if not uri.user:
            raise BadMessage(400, "a tel URI without a number")
        uri.params = _read_params(params) if _ else {}
    else:
        if not scheme[:1].isalpha() or not is_token(scheme):
            raise BadMessage(400, "not a URI: no scheme")
        uri.params = {}
        uri.opaque = rest
    return uri


def unescape_user(raw: bytes) -> str:
    """What a user part says once its escapes are decoded; what is no UTF-8 becomes U+FFFD."""
    if b"%" in raw:
        raw = unquote_to_bytes(raw)
    return raw.decode("utf-8", "replace")


def dialled(uri: Uri) -> str:
    """What a phone dialled: the user part, escapes decoded; of a tel URI its parameters too.

    They say whose number a local one is: `5550123;phone-context=+1305` (RFC 3966 §5.1.5).
    """
    if uri.scheme == b"tel":
        return unescape_user(uri.raw[4:])
    return unescape_user(uri.user or b"")


def _read_sip(uri: Uri, rest: bytes) -> None:
    userinfo, at, place = rest.partition(b"@")
    if at:
        if b"@" in place:
            raise BadMessage(400, "a URI with two @")
        user, colon, password = userinfo.partition(b":")
        if not user:
            raise BadMessage(400, "a URI with an empty user part")
        if b"%" in user and _BAD_ESCAPE.search(user):
            raise BadMessage(400, "a URI with a % that escapes nothing")
        uri.user = user
        if colon:
            uri.password = password
    else:
        place = rest
    place, _, uri.headers = place.partition(b"?")
    place, semicolon, params = place.partition(b";")
    uri.params = _read_params(params) if semicolon else {}
    if place[:1] == b"[":
        host, bracket, port = place.partition(b"]")
        host += bracket
        colon, port = port[:1], port[1:]
        if colon not in (b"", b":"):
            raise BadMessage(400, "a URI without a port after its address")
    else:
        host, colon, port = place.partition(b":")
    if not is_host(host):
        raise BadMessage(400, "a URI without a host")
    uri.host = host.lower()
    if colon:
        uri.port = read_number(port, 65535)
        if not uri.port:
            raise BadMessage(400, "a URI with a port that is none")


def _read_params(raw: bytes) -> dict[bytes, bytes | None]:
    params: dict[bytes, bytes | None] = {}
    for param in raw.split(b";"):
        name, equal, value = param.partition(b"=")
        name = name.lower()
        if not name or name in params:  # RFC 3261 §19.1.1: each at most once
            raise BadMessage(400, "a URI with an empty or doubled parameter")
        params[name] = value if equal else None
    return params
