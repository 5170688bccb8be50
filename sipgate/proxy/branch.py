"""The branch that the proxy writes into its Via, and the token in its Record-Route: design §5.

Both are keyed hashes of what the messages themselves carry, so that a gate that has just restarted,
or another one with the same key, recognises what it sent. Nothing here is random.
"""

from collections.abc import Iterable
from hashlib import blake2b

from sipgate.sip import Request

COOKIE = b"z9hG4bK"  # RFC 3261 §8.1.1.7
PART_BYTES = 8
FIRST_PART_LENGTH = len(COOKIE) + 2 * PART_BYTES  # the part that names the transaction
TOKEN_LENGTH = 2 * PART_BYTES
EMERGENCY_MARK = b"e"  # stands before the token of an emergency call


class BranchMaker:
    """Makes and checks branches and tokens under one secret key (16 to 64 bytes)."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.refusal_mark = self._named(b"", b"refusal")  # begins To tags of `StatelessRefusals`

    def transaction_part(self, request: Request, target: bytes) -> bytes:
        """The branch up to its dot: the same for an INVITE, its CANCEL and its ACK to a non-2xx.

        `target` is where the request goes, with its transport: `udp:192.0.2.1:5060`.
        """
        via = request.via
        return self.transaction_part_of(
            via.sent_by, via.branch, request.call_id, request.from_tag, request.cseq_number, target
        )

    def transaction_part_of(
        self,
        sent_by: bytes,
        via_branch: bytes,
        call_id: bytes,
        from_tag: bytes,
        cseq_number: int,
        target: bytes,
    ) -> bytes:
        text = b"\n".join((sent_by, via_branch, call_id, from_tag, b"%d" % cseq_number, target))
        digest = blake2b(text, digest_size=PART_BYTES, key=self._key).hexdigest()
        return COOKIE + digest.encode()

    def loop_part(self, request: Request, routes: Iterable[bytes]) -> bytes:
        """The branch after its dot: what tells a loop from a spiral (RFC 5393 §4.2).

        `routes` are the Route values that are left after our own have been taken off.
        """
        text = b"\n".join(
            (request.call_id, request.from_tag, b"%d" % request.cseq_number, request.uri, *routes)
        )
        return blake2b(text, digest_size=PART_BYTES, key=self._key).hexdigest().encode()

    def token(self, call_id: bytes, caller_tag: bytes, *, emergency: bool = False) -> bytes:
        """The user part of our Record-Route URI for the call that the caller's tag names.

        Nobody can put the mark of an emergency call before the token of another one.
        """
        text = call_id + b"\n" + caller_tag
        if emergency:
            return EMERGENCY_MARK + self._named(text, b"emergency")
        return self._named(text, b"")

    def to_tag(self, request: Request) -> bytes:
        """The To tag of a response of our own: the same for each retransmission of the request.

        It is no token, whatever branch and tag the caller chose.
        """
        return self._named(
            b"\n".join((request.call_id, request.via.branch, request.from_tag)), b"tag"
        )

    def token_opens(self, token: bytes, request: Request) -> bool:
        """True when the token is ours for this request's dialog, whichever end sent it."""
        emergency = is_emergency_token(token)
        if len(token) != TOKEN_LENGTH and not emergency:
            return False
        return token in (
            self.token(request.call_id, request.from_tag, emergency=emergency),
            self.token(request.call_id, request.to_tag, emergency=emergency),
        )

    def _named(self, text: bytes, use: bytes) -> bytes:
        """A keyed hash that stands for `text` in this use only."""
        digest = blake2b(text, digest_size=PART_BYTES, key=self._key, person=use)
        return digest.hexdigest().encode()


def is_emergency_token(token: bytes) -> bool:
    """True for a token that stands in the Record-Route of an emergency call."""
    return len(token) == TOKEN_LENGTH + 1 and token[:1] == EMERGENCY_MARK


def split_branch(branch: bytes) -> tuple[bytes, bytes]:
    """Our branch as (transaction part, loop part); the second is empty for a foreign one."""
    first, dot, second = branch.partition(b".")
    if dot and len(first) == FIRST_PART_LENGTH and len(second) == 2 * PART_BYTES:
        return first, second
    return first, b""
