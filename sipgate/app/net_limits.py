"""What the network layer is told of the configuration."""

from collections.abc import Callable

from sipgate.config import Config
from sipgate.gate import Policy
from sipgate.net import NetLimits, is_ordinary_request
from sipgate.numbers import EmergencyNumbers

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

    def may_shed(raw: bytes) -> bool:
        if not is_ordinary_request(raw):
            return False
        if not raw.startswith(b"INVITE "):
            return True
        user = raw[7:96].partition(b"@")[0].rpartition(b":")[2].partition(b";")[0]
        return not numbers.match_end(user.translate(None, NO_DIGITS).decode())

    return may_shed
