"""What goes out for a number: what was dialled, unless its source says otherwise (design §7)."""

from urllib.parse import quote

from sipgate.numbers import Callee
from sipgate.sip import Uri

from .source import Source

DIALLED = b"0123456789+*#"  # what a plain number is made of
_UNESCAPED = "+-_.!~*'()&=$,/"  # RFC 3261 §25.1: unreserved and user-unreserved without ; and ?
_LOCAL_PARAMETERS = (b"phone-context", b"ext", b"isub", b"postd")  # of the number as dialled


def outgoing_user(uri: Uri, callee: Callee, source: Source) -> bytes | None:
    """The Request-URI with the number that goes out; None when it stays byte for byte.

    A number is first turned into E.164, then stripped, then prefixed, each where the source says
    so. An emergency number goes out bare, for the upstream knows no outside line; what is short
    or can't be read is left alone. What is dialled beside an emergency number (`911,12025550199`)
    never goes out, whatever the source says: such a call is not decided, and the upstream might
    ring the other number.
    """
    is_dressed_up = (
        callee.kind == "emergency"
        and uri.user is not None
        and bool(uri.user.translate(None, DIALLED))
    )
    if not (source.e164 or source.strip or source.prefix or is_dressed_up):
        return None
    if uri.user is None or callee.kind not in ("number", "emergency"):
        return None
    number = callee.key
    if callee.kind == "number":
        if not source.e164:
            number = callee.spelled.partition(";")[0]
        number = source.prefix + number[source.strip :]
    user = quote(number, safe=_UNESCAPED).encode()
    place = uri.raw.index(b":") + 1
    dialled = uri.user
    end = place + len(dialled)
    if uri.raw[place:end] != dialled or not user:
        return None
    if uri.scheme == b"tel":
        user += b"".join(
            b";" + parameter
            for parameter in uri.raw[end:].split(b";")[1:]
            if parameter.partition(b"=")[0].lower() not in _LOCAL_PARAMETERS
        )
        end = len(uri.raw)
    changed = uri.raw[:place] + user + uri.raw[end:]
    return None if changed == uri.raw else changed
