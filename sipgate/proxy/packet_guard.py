"""What is turned away before it costs anything: floods, scanners, calls beyond what can be served.

Looks at the start line and at where a packet came from; only what is to be turned away is read
further, to be sure that it is a new request. Never touched (design §6, Strangers): ACK, BYE,
CANCEL, PRACK, responses, requests with a To tag, and whatever may be an emergency call. A request
that is being served already is absorbed as ever.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from sipgate.clock import Clock
from sipgate.net import NEVER_SHED, Flow
from sipgate.sip import BadMessage, Limits, Request, answer_plain, parse_message

from .branch import COOKIE, FIRST_PART_LENGTH
from .overload import Overload
from .restored import RestoredInvites
from .server_key import ServerKey, server_key
from .source import Source, SourceTable
from .stateless_refusal import STATUS_LINE, StatelessRefusals
from .stranger import StrangerTable
from .token_buckets import TokenBuckets
from .transaction_table import TransactionTable
from .upstream_sender import UpstreamSender

MOST_BUCKETS = 16_384  # in each of two halves, twice: 8 MB
MOST_TRANSACTIONS = 500_000  # finished ones too: 32 s of about 4,000 calls a second; 500 MB

_BRANCH = b"branch=" + COOKIE
_BRANCH_AT = len(b"branch=")


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLimits:
    """Bounds per address and per source; the defaults are those of `[limits]`."""

    packets_per_second: int = 5000  # new requests from one address of a source
    stranger_packets_per_second: int = 50  # all packets from one address of nobody's
    transactions_per_source: int = 10_000  # requests without a final response
    transactions: int = MOST_TRANSACTIONS


class PacketGuard:
    """Says of each packet, before it is read, whether it ends here."""

    def __init__(
        self,
        *,
        sources: SourceTable,
        upstream_sender: UpstreamSender,
        strangers: StrangerTable,
        table: TransactionTable,
        restored: RestoredInvites,
        overload: Overload,
        refusals: StatelessRefusals,
        may_shed: Callable[[bytes], bool],
        has_logged_in: Callable[[str], bool],
        clock: Clock,
        limits: Limits,
        guard_limits: GuardLimits,
        counts: Counter[str],
    ) -> None:
        self._sources = sources
        self._takes_anybody = sources.takes_anybody
        self._upstream_sender = upstream_sender
        self._strangers = strangers
        self._table = table
        self._restored = restored
        self._overload = overload
        self._refusals = refusals
        self._may_shed = may_shed
        self._has_logged_in = has_logged_in
        self._clock = clock
        self._limits = limits
        self._most_open = guard_limits.transactions_per_source
        self._most_kept = guard_limits.transactions
        self._buckets = TokenBuckets(guard_limits.packets_per_second, most=MOST_BUCKETS)
        self._stranger_buckets = TokenBuckets(
            guard_limits.stranger_packets_per_second, most=MOST_BUCKETS
        )
        self._counts = counts

    def stops(self, raw: bytes, flow: Flow, now: float) -> bool:
        """Whether this packet has been turned away; then nothing more is to be done about it."""
        source = self._sources.find_flow(flow)
        if raw[:1] in (b"\r", b"\n"):
            raw = raw.lstrip(b"\r\n")  # RFC 3261 §7.5
        if source is None and not self._upstream_sender.is_upstream(flow.host):
            return self._stops_stranger(raw, flow, now)
        if (
            self._takes_anybody
            and source is not None
            and source.takes_anybody
            and self._stops_unproven(raw, flow, now)
        ):
            return True
        if raw.startswith(NEVER_SHED):
            return self._stops_untouchable(raw)
        if source is None:
            return False
        is_over = not self._buckets.take(flow.host, now)
        is_full = (
            self._table.open_by_source.get(source.name, 0) >= self._most_open
            or len(self._table) >= self._most_kept
        )
        is_invite = raw.startswith(b"INVITE ")
        is_shed = is_invite and self._overload.refuses(now)
        if not (is_over or is_full or is_shed or (is_invite and self._refusals.remembers(now))):
            return False
        return self._turned_away(
            raw, flow, source, now, is_over=is_over, is_full=is_full, is_shed=is_shed
        )

    def _turned_away(
        self,
        raw: bytes,
        flow: Flow,
        source: Source,
        now: float,
        *,
        is_over: bool,
        is_full: bool,
        is_shed: bool,
    ) -> bool:
        """Whether it really is a new request, and no emergency; then it has its answer."""
        request: Request | None = None
        answer = None
        if not (is_over or is_full):  # so it is an INVITE: nearly all can be answered unread
            answer = answer_plain(
                raw, b"INVITE", STATUS_LINE, flow.host_bytes, flow.port, source.nat, self._limits
            )
        if answer is not None:
            key: ServerKey = (answer[0], answer[1], b"INVITE")
            if not is_shed and not self._refusals.was_refused(key):
                return False
            if not self._may_shed(raw):
                return False
        else:
            if not self._may_shed(raw):
                return False
            try:
                message = parse_message(raw, self._limits)
            except BadMessage:
                if is_over:
                    self._counts["requests_limited"] += 1
                return is_over
            if not isinstance(message, Request) or message.to_tag:
                return False
            request = message
            key = server_key(request, request.method)
        if key in self._table.servers:
            return False
        if is_shed and self._overload.is_late and not flow.reliable:
            # It would cross its repeat; so the queue gets short.
            self._counts["invites_dropped"] += 1
            return True
        if key[-1] == b"INVITE" and self._refusals.was_refused(key):
            self._counts["refusals_repeated"] += 1
        elif is_over and not flow.reliable:
            self._counts["requests_limited"] += 1
            return True  # it comes again, in half a second for the first time
        elif is_over:
            self._counts["requests_limited"] += 1
        elif is_full:
            self._counts["transactions_limited"] += 1
        elif is_shed:
            self._counts["invites_shed"] += 1
        else:
            return False
        if request is not None:
            self._refusals.refuse(request, key, flow, now, force_rport=source.nat)
        elif answer is not None:
            self._refusals.refuse_plain(key, answer[2], answer[3], flow, now)
        return True

    def _stops_untouchable(self, raw: bytes) -> bool:
        """Only the ACK to a refusal ends here, and what no memory is left for."""
        if raw.startswith(b"ACK "):
            return bool(self._refusals) and self._refusals.is_acknowledged_by(raw)
        if len(self._table) < 2 * self._most_kept or raw.startswith(b"SIP/2.0 "):
            return False
        self._counts["transactions_limited"] += 1
        return True

    def _stops_stranger(self, raw: bytes, flow: Flow, now: float) -> bool:
        """A stranger has its few packets looked at; more only if they belong to a call of ours."""
        if self._stranger_buckets.take(flow.host, now) or self._is_expected(raw):
            return False
        self._counts["packets_limited"] += 1
        self._strangers.limited(flow.host, self._clock.time(), flow.transport)
        flow.close("a stranger")
        return True

    def _stops_unproven(self, raw: bytes, flow: Flow, now: float) -> bool:
        """Who came in by `any` has no more than a stranger until a password was right there.

        An emergency call passes, for it holds for every source (design §7).
        """
        if self._has_logged_in(flow.host) or self._upstream_sender.is_upstream(flow.host):
            return False
        if self._stranger_buckets.take(flow.host, now) or self._is_expected(raw):
            return False
        if not raw.startswith(NEVER_SHED) and not self._may_shed(raw):
            return False
        self._counts["packets_limited"] += 1
        self._strangers.limited(flow.host, self._clock.time(), flow.transport)
        return True

    def _is_expected(self, raw: bytes) -> bool:
        """Whether it may belong to a call: a response to our own branch, a request with two tags.

        The far end of a call need not be the carrier that it was set up through.
        """
        if not raw.startswith(b"SIP/2.0 "):
            return raw.lower().count(b"tag") > 1
        at = raw.find(_BRANCH) + _BRANCH_AT
        if raw[at : at + FIRST_PART_LENGTH] in self._table.clients:
            return True
        return bool(self._restored)  # whose it is takes more looking then
