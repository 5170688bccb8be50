"""Refusing a new request in one turn, without a transaction: RFC 3261 §8.2.7, §21.5.4.

What a refusal costs is what overload is made of. So none leaves anything behind but a number in a
set: whoever sends the request again gets the same answer again, even when the gate has room by
then, because the sender has ended that request at its first answer and would not know the call.
The ACK that follows is known by its To tag and goes no further.
"""

from sipgate.net import Flow
from sipgate.sip import PHRASES, Request, build_response, stamp_received

from .branch import BranchMaker
from .return_path import ReturnPath
from .server_key import ServerKey

REMEMBERED_SECONDS = 32.0  # 64 × T1: Timer B, no client repeats its INVITE for longer
MOST_REMEMBERED = 250_000  # in each of two halves; about 100 bytes each
LONGEST_RETRY_SECONDS = 3  # design §6, 503
STATUS, PHRASE = 503, PHRASES[503]
STATUS_LINE = b"SIP/2.0 %d %b" % (STATUS, PHRASE)


class StatelessRefusals:
    """Answers 503 with Retry-After, and knows the INVITEs that got it."""

    def __init__(self, branches: BranchMaker, return_path: ReturnPath) -> None:
        self._mark = branches.refusal_mark
        self._return_path = return_path
        self._refused: set[int] = set()
        self._refused_before: set[int] = set()
        self._turn_at = 0.0

    def __len__(self) -> int:
        return len(self._refused) + len(self._refused_before)

    def refuse(
        self, request: Request, key: ServerKey, flow: Flow, now: float, *, force_rport: bool
    ) -> None:
        """Send 503 for a request that has no transaction; an INVITE is remembered."""
        number = self._number(key, now, is_remembered=request.method == b"INVITE")
        stamp_received(request, flow.host_bytes, flow.port, force_rport=force_rport)
        raw = build_response(
            request,
            STATUS,
            PHRASE,
            to_tag=self._to_tag(number),
            headers=(_retry_after(number),),
        )
        self._return_path.flow_for(request.via, flow).send(raw)

    def refuse_plain(
        self, key: ServerKey, head: bytes, tail: bytes, flow: Flow, now: float
    ) -> None:
        """The same for an INVITE that `answer_plain` has answered but for its To tag."""
        number = self._number(key, now, is_remembered=True)
        flow.send(
            b"%b;tag=%b%b%b\r\nContent-Length: 0\r\n\r\n"
            % (head, self._to_tag(number), tail, _retry_after(number))
        )

    def remembers(self, now: float) -> bool:
        """Whether any INVITE was refused within the last 32 s."""
        if now >= self._turn_at and (self._refused or self._refused_before):
            self._turn(now)
        return bool(self._refused or self._refused_before)

    def was_refused(self, key: ServerKey) -> bool:
        """Whether a request with this key was refused within the last 32 s."""
        number = hash(key)
        return number in self._refused or number in self._refused_before

    def is_acknowledged_by(self, raw: bytes) -> bool:
        """Whether this ACK, as it came, belongs to one of the refusals."""
        return self._mark in raw

    def _number(self, key: ServerKey, now: float, *, is_remembered: bool) -> int:
        number = hash(key)  # keyed per process, as Python hashes bytes
        if is_remembered:
            if now >= self._turn_at or len(self._refused) >= MOST_REMEMBERED:
                self._turn(now)
            self._refused.add(number)
        return number

    def _to_tag(self, number: int) -> bytes:
        return b"%b%x" % (self._mark, number & 0xFFFFFFFF)

    def _turn(self, now: float) -> None:
        # After a pause both halves are too old.
        is_old = now >= self._turn_at + REMEMBERED_SECONDS
        self._refused_before = set() if is_old else self._refused
        self._refused = set()
        self._turn_at = now + REMEMBERED_SECONDS


def _retry_after(number: int) -> bytes:
    return b"Retry-After: %d" % (number % LONGEST_RETRY_SECONDS + 1)
