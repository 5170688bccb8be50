"""Digest: challenges and credentials (RFC 3261 §22, RFC 7616, RFC 8760)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.sip import (
    BadMessage,
    Credentials,
    challenge,
    is_right,
    parse_credentials,
    secret_hash,
)

NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def credentials(value: bytes) -> Credentials:
    found = parse_credentials(value)
    assert found is not None
    return found


def rfc_7616(algorithm: str, response: str) -> bytes:
    return (
        f'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html",'
        f' algorithm={algorithm}, nonce="{NONCE}", nc=00000001, cnonce="{CNONCE}", qop=auth,'
        f' response="{response}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    ).encode()


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616_3_9_1_are_right(algorithm: str, response: str) -> None:
    secret = secret_hash(algorithm, "Mufasa", "http-auth@example.org", "Circle of Life")

    assert is_right(credentials(rfc_7616(algorithm, response)), secret, b"GET")
    assert not is_right(credentials(rfc_7616(algorithm, response)), secret, b"POST")
    wrong = secret_hash(algorithm, "Mufasa", "http-auth@example.org", "Circle of life")
    assert not is_right(credentials(rfc_7616(algorithm, response)), wrong, b"GET")


def test_a_client_without_qop_is_understood_rfc_3261_22_4() -> None:
    """The example of RFC 2069 as corrected by its errata."""
    found = credentials(
        b'Digest username="Mufasa",realm="testrealm@host.com",'
        b'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",uri="/dir/index.html",'
        b'response="1949323746fe6a43ef61f9606e7febea",opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    secret = secret_hash("MD5", "Mufasa", "testrealm@host.com", "CircleOfLife")

    assert (found.algorithm, found.qop, found.nonce_count) == ("MD5", "", 0)
    assert is_right(found, secret, b"GET")


def test_quotes_and_escapes_are_read_and_written() -> None:
    assert challenge('a "b" \\c', "n", "SHA-256", stale=True) == (
        b'Digest realm="a \\"b\\" \\\\c", nonce="n", algorithm=SHA-256, qop="auth", stale=true'
    )
    found = credentials(
        b'Digest username="a\\"\\\\,b", realm="r", nonce="n", uri="sip:a@b", response="0"'
    )
    assert found.username == 'a"\\,b'


@pytest.mark.parametrize("space", [b"\t", b"\r\n ", b"  \r\n\t"], ids=["tab", "fold", "both"])
def test_any_white_space_ends_the_scheme_rfc_3261_25_1(space: bytes) -> None:
    value = b'Digest username="a", realm="r", nonce="n", uri="sip:a@b",\r\n response="0"'
    assert credentials(value.replace(b" ", space, 1)) == credentials(value)


def test_another_scheme_is_not_ours() -> None:
    assert parse_credentials(b"Bearer abc") is None
    assert parse_credentials(b"") is None


@pytest.mark.parametrize(
    "value",
    [
        b"Digest",
        b"Digest nonsense",
        b'Digest username="a"',
        b'Digest username="a", username="b", realm="r", nonce="n", uri="u", response="0"',
        b'Digest username="a, realm="r", nonce="n", uri="u", response="0"',
        b'Digest username="a", realm="r", nonce="n", uri="u", response="0", qop=auth',
        b'Digest username="a", realm="r", nonce="n", uri="u", response="0", qop=auth, nc=1,'
        b' cnonce="c"',
        b'Digest username="", realm="r", nonce="n", uri="u", response="0"',
        b'Digest username="' + b"a" * 600 + b'", realm="r", nonce="n", uri="u", response="0"',
    ],
)
def test_what_can_not_be_read_is_said_to_be(value: bytes) -> None:
    with pytest.raises(BadMessage):
        parse_credentials(value)


@pytest.mark.parametrize("change", [b"algorithm=SHA-1", b"algorithm=MD5-sess", b"qop=auth-int"])
def test_what_was_not_offered_is_never_right(change: bytes) -> None:
    value = rfc_7616("MD5", "8ca523f5e9506fed4657c9700eebdbec")
    value = (
        value.replace(b"algorithm=MD5", change)
        if change[:1] == b"a"
        else value.replace(b"qop=auth", change)
    )

    assert not is_right(credentials(value), "secret", b"GET")


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        found = parse_credentials(b"Digest " + raw)
    except BadMessage:
        return
    assert found is None or not is_right(found, "0" * 32, b"INVITE")


@given(st.text(max_size=20), st.text(max_size=20), st.sampled_from(["MD5", "SHA-256"]))
def test_a_password_in_any_script_is_proven_and_no_other(
    password: str, other: str, algorithm: str
) -> None:
    secret = secret_hash(algorithm, "ü", "r", password)
    asked = secret_hash(algorithm, "INVITE", "sip", "x")  # only to have some hash at hand
    value = (
        f'Digest username="ü", realm="r", nonce="n", uri="sip:x", response="{asked}",'
        f" algorithm={algorithm}"
    ).encode()

    assert not is_right(credentials(value), secret, b"INVITE")
    assert (secret == secret_hash(algorithm, "ü", "r", other)) is (password == other)
