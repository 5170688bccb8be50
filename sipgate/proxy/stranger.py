"""Who sends SIP and is no source: collected here, written away every few seconds.

The store adds up what is handed over and keeps the most recent; the lines of configuration that
would admit somebody are the command's (`sipgate strangers`).
"""

from collections import OrderedDict

from sipgate.store import Stranger

from .wire_text import text_of

MOST = 10_000  # rows; the least recent go, so that a flood can't fill the memory
TOO_MANY = "more packets than stranger-packets-per-second"
KEPT_TEXT = 200  # characters of a method or user agent


class StrangerTable:
    """What strangers did since the rows were last taken. Costs about 1 µs a packet."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._rows: OrderedDict[tuple[str, str], _Row] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rows)

    def knocked(
        self,
        host: str,
        method: bytes,
        user_agent: bytes | None,
        reason: str,
        time: float,
        transport: str = "",
    ) -> None:
        """A packet came; `reason` says why nothing matched, `time` is calendar seconds."""
        key = (host, transport)
        row = self._rows.get(key)
        if row is None:
            if len(self._rows) >= self._most:
                self._rows.popitem(last=False)
            row = self._rows[key] = _Row(time)
        else:
            self._rows.move_to_end(key)
        row.packets += 1
        row.last_time = time
        row.method = method
        row.reason = reason
        if user_agent is not None:
            row.user_agent = user_agent

    def limited(self, host: str, time: float, transport: str = "") -> None:
        """One more packet of a stranger's that nobody looked at: only counted."""
        row = self._rows.get((host, transport))
        if row is None:
            self.knocked(host, b"", None, TOO_MANY, time, transport)
        else:
            row.packets += 1
            row.last_time = time

    def due_rows(self) -> list[Stranger]:
        """What came since the last time, the least recent first; the table is empty then."""
        rows, self._rows = self._rows, OrderedDict()
        return [
            Stranger(
                address=host,
                transport=transport,
                first_time=row.first_time,
                last_time=max(row.first_time, row.last_time),
                packets=row.packets,
                reason=row.reason,
                method=text_of(row.method[:KEPT_TEXT]),
                user_agent=None if row.user_agent is None else text_of(row.user_agent[:KEPT_TEXT]),
            )
            for (host, transport), row in rows.items()
        ]


class _Row:
    __slots__ = ("first_time", "last_time", "method", "packets", "reason", "user_agent")

    def __init__(self, time: float) -> None:
        self.first_time = time
        self.last_time = time
        self.packets = 0
        self.method = b""
        self.reason = ""
        self.user_agent: bytes | None = None
