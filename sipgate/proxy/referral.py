"""REFER: whoever is asked to be called is decided on like the callee of an INVITE (design §5).

RFC 3515 lets a caller have somebody else place the call. What the upstream then dials by itself
never comes through the gate, so the REFER is where it can be stopped, counted and recorded.
"""

from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from sipgate.sip import BadMessage, Request, Uri, parse_name_addr, parse_uri

from .call import ActiveCalls, Call, CallState
from .source import Source

CALLABLE = frozenset((b"sip", b"sips", b"tel"))
URN_OF_SERVICE = b"service:"  # RFC 5031


@dataclass(frozen=True, slots=True)
class Replaces:
    """A dialog that the new call takes over (RFC 3891 §6.1), its tags as its target has them."""

    call_id: bytes
    to_tag: bytes
    from_tag: bytes


@dataclass(frozen=True, slots=True)
class Referral:
    """Whom a REFER asks to call."""

    uri: Uri
    replaces: Replaces | None


def read_referral(request: Request) -> Referral | None:
    """What Refer-To says; None when the REFER names nobody.

    BadMessage(403) for what can't be decided: several (RFC 5368), a list in the body, a URI that
    nobody can call, one that can't be read.
    """
    required = request.first(b"require")
    if required is not None and b"multiple-refer" in required.lower():
        raise BadMessage(403, "a REFER for several at once")
    values = request.values(b"refer-to")
    if not values:
        return None
    if len(values) > 1:
        raise BadMessage(403, "more than one Refer-To")
    try:
        uri = parse_uri(parse_name_addr(values[0]).uri)
    except BadMessage as error:
        raise BadMessage(403, f"Refer-To: {error.reason}") from error
    if uri.scheme not in CALLABLE and not (
        uri.scheme == b"urn" and uri.opaque[:8].lower() == URN_OF_SERVICE
    ):
        raise BadMessage(403, "Refer-To names nobody who can be called")
    return Referral(uri, _read_replaces(uri.headers))


def is_transfer(
    referral: Referral, callee: str, caller: str, source: Source, calls: ActiveCalls
) -> bool:
    """Whether the REFER joins a call that its sender has up with that very number.

    `caller` is the sender. The two tags may stand in either order: RFC 3891 §3 counts them from
    the side of whoever is to be called.
    """
    replaces = referral.replaces
    if replaces is None:
        return False
    call = calls.find(replaces.call_id, replaces.from_tag, replaces.to_tag)
    if call is None or call.state is not CallState.UP:
        return False
    if call.inbound:
        return call.attempt.cli == callee
    return _is_own(call, caller, source) and call.attempt.callee == callee


def _is_own(call: Call, caller: str, source: Source) -> bool:
    return call.source is source and call.attempt.caller == caller


def _read_replaces(headers: bytes) -> Replaces | None:
    """The Replaces among a URI's headers: `?Replaces=id%3Bto-tag%3Da%3Bfrom-tag%3Db`."""
    for header in headers.split(b"&"):
        name, _, value = header.partition(b"=")
        if name.lower() != b"replaces":
            continue
        call_id, *parts = unquote_to_bytes(value).split(b";")
        params = dict(part.strip().partition(b"=")[::2] for part in parts)
        return Replaces(call_id.strip(), params.get(b"to-tag", b""), params.get(b"from-tag", b""))
    return None
