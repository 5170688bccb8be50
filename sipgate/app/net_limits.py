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
_PLAIN_URI = re.compile(rb"INVITE sips?:\+?([0-9]+)@").match
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
    ends_as_emergency = numbers.match_end

    def may_shed(raw: bytes) -> bool:
        if not raw.startswith(b"INVITE "):
            return is_ordinary_request(raw)
        digits = _plain_digits(raw)
        if digits is not None:
            return not ends_as_emergency(digits)
        return is_ordinary_request(raw) and not ends_as_emergency(_dialled_digits(raw))

    return may_shed


def _plain_digits(invite: bytes) -> str | None:
    """The digits of `sip:+4930…@`, as nearly all INVITEs have them; None where it takes more.

    Overload is made of such INVITEs, so each microsecond counts.
    """
    found = _PLAIN_URI(invite)
    return None if found is None else found[1].decode()


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
