"""Registration tokens: the same for the same phone, and nobody else's work."""

import pytest

from sipgate.proxy.flow_token import (
    CALLEE_PHONE,
    CALLER_PHONE,
    TOKEN_LENGTH,
    FlowTokens,
    has_token_shape,
    split_dialog_token,
)

TOKENS = FlowTokens(b"k" * 32)
AOR, CONTACT = b"4711@pbx.example.com", b"sip:4711@192.168.1.5"


def test_a_token_is_the_same_each_time() -> None:
    token = TOKENS.token("pbx", AOR, CONTACT)

    assert FlowTokens(b"k" * 32).token("pbx", AOR, CONTACT) == token
    assert has_token_shape(token)
    assert token.isalnum()


@pytest.mark.parametrize(
    "other",
    [("trunk", AOR, CONTACT), ("pbx", b"4712@x", CONTACT), ("pbx", AOR, b"sip:4711@192.168.1.6")],
    ids=["upstream", "address of record", "contact"],
)
def test_another_phone_has_another_token(other: tuple[str, bytes, bytes]) -> None:
    assert TOKENS.token(*other) != TOKENS.token("pbx", AOR, CONTACT)


def test_a_token_is_known_by_its_proof_alone() -> None:
    token = TOKENS.token("pbx", AOR, CONTACT)

    assert FlowTokens(b"k" * 32).is_ours(token)
    assert not FlowTokens(b"x" * 32).is_ours(token)


@pytest.mark.parametrize("place", range(TOKEN_LENGTH))
def test_a_token_with_one_other_character_is_not_ours(place: int) -> None:
    token = bytearray(TOKENS.token("pbx", AOR, CONTACT))
    token[place] = ord("0") if token[place] != ord("0") else ord("1")

    assert not TOKENS.is_ours(bytes(token))


@pytest.mark.parametrize("user", [b"", b"4711", b"r" * 24, b"r" * 26, b"e" + b"0" * 24])
def test_what_has_another_shape_is_no_token(user: bytes) -> None:
    assert not has_token_shape(user)
    assert not TOKENS.is_ours(user)


def test_a_dialogs_token_carries_its_phone() -> None:
    phone = TOKENS.token("pbx", AOR, CONTACT)

    assert split_dialog_token(b"abc" + CALLER_PHONE + phone) == (b"abc", phone, b"")
    assert split_dialog_token(b"abc" + CALLEE_PHONE + phone) == (b"abc", b"", phone)


@pytest.mark.parametrize("user", [b"", b"abc", b"abc-", b"abc.def", b"r" + b"0" * 24])
def test_a_token_without_a_phone_stays_whole(user: bytes) -> None:
    assert split_dialog_token(user) == (user, b"", b"")
