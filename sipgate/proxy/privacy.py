"""What a caller asks to be kept from others: Privacy, RFC 3323 §4.2."""

from typing import Final

from sipgate.sip import Request, Response

NOTHING: Final[tuple[bytes, ...]] = ()


def privacy_of(message: Request | Response) -> tuple[bytes, ...]:
    """The values of Privacy in lower case, such as `id`; nearly always none.

    Of a header that stands there twice, or is written as a list, all count: who reads it behind us
    may take either.
    """
    indexes = message.indexes(b"privacy")
    if not indexes:
        return NOTHING
    written = b";".join([message.lines[index].partition(b":")[2] for index in indexes])
    return tuple([value.strip() for value in written.lower().replace(b",", b";").split(b";")])
