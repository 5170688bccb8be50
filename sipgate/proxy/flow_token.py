"""The token that stands for a phone's registration in the Contact or Path that upstream sees.

A keyed hash of what stays the same over refreshes, reconnects and restarts, so that upstream has
one binding per phone, however often the phone's own address changes (design §6, Phones behind the
gate). The second part proves that the first is ours (RFC 5626 §5.2): who makes a token up learns
nothing, and a gate that has forgotten a registration still knows its own token.
"""

from hashlib import blake2b

MARK = b"r"  # no other token of ours begins with it, or has this length
NAME_BYTES = 8
PROOF_BYTES = 4
TOKEN_LENGTH = len(MARK) + 2 * (NAME_BYTES + PROOF_BYTES)
CALLER_PHONE, CALLEE_PHONE = b"-", b"."  # between a dialog's token and that of its phone


class FlowTokens:
    """Makes and checks registration tokens under one secret key (16 to 64 bytes)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, upstream: str, aor: bytes, contact: bytes) -> bytes:
        """The token of one contact of one address of record at one upstream.

        `contact` is the phone's Contact URI, or what outlives that (`registration.py`).
        """
        text = b"\n".join((upstream.encode(), aor, contact))
        name = blake2b(text, digest_size=NAME_BYTES, key=self._key, person=b"registration")
        marked = MARK + name.hexdigest().encode()
        return marked + self._proof(marked)

    def is_ours(self, token: bytes) -> bool:
        """True when this gate, or one with its key, made the token."""
        if not has_token_shape(token):
            return False
        marked = token[: -2 * PROOF_BYTES]
        return token[len(marked) :] == self._proof(marked)

    def _proof(self, marked: bytes) -> bytes:
        digest = blake2b(marked, digest_size=PROOF_BYTES, key=self._key, person=b"flow-token")
        return digest.hexdigest().encode()


def has_token_shape(user: bytes) -> bool:
    """Whether this may be a registration token; quick, so that nothing else is looked up."""
    return len(user) == TOKEN_LENGTH and user[:1] == MARK


def split_dialog_token(user: bytes) -> tuple[bytes, bytes, bytes]:
    """The user part of our Record-Route as the dialog's token, the caller's phone, the callee's.

    A phone is a registration token, b"" where that side is none of ours (RFC 5626 §5.3).
    """
    phone = user[-TOKEN_LENGTH:]
    mark = user[-TOKEN_LENGTH - 1 : -TOKEN_LENGTH]
    if not has_token_shape(phone) or mark not in (CALLER_PHONE, CALLEE_PHONE):
        return user, b"", b""
    token = user[: -TOKEN_LENGTH - 1]
    return (token, phone, b"") if mark == CALLER_PHONE else (token, b"", phone)
