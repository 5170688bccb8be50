"""Addresses in headers, name-addr and addr-spec: RFC 3261 §20.10 and §25.1."""

import re
from functools import lru_cache

from .bad_message import BadMessage
from .grammar import WORD, is_token, is_value, split_params, unfold

_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"[ \t]*', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
# An unquoted name should be tokens. What makes it ambiguous is refused; what many peers send and
# everybody reads alike (umlauts, brackets) passes.
_AMBIGUOUS = re.compile(rb'[,;:@<>"\x00-\x08\x0a-\x1f\x7f]')


class NameAddr:
    """One value of From, To, Contact, Route, Record-Route, Refer-To or P-Asserted-Identity."""

    __slots__ = ("display", "params", "uri")

    display: bytes  # without its quotes and escapes; b"" if there is none
    uri: bytes  # as spelled, without <>; b"*" is Contact's
    params: dict[bytes, bytes | None]  # the header's, not the URI's; lower-case names

    def __repr__(self) -> str:
        return f"NameAddr({self.display!r}, {self.uri!r}, {self.params!r})"


def parse_name_addr(value: bytes) -> NameAddr:
    """Read one value (not a whole header with commas); raises BadMessage(400)."""
    address = NameAddr()
    value = unfold(value).strip()
    address.display = b""
    rest = value
    if value[:1] == b'"':
        match = _QUOTED.match(value)
        if not match:
            raise BadMessage(400, "a display name whose quotes don't end")
        display = match[1]
        address.display = _ESCAPED.sub(rb"\1", display) if b"\\" in display else display
        rest = value[match.end() :]
        if rest[:1] != b"<":
            raise BadMessage(400, "a display name without an address")
    display, less, bracketed = rest.partition(b"<")
    if less and (rest is not value or b";" not in display):
        if display:
            address.display = display.rstrip()
            if _AMBIGUOUS.search(display):
                raise BadMessage(400, "a display name that needs quotes")
        address.uri, greater, params = bracketed.partition(b">")
        if not greater:
            raise BadMessage(400, "an address whose <> don't end")
    else:
        address.uri, semicolon, params = rest.partition(b";")
        address.uri = address.uri.rstrip()
        params = semicolon + params
        if b"?" in address.uri or b"," in address.uri:  # RFC 3261 §20.10
            raise BadMessage(400, "a URI that needs <>")
    uri = address.uri
    if (b":" not in uri and uri != b"*") or uri.translate(None, WORD):
        raise BadMessage(400, "an address without a URI")
    address.params = _read_params(params.strip()) if params else {}
    return address


def read_tag(value: bytes) -> bytes:
    """The tag of a From or To value, b"" without one; raises BadMessage(400). Fast."""
    address, semicolon, tag = value.partition(b";tag=")
    if (
        (tag.isalnum() or (is_token(tag) if semicolon else not tag))
        and len(address) < 256  # so that what is remembered is bounded in bytes too
        and _is_plain(address)
    ):
        return tag
    params = parse_name_addr(value).params
    if b"tag" not in params:
        return b""
    found = params[b"tag"]
    if found is None or not is_token(found):
        raise BadMessage(400, "a tag that is no token")
    return found


@lru_cache(maxsize=4096)  # a call says it in each of its messages, a caller in all calls
def _is_plain(address: bytes) -> bool:
    """Whether this is a name-addr without parameters."""
    display, less, uri = address.partition(b"<")
    if not display and less and uri[-1:] == b">" and b":" in uri:
        return not uri[:-1].translate(None, WORD)
    try:
        return address[-1:] == b">" and not parse_name_addr(address).params
    except BadMessage:
        return False


def _read_params(raw: bytes) -> dict[bytes, bytes | None]:
    before, *parts = split_params(raw)
    if before.strip():
        raise BadMessage(400, "an address with something behind it")
    params: dict[bytes, bytes | None] = {}
    for part in parts:
        name, equal, value = part.partition(b"=")
        name = name.strip().lower()
        if not is_token(name):
            raise BadMessage(400, "an address with a parameter without a name")
        if name in params:  # RFC 3261 §7.3.1
            raise BadMessage(400, f"an address with {name.decode()} twice")
        value = value.strip()
        if not is_value(value):
            raise BadMessage(400, "an address with a parameter that needs quotes")
        params[name] = value if equal else None
    return params
