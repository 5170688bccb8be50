"""The card that a 608 points to, as whoever is refused would check it."""

import json
from base64 import urlsafe_b64decode
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from sipgate.app.redress_card import SignedCard, read_signer
from sipgate.clock import VirtualClock
from sipgate.config import ConfigError
from sipgate.config import Redress as Settings
from sipgate.gate import Redress

URL = "https://redress.example.com/gate-1.jws"
CONTACT = Redress(
    name="Example Calls, Ünïted",
    url="https://redress.example.com/calls",
    tel="+18005550100",
    email="redress@example.com",
)


def pem(key: Any, encryption: Any = None) -> bytes:
    made = encryption or NoEncryption()
    raw: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, made)
    return raw


class Desk:
    """A card in a folder, with the clock that it goes by."""

    def __init__(self, folder: Path) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        (folder / "key.pem").write_bytes(pem(self.key))
        settings = Settings.model_construct(
            card_url=URL,
            card_file=folder / "web" / "gate-1.jws",
            key_file=folder / "key.pem",
            certificate_url="https://redress.example.com/gate-1.pem",
        )
        self.path = settings.card_file
        self.clock = VirtualClock()
        self.contact: Redress | None = CONTACT
        self.counts: Counter[str] = Counter()
        self.card = SignedCard(
            settings, read_signer(settings), lambda: self.contact, self.clock, self.counts
        )

    def read(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Header and payload of a card whose signature is right."""
        signed, _, signature = self.path.read_bytes().rpartition(b".")
        raw = unpadded(signature)
        assert len(raw) == 64
        r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
        self.key.public_key().verify(encode_dss_signature(r, s), signed, ec.ECDSA(SHA256()))
        header, payload = signed.split(b".")
        return json.loads(unpadded(header)), json.loads(unpadded(payload))


def unpadded(text: bytes) -> bytes:
    assert b"=" not in text
    return urlsafe_b64decode(text + b"=" * (-len(text) % 4))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_608_points_to_a_card_that_its_certificate_proves(desk: Desk) -> None:
    assert desk.card.call_info() == b"<%b>;purpose=jwscard" % URL.encode()
    header, payload = desk.read()

    assert header == {
        "alg": "ES256",
        "typ": "vcard+json",
        "x5u": "https://redress.example.com/gate-1.pem",
    }
    assert payload == {
        "iat": int(desk.clock.time()),
        "jcard": [
            "vcard",
            [
                ["version", {}, "text", "4.0"],
                ["fn", {}, "text", "Example Calls, Ünïted"],
                ["url", {}, "uri", "https://redress.example.com/calls"],
                ["tel", {"type": "work"}, "uri", "tel:+18005550100"],
                ["email", {"type": "work"}, "text", "redress@example.com"],
            ],
        ],
    }


def test_a_contact_without_a_name_is_called_by_its_address(desk: Desk) -> None:
    desk.contact = Redress(email="redress@example.com")
    desk.card.call_info()

    assert desk.read()[1]["jcard"][1][1:] == [
        ["fn", {}, "text", "redress@example.com"],
        ["email", {"type": "work"}, "text", "redress@example.com"],
    ]


def test_in_one_second_it_is_signed_once(desk: Desk) -> None:
    desk.card.call_info()
    first = desk.path.read_bytes()
    desk.clock.advance(0.4)
    desk.card.call_info()

    assert desk.path.read_bytes() == first


def test_in_the_next_second_it_says_so(desk: Desk) -> None:
    desk.card.call_info()
    desk.clock.advance(1.0)
    desk.card.call_info()

    assert desk.read()[1]["iat"] == int(desk.clock.time())


def test_a_new_contact_is_in_the_next_card(desk: Desk) -> None:
    desk.card.call_info()
    desk.contact = Redress(email="new@example.com")
    desk.card.call_info()

    assert ["fn", {}, "text", "new@example.com"] in desk.read()[1]["jcard"][1]


def test_a_policy_without_a_contact_has_no_card(desk: Desk) -> None:
    desk.contact = None

    assert desk.card.call_info() is None
    assert not desk.path.exists()


def test_a_file_that_cant_be_written_costs_the_card_and_nothing_else(desk: Desk) -> None:
    desk.path.parent.write_text("no folder")

    assert [desk.card.call_info(), desk.card.call_info()] == [None, None]
    assert desk.counts["redress_card_failed"] == 2
    desk.path.parent.unlink()
    assert desk.card.call_info() is not None


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem(ec.generate_private_key(ec.SECP384R1())),
        pem(ed25519.Ed25519PrivateKey.generate()),
        pem(rsa.generate_private_key(65537, 2048)),
        pem(ec.generate_private_key(ec.SECP256R1()), BestAvailableEncryption(b"secret")),
    ],
    ids=["empty", "broken", "P-384", "Ed25519", "RSA", "with a password"],
)
def test_another_key_is_refused_by_name(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(raw)
    settings = Settings.model_construct(key_file=path, certificate_url=URL)

    with pytest.raises(ConfigError) as caught:
        read_signer(settings)
    assert str(caught.value) == f"{path}: is no EC key on P-256 in PEM without a password"
