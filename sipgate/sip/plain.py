"""The fast way to read or refuse a message in its plain form, where the C part of it was built.

Without it, and with SIPGATE_PURE=1 in the environment, all of it is done in Python.
"""

import os
from typing import TYPE_CHECKING, Protocol

from .grammar import HOST, IPV6, KEYS, TOKEN, URI, VISIBLE, WORD

if TYPE_CHECKING:
    from .message import Request, Response

_SETS = (TOKEN, URI, WORD, HOST, IPV6, VISIBLE)


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


class PlainAnswerer(Protocol):
    """Answers a plain request of this method without making an object of it; else None.

    Gives its branch and sent-by, which name its transaction (RFC 3261 §17.2.3), and the answer in
    two parts: from the status line to To, for a tag to be added, with Via stamped as RFC 3581 asks;
    and from To's line end to that of CSeq, for headers to be added.

    As `PlainReader` it leaves to Python whatever is not usual: requests with a To tag or without
    the branch of RFC 3261, and those whose answer may not go back to `host` and `port`, from where
    they came.
    """

    def __call__(
        self,
        raw: bytes,
        method: bytes,
        status_line: bytes,
        host: bytes,
        port: int,
        force_rport: bool,
        max_message_bytes: int,
        max_headers: int,
        max_header_bytes: int,
        max_vias: int,
        /,
    ) -> tuple[bytes, bytes, bytes, bytes] | None: ...


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


def answer_nothing(
    raw: bytes,
    method: bytes,
    status_line: bytes,
    host: bytes,
    port: int,
    force_rport: bool,
    max_message_bytes: int,
    max_headers: int,
    max_header_bytes: int,
    max_vias: int,
    /,
) -> tuple[bytes, bytes, bytes, bytes] | None:
    """The answerer that finds no request plain."""
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
    return build_reader(request_class, response_class, via_class, KEYS, _SETS)


def choose_plain_answerer() -> PlainAnswerer:
    """The C part's answerer, or the one that answers nothing."""
    if os.environ.get("SIPGATE_PURE") == "1":
        return answer_nothing
    return build_plain_answerer()


def build_plain_answerer() -> PlainAnswerer:
    """An answerer in C, where that was built."""
    try:
        from ._plain import build_answerer
    except ImportError:  # or it was built of an older source
        return answer_nothing
    return build_answerer(KEYS, _SETS)
