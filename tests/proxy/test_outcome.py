"""What became of a call, from what upstream said (design §8, Outcomes)."""

import pytest

from sipgate.proxy.outcome import is_refusal, kind_of_failure


@pytest.mark.parametrize(
    ("status", "phrase", "reason", "rang", "kind"),
    [
        (486, b"Busy Here", None, True, "busy"),
        (600, b"Busy Everywhere", None, False, "busy"),
        (607, b"Unwanted", None, False, "refused"),
        (608, b"Rejected", None, True, "blocked"),
        (603, b"Decline", None, True, "refused"),
        (603, b"Decline", None, False, "blocked"),
        (603, b" network blocked ", None, True, "blocked"),
        (603, b"Decline", b"Q.850;cause=21", True, "blocked"),
        (408, b"", None, True, "unanswered"),
        (480, b"", None, False, "unanswered"),
        (487, b"", None, True, "unanswered"),
        (302, b"", None, False, "failed"),
        (404, b"", None, False, "failed"),
        (503, b"", None, True, "failed"),
    ],
)
def test_a_final_response_is_an_outcome(
    status: int, phrase: bytes, reason: bytes | None, rang: bool, kind: str
) -> None:
    assert kind_of_failure(status, phrase, reason, rang=rang) == kind


@pytest.mark.parametrize(
    ("reason", "refused"),
    [
        (b"SIP;cause=607", True),
        (b'sip ; cause = 607 ; text="Unwanted"', True),
        (b"SIP;cause=200", False),
        (b"Q.850;cause=607", False),
        (b"", False),
        (None, False),
    ],
)
def test_a_bye_says_whether_the_call_was_unwanted(reason: bytes | None, refused: bool) -> None:
    assert is_refusal(reason) is refused
