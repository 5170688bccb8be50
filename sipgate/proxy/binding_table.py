"""Which phone is where: what upstream has confirmed of the registrations that went through.

The table says down which flow a request to a phone goes. It is bounded, its rows expire, and it
remembers which of them the store doesn't have yet.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import TypeVar

from sipgate.net import Flow

FLOW_FAILED = 430  # what a request to a phone gets whose flow has ended: RFC 5626 §5.3.1
MOST_BINDINGS = 50_000  # about 1 kB each; the one refreshed longest ago goes
MOST_PER_AOR = 32  # so that nobody pushes others out by registering himself often
EXPIRED_AT_ONCE = 1000  # rows that one look takes out, so that it stays below a millisecond
OVERTAKING_SECONDS = 32.0  # 64 × T1: no answer to a REGISTER is older

FlowKey = tuple[str, str]  # names of listener and flow: what a NAT has a hole for
Key = TypeVar("Key")


@dataclass(slots=True, eq=False, kw_only=True)
class Binding:
    """One contact of one phone, as upstream has confirmed it; refreshes change it in place."""

    token: bytes
    aor: bytes  # `4711@pbx.example.com`, from To
    contact: bytes  # the URI that the phone registered: Request-URI of what goes to it
    source: str  # names of the phone's [[source]] and its upstream
    upstream: str
    by_path: bool  # upstream knows the phone's own Contact, and sends by our Path
    flow: Flow | None  # None: a connection of before the restart
    flow_key: FlowKey
    is_natted: bool  # its Contact is not where its packets come from
    user_agent: bytes | None
    registered_time: float  # calendar seconds: when it came first,
    refreshed_time: float  # and last
    expires_at: float  # clock seconds
    call_id: bytes = b""  # of the REGISTER that moved it last
    cseq: int = 0

    @property
    def open_flow(self) -> Flow | None:
        """Where requests to the phone go; None: nowhere, until it registers again."""
        flow = self.flow
        return flow if flow is not None and flow.is_open else None


class BindingTable:
    """All bindings, found by token, by address of record and by flow."""

    def __init__(self, most: int = MOST_BINDINGS) -> None:
        self._most = most
        self._bindings: OrderedDict[bytes, Binding] = OrderedDict()  # refreshed longest ago first
        self._tokens_by_aor: dict[tuple[str, bytes], dict[bytes, None]] = {}
        self._tokens_by_flow: dict[FlowKey, dict[bytes, None]] = {}
        self._expiring: list[tuple[float, bytes]] = []  # a heap; no row is in it twice
        self._in_heap: set[bytes] = set()
        self._changed: OrderedDict[bytes, None] = OrderedDict()
        self.has_news = False  # the store lacks a phone, or where it is; else only its expiry
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._bindings)

    def __iter__(self) -> Iterator[Binding]:
        """All that nobody has taken out yet, expired ones too; refreshed longest ago first."""
        yield from self._bindings.values()

    def find(self, token: bytes, now: float) -> Binding | None:
        """The binding of a token; None when there is none (any more)."""
        binding = self._bindings.get(token)
        return binding if binding is not None and binding.expires_at > now else None

    def on_flow(self, key: FlowKey, now: float) -> Binding | None:
        """One of the bindings that were registered on a flow."""
        for token in self._tokens_by_flow.get(key, ()):
            binding = self.find(token, now)
            if binding is not None:
                return binding
        return None

    def bind(self, new: Binding) -> Binding:
        """Put a confirmed binding in, or refresh the one that its token has; gives that."""
        old = self._bindings.get(new.token)
        if old is None:
            self._make_room(new)
            self._put_in(new)
            return new
        if (
            old.call_id == new.call_id
            and old.cseq > new.cseq
            and new.refreshed_time - old.refreshed_time < OVERTAKING_SECONDS
        ):
            return old  # its 200 has overtaken this one
        if old.flow_key != new.flow_key:
            _drop(self._tokens_by_flow, old.flow_key, old.token)
            self._tokens_by_flow.setdefault(new.flow_key, {})[new.token] = None
            self.has_news = True
        if old.contact != new.contact:
            self.has_news = True
        old.contact = new.contact
        old.source = new.source
        old.by_path = new.by_path
        old.flow, old.flow_key, old.is_natted = new.flow, new.flow_key, new.is_natted
        old.user_agent = new.user_agent
        old.refreshed_time = new.refreshed_time
        old.expires_at = new.expires_at
        old.call_id, old.cseq = new.call_id, new.cseq
        self._bindings.move_to_end(old.token)
        self._note(old.token)
        return old

    def restore(self, binding: Binding) -> None:
        """Put in what the store has."""
        had_news = self.has_news
        self._put_in(binding)
        self._changed.pop(binding.token, None)
        self.has_news = had_news

    def remove(self, token: bytes) -> None:
        """Forget a binding; once more does no harm."""
        if token in self._bindings:
            self._take_out(token)

    def remove_all(self, upstream: str, aor: bytes) -> None:
        """Forget all bindings of an address of record."""
        for token in tuple(self._tokens_by_aor.get((upstream, aor), ())):
            self._take_out(token)

    def expire(self, now: float) -> None:
        """Take out what has expired; a long list takes several calls."""
        expiring = self._expiring
        for _ in range(EXPIRED_AT_ONCE):
            if not expiring or expiring[0][0] > now:
                return
            _, token = heappop(expiring)
            self._in_heap.discard(token)
            binding = self._bindings.get(token)
            if binding is None:
                continue
            if binding.expires_at <= now:
                self._take_out(token)
            else:
                self._watch(binding)

    def changes(self) -> list[tuple[bytes, Binding | None]]:
        """What the store doesn't have yet, None for what it should forget; asked again: nothing."""
        changed, self._changed = self._changed, OrderedDict()
        self.has_news = False
        return [(token, self._bindings.get(token)) for token in changed]

    def unwritten(self, tokens: list[bytes]) -> None:
        """The store could not take these changes: they are due again."""
        for token in tokens:
            self._note(token)
        self.has_news = True

    def _make_room(self, new: Binding) -> None:
        """Forget the one refreshed longest ago: of the same address of record, else of all."""
        alike = self._tokens_by_aor.get((new.upstream, new.aor), {})
        if len(alike) >= MOST_PER_AOR:
            oldest = min(alike, key=lambda token: self._bindings[token].refreshed_time)
        elif len(self._bindings) >= self._most:
            oldest = next(iter(self._bindings))
        else:
            return
        self._take_out(oldest)
        self.evicted += 1

    def _put_in(self, binding: Binding) -> None:
        token = binding.token
        self._bindings[token] = binding
        self._tokens_by_aor.setdefault((binding.upstream, binding.aor), {})[token] = None
        self._tokens_by_flow.setdefault(binding.flow_key, {})[token] = None
        self._note(token)
        self.has_news = True
        self._watch(binding)

    def _watch(self, binding: Binding) -> None:
        if binding.token in self._in_heap:
            return
        if len(self._expiring) >= 2 * self._most:  # most of it is of rows that are gone
            self._expiring = [(one.expires_at, one.token) for one in self._bindings.values()]
            heapify(self._expiring)
            self._in_heap = set(self._bindings)
            return
        self._in_heap.add(binding.token)
        heappush(self._expiring, (binding.expires_at, binding.token))

    def _note(self, token: bytes) -> None:
        if len(self._changed) >= 2 * self._most:  # the store is down for long
            self._changed.popitem(last=False)
        self._changed[token] = None

    def _take_out(self, token: bytes) -> None:
        binding = self._bindings.pop(token)
        _drop(self._tokens_by_aor, (binding.upstream, binding.aor), token)
        _drop(self._tokens_by_flow, binding.flow_key, token)
        self._note(token)
        self.has_news = True


def _drop(index: dict[Key, dict[bytes, None]], key: Key, token: bytes) -> None:
    tokens = index.get(key)
    if tokens is not None:
        tokens.pop(token, None)
        if not tokens:
            del index[key]
