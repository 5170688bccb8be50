"""What a source says of where the called person is: its lead headers."""

from collections import Counter

from sipgate.numbers import known_region, known_zone
from sipgate.sip import Request

from .source import Source
from .wire_text import text_of

MAX_VALUE_BYTES = 64  # no zone and no region is longer


def lead_data_of(
    request: Request, source: Source, counts: Counter[str]
) -> tuple[str | None, str | None]:
    """The lead's region and time zone, from a trusted source; None for what it doesn't say.

    A value that can't be one is ignored and counted: the number's own place holds then.
    """
    region = zone = None
    if not source.trusted:
        return None, None
    if source.lead_region_header is not None:
        value = request.first(source.lead_region_header)
        if value:
            region = known_region(_text(value))
            if region is None:
                counts["lead_data_bad"] += 1
    if source.lead_zone_header is not None:
        value = request.first(source.lead_zone_header)
        if value:
            zone = known_zone(_text(value))
            if zone is None:
                counts["lead_data_bad"] += 1
    return region, zone


def _text(value: bytes) -> str:
    return text_of(value) if len(value) <= MAX_VALUE_BYTES else ""
