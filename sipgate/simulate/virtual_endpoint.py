"""An endpoint on a simulated host: its sockets, its one timer and its names come from the play."""

from collections.abc import Callable
from typing import cast

from sipgate.net import Network
from sipgate.sip import Timers

from .agenda import Agenda, Alarm
from .endpoint import Endpoint
from .simulated_network import SimulatedHost


class TokenCounter:
    """Tags, branches and Call-IDs: each once in a play, and the same when it is repeated."""

    def __init__(self) -> None:
        self._given = 0

    def __call__(self) -> bytes:
        self._given += 1
        return b"%07x" % self._given


def virtual_endpoint(
    agenda: Agenda, host: SimulatedHost, new_token: Callable[[], bytes]
) -> Endpoint:
    """What takes all that comes to a host and wakes itself by the agenda."""
    endpoint = Endpoint(agenda.clock, Timers(), network=cast(Network, host), new_token=new_token)
    alarm = Alarm(agenda, lambda: endpoint.schedule.wake(agenda.clock.now()))
    endpoint.schedule.when_earlier(alarm.earlier)
    host.receiver = endpoint
    return endpoint
