"""How a gate would read what somebody dials, without one running: `sipgate number`."""

from dataclasses import dataclass
from urllib.parse import quote

from sipgate.config import Config
from sipgate.config_sections import Source as SourceSettings
from sipgate.gate import Policy
from sipgate.numbers import Callee, Place, country_place, place_of
from sipgate.proxy import outgoing_user
from sipgate.sip import BadMessage, dialled, parse_uri

from .build import make_source

_SCHEMES = ("sip:", "sips:", "tel:", "urn:")
_GATE = "gate.invalid"  # a host, for a user part without one


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberReading:
    """Who a dialled text calls, where that is, and what the upstream gets.

    `place` is None for what is nowhere: short numbers and emergency services. `goes_out` is the
    user part (of a tel or urn URI all of it).
    """

    callee: Callee
    place: Place | None
    goes_out: str
    upstream: str


def read_number(
    text: str, settings: SourceSettings, config: Config, policy: Policy
) -> NumberReading:
    """Read a Request-URI, or what its user part would be; BadMessage for a URI that is none."""
    source = make_source(settings, config, policy)
    raw = text if text.lower().startswith(_SCHEMES) else f"sip:{_user_part(text)}@{_GATE}"
    uri = parse_uri(raw.encode())
    plan = source.dial_plan
    if uri.scheme == b"urn":
        callee = plan.read_urn(text)
    elif uri.user is None and uri.scheme != b"tel":
        raise BadMessage(400, "a URI without a user part calls nobody")
    else:
        callee = plan.read(dialled(uri))
    place = None
    if callee.kind == "number":
        place = place_of(callee.key, callee.country)
    elif callee.kind == "unreadable":
        place = country_place(plan.region)
    sent = parse_uri(outgoing_user(uri, callee, source) or uri.raw)
    goes_out = sent.user if sent.scheme in (b"sip", b"sips") else sent.raw
    return NumberReading(
        callee=callee,
        place=place,
        goes_out=(goes_out or b"").decode("utf-8", "replace"),
        upstream=source.upstream,
    )


def _user_part(text: str) -> str:
    """As a phone escapes it (RFC 3261 §25.1); what is escaped already stays."""
    return quote(text, safe="+-_.!~*'()&=$,;?/%")
