"""A request that has been here before: a loop when nothing has changed since, else a spiral.

RFC 5393 §4.2. Our branches tell the two apart, and whose spiral it is: nobody else can make one
that names an INVITE of ours that is under way.
"""

from sipgate.net import Flow
from sipgate.sip import Request, parse_via

from .branch import BranchMaker, split_branch
from .call import Call
from .next_hop import RouteSet
from .own_address import OwnAddresses
from .response_context import ResponseContext
from .restored import RestoredInvites
from .transaction_table import TransactionTable


class LoopDetector:
    """Looks for our own Vias in a request."""

    def __init__(
        self,
        own: OwnAddresses,
        branches: BranchMaker,
        table: TransactionTable,
        restored: RestoredInvites,
    ) -> None:
        self._own = own
        self._branches = branches
        self._table = table
        self._restored = restored

    def is_loop(self, request: Request, routes: RouteSet, flow: Flow) -> bool:
        """Whether it went out from here just as it came back; BadMessage for an unreadable Via."""
        parts = self._own_parts(request, flow)
        if not parts:
            return False
        loop_part = self._branches.loop_part(request, routes.rest)
        return any(second == loop_part for _, second in parts)

    def original(self, request: Request, flow: Flow) -> Call | None:
        """The call whose open INVITE came back as this one; the latest one first."""
        for first, _ in self._own_parts(request, flow):
            entry = self._table.clients.get(first)
            if isinstance(entry, ResponseContext) and entry.call is not None:
                return entry.call
            invite = self._restored.find_branch(first) if self._restored else None
            if invite is not None:
                return invite.call
        return None

    def _own_parts(self, request: Request, flow: Flow) -> list[tuple[bytes, bytes]]:
        """Both parts of each of our branches, topmost first."""
        indexes = request.indexes(b"via")
        if len(indexes) == 1 and b"," not in request.lines[indexes[0]]:
            return []
        found = []
        for value in request.values(b"via"):
            if b"z9hG4bK" not in value or b"." not in value:
                continue
            via = parse_via(value)
            parts = split_branch(via.branch)
            if parts[1] and self._own.is_own(via.host, via.port, flow):
                found.append(parts)
        return found
