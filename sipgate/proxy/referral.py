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
    if b"multiple-refer" in (option.lower() for option in request.values(b"require")):
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


def transferred_call(
    referral: Referral,
    callee: str,
    caller: str,
    source: Source,
    dialog: Call | None,
    calls: ActiveCalls,
) -> Call | None:
    """The call that the REFER joins with its own: one that its sender has up with that very number.

    `caller` is the sender, `dialog` the call that the REFER came in. Each call can be joined once:
    a party that ignores Replaces would ring the number anew each time. The two tags may stand in
    either order: RFC 3891 §3 counts them from the side of whoever is to be called. A call that came
    in is none: whoever called chose the number that it shows.
    """
    replaces = referral.replaces
    if replaces is None:
        return None
    call = calls.find(replaces.call_id, replaces.from_tag, replaces.to_tag)
    if call is None or call is dialog or call.state is not CallState.UP or call.was_transferred:
        return None
    if call.inbound or call.source is not source or call.attempt.caller != caller:
        return None
    return call if call.attempt.callee == callee else None


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
