"""The fast way to read a message in its plain form, where the C part of it was built.

Without it, and with SIPGATE_PURE=1 in the environment, all messages are read in Python.
"""

import os
from typing import TYPE_CHECKING, Protocol

from .grammar import HOST, IPV6, KEYS, TOKEN, URI, VISIBLE, WORD

if TYPE_CHECKING:
    from .message import Request, Response


class PlainReader(Protocol):
    """Reads a message if it is plain.

    None says nothing about a message: it may be unusual, too large or wrong, and `parse_message`
    finds out which.
    """

    def __call__(
        self,
        raw: bytes,
        max_message_bytes: int,
        max_headers: int,
        max_header_bytes: int,
        max_vias: int,
        /,
    ) -> "Request | Response | None": ...


def read_nothing(
    raw: bytes,
    max_message_bytes: int,
    max_headers: int,
    max_header_bytes: int,
    max_vias: int,
    /,
) -> "Request | Response | None":
    """The reader that finds no message plain."""
    return None


def choose_plain_reader(request_class: type, response_class: type, via_class: type) -> PlainReader:
    """The C part's reader, or the one that reads nothing; arguments as below."""
    if os.environ.get("SIPGATE_PURE") == "1":
        return read_nothing
    return build_plain_reader(request_class, response_class, via_class)


def build_plain_reader(request_class: type, response_class: type, via_class: type) -> PlainReader:
    """A reader into objects of these classes, which need no arguments to be made."""
    try:
        from ._plain import build_reader
    except ImportError:
        return read_nothing
    sets = (TOKEN, URI, WORD, HOST, IPV6, VISIBLE)
    return build_reader(request_class, response_class, via_class, KEYS, sets)
