"""Changing a message on its way through, so that nothing but what is named changes."""

from .grammar import first_comma
from .message import Message

EMPTY = b" \t\r\n,"  # what may stand between two values of a comma list


class Splice:
    """A list of edits to one message; the message itself stays as it is.

    Indexes are those of `message.lines` throughout, whatever has been edited before.
    """

    __slots__ = ("_appended", "_body", "_inserted", "_lines", "_message", "_removes")

    def __init__(self, message: Message) -> None:
        self._message = message
        self._lines: list[bytes | None] = [*message.lines]  # None: removed
        self._removes = False
        self._inserted: dict[int, bytes] = {}  # what comes before a line, perhaps several lines
        self._appended: list[bytes] = []
        self._body = message.body

    def start_line(self, line: bytes) -> None:
        """Put another start line there."""
        self._lines[0] = line

    def replace(self, index: int, line: bytes) -> None:
        """Put another header line where this one is, or was."""
        self._lines[index] = line

    def remove(self, index: int) -> None:
        """Take a header line out."""
        self._lines[index] = None
        self._removes = True

    def before(self, index: int, line: bytes) -> None:
        """Put a header line before this one; several come in the order of the calls."""
        inserted = self._inserted
        inserted[index] = inserted[index] + b"\r\n" + line if index in inserted else line

    def append(self, line: bytes) -> None:
        """Put a header line behind all others."""
        self._appended.append(line)

    def drop_first_value(self, name: bytes) -> None:
        """Take out the first value of a comma list; the others in its line stay byte for byte.

        Once more takes out the next. Without such a header nothing happens.
        """
        for index in self._message.indexes(name):
            line = self._lines[index]
            if line is None:
                continue
            field, colon, values = line.partition(b":")
            start, comma = 0, first_comma(values)
            while comma >= 0 and not values[start:comma].strip():
                start = comma + 1  # an empty element is no value
                comma = first_comma(values, start)
            if comma < 0 and not values[start:].strip():
                continue
            rest = values[comma + 1 :].lstrip(EMPTY) if comma >= 0 else b""
            if rest:
                space = values[: len(values) - len(values.lstrip(b" \t"))]
                self._lines[index] = field + colon + space + rest
            else:
                self.remove(index)
            return

    def body(self, body: bytes) -> None:
        """Put another body there and say its length; Content-Type is the caller's."""
        line = b"Content-Length: %d" % len(body)
        index = self._message.index(b"content-length")
        if index is None:
            self._appended.append(line)
        else:
            self._lines[index] = line
        self._body = body

    def to_bytes(self) -> bytes:
        """The message with all edits made; without any, as it was received."""
        lines = self._lines
        if self._inserted:
            lines = lines.copy()
            for index, line in self._inserted.items():
                old = lines[index]
                lines[index] = line if old is None else b"%b\r\n%b" % (line, old)
        kept: list[bytes]
        if self._removes:
            kept = [line for line in lines if line is not None]
        else:
            kept = lines  # type: ignore[assignment]  # no None in it: nothing was removed
        if self._appended:
            kept = kept + self._appended
        return b"%b\r\n\r\n%b" % (b"\r\n".join(kept), self._body)
