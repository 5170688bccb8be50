"""What a refused caller is told."""

import re

import pytest

from sipgate.gate import Decision
from sipgate.proxy.refusal import refusal
from sipgate.sip import Request, Response, parse_message

INVITE = parse_message(
    b"INVITE sip:1@a SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:c@d>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"
)


class Card:
    """A card that is there, or not."""

    def __init__(self, text: bytes | None) -> None:
        self.text = text
        self.asked = 0

    def call_info(self) -> bytes | None:
        self.asked += 1
        return self.text


CALL_INFO = b"<https://redress.example.com/c.jws>;purpose=jwscard"


def told(card: Card | None = None, **fields: object) -> Response:
    decision = Decision(
        verdict="reject",
        policy="p",
        revision="1",
        policy_sha256="",
        **fields,  # type: ignore[arg-type]
    )
    assert isinstance(INVITE, Request)
    message = parse_message(refusal(INVITE, decision, "gate-1-42", b"ours", card))
    assert isinstance(message, Response)
    return message


def test_code_reason_and_rule_are_there() -> None:
    message = told(rule="cap", code=480, reason="limit of 5 reached", retry_after=60)
    assert (message.status, message.phrase) == (480, b"limit of 5 reached")
    assert message.first(b"reason") == b'SIP;cause=480;text="rule=cap;id=gate-1-42"'
    assert message.first(b"retry-after") == b"60"
    assert message.to_tag == b"ours"


def test_without_retry_after_none_is_sent() -> None:
    assert told(rule="cap", code=603).first(b"retry-after") is None


@pytest.mark.parametrize(
    ("reason", "phrase"),
    [
        ("tägliches Limit", "tägliches Limit".encode()),
        ("one\r\nX-Injected: 1", b"one X-Injected: 1"),
        ("bell\x07", b"Forbidden"),
        ("", b"Forbidden"),
        (None, b"Forbidden"),
    ],
    ids=["utf-8", "line ends", "control characters", "empty", "none"],
)
def test_the_phrase_is_one_readable_line(reason: str | None, phrase: bytes) -> None:
    assert told(rule="r", code=403, reason=reason).phrase == phrase


def test_quotes_in_a_rule_id_end_nothing() -> None:
    message = told(rule='a"b\\c', code=403)
    assert message.first(b"reason") == b'SIP;cause=403;text="rule=a\\"b\\\\c;id=gate-1-42"'


def test_a_603_plus_has_its_phrase_its_contact_and_the_decisions_id() -> None:
    redress = "v=analytics1;url=https://redress.example.com/r;tel=+18005550100;location=LPN"
    message = told(rule="score", code=603, reason="looks like a machine", redress=redress)
    assert (message.status, message.phrase) == (603, b"Network Blocked")
    assert message.first(b"reason") == (
        b'SIP;cause=603;text="v=analytics1;url=https://redress.example.com/r;tel=+18005550100'
        b';id=gate-1-42";location=LPN'
    )


def test_a_603_plus_is_one_for_who_reads_it() -> None:
    """As FreeSWITCH and our own outcomes look for it: the first 14 bytes of the quoted text."""
    redress = "v=analytics1;email=r@example.com;location=TN"
    reason = told(rule="score", code=603, redress=redress).first(b"reason")
    assert reason is not None
    assert reason.startswith(b'SIP;cause=603;text="v=analytics1;')


def test_an_id_that_a_603_plus_cant_have_is_spelled_as_it_can() -> None:
    raw = refusal(
        INVITE,  # type: ignore[arg-type]
        Decision(
            verdict="reject",
            code=603,
            redress="v=analytics1;email=r@example.com;location=TN",
            policy="p",
            revision="1",
            policy_sha256="",
        ),
        f"gate.{'x' * 70}-42",
        b"ours",
    )
    found = re.findall(rb"id=([^;\"]*)\"", raw)
    assert found[0] == b"x" * 61 + b"-42"


def test_a_608_shows_its_card() -> None:
    message = told(Card(CALL_INFO), rule="score", code=608, reason="looks like a machine")
    assert (message.status, message.phrase) == (608, b"looks like a machine")
    assert message.first(b"call-info") == CALL_INFO
    assert message.first(b"reason") == b'SIP;cause=608;text="rule=score;id=gate-1-42"'


def test_a_608_without_a_card_leaves_without() -> None:
    assert told(Card(None), rule="score", code=608).first(b"call-info") is None
    assert told(rule="score", code=608).first(b"call-info") is None


def test_no_other_refusal_makes_a_card() -> None:
    card = Card(CALL_INFO)
    assert told(card, rule="score", code=603).first(b"call-info") is None
    assert card.asked == 0
