"""What a refused caller is told by the whole gate, and what stands on record of it."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from .house import House, header

NONE = "rate: {per: caller, limit: 0, window: day}"
REDRESS = "\nredress: {email: redress@example.com}"


def rules(then: str, condition: str = NONE) -> str:
    return f"[{{id: r, {condition}, then: {then}}}]"


def test_an_opening_is_in_the_response_and_on_record() -> None:
    house = House(
        rules(
            "{reject: 480, retry-after: opening}",
            "rate: {per: caller, limit: 1, window: 9s}",
        )
    )
    house.phone.calls()
    house.phone.calls(call_id="c2", branch="b2")
    house.writes()
    house.heard()

    assert header(house.phone.got_response(480), "retry-after") == "9"
    assert [decision.retry_after for decision in house.decisions] == [None, 9]


def test_a_603_plus_is_in_the_response_and_on_record() -> None:
    house = House(rules('{reject: 603+, reason: "like a machine"}') + REDRESS)
    house.phone.calls()
    house.writes()
    house.heard()
    told = house.phone.got_response(603)

    assert told.phrase == b"Network Blocked"
    assert header(told, "reason") == (
        'SIP;cause=603;text="v=analytics1;email=redress@example.com;id=gate-1-1";location=LPN'
    )
    decision = house.decisions[0]
    assert (decision.code, decision.reason) == (603, "like a machine")
    assert decision.redress == "v=analytics1;email=redress@example.com;location=LPN"


def test_a_603_plus_that_a_crash_kept_from_being_sent_is_one_after_it() -> None:
    house = House(rules("{reject: 603+}") + REDRESS)
    raw = house.phone.calls()
    house.writes()
    house.heard()
    again = house.restarts()
    again.phone.sends(raw)
    again.writes()
    again.heard()

    assert again.phone.got_response(603).phrase == b"Network Blocked"
    assert b"v=analytics1;" in (again.phone.got_response(603).first(b"reason") or b"")


@pytest.fixture
def redress(tmp_path: Path) -> str:
    """The section of a gate that can sign cards."""
    key = ec.generate_private_key(ec.SECP256R1())
    raw = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "key.pem").write_bytes(raw)
    return f"""
[redress]
card-url = "https://redress.example.com/c.jws"
card-file = "{tmp_path}/c.jws"
key-file = "{tmp_path}/key.pem"
certificate-url = "https://redress.example.com/c.pem"
"""


def test_a_608_points_to_a_card_that_is_there(redress: str, tmp_path: Path) -> None:
    house = House(rules("{reject: 608}") + REDRESS, upstream=redress)
    house.phone.calls()
    house.writes()
    house.heard()

    assert header(house.phone.got_response(608), "call-info") == (
        "<https://redress.example.com/c.jws>;purpose=jwscard"
    )
    assert (tmp_path / "c.jws").read_bytes().count(b".") == 2


def test_a_608_of_a_policy_without_a_contact_points_nowhere(redress: str, tmp_path: Path) -> None:
    house = House(rules("{reject: 608}"), upstream=redress)
    house.phone.calls()
    house.writes()
    house.heard()

    assert house.phone.got_response(608).first(b"call-info") is None
    assert not (tmp_path / "c.jws").exists()


def test_a_withheld_number_gets_433() -> None:
    house = House(
        rules('{reject: 433, reason: "a number, please"}', "identity: {any: [anonymous]}")
    )
    house.phone.calls(from_user="anonymous")
    house.writes()
    house.heard()

    assert house.phone.got_response(433).phrase == b"a number, please"
