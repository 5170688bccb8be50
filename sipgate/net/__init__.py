"""Sockets: what arrives goes to a `Receiver`, what leaves goes down a `Flow`.

UDP over asyncio-dgram, TCP over an asyncio protocol, and the resolving of host names. `Network` is
the one place that decides which flow a message leaves on; a flow is one peer on one transport.
A send never waits and never raises; a peer that is gone or slow costs nobody else anything.

This layer must not know what a message says (framing of a stream is asked of `sip`), nor anything
of proxying, policy or configuration.

RFC 3261 §18 (transport), RFC 5626 §3.5.1 (CRLF keep-alive) with RFC 5389 (STUN), RFC 3263 (DNS).
"""

from .certificate import CertificateError, ClientTls, ServerTls, VerifyClient, proves
from .delivery import Arrived, Counts, Receiver
from .flow import Flow
from .inherited import InheritedSockets, bequeath, inherit
from .limits import NetLimits
from .listener import Listener, ListenError
from .local_addresses import LocalAddresses
from .location import Place, Wish
from .name_records import LookupFailed, NameRecords
from .network import NEVER_SHED, Network, is_ordinary_request
from .resolver import Location, ResolveError, Resolver, numeric
from .stun import stun_answer
from .tls import NewCertificates

__all__ = [
    "NEVER_SHED",
    "Arrived",
    "CertificateError",
    "ClientTls",
    "Counts",
    "Flow",
    "InheritedSockets",
    "ListenError",
    "Listener",
    "LocalAddresses",
    "Location",
    "LookupFailed",
    "NameRecords",
    "NetLimits",
    "Network",
    "NewCertificates",
    "Place",
    "Receiver",
    "ResolveError",
    "Resolver",
    "ServerTls",
    "VerifyClient",
    "Wish",
    "bequeath",
    "inherit",
    "is_ordinary_request",
    "numeric",
    "proves",
    "stun_answer",
]
