"""The protocol, without I/O: bytes and `now` in, messages and deadlines out.

It reads and edits messages, builds answers, cuts streams into messages and runs the four
transactions. It must not know sockets, clocks, random numbers, policies or any other layer; it
returns facts and logs nothing. Tags, branches and the time are handed in.

RFC 3261 §7, §8.2.6, §9.1, §17, §18, §19.1, §20, §25 with RFC 6026 (2xx to INVITE) and RFC 4320
(non-INVITE); RFC 3581 (rport), RFC 5626 §4.4.1 (keep-alive), RFC 3966 (tel).
What is wrong ends here as `BadMessage`; what a proxy has no business with stays byte for byte.
"""

from .address import NameAddr, parse_name_addr
from .bad_message import BadMessage
from .companion import build_ack, build_cancel
from .digest import (
    ALGORITHMS,
    Credentials,
    challenge,
    is_right,
    parse_credentials,
    secret_hash,
)
from .framing import Ping, StreamFramer
from .grammar import first_comma, split_values
from .invite_client import InviteClient, InviteClientState
from .invite_server import InviteServer, InviteServerState
from .message import DEFAULT, Limits, Message, Request, Response, answer_plain, parse_message
from .non_invite_client import NonInviteClient, NonInviteClientState
from .non_invite_server import NonInviteServer, NonInviteServerState
from .phrases import PHRASES
from .received import is_address, is_broadcast, response_address, stamp_received
from .response import build_response
from .splice import Splice
from .timers import Timers
from .uri import Uri, dialled, parse_uri, unescape_user
from .via import Via, default_port, parse_via

__all__ = [
    "ALGORITHMS",
    "DEFAULT",
    "PHRASES",
    "BadMessage",
    "Credentials",
    "InviteClient",
    "InviteClientState",
    "InviteServer",
    "InviteServerState",
    "Limits",
    "Message",
    "NameAddr",
    "NonInviteClient",
    "NonInviteClientState",
    "NonInviteServer",
    "NonInviteServerState",
    "Ping",
    "Request",
    "Response",
    "Splice",
    "StreamFramer",
    "Timers",
    "Uri",
    "Via",
    "answer_plain",
    "build_ack",
    "build_cancel",
    "build_response",
    "challenge",
    "default_port",
    "dialled",
    "first_comma",
    "is_address",
    "is_broadcast",
    "is_right",
    "parse_credentials",
    "parse_message",
    "parse_name_addr",
    "parse_uri",
    "parse_via",
    "response_address",
    "secret_hash",
    "split_values",
    "stamp_received",
    "unescape_user",
]
