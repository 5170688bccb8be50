"""Who is calling, and which number they show (design §7).

A source names schemes; the first that gives a name wins. A scheme is a name in `SCHEMES`, or
`header:NAME`. Who stays anonymous in all of them is the source as a whole: `hq/source`.
P-Asserted-Identity and P-Preferred-Identity (RFC 3325) are believed from trusted sources only.
"""

from collections.abc import Callable, Collection
from functools import lru_cache
from typing import Final

from sipgate.sip import (
    BadMessage,
    Request,
    parse_name_addr,
    parse_uri,
    split_values,
    unescape_user,
)

from .privacy import privacy_of
from .source import Source
from .wire_text import text_of

WHOLE_SOURCE: Final = "source"
DIGEST: Final = "digest"
CERTIFICATE: Final = "tls"
CACHED_VALUES = 4096  # header values read before; at most 2 MB
MAX_CACHED_BYTES = 256

_HEADER = "header:"


def caller_of(
    request: Request,
    source: Source,
    proven: str | None = None,
    peer_names: Collection[str] = (),
) -> str:
    """Who is answerable for the call, as `source/identity`.

    `proven` is the user whose password the request has shown (RFC 3261 §22.3); None: nobody's.
    `peer_names` are what the TLS peer's certificate proves.
    """
    for scheme in source.identity:
        if scheme == CERTIFICATE:
            if peer_names:
                return f"{source.name}/{min(peer_names)}"
            continue
        if scheme == DIGEST:
            if proven is not None:
                return f"{source.name}/{proven}"
            continue
        if scheme.startswith(_HEADER):
            user = _header_user(request, scheme[len(_HEADER) :].encode())
        else:
            user = SCHEMES[scheme](request, source)
        if user is not None:
            identity = source.dial_plan.identity(user)
            if identity is not None:
                return f"{source.name}/{identity}"
    return f"{source.name}/{WHOLE_SOURCE}"


def must_be_proven(request: Request, source: Source, peer_names: Collection[str] = ()) -> bool:
    """Whether the caller is to be asked for a password: no scheme before `digest` names anybody."""
    if source.realm is None or DIGEST not in source.identity:
        return False
    before = source.identity[: source.identity.index(DIGEST)]
    if CERTIFICATE in before and peer_names:
        return False
    return not any(_names(request, source, scheme) for scheme in before if scheme != CERTIFICATE)


def cli_of(request: Request, source: Source) -> str | None:
    """What the call presents: a number in E.164, else From's user part; None: nothing."""
    user = _from_user(request, source)
    return None if user is None else source.dial_plan.identity(user)


def asserted_of(request: Request, source: Source) -> str | None:
    """Whom a trusted source asserts to be calling (RFC 3325 §9.1), read as `cli_of` reads."""
    user = _asserted_user(request, source)
    return None if user is None else source.dial_plan.identity(user)


def withholds_number(request: Request) -> bool:
    """Whether the caller asks that nobody is shown who calls: Privacy `id` or `user`.

    RFC 3323 §4.2, RFC 3325 §9.3.
    """
    asked = privacy_of(request)
    return b"id" in asked or b"user" in asked


def _names(request: Request, source: Source, scheme: str) -> bool:
    if scheme.startswith(_HEADER):
        user = _header_user(request, scheme[len(_HEADER) :].encode())
    else:
        user = SCHEMES[scheme](request, source)
    return user is not None and source.dial_plan.identity(user) is not None


def _asserted_user(request: Request, source: Source) -> str | None:
    return _trusted_user(request, source, b"p-asserted-identity")


def _preferred_user(request: Request, source: Source) -> str | None:
    return _trusted_user(request, source, b"p-preferred-identity")


def _from_user(request: Request, _: Source) -> str | None:
    value = request.first(b"from")
    if value is None:
        return None
    tag = b";tag=" + request.from_tag  # another in each call: it would spoil the cache
    return _user(value[: -len(tag)] if value.endswith(tag) else value)


def _whole_source(_: Request, __: Source) -> str | None:
    return WHOLE_SOURCE


SCHEMES: Final[dict[str, Callable[[Request, Source], str | None]]] = {
    "p-asserted-identity": _asserted_user,
    "p-preferred-identity": _preferred_user,
    "from": _from_user,
    "source": _whole_source,
}


def _trusted_user(request: Request, source: Source, name: bytes) -> str | None:
    if not source.trusted:
        return None
    indexes = request.indexes(name)
    if not indexes:
        return None
    if len(indexes) == 1:
        return _user(request.lines[indexes[0]].partition(b":")[2])
    return _user(b",".join(request.values(name)))


def _header_user(request: Request, name: bytes) -> str | None:
    value = request.first(name)
    if value is None:
        return None
    if b"<" in value or value[:5].lower().startswith((b"sip:", b"sips:", b"tel:")):
        return _user(value)
    return text_of(value)


def _user(values: bytes) -> str | None:
    if len(values) > MAX_CACHED_BYTES:
        return _read_user(values)
    return _read_user_cached(values)


def _read_user(values: bytes) -> str | None:
    """The user part or number of an address; of several a tel URI's, else the first's."""
    first: str | None = None
    for value in split_values(values):
        try:
            uri = parse_uri(parse_name_addr(value).uri)
        except BadMessage:
            continue
        if not uri.user or uri.host == b"invalid" or uri.host.endswith(b".invalid"):
            continue
        if uri.scheme == b"tel":
            return unescape_user(uri.user)
        if first is None:
            first = unescape_user(uri.user)
    return first


_read_user_cached = lru_cache(maxsize=CACHED_VALUES)(_read_user)
