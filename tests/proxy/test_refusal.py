"""What a refused caller is told."""

import pytest

from sipgate.gate import Decision
from sipgate.proxy.refusal import refusal
from sipgate.sip import Request, Response, parse_message

INVITE = parse_message(
    b"INVITE sip:1@a SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:c@d>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n"
)


def told(**fields: object) -> Response:
    decision = Decision(
        verdict="reject",
        policy="p",
        revision="1",
        policy_sha256="",
        **fields,  # type: ignore[arg-type]
    )
    assert isinstance(INVITE, Request)
    message = parse_message(refusal(INVITE, decision, "gate-1-42", b"ours"))
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
