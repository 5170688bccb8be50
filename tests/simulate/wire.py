"""A flow that keeps what is sent on it, and messages to feed the ends with."""

from sipgate.clock import VirtualClock
from sipgate.net import Flow, Listener
from sipgate.net.local_addresses import LocalAddresses
from sipgate.sip import Message, parse_message

PEER = ("127.0.0.1", 5060)


class Wire(Flow):
    """Obeys `Flow`; `take()` gives what was sent since the last time."""

    transport = "udp"
    reliable = False

    def __init__(self) -> None:
        listener = Listener(
            self.transport,
            "127.0.0.1",
            5070,
            advertise=None,
            local_addresses=LocalAddresses(VirtualClock()),
        )
        super().__init__(*PEER, listener)
        self._sent: list[bytes] = []

    @property
    def is_open(self) -> bool:
        return True

    def send(self, data: bytes) -> None:
        self._sent.append(data)

    def take(self) -> list[Message]:
        """All messages since the last call, parsed."""
        sent, self._sent = self._sent, []
        return [parse_message(raw) for raw in sent]

    def take_starts(self) -> list[str]:
        """The same as start lines cut to method or status."""
        return [start_of(message) for message in self.take()]

    def take_one(self) -> Message:
        """The only message since the last call."""
        (message,) = self.take()
        return message


class ReliableWire(Wire):
    """The same over TCP."""

    transport = "tcp"
    reliable = True


def start_of(message: Message) -> str:
    """`INVITE`, or `200 INVITE` for a response to one."""
    start = message.lines[0].decode()
    if start.startswith("SIP/2.0 "):
        return f"{start.split()[1]} {message.cseq_method.decode()}"
    return start.split()[0]


def request(
    method: str,
    *headers: str,
    user: str = "+4930123",
    branch: str = "1",
    to_tag: str = "",
    cseq: int = 1,
    body: str = "",
) -> bytes:
    """A request as the gate would send it to the callee."""
    tag = f";tag={to_tag}" if to_tag else ""
    lines = [
        f"{method} sip:{user}@127.0.0.1:5070 SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:5060;rport;branch=z9hG4bK{branch}",
        "Max-Forwards: 69",
        "From: <sip:4711@127.0.0.1>;tag=caller",
        f"To: <sip:{user}@127.0.0.1>{tag}",
        "Call-ID: call-1",
        f"CSeq: {cseq} {method}",
        "Contact: <sip:4711@127.0.0.1:5060>",
        *headers,
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
