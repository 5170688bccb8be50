"""Digest authentication: challenges, credentials and their check. RFC 3261 §22, RFC 7616, RFC 8760.

Pure: nonces are handed in, passwords are known by their hash (H(user:realm:password)) only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from hmac import compare_digest
from typing import Final

from .bad_message import BadMessage
from .grammar import is_token, split_values

# RFC 8760 §2.3, strongest first: the order in which they are offered.
ALGORITHMS: Final = {"SHA-512-256": "sha512_256", "SHA-256": "sha256", "MD5": "md5"}
DEFAULT_ALGORITHM: Final = "MD5"  # RFC 8760 §2.6: where the client names none
MAX_VALUE_BYTES: Final = 512  # of one parameter; nobody has a longer one
_MANDATORY = ("username", "realm", "nonce", "uri", "response")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an Authorization or Proxy-Authorization header says, quotes and escapes removed."""

    username: str
    realm: str
    nonce: str
    uri: bytes
    response: str
    algorithm: str  # as in ALGORITHMS where we know it
    qop: str  # "" for a client of before RFC 2617
    cnonce: str
    nonce_count: int  # 0 without qop
    nonce_count_text: str  # as it goes into the hash


def parse_credentials(value: bytes) -> Credentials | None:
    """Read one header value; None for another scheme than Digest. Raises BadMessage(400)."""
    # A fold or a tab will do for the space too (RFC 3261 §25.1, LWS).
    scheme, *rest = value.split(None, 1) or (b"",)
    if scheme.lower() != b"digest":
        return None
    params: dict[str, str] = {}
    for part in split_values(rest[0] if rest else b""):
        name, equal, raw = part.partition(b"=")
        name = name.strip().lower()
        if not equal or not is_token(name) or len(raw) > MAX_VALUE_BYTES:
            raise BadMessage(400, "credentials that can't be read")
        if name.decode() in params:
            raise BadMessage(400, f"credentials with {name.decode()} twice")
        params[name.decode()] = _unquoted(raw.strip())
    missing = [name for name in _MANDATORY if not params.get(name)]
    if missing:
        raise BadMessage(400, f"credentials without {missing[0]}")
    qop = params.get("qop", "").lower()
    count_text = params.get("nc", "")
    if qop and (not params.get("cnonce") or not _is_count(count_text)):
        raise BadMessage(400, "credentials with qop and without cnonce or nc")
    algorithm = params.get("algorithm", DEFAULT_ALGORITHM)
    return Credentials(
        username=params["username"],
        realm=params["realm"],
        nonce=params["nonce"],
        uri=params["uri"].encode("utf-8", "surrogateescape"),
        response=params["response"].lower(),
        algorithm=algorithm.upper(),
        qop=qop,
        cnonce=params.get("cnonce", ""),
        nonce_count=int(count_text, 16) if qop else 0,
        nonce_count_text=count_text,
    )


def challenge(realm: str, nonce: str, algorithm: str, *, stale: bool = False) -> bytes:
    """The value of a Proxy-Authenticate or WWW-Authenticate header."""
    quoted = realm.replace("\\", "\\\\").replace('"', '\\"')
    text = f'Digest realm="{quoted}", nonce="{nonce}", algorithm={algorithm}, qop="auth"'
    if stale:
        text += ", stale=true"
    return text.encode()


def secret_hash(algorithm: str, user: str, realm: str, password: str) -> str:
    """What stands for a password at rest: RFC 7616 §3.4.2, A1, as hex."""
    return _hash(algorithm, f"{user}:{realm}:{password}".encode())


def is_right(credentials: Credentials, secret: str, method: bytes) -> bool:
    """Whether the response proves the secret; takes the same time for every wrong one.

    `secret` is that of the credentials' own algorithm. qop=auth-int is not offered and not taken.
    """
    algorithm = credentials.algorithm
    if algorithm not in ALGORITHMS or credentials.qop not in ("", "auth"):
        return False
    asked = _hash(algorithm, method + b":" + credentials.uri)
    middle = credentials.nonce
    if credentials.qop:
        middle += f":{credentials.nonce_count_text}:{credentials.cnonce}:{credentials.qop}"
    expected = _hash(algorithm, f"{secret}:{middle}:{asked}".encode("utf-8", "surrogateescape"))
    return compare_digest(expected.encode(), credentials.response.encode("utf-8", "replace"))


def _hash(algorithm: str, text: bytes) -> str:
    return hashlib.new(ALGORITHMS[algorithm], text, usedforsecurity=False).hexdigest()


def _is_count(text: str) -> bool:
    return len(text) == 8 and all(digit in "0123456789abcdefABCDEF" for digit in text)


def _unquoted(raw: bytes) -> str:
    if len(raw) > 1 and raw[:1] == b'"' and raw[-1:] == b'"':
        inner, text, escaped = raw[1:-1], bytearray(), False
        for byte in inner:
            if byte == 0x5C and not escaped:
                escaped = True
                continue
            text.append(byte)
            escaped = False
        raw = bytes(text)
    elif b'"' in raw:
        raise BadMessage(400, "credentials with a lonely quote")
    return raw.decode("utf-8", "surrogateescape")
