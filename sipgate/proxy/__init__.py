"""The proxy: takes each packet, asks the gate where it must, and sends it on.

RFC 3261 §16 with RFC 3581 (rport), RFC 4320 (non-INVITE), RFC 5393 (loops), RFC 5658 (double
Record-Route) and RFC 6026 (2xx to INVITE). It opens no socket and reads no clock of its own:
`net` hands it packets and flows, `Clock` the time. What must wait is parked, in order, never a
task of its own. Who sent a packet, who is calling and whom: `source.py`, `identity.py`; the way
of an INVITE: `proxy.py`, `call_setup.py`, `admission.py`, `upstream_sender.py`; responses and the
next target: `forwarder.py`; what they mean for a call: `call_progress.py`.
"""

from .admission import Admission, CallerProfile
from .authentication import Authenticator
from .binding_table import Binding, BindingTable
from .branch import BranchMaker
from .call import ActiveCalls, Call, CallState
from .call_progress import CallProgress
from .call_recorder import CallRecorder
from .call_setup import CallSetup
from .challenged_targets import ChallengedTargets
from .dialog_sender import DialogSender
from .flow_token import FlowTokens
from .forwarder import Forwarder
from .loop import LoopDetector
from .name_wait import NameWait
from .nat_keep_alive import NatKeepAlive
from .next_hop import HopResolver
from .nonce import NonceMint
from .outgoing_number import outgoing_user
from .overload import Overload
from .own_address import OwnAddresses
from .packet_guard import GuardLimits, PacketGuard
from .phone_sender import ELSEWHERE, PhoneSender
from .probe import Prober
from .proxy import Proxy
from .refusal import RedressCard
from .registration import Registrations
from .restored import CallRestorer, RestoredInvites
from .restored_responses import RestoredResponses
from .return_path import ReturnPath
from .server_side import ServerSide
from .source import Source, SourceTable
from .stateless_refusal import StatelessRefusals
from .stored_binding import as_stored, from_stored
from .stranger import StrangerTable
from .target_health import Change
from .timer_queue import TimerQueue
from .transaction_table import TransactionTable
from .upstream import Target, Upstream
from .upstream_sender import UpstreamSender

__all__ = [
    "ELSEWHERE",
    "ActiveCalls",
    "Admission",
    "Authenticator",
    "Binding",
    "BindingTable",
    "BranchMaker",
    "Call",
    "CallProgress",
    "CallRecorder",
    "CallRestorer",
    "CallSetup",
    "CallState",
    "CallerProfile",
    "ChallengedTargets",
    "Change",
    "DialogSender",
    "FlowTokens",
    "Forwarder",
    "GuardLimits",
    "HopResolver",
    "LoopDetector",
    "NameWait",
    "NatKeepAlive",
    "NonceMint",
    "Overload",
    "OwnAddresses",
    "PacketGuard",
    "PhoneSender",
    "Prober",
    "Proxy",
    "RedressCard",
    "Registrations",
    "RestoredInvites",
    "RestoredResponses",
    "ReturnPath",
    "ServerSide",
    "Source",
    "SourceTable",
    "StatelessRefusals",
    "StrangerTable",
    "Target",
    "TimerQueue",
    "TransactionTable",
    "Upstream",
    "UpstreamSender",
    "as_stored",
    "from_stored",
    "outgoing_user",
]
