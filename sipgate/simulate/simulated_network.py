"""A network without sockets: hosts, and what is on its way between them, on a virtual clock.

`SimulatedHost` has what the proxy and the ends use of `net.Network`: flows, listeners and a
receiver. A killed host loses its connections; what comes for it while it is down is lost.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random
from typing import NamedTuple

from sipgate.net import Counts, Flow, Listener, LocalAddresses, Receiver
from sipgate.sip import is_address

from .agenda import Agenda
from .weather import CALM, MOST_LOST_IN_A_ROW, Weather

FIRST_OWN_PORT = 40_000  # of connections that a host makes
CONNECT_SECONDS = 5.0  # as in NetLimits: a host that is cut off answers no SYN


class Passage(NamedTuple):
    """One message on its way, for whoever watches."""

    at: float
    transport: str
    sender: str  # host:port
    receiver: str
    raw: bytes
    fate: str  # "sent", "lost", "doubled", "late", "dead" (nobody was there)


class SimulatedNetwork:
    """All hosts, and the weather between them."""

    def __init__(
        self,
        agenda: Agenda,
        random: Random,
        weather: Weather = CALM,
        watch: Callable[[Passage], None] | None = None,
    ) -> None:
        self.agenda = agenda
        self.weather = weather
        self.messages = 0
        self._random = random
        self._watch = watch
        self._hosts: dict[str, SimulatedHost] = {}
        self._lost_in_a_row: Counter[tuple[str, str, bytes]] = Counter()

    def host(self, address: str) -> "SimulatedHost":
        """A host with this numeric address; the same one again for the same address."""
        found = self._hosts.get(address)
        if found is None:
            found = self._hosts[address] = SimulatedHost(address, self)
        return found

    def find_host(self, address: str) -> "SimulatedHost | None":
        return self._hosts.get(address)

    def carry_datagram(self, flow: "DatagramFlow", raw: bytes) -> None:
        """Send one datagram from a flow's own end to the other."""
        random, weather = self._random, self.weather
        self.messages += 1
        sender, receiver = flow.listener.name[4:], flow.name[4:]
        if self._hosts[flow.listener.host].is_cut_off:
            self._seen("udp", sender, receiver, raw, "lost")
            return
        if weather.loss:
            key = (sender, receiver, raw)
            if self._lost_in_a_row[key] < MOST_LOST_IN_A_ROW and random.random() < weather.loss:
                self._lost_in_a_row[key] += 1
                self._seen("udp", sender, receiver, raw, "lost")
                return
            del self._lost_in_a_row[key]
        self._seen("udp", sender, receiver, raw, "sent")
        arrive = partial(self._arrive, flow, sender, receiver, raw)
        self.agenda.after(weather.draw_delay(random), arrive)
        if weather.duplication and random.random() < weather.duplication:
            self._seen("udp", sender, receiver, raw, "doubled")
            self.agenda.after(weather.draw_delay(random), arrive)

    def connect(self, near: "StreamFlow") -> None:
        """Make the connection that a flow waits for, or tell it that there is none."""
        round_trip = 2 * self.weather.draw_delay(self._random)
        far_host = self._hosts.get(near.host)
        if far_host is None or far_host.is_cut_off:
            self.agenda.after(CONNECT_SECONDS, partial(near.lose, "no connection"))
        else:
            self.agenda.after(round_trip, partial(self._connected, near, far_host))

    def carry_stream(self, flow: "StreamFlow", raw: bytes) -> None:
        """Send one message down an open connection: in order, and not lost while that lives."""
        self.messages += 1
        self._seen("tcp", flow.own_name, flow.name[4:], raw, "sent")
        at = self.agenda.clock.now() + self.weather.draw_delay(self._random)
        flow.arrives_at = max(flow.arrives_at, at)
        assert flow.other is not None
        self.agenda.at(flow.arrives_at, partial(flow.other.arrive, raw))

    def end_connection(self, flow: "StreamFlow", reason: str) -> None:
        """Tell the other end of a connection that it is over, behind what was sent."""
        other = flow.other
        if other is not None:
            at = max(flow.arrives_at, self.agenda.clock.now() + self.weather.delay_seconds)
            self.agenda.at(at, partial(other.lose, reason))

    def _connected(self, near: "StreamFlow", far_host: "SimulatedHost") -> None:
        if not near.is_open:
            return
        listener = far_host.listener_on("tcp", near.port)
        if listener is None:
            near.lose("connection refused")
            return
        far = StreamFlow(near.own_host.address, near.own_port, listener, far_host, near.port)
        near.other, far.other = far, near
        far.is_connected = True
        far_host.accepted(far)
        near.connected()

    def _arrive(self, flow: "DatagramFlow", sender: str, receiver: str, raw: bytes) -> None:
        host = self._hosts.get(flow.host)
        listener = None if host is None else host.listener_on("udp", flow.port)
        if host is None or listener is None:
            self._seen("udp", sender, receiver, raw, "dead")
            return
        host.deliver(raw, host.datagram_flow(flow.listener.host, flow.listener.port, listener))

    def _seen(self, transport: str, sender: str, receiver: str, raw: bytes, fate: str) -> None:
        if self._watch is not None:
            now = self.agenda.clock.now()
            self._watch(Passage(now, transport, sender, receiver, raw, fate))


class SimulatedHost:
    """One host of the network, as its program sees it: stands in for `net.Network`."""

    def __init__(self, address: str, network: SimulatedNetwork) -> None:
        self.address = address
        self.receiver: Receiver | None = None
        self.counts = Counts()
        self.listeners: list[Listener] = []
        self.is_cut_off = False
        self._listeners_by_port: dict[tuple[str, int], Listener] = {}
        self._network = network
        self._datagram_flows: dict[tuple[str, int, Listener], DatagramFlow] = {}
        self._streams: dict[tuple[str, int, Listener | None], StreamFlow] = {}  # the newest
        self._all_streams: dict[StreamFlow, None] = {}
        self._next_port = FIRST_OWN_PORT
        self._local_addresses = LocalAddresses(network.agenda.clock)

    async def listen(
        self, transport: str, host: str, port: int, advertise: str | None = None
    ) -> Listener:
        """As `Network.listen`; a wildcard means the host's one address."""
        return self.open(transport, port, advertise)

    def open(self, transport: str, port: int, advertise: str | None = None) -> Listener:
        """Listen on a port; 0 takes a free one."""
        if port == 0:
            port = self.free_port()
        listener = Listener(
            transport,
            self.address,
            port,
            advertise=advertise,
            local_addresses=self._local_addresses,
        )
        self.listeners.append(listener)
        self._listeners_by_port.setdefault((transport, port), listener)
        return listener

    def free_port(self) -> int:
        self._next_port += 1
        return self._next_port

    def listener_on(self, transport: str, port: int) -> Listener | None:
        """Who takes what comes to a port; nobody while the host is cut off."""
        return None if self.is_cut_off else self._listeners_by_port.get((transport, port))

    def flow_to(
        self,
        transport: str,
        host: str,
        port: int,
        *,
        listener: Listener | None = None,
        server_name: str = "",
    ) -> Flow:
        """As `Network.flow_to`; OSError for what is no numeric address."""
        host = host.strip("[]")
        if not is_address(host.encode()):
            raise OSError(f"{host} is no numeric address")
        wanted = listener
        if listener is None or listener.transport != transport:
            fitting = [one for one in self.listeners if one.transport == transport]
            listener = fitting[0] if fitting else (listener or self.listeners[0])
        if transport == "udp":
            return self.datagram_flow(host, port, listener)
        assert transport == "tcp", transport
        found = self._streams.get((host, port, wanted))
        if found is not None and found.is_open:
            return found
        stream = StreamFlow(host, port, listener, self, self.free_port())
        self._keep(stream)
        self._network.connect(stream)
        return stream

    def datagram_flow(self, host: str, port: int, listener: Listener) -> "DatagramFlow":
        key = (host, port, listener)
        flow = self._datagram_flows.get(key)
        if flow is None:
            flow = self._datagram_flows[key] = DatagramFlow(host, port, listener, self._network)
        return flow

    def accepted(self, stream: "StreamFlow") -> None:
        """Somebody has connected."""
        self._keep(stream)

    def _keep(self, stream: "StreamFlow") -> None:
        for listener in (None, stream.listener):
            self._streams[stream.host, stream.port, listener] = stream
        self._all_streams[stream] = None

    def cut_off(self) -> None:
        """Nothing comes or goes any more; what runs here doesn't know why."""
        self.is_cut_off = True
        for stream in tuple(self._all_streams):
            self._network.end_connection(stream, "timed out")
            stream.lose("timed out")

    def join(self) -> None:
        """The network is back."""
        self.is_cut_off = False

    def deliver(self, raw: bytes, flow: Flow) -> None:
        """Hand a message to the program."""
        if self.receiver is None:
            return
        self.counts.packets += 1
        try:
            self.receiver.packet(raw, flow)
        except Exception as error:  # noqa: BLE001  the work for one packet, as in `net.Delivery`
            self.counts.failed += 1
            self._network.agenda.failed(error)
            self.receiver.packet_failed(raw, flow)

    def forget(self, stream: "StreamFlow", reason: str) -> None:
        """A connection is over."""
        self._all_streams.pop(stream, None)
        if self.receiver is not None:
            self.receiver.flow_lost(stream, reason)

    def kill(self) -> None:
        """The program is gone, and with it all that it held open."""
        self.receiver = None
        self.listeners = []
        self._listeners_by_port = {}
        self._datagram_flows = {}
        streams, self._all_streams = self._all_streams, {}
        for stream in streams:
            stream.is_over = True
            self._network.end_connection(stream, "connection reset by peer")

    @property
    def network(self) -> SimulatedNetwork:
        return self._network


class DatagramFlow(Flow):
    """A UDP peer."""

    __slots__ = ("_network",)

    transport = "udp"
    reliable = False

    def __init__(self, host: str, port: int, listener: Listener, network: SimulatedNetwork) -> None:
        super().__init__(host, port, listener)
        self._network = network

    @property
    def is_open(self) -> bool:
        return True

    def send(self, data: bytes) -> None:
        self._network.carry_datagram(self, data)


class StreamFlow(Flow):
    """One end of a TCP connection; whole messages go in and come out."""

    __slots__ = (
        "_waiting",
        "arrives_at",
        "is_connected",
        "is_over",
        "other",
        "own_host",
        "own_port",
    )

    transport = "tcp"
    reliable = True

    def __init__(
        self, host: str, port: int, listener: Listener, own_host: SimulatedHost, own_port: int
    ) -> None:
        super().__init__(host, port, listener)
        self.own_host = own_host
        self.own_port = own_port
        self.other: StreamFlow | None = None
        self.is_connected = False
        self.is_over = False
        self.arrives_at = 0.0  # when what was sent last arrives
        self._waiting: list[bytes] = []

    @property
    def own_name(self) -> str:
        return f"{self.own_host.address}:{self.own_port}"

    @property
    def is_open(self) -> bool:
        return not self.is_over

    def send(self, data: bytes) -> None:
        if self.is_over:
            return
        if self.is_connected:
            self.own_host.network.carry_stream(self, data)
        else:
            self._waiting.append(data)

    def connected(self) -> None:
        """There is another end now: what waited goes out."""
        self.is_connected = True
        waiting, self._waiting = self._waiting, []
        for raw in waiting:
            self.send(raw)

    def arrive(self, raw: bytes) -> None:
        """A message has come."""
        if not self.is_over:
            self.own_host.deliver(raw, self)

    def lose(self, reason: str) -> None:
        """The connection is over, by no doing of this end."""
        if not self.is_over:
            self.is_over = True
            self.own_host.forget(self, reason)

    def close(self, reason: str) -> None:
        if not self.is_over:
            self.is_over = True
            self.own_host.network.end_connection(self, "closed by the peer")
            self.own_host.network.agenda.after(0.0, partial(self.own_host.forget, self, reason))
