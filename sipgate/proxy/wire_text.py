"""Bytes from the wire as text for the ledger and the gate."""


def text_of(raw: bytes) -> str:
    """UTF-8 where it is that; other bytes are shown as `\\xNN`, so that nothing gets lost."""
    return raw.decode("utf-8", "backslashreplace")
