"""A client branch: one try of a request at one target, and what it has come to (RFC 3261 §16.6)."""

from sipgate.net import Flow
from sipgate.sip import InviteClient, NonInviteClient

from .upstream import Target

TIMER_C = 200.0  # seconds; RFC 3261 §16.6 step 11 asks for more than 3 minutes
CANCEL_PATIENCE = 32.0  # 64 × T1 from CANCEL to a final response: RFC 3261 §9.1


class ClientBranch:
    """A client transaction, and the times of its own that the proxy core keeps for it.

    It does not know its response context, so that the two form no cycle: whoever has the context
    finds the branch in it by `key`.
    """

    __slots__ = (
        "answer_by",
        "cancel_at",
        "client",
        "connect_by",
        "has_answered",
        "key",
        "out_flow",
        "target",
        "target_key",
        "timer_c",
    )

    def __init__(
        self,
        key: bytes,
        target_key: bytes,
        out_flow: Flow,
        client: InviteClient | NonInviteClient,
        target: Target | None = None,
    ) -> None:
        self.key = key  # the transaction part of its branch
        self.target_key = target_key  # where it went, with the transport: what the branch hashes
        self.out_flow = out_flow
        self.client = client
        self.target = target  # None: it leads to no upstream
        self.has_answered = False  # a 1xx came, 100 too
        self.cancel_at: float | None = None  # when CANCEL went after it
        self.timer_c: float | None = None
        self.answer_by: float | None = None  # silent until then: the next target's turn
        self.connect_by: float | None = None  # not connected until then: over UDP after all

    @property
    def is_by_size(self) -> bool:
        """Whether its size alone made it go over another transport than the target's."""
        return self.target is not None and self.target.key != self.target_key

    @property
    def sent(self) -> bytes:
        """The request as it went: CANCEL is made from it."""
        return self.client.raw

    @property
    def deadline(self) -> float | None:
        """The earliest of its times."""
        earliest = self.client.deadline
        timer_c = self.timer_c
        if timer_c is not None and (earliest is None or timer_c < earliest):
            earliest = timer_c
        answer_by = self.answer_by
        if answer_by is not None and (earliest is None or answer_by < earliest):
            earliest = answer_by
        connect_by = self.connect_by
        if connect_by is not None and (earliest is None or connect_by < earliest):
            earliest = connect_by
        return earliest
