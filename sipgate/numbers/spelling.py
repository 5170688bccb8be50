"""What is left of a dialled text when everything is gone that never rings a bell.

Separators, escapes, parameters, other scripts' digits and look-alikes of `+`, `*` and `#` are
ways to spell the same number; the reader of numbers sees only one of them.
"""

import re
import unicodedata
from typing import NamedTuple

_SCHEME = re.compile(r"\s*(?:tel|sips?|callto):", re.IGNORECASE)
_ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
_END = re.compile(r"[;,?@:]")  # parameters, pauses, headers, host, password
_CONTEXT = re.compile(r";\s*phone-context\s*=\s*(\+[^;]*)", re.IGNORECASE)
_SIMPLE = re.compile(r"[0-9a-z+*#]*")
_MAX_UNESCAPES = 3
MAX_KEY_LENGTH = 64  # of what can't be read; longer ones that begin alike count as the same


class Spelling(NamedTuple):
    """The dialled characters: digits, `+`, `*`, `#`, and letters in lower case."""

    dialled: str
    context: str | None  # RFC 3966 phone-context, if it is a global one: "+1305"


def clean(text: str) -> Spelling:
    """The dialled characters of a user part or telephone number."""
    if _SIMPLE.fullmatch(text):
        return Spelling(text, None)
    text = normalise(text)
    text = _SCHEME.sub("", text, count=1)
    context = None
    if ";" in text:
        match = _CONTEXT.search(text)
        if match is not None:
            context = "".join(_dialled(match[1]))
    end = _END.search(text)
    if end is not None and end.start() > 0:
        text = text[: end.start()]
    return Spelling("".join(_dialled(text)), context)


def normalise(text: str) -> str:
    """Left-over escapes decoded, and one form for each character in lower case."""
    for _ in range(_MAX_UNESCAPES):
        if _ESCAPED.search(text) is None:
            break
        text = _ESCAPED.sub(lambda match: chr(int(match[0][1:], 16)), text)
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _dialled(text: str) -> list[str]:
    kept = []
    for character in text:
        if character.isdecimal():
            kept.append(str(unicodedata.decimal(character)))
        elif character.isalnum() or character in "+*#":
            kept.append(character)
    return kept
