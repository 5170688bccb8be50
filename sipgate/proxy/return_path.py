"""The flow that responses to a request go up: RFC 3261 §18.2.2, RFC 3581 §4."""

from sipgate.net import Flow, Network
from sipgate.sip import BadMessage, Via, is_address, is_broadcast, response_address

from .own_address import SIPS_PORT


class ReturnPath:
    """Finds where the responses for a Via go."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def flow_for(self, via: Via, flow: Flow) -> Flow:
        """The flow itself where it can be used: it is a connection, or the Via means it."""
        if flow.reliable:
            return flow
        host, port = response_address(via)
        if port == flow.port and host == flow.host_bytes:
            return flow
        return self._flow_to("udp", host, port, flow, via)

    def take_alias(self, via: Via, flow: Flow) -> None:
        """A TLS peer that asks for it gets new requests down its own connection (RFC 5923 §4)."""
        if b";alias" in via.raw.lower():
            host = via.host.decode("ascii", "replace")
            self._network.alias(flow, host, via.port or SIPS_PORT)

    def connection_anew(self, via: Via, flow: Flow) -> Flow:
        """In place of a connection that has ended, one to `received` and the port in the sent-by.

        What is sent on it waits until it stands; if it never does, the response is lost.
        """
        host, port = response_address(via, by_connection=True)
        return self._flow_to(flow.transport, host, port, flow, via)

    def flow_by_via(self, via: Via, flow: Flow) -> Flow:
        """For a response whose request is not known any more: by what the Via alone says.

        Raises BadMessage for what is no host's address (RFC 4475 §3.3.10).
        """
        transport = {b"TCP": "tcp", b"TLS": "tls"}.get(via.transport, "udp")
        host, port = response_address(via, by_connection=transport != "udp")
        if is_broadcast(host) or not is_address(host):
            raise BadMessage(400, "a Via that is no host's")
        return self._flow_to(transport, host, port, flow, via)

    def _flow_to(self, transport: str, host: bytes, port: int, flow: Flow, via: Via) -> Flow:
        """`flow` itself where the host is a name: ours have `received` beside it.

        By TLS the certificate must prove the host in the sent-by (RFC 5922 §7).
        """
        if not is_address(host):
            return flow
        name = host.decode("ascii").strip("[]")
        listener = flow.listener if transport == flow.transport else None
        if transport == "tls":
            proven = via.host.decode("ascii", "replace").strip("[]")
            return self._network.flow_to(
                transport, name, port, listener=listener, server_name=proven
            )
        return self._network.flow_to(transport, name, port, listener=listener)
