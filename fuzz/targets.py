"""What can be fuzzed: a name, a check and what it begins with."""

from collections.abc import Callable

from tests.sip.samples import INVITE, RINGING, TORTURE

from .codec import check_address, check_message, check_stream
from .whole_gate import CALLS, check_gate

CREDENTIALS = (
    b'username="4711", realm="a.b", nonce="n:1", uri="sip:1@a.b", algorithm=SHA-256, qop=auth, '
    b'nc=00000001, cnonce="c", response="0123456789abcdef"'
)
CHECKS: dict[str, Callable[[bytes], None]] = {
    "message": check_message,
    "address": check_address,
    "stream": check_stream,
    "gate": check_gate,
}


def real_messages() -> list[bytes]:
    """Whole messages: those of RFC 4475 and RFC 5118, and two as phones send them."""
    return [path.read_bytes() for path in sorted(TORTURE.rglob("*.dat"))] + [INVITE, RINGING]


def seeds(target: str) -> list[bytes]:
    """What a run begins with, besides the kept corpus."""
    if target == "message":
        return real_messages()
    if target == "stream":
        return [b"\x05" + message for message in real_messages()]
    if target == "address":
        return [
            CREDENTIALS,
            *(
                line.partition(b":")[2].strip()
                for message in real_messages()
                for line in message.partition(b"\r\n\r\n")[0].split(b"\r\n")
            ),
        ]
    return [
        bytes([settings]) + rest for settings in (*range(32), *range(33, 256, 32)) for rest in CALLS
    ]
