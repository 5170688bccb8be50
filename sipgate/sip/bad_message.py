"""What a peer sent wrong, with all that the answer needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .message import Request


class BadMessage(Exception):
    """A message that can't be read; the only thing that reading any bytes raises.

    `request` is there if a response finds its way back: it is a request but no ACK, its topmost
    Via names an address and it has a CSeq. Its other fields may be missing (then b"" or 0).
    """

    def __init__(self, status: int, reason: str, request: Request | None = None) -> None:
        super().__init__(status, reason)
        self.status = status
        self.reason = reason
        self.request = request

    def __str__(self) -> str:
        return f"{self.status} {self.reason}"
