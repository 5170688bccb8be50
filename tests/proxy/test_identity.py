"""Who is calling: schemes in order, and nothing believed from the untrusted."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgate.numbers import DialPlan
from sipgate.proxy.identity import asserted_of, caller_of, cli_of, withholds_number
from sipgate.proxy.source import Source
from sipgate.sip import Request, parse_message

PLAN = DialPlan(region="US", extensions=("47xx",))
USUAL = ("p-asserted-identity", "from")


def source(*schemes: str, trusted: bool = True) -> Source:
    return Source(
        name="hq",
        networks=(ip_network("10.0.0.0/8"),),
        upstream="carrier",
        dial_plan=PLAN,
        identity=schemes or USUAL,
        trusted=trusted,
    )


def invite(*headers: str, sender: str = "<sip:4711@hq.example>;tag=1") -> Request:
    lines = [
        "INVITE sip:3055550123@gate SIP/2.0",
        "Via: SIP/2.0/UDP 10.0.0.7;branch=z9hG4bKx",
        f"From: {sender}",
        "To: <sip:3055550123@gate>",
        "Call-ID: c",
        "CSeq: 1 INVITE",
        *headers,
    ]
    message = parse_message(("\r\n".join(lines) + "\r\n\r\n").encode())
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("sender", "caller"),
    [
        ("<sip:4711@hq.example>;tag=1", "hq/4711"),
        ('"Bob" <sip:4711@hq.example;user=phone>;tag=2', "hq/4711"),
        ("sip:4711@hq.example;tag=3", "hq/4711"),
        ("<sip:47%31%31@hq.example>;tag=1", "hq/4711"),
        ("<sip:4711;x=y@hq.example>;tag=1;y=z", "hq/4711"),
        ("<sip:4711:secret@hq.example>;tag=1", "hq/4711"),
        ("<sip:Alice@hq.example>;tag=1", "hq/alice"),
        ("<sip:305-555-0199@hq.example>;tag=1", "hq/+13055550199"),
        ("<tel:+1-305-555-0199>;tag=1", "hq/+13055550199"),
        ("<sip:anonymous@hq.example>;tag=1", "hq/source"),
        ("<sip:4711@anonymous.invalid>;tag=1", "hq/source"),
        ("<sip:4711@invalid>;tag=1", "hq/source"),
        ("<sip:hq.example>;tag=1", "hq/source"),
        ('"4711" <sip:Restricted@hq.example>;tag=1', "hq/source"),
    ],
)
def test_from_says_who_calls(sender: str, caller: str) -> None:
    assert caller_of(invite(sender=sender), source("from")) == caller


@pytest.mark.parametrize(
    ("headers", "caller"),
    [
        (["P-Asserted-Identity: <sip:4712@hq.example>"], "hq/4712"),
        (["P-Asserted-Identity: <sip:4712@hq.example>, <tel:+13055550177>"], "hq/+13055550177"),
        (
            [
                "P-Asserted-Identity: <sip:4712@hq.example>",
                "P-Asserted-Identity: <tel:+13055550177>",
            ],
            "hq/+13055550177",
        ),
        (['P-Asserted-Identity: "a, b" <sip:4712@hq.example>'], "hq/4712"),
        (["P-Asserted-Identity: <sip:anonymous@anonymous.invalid>"], "hq/4711"),
        (["P-Asserted-Identity: <<<"], "hq/4711"),
        ([], "hq/4711"),
    ],
)
def test_a_trusted_assertion_comes_before_from(headers: list[str], caller: str) -> None:
    assert caller_of(invite(*headers), source()) == caller


@pytest.mark.parametrize("scheme", ["p-asserted-identity", "p-preferred-identity"])
def test_an_assertion_is_believed_from_trusted_sources_only(scheme: str) -> None:
    request = invite(f"{scheme}: <sip:4712@hq.example>")
    assert caller_of(request, source(scheme, "from", trusted=True)) == "hq/4712"
    assert caller_of(request, source(scheme, "from", trusted=False)) == "hq/4711"


@pytest.mark.parametrize(
    ("value", "caller"),
    [
        ("Agent-7", "hq/agent-7"),
        ("<sip:4712@hq.example>", "hq/4712"),
        ("sip:4712@hq.example", "hq/4712"),
        ("(305) 555-0199", "hq/+13055550199"),
        ("", "hq/source"),
        ("anonymous", "hq/source"),
    ],
)
def test_a_header_can_name_the_caller(value: str, caller: str) -> None:
    assert caller_of(invite(f"X-Agent: {value}"), source("header:x-agent")) == caller


def test_a_whole_source_can_be_one_caller() -> None:
    assert caller_of(invite(), source("source")) == "hq/source"


def test_another_tag_host_or_display_name_is_the_same_caller() -> None:
    senders = ["<sip:4711@a>;tag=1", '"X" <sip:4711@b>;tag=2', "<sips:4711@c:5061>;tag=3"]
    callers = {caller_of(invite(sender=sender), source("from")) for sender in senders}
    assert callers == {"hq/4711"}


@pytest.mark.parametrize(
    ("sender", "cli"),
    [
        ("<sip:3055550199@hq.example>;tag=1", "+13055550199"),
        ("<sip:4711@hq.example>;tag=1", "4711"),
        ("<sip:anonymous@anonymous.invalid>;tag=1", None),
        ("<sip:hq.example>;tag=1", None),
    ],
)
def test_the_cli_is_what_from_shows(sender: str, cli: str | None) -> None:
    assert cli_of(invite("P-Asserted-Identity: <tel:+13055550100>", sender=sender), source()) == cli


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc")), max_size=300))
def test_any_assertion_gives_a_caller(value: str) -> None:
    request = invite(f"P-Asserted-Identity: {value}")
    assert caller_of(request, source()).startswith("hq/")


@pytest.mark.parametrize(
    ("value", "asserted"),
    [
        ("<sip:+13055559000@pbx>", "+13055559000"),
        ("<sip:305-555-9000@pbx>", "+13055559000"),
        ("<sip:4711@pbx>, <tel:+13055559000>", "+13055559000"),
        ("<sip:4711@pbx>", "4711"),
        ("<sip:anonymous@anonymous.invalid>", None),
        ("nonsense", None),
    ],
)
def test_what_a_trusted_source_asserts_is_read_like_a_cli(value: str, asserted: str | None) -> None:
    request = invite(f"P-Asserted-Identity: {value}")

    assert asserted_of(request, source()) == asserted
    assert asserted_of(request, source(trusted=False)) is None
    assert asserted_of(invite(), source()) is None


@pytest.mark.parametrize(
    ("header", "withholds"),
    [
        ("Privacy: id", True),
        ("PRIVACY: header; ID", True),
        ("privacy: user;critical", True),
        ("PriVacy: ID", True),
        ("Privacy: none\r\nPrivacy: id", True),
        ("Privacy: header, id", True),
        ("Privacy: header;\r\n id", True),
        ("Privacy: none", False),
        ("Privacy: session", False),
        ("Privacy: identity", False),
        ("X-Privacy: id", False),
        ("Subject: no", False),
    ],
)
def test_privacy_withholds_the_number(header: str, withholds: bool) -> None:
    assert withholds_number(invite(header)) is withholds
