"""A response context: one server transaction and its client branches (RFC 3261 §16.2)."""

from __future__ import annotations

from typing import Protocol

from sipgate.gate import OpenAttempt
from sipgate.net import Flow
from sipgate.numbers import Callee
from sipgate.sip import (
    InviteServer,
    NonInviteServer,
    Request,
    Response,
    Uri,
)

from .binding_table import Binding
from .call import Call
from .client_branch import ClientBranch
from .next_hop import NO_ROUTE
from .registration import Registering
from .server_key import ServerKey
from .source import Source
from .upstream import TargetRun, Upstream


class ContextOwner(Protocol):
    """Whoever is told when time runs out for a request."""

    def still_trying(self, context: ResponseContext, now: float) -> None: ...

    def client_timed_out(
        self, context: ResponseContext, branch: ClientBranch, now: float
    ) -> None: ...

    def was_silent(self, context: ResponseContext, branch: ClientBranch, now: float) -> None: ...

    def was_not_connected(
        self, context: ResponseContext, branch: ClientBranch, now: float
    ) -> None: ...

    def timer_c_fired(self, context: ResponseContext, branch: ClientBranch, now: float) -> None: ...

    def server_ended(self, context: ResponseContext, now: float) -> None: ...


class ResponseContext:
    """What the core must remember of a request between its two sides.

    Targets are tried one after the other, so there is one branch that counts, `branch`. Those that
    were passed over stay in `earlier` until they are over, for a late 2xx is forwarded.
    """

    __slots__ = (
        "back_flow",
        "binding",
        "branch",
        "call",
        "callee",
        "cancel_reason",
        "cancel_wanted",
        "earlier",
        "final_status",
        "flow",
        "has_left",
        "is_emergency",
        "is_initial",
        "open",
        "owner",
        "proven",
        "referred",
        "registering",
        "request",
        "routes",
        "run",
        "server",
        "server_key",
        "source",
        "stopped_by",
        "trying_at",
        "upstream",
        "uri",
    )

    def __init__(
        self,
        owner: ContextOwner,
        request: Request,
        flow: Flow,
        back_flow: Flow,
        server: InviteServer | NonInviteServer,
        server_key: ServerKey,
        source: Source | None,
    ) -> None:
        self.owner = owner
        self.request = request
        self.flow = flow  # what the request came down
        self.back_flow = back_flow  # what its responses go up (RFC 3261 §18.2.2)
        self.server = server
        self.server_key = server_key
        self.source = source
        self.branch: ClientBranch | None = None
        self.earlier: tuple[ClientBranch, ...] = ()
        self.has_left = False  # it was sent on at least once
        self.upstream: Upstream | None = None  # whose targets are tried, for a request to one
        self.run: TargetRun | None = None
        self.stopped_by: Response | None = None  # a 6xx that waits for the branch to end
        self.call: Call | None = None
        self.open: OpenAttempt | None = None
        # Read once, before the decision; needed again whenever the request leaves:
        self.uri: Uri | None = None
        self.callee: Callee | None = None
        self.routes = NO_ROUTE
        self.is_emergency = False
        # A REFER that is decided: the dialog it came in, and whether its way is open.
        self.referred: tuple[Call | None, bool] | None = None
        self.proven: str | None = None  # the user whose password the request has shown
        self.is_initial = False  # an INVITE that is, or repeats, an attempt
        self.binding: Binding | None = None  # the phone that it is for
        self.registering: Registering | None = None  # of a REGISTER: what its 200 confirms
        self.cancel_wanted = False  # the caller sent CANCEL
        self.cancel_reason: bytes | None = None  # the CANCEL's own Reason line
        self.trying_at: float | None = None  # no INVITE: 100 is due then (RFC 4320 §4.1)
        self.final_status = 0  # what the server transaction got in the end

    @property
    def deadline(self) -> float | None:
        """The earliest of both sides."""
        earliest = self.server.deadline
        branch = self.branch
        if branch is not None:
            deadline = branch.deadline
            if deadline is not None and (earliest is None or deadline < earliest):
                earliest = deadline
        trying_at = self.trying_at
        if trying_at is not None and not self.final_status:
            earliest = trying_at if earliest is None else min(earliest, trying_at)
        for branch in self.earlier:
            deadline = branch.deadline
            if deadline is not None and (earliest is None or deadline < earliest):
                earliest = deadline
        return earliest

    def wake(self, now: float) -> None:
        """Retransmit, or tell the owner that time is up."""
        branch = self.branch
        if branch is not None:
            self._wake_branch(branch, now)
        if self.earlier:
            for branch in self.earlier:
                self._wake_branch(branch, now)
        if self.trying_at is not None and self.trying_at <= now:
            self.trying_at = None
            if not self.final_status:
                self.owner.still_trying(self, now)
        server = self.server
        deadline = server.deadline
        if deadline is not None and deadline <= now:
            raw = server.wake(now)
            if raw is not None:
                self.back_flow.send(raw)
            if server.deadline is None:
                self.owner.server_ended(self, now)

    def _wake_branch(self, branch: ClientBranch, now: float) -> None:
        client = branch.client
        if client.deadline is not None and client.deadline <= now:
            raw = client.wake(now)
            if raw is not None:
                branch.out_flow.send(raw)
            if client.timed_out:
                self.owner.client_timed_out(self, branch, now)
                return
        if branch.connect_by is not None and branch.connect_by <= now:
            branch.connect_by = None
            self.owner.was_not_connected(self, branch, now)
        if branch.answer_by is not None and branch.answer_by <= now:
            branch.answer_by = None
            self.owner.was_silent(self, branch, now)
        if branch.timer_c is not None and branch.timer_c <= now:
            self.owner.timer_c_fired(self, branch, now)

    def find_branch(self, key: bytes) -> ClientBranch | None:
        """The open branch that a response's Via names."""
        branch = self.branch
        if branch is not None and branch.key == key:
            return branch
        for branch in self.earlier:
            if branch.key == key:
                return branch
        return None

    def open_branches(self) -> tuple[ClientBranch, ...]:
        """All that have no final response yet."""
        branch = self.branch
        return self.earlier if branch is None else (branch, *self.earlier)

    def pass_over(self) -> None:
        """The branch that counted does so no more; it may still end in a 2xx."""
        branch = self.branch
        if branch is not None:
            branch.answer_by = branch.connect_by = None
            self.branch = None
            self.earlier = (*self.earlier, branch)

    def take_back(self) -> bool:
        """Let the latest that was passed over count again; False when there is none to wait for."""
        for branch in reversed(self.earlier):
            if branch.cancel_at is None:
                self.earlier = tuple(one for one in self.earlier if one is not branch)
                self.branch = branch
                return True
        return False

    def drop(self, branch: ClientBranch) -> None:
        """Nothing more is expected from this branch."""
        if self.branch is branch:
            self.branch = None
        elif self.earlier:
            self.earlier = tuple(one for one in self.earlier if one is not branch)
