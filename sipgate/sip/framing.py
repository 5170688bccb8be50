"""Messages out of a stream: RFC 3261 §18.3, with RFC 5626's keep-alive between them."""

import re
from enum import Enum

from .bad_message import BadMessage
from .grammar import read_number
from .message import Limits, read_answerable

_CONTENT_LENGTH = re.compile(
    rb"\r\n(?:content-length|l)[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)", re.IGNORECASE
)


class Ping(Enum):
    """A keep-alive of the peer's, in its place between the messages."""

    PING = b"\r\n\r\n"  # RFC 5626 §4.4.1: a CRLF goes back


class StreamFramer:
    """Cuts the bytes of one connection into messages.

    It holds at most one message and what was fed last, and looks at each byte once.
    """

    def __init__(self, limits: Limits) -> None:
        self.broken: BadMessage | None = None  # set: nothing more can be read, close
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0  # no end of the headers before here
        self._needed: int | None = None  # the message's length, once its headers are here

    @property
    def holds_part(self) -> bool:
        """Whether a message has begun and not ended; half a keep-alive is none."""
        buffer = self._buffer
        return len(buffer) > 3 or bool(buffer.strip(b"\r\n"))

    def feed(self, data: bytes) -> list[bytes | Ping]:
        """Take what came, give what is complete; raises BadMessage when all hope is lost.

        What was complete before the error is returned first: then `broken` is set at once and the
        next call raises. No message is lost whatever the reads were.
        """
        if self.broken is not None:
            raise self.broken
        self._buffer += data
        complete: list[bytes | Ping] = []
        try:
            start = self._cut(complete)
        except BadMessage as error:
            self.broken = error
            self._buffer.clear()
            if not complete:
                raise
            return complete
        del self._buffer[:start]
        return complete

    def _cut(self, complete: list[bytes | Ping]) -> int:
        """Move whole messages to `complete`; where in the buffer the next one starts."""
        buffer = self._buffer
        start = 0
        while True:
            if self._needed is None:
                if not self._searched:
                    start = self._skip_line_ends(start, complete)
                self._find_end_of_headers(start)
            if self._needed is None or len(buffer) - start < self._needed:
                return start
            end = start + self._needed
            complete.append(bytes(memoryview(buffer)[start:end]))
            start = end
            self._needed = None
            self._searched = 0

    def _skip_line_ends(self, start: int, complete: list[bytes | Ping]) -> int:
        buffer = self._buffer
        while buffer.startswith(b"\r\n", start):
            if buffer.startswith(b"\r\n\r\n", start):
                complete.append(Ping.PING)
                start += 4
            elif len(buffer) - start < 4 and b"\r\n\r\n".startswith(buffer[start:]):
                break  # half a ping, or a pong
            else:
                start += 2  # RFC 3261 §7.5
        return start

    def _find_end_of_headers(self, start: int) -> None:
        """Set `_needed`, or note how far the search has come. Positions count from `start`."""
        buffer = self._buffer
        limit = self._limits.max_message_bytes
        end = buffer.find(b"\r\n\r\n", start + self._searched)
        if end < 0:
            if len(buffer) - start > limit:
                raise self._too_large(start)
            self._searched = max(0, len(buffer) - start - 3)
            return
        head = bytes(memoryview(buffer)[start : end + 4])
        lengths = _CONTENT_LENGTH.findall(head)
        length = read_number(lengths[0].strip(), 2**31) if len(lengths) == 1 else None
        if length is None:
            answerable = read_answerable(head, self._limits)
            raise BadMessage(400, "a stream without one content-length", answerable)
        self._needed = len(head) + length
        if self._needed > limit:
            raise self._too_large(start)

    def _too_large(self, start: int) -> BadMessage:
        limit = self._limits.max_message_bytes
        head = bytes(memoryview(self._buffer)[start : start + limit])
        return BadMessage(513, f"more than {limit} bytes", read_answerable(head, self._limits))
