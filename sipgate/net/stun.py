"""The answer to a STUN binding request: RFC 5389, which RFC 5626 §4.4.2 wants on the SIP UDP port.

A phone behind NAT keeps its hole open with them and learns from the answer whether its address has
changed. Neither password nor fingerprint belongs to this use (RFC 5626 §8), so none is checked.
"""

import socket
import struct

BINDING_REQUEST = 0x0001
BINDING_RESPONSE = 0x0101
BINDING_ERROR = 0x0111
MAGIC_COOKIE = 0x2112A442  # RFC 5389 §6
ERROR_CODE, UNKNOWN_ATTRIBUTES, XOR_MAPPED_ADDRESS = 0x0009, 0x000A, 0x0020
IPV4, IPV6 = 1, 2
UNKNOWN_ATTRIBUTE = 420  # RFC 5389 §15.6
UNKNOWN_PHRASE = b"Unknown Attribute"

# Of those that have to be understood (§18.2), what may come with a binding request and needs
# nothing: MAPPED-ADDRESS, USERNAME, MESSAGE-INTEGRITY, ERROR-CODE, UNKNOWN-ATTRIBUTES, REALM,
# NONCE, XOR-MAPPED-ADDRESS.
KNOWN = frozenset((0x0001, 0x0006, 0x0008, 0x0009, 0x000A, 0x0014, 0x0015, 0x0020))
COMPREHENSION_OPTIONAL = 0x8000
MOST_UNKNOWN = 16  # named in an answer, which so stays about as short as its question

_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")


def stun_answer(raw: bytes, host: str, port: int) -> bytes | None:
    """What a binding request from this numeric address gets; None for any other bytes.

    No SIP message begins with a byte below 2, as each such request does.
    """
    if len(raw) < _HEADER.size or raw[0] > 1:
        return None
    kind, length, cookie, transaction = _HEADER.unpack_from(raw)
    if kind != BINDING_REQUEST or cookie != MAGIC_COOKIE or length != len(raw) - _HEADER.size:
        return None
    unknown = _unknown_attributes(raw)
    if unknown is None:
        return None
    if unknown:
        phrase = struct.pack("!HBB", 0, UNKNOWN_ATTRIBUTE // 100, UNKNOWN_ATTRIBUTE % 100)
        attributes = _attribute(ERROR_CODE, phrase + UNKNOWN_PHRASE)
        attributes += _attribute(
            UNKNOWN_ATTRIBUTES, b"".join(kind.to_bytes(2, "big") for kind in unknown)
        )
        kind = BINDING_ERROR
    else:
        attributes = _attribute(XOR_MAPPED_ADDRESS, _xor_address(host, port, transaction))
        kind = BINDING_RESPONSE
    return _HEADER.pack(kind, len(attributes), MAGIC_COOKIE, transaction) + attributes


def _unknown_attributes(raw: bytes) -> list[int] | None:
    """The attributes that would have to be understood (§7.3.1); None when they can't be read."""
    unknown: list[int] = []
    at = _HEADER.size
    while at < len(raw):
        if at + _ATTRIBUTE.size > len(raw):
            return None
        kind, length = _ATTRIBUTE.unpack_from(raw, at)
        at += _ATTRIBUTE.size + (length + 3) // 4 * 4  # §15: padded to four bytes
        is_new = kind < COMPREHENSION_OPTIONAL and kind not in KNOWN and kind not in unknown
        if is_new and len(unknown) < MOST_UNKNOWN:
            unknown.append(kind)
    return unknown if at == len(raw) else None


def _xor_address(host: str, port: int, transaction: bytes) -> bytes:
    """RFC 5389 §15.2: masked, because some NATs rewrite addresses that they find in a packet."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    packed = socket.inet_pton(family, host.partition("%")[0])
    mask = (MAGIC_COOKIE.to_bytes(4, "big") + transaction)[: len(packed)]
    masked = bytes(byte ^ other for byte, other in zip(packed, mask, strict=True))
    number = IPV6 if family == socket.AF_INET6 else IPV4
    return struct.pack("!BBH", 0, number, port ^ MAGIC_COOKIE >> 16) + masked


def _attribute(kind: int, value: bytes) -> bytes:
    return _ATTRIBUTE.pack(kind, len(value)) + value + bytes(-len(value) % 4)
