"""What the network layer is told of the configuration."""

import re
import unicodedata
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from sipgate.config import Config
from sipgate.gate import Policy
from sipgate.net import NetLimits, is_ordinary_request
from sipgate.numbers import EmergencyNumbers

MOST_URI_BYTES = 512  # longer ones are not looked at whole
NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))


def net_limits(config: Config) -> NetLimits:
    connections = config.limits.connections
    return NetLimits(connections=connections, connections_per_host=max(1, connections // 2))


def spares(config: Config, policy: Policy) -> Callable[[bytes], bool]:
    """Which datagrams may be thrown away unread in a flood: never one to an emergency number.

    Coarser than the dial plan, on the safe side: the user part ends with an emergency number.
    """
    regions = {source.region for source in config.source} | {policy.region}
    numbers = EmergencyNumbers(*(region for region in regions if region is not None))
    is_emergency_in_haste = _haste(numbers)

    def may_shed(raw: bytes) -> bool:
        if not raw.startswith(b"INVITE "):
            return is_ordinary_request(raw)
        is_emergency = is_emergency_in_haste(raw)
        if is_emergency is None:
            return is_ordinary_request(raw) and not numbers.match_end(_dialled_digits(raw))
        return not is_emergency

    return may_shed


def _haste(numbers: EmergencyNumbers) -> Callable[[bytes], bool | None]:
    """Whether an INVITE for `sip:+4930…@` ends with an emergency number; None: it takes more.

    Overload is made of such INVITEs, so each microsecond counts.
    """
    emergency = numbers.pattern.encode()
    match = re.compile(rb"INVITE sips?:\+?(?:[0-9]*(?P<emergency>%b)|[0-9]+)@" % emergency).match

    def is_emergency(invite: bytes) -> bool | None:
        found = match(invite)
        return None if found is None else found["emergency"] is not None

    return is_emergency


def _dialled_digits(invite: bytes) -> str:
    """The digits that an INVITE's Request-URI dials, however they are spelled.

    A password, parameters and what is dialled on after a pause are none of them.
    """
    uri = invite[7 : invite.find(b" ", 7, MOST_URI_BYTES)]
    user = uri.partition(b":")[2].partition(b"@")[0]
    if b"%" in user or not user.isascii():
        text = unquote_to_bytes(user).decode("utf-8", "replace")
        user = "".join(
            str(unicodedata.decimal(character)) if character.isdecimal() else character
            for character in text
        ).encode()
    for separator in b";:,?pPwWxX#":
        user = user.partition(bytes((separator,)))[0]
    return user.translate(None, NO_DIGITS).decode()
