"""How much the sockets hold before they let something go."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NetLimits:
    """Bounds of the network layer; the defaults suit one gate with some thousand phones."""

    udp_queue_packets: int = 2048
    """Datagrams waiting in one socket's queue before the oldest ordinary requests are shed."""
    udp_peers: int = 65_536
    """UDP peers remembered per socket, so that the same peer is the same flow."""
    udp_receive_buffer_bytes: int = 4 << 20
    """SO_RCVBUF asked for; the kernel may give less (net.core.rmem_max)."""
    connections: int = 2048
    """Open TCP connections in each direction, accepted and made."""
    connections_per_host: int = 1024
    """Of the accepted ones, those from one address: nobody can hold all of them."""
    buffered_bytes: int = 1 << 20
    """Bytes that wait for one peer to read them; more ends its connection."""
    connect_seconds: float = 5.0
    """From the first message for a new connection until it counts as failed."""
    first_message_seconds: float = 30.0
    """How long an accepted connection may stay without having sent one whole message."""
    message_seconds: float = 30.0
    """From the first byte of a message on a connection to its last; slower ends the connection."""
    close_seconds: float = 2.0
    """How long a closing connection may take to send what is buffered."""
