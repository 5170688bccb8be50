"""Star and hash codes that carry a number: `*67`, `#31#`, `*72NUMBER`, `**21*NUMBER#`.

What a code does differs from network to network, so every number that it may carry is offered,
and the reader takes the one that reads best. Only where the shape or the code leaves no doubt
where the number begins, a number with digits after its end is good enough.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

# These only hide or show the caller, or stop call waiting: what follows is dialled as it is.
_PLAIN_CALLS = frozenset({"23", "30", "31", "67", "69", "70", "82"})
_NESTED = re.compile(r"\*(6[79]|70|82)(\*(?:6[79]|70|82)\+?\d.*)")  # *67*82NUMBER
_SEPARATED = re.compile(r"[*#]+(\d{2,4})[*#]+(\+?\d.*)")  # GSM: #31#NUMBER, **21*NUMBER*11#
_JOINED = re.compile(r"[*#]+([2-9]\d)(\+?\d.*)")  # North America: *67NUMBER
_JOINED_OTHERWISE = re.compile(r"[*#]+(\d{1,3})(\+?\d.*)")  # PBXs: *123NUMBER, *9NUMBER
_TOKENS = re.compile(r"\+?\d{3,}")


class Carried(NamedTuple):
    """What a code may carry.

    `is_plain_call`: dialling it rings that number now. `is_certain`: the number begins here.
    """

    dialled: str
    is_plain_call: bool
    is_certain: bool


def carried(dialled: str) -> Iterator[Carried]:
    """What may be carried, the likeliest first; nothing where there is no number in it."""
    for shape in (_NESTED, _SEPARATED, _JOINED):
        match = shape.fullmatch(dialled)
        if match is not None:
            yield Carried(match[2].rstrip("#*"), match[1] in _PLAIN_CALLS, True)
    match = _JOINED_OTHERWISE.fullmatch(dialled)
    if match is not None:
        code, rest = match.groups()
        for length in (2, 3, 1):
            if length <= len(code):
                yield Carried((code[length:] + rest).rstrip("#*"), False, False)
    for token in _TOKENS.findall(dialled):
        yield Carried(token, False, False)
