"""The signed card that a 608 points to: whom to turn to, as RFC 8688 §3.2 asks.

The card is a jCard (RFC 7095) in a JWS (RFC 7515, ES256). There is nothing of the call in it, so it
is one file, which the operator's web server gives out; it is signed anew in each second in which
the gate refuses with 608, because a caller takes no card that is older than about a minute.
"""

import json
import os
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
)
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from sipgate.clock import Clock
from sipgate.config import ConfigError, Problem
from sipgate.config import Redress as RedressSettings
from sipgate.gate import Redress

COORDINATE_BYTES = 32  # of each of the two numbers in an ES256 signature: RFC 7518 §3.4

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CardSigner:
    """Makes the JWS of a contact. `certificate_url` is where the key's certificate is."""

    key: EllipticCurvePrivateKey
    certificate_url: str

    def sign(self, redress: Redress, issued: int) -> bytes:
        """The card in compact form; `issued` is calendar seconds."""
        header = {"alg": "ES256", "typ": "vcard+json", "x5u": self.certificate_url}
        payload = {"iat": issued, "jcard": jcard(redress)}
        signed = b"%b.%b" % (_part(header), _part(payload))
        r, s = decode_dss_signature(self.key.sign(signed, ECDSA(SHA256())))
        raw = r.to_bytes(COORDINATE_BYTES) + s.to_bytes(COORDINATE_BYTES)
        return b"%b.%b" % (signed, _base64url(raw))


def jcard(redress: Redress) -> list[object]:
    """A contact as a jCard; without a name it is called by its first contact."""
    name = redress.name or redress.url or redress.tel or redress.email
    properties: list[list[object]] = [["version", {}, "text", "4.0"], ["fn", {}, "text", name]]
    if redress.url is not None:
        properties.append(["url", {}, "uri", redress.url])
    if redress.tel is not None:
        properties.append(["tel", {"type": "work"}, "uri", f"tel:{redress.tel}"])
    if redress.email is not None:
        properties.append(["email", {"type": "work"}, "text", redress.email])
    return ["vcard", properties]


def read_signer(settings: RedressSettings) -> CardSigner:
    """Raises ConfigError for a key that can't sign."""
    path = settings.key_file
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(path) from error
    if not isinstance(key, EllipticCurvePrivateKey) or not isinstance(key.curve, SECP256R1):
        raise _no_key(path)
    return CardSigner(key, settings.certificate_url)


class SignedCard:
    """Keeps the file fresh, and says where it is. `contact` is the policy's, None: it has none."""

    def __init__(
        self,
        settings: RedressSettings,
        signer: CardSigner,
        contact: Callable[[], Redress | None],
        clock: Clock,
        counts: Counter[str],
    ) -> None:
        self._path = settings.card_file
        self._call_info = b"<%b>;purpose=jwscard" % settings.card_url.encode()
        self._signer = signer
        self._contact = contact
        self._clock = clock
        self._counts = counts
        self._written: tuple[Redress, int] | None = None

    def call_info(self) -> bytes | None:
        """The Call-Info of a 608 that leaves now; None when there is no card to show."""
        redress, issued = self._contact(), int(self._clock.time())
        if redress is None:
            return None
        if self._written != (redress, issued):
            try:
                self._write(self._signer.sign(redress, issued))
            except OSError as error:
                if not self._counts["redress_card_failed"]:
                    log.warning("redress_card_failed", path=str(self._path), error=str(error))
                self._counts["redress_card_failed"] += 1
                return None
            self._written = (redress, issued)
        return self._call_info

    def _write(self, card: bytes) -> None:
        """By rename, so that nobody is given half of it; a crash loses nothing that matters."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f"{self._path.name}.new")
        draft.write_bytes(card)
        os.replace(draft, self._path)


def _part(value: object) -> bytes:
    return _base64url(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def _base64url(raw: bytes) -> bytes:
    return urlsafe_b64encode(raw).rstrip(b"=")


def _no_key(path: Path) -> ConfigError:
    text = "is no EC key on P-256 in PEM without a password"
    return ConfigError([Problem(str(path), None, None, text)])
