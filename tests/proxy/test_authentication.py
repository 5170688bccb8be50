"""Digest at the gate: who proves himself is the caller, who doesn't is asked (design §5, §7)."""

import hashlib
import re

import pytest
from structlog.testing import capture_logs

from sipgate.sip import secret_hash

from .house import GATE, PHONE, STRANGER, House, header

REALM = "example.com"
SETTINGS = f'realm = "{REALM}"'
SECRETS = {
    "hq/4711": {
        "SHA-256": secret_hash("SHA-256", "4711", REALM, "open"),
        "MD5": secret_hash("MD5", "4711", REALM, "open"),
    },
    "hq/4712": {"SHA-256": secret_hash("SHA-256", "4712", REALM, "sesame")},
}
CAPPED = "[{id: cap, rate: {per: caller, limit: 1, window: day}, then: {reject: 403}}]"


def guarded(rules: str = "[]", **settings: str) -> House:
    return House(rules, source=SETTINGS, secrets=SECRETS, identity='["digest"]', **settings)  # type: ignore[arg-type]


def challenges(house: House) -> list[tuple[str, str]]:
    """Algorithm and nonce of each challenge in the last 407."""
    values = house.phone.got_response(407).values(b"proxy-authenticate")
    lines = [b", ".join(values).decode()] if values else []
    text = " ".join(lines)
    return list(
        zip(
            re.findall(r"algorithm=([A-Z0-9-]+)", text),
            re.findall(r'nonce="([^"]+)"', text),
            strict=True,
        )
    )


def proof(
    house: House,
    *,
    user: str = "4711",
    password: str = "open",
    method: str = "INVITE",
    uri: str = f"sip:+13055550001@{GATE}",
    algorithm: str = "SHA-256",
    count: int = 1,
    nonce: str | None = None,
) -> str:
    """A Proxy-Authorization for the last challenge."""
    if nonce is None:
        nonce = dict(challenges(house))[algorithm]
    secret = secret_hash(algorithm, user, REALM, password)
    asked = hashed(algorithm, f"{method}:{uri}")
    response = hashed(algorithm, f"{secret}:{nonce}:{count:08x}:cn:auth:{asked}")
    return (
        f'Proxy-Authorization: Digest username="{user}", realm="{REALM}", nonce="{nonce}",'
        f' uri="{uri}", response="{response}", algorithm={algorithm}, qop=auth, nc={count:08x},'
        ' cnonce="cn"'
    )


def hashed(algorithm: str, text: str) -> str:
    name = {"SHA-256": "sha256", "MD5": "md5"}[algorithm]
    return hashlib.new(name, text.encode()).hexdigest()


def is_asked(house: House, **fields: object) -> None:
    house.phone.calls(**fields)  # type: ignore[arg-type]
    house.heard()


def test_a_call_without_a_password_is_asked_for_one_and_is_no_attempt() -> None:
    house = guarded()
    house.phone.calls()
    assert house.heard() == ["phone: SIP/2.0 407 Proxy Authentication Required"]
    assert [algorithm for algorithm, _ in challenges(house)] == ["SHA-256", "MD5"]
    assert house.decisions == []
    assert house.parts.counts["digest_challenged"] == 1


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
def test_the_user_who_proves_himself_is_the_caller(algorithm: str) -> None:
    house = guarded()
    is_asked(house, from_user="anonymous")
    house.phone.calls(
        headers=[proof(house, algorithm=algorithm)], cseq=2, branch="b2", from_user="anonymous"
    )
    house.writes()
    assert [entry.caller for entry in house.decisions] == ["hq/4711"]
    assert house.heard()[-1] == "trunk: INVITE sip:+13055550001@10.9.0.9:5080 SIP/2.0"


def test_our_credentials_go_no_further_and_those_for_the_pbx_behind_do() -> None:
    house = guarded()
    is_asked(house)
    other = (
        'Proxy-Authorization: Digest username="4711", realm="pbx", nonce="n", uri="u", response="0"'
    )
    house.phone.calls(headers=[other, proof(house)], cseq=2, branch="b2")
    house.writes()
    house.heard()
    went = house.trunk.got_request("INVITE")
    assert [went.lines[index].decode() for index in went.indexes(b"proxy-authorization")] == [other]


def test_the_retry_for_the_pbx_behind_carries_both_credentials_and_is_the_same_attempt() -> None:
    house = guarded(CAPPED)
    is_asked(house)
    nonce = dict(challenges(house))["SHA-256"]
    house.phone.calls(headers=[proof(house)], cseq=2, branch="b2")
    house.writes()
    house.heard()
    asked = 'Proxy-Authenticate: Digest realm="pbx", nonce="n"'
    house.trunk.answers(407, headers=[asked])
    assert house.heard()[-1] == "phone: SIP/2.0 407 X"
    assert house.phone.got_response(407).first(b"proxy-authenticate") == asked[20:].encode()
    house.phone.acknowledges(407, branch="b2", cseq=2)
    other = (
        'Proxy-Authorization: Digest username="4711", realm="pbx", nonce="n", uri="u", response="0"'
    )
    both = [other, proof(house, nonce=nonce, count=2)]
    house.phone.calls(headers=both, cseq=3, branch="b3")
    house.writes()
    assert house.heard()[-1] == "trunk: INVITE sip:+13055550001@10.9.0.9:5080 SIP/2.0"
    went = house.trunk.got_request("INVITE")
    assert [went.lines[index].decode() for index in went.indexes(b"proxy-authorization")] == [other]
    assert [entry.verdict for entry in house.decisions] == ["allow"]


def test_a_limit_holds_for_the_user_whatever_else_changes() -> None:
    house = guarded(CAPPED)
    for number in (1, 2):
        is_asked(house, call_id=f"c{number}", branch=f"a{number}")
        house.phone.calls(
            headers=[proof(house)],
            cseq=2,
            call_id=f"c{number}",
            branch=f"b{number}",
            from_user=f"name{number}",
        )
        house.writes()
    assert [entry.verdict for entry in house.decisions] == ["allow", "reject"]


def test_a_wrong_password_is_asked_again_and_counted() -> None:
    house = guarded()
    is_asked(house)
    house.phone.calls(headers=[proof(house, password="wrong")], cseq=2, branch="b2")
    assert house.heard() == ["phone: SIP/2.0 407 Proxy Authentication Required"]
    assert house.parts.counts["digest_failed"] == 1
    assert house.decisions == []


def test_an_unknown_user_is_answered_like_a_wrong_password() -> None:
    house = guarded()
    is_asked(house)
    house.phone.calls(headers=[proof(house, user="4799")], cseq=2, branch="b2")
    assert house.heard() == ["phone: SIP/2.0 407 Proxy Authentication Required"]


def test_an_algorithm_that_a_user_has_no_hash_for_proves_nothing() -> None:
    house = guarded()
    is_asked(house)
    wrong = proof(house, user="4712", password="sesame", algorithm="MD5")
    house.phone.calls(headers=[wrong], cseq=2, branch="b2")
    assert house.heard() == ["phone: SIP/2.0 407 Proxy Authentication Required"]


def test_credentials_for_one_callee_do_not_do_for_another() -> None:
    house = guarded()
    is_asked(house)
    house.phone.calls("+13055550002", headers=[proof(house)], cseq=2, branch="b2")
    assert house.heard() == ["phone: SIP/2.0 407 Proxy Authentication Required"]
    assert house.parts.counts["digest_failed"] == 1


def test_credentials_that_were_used_are_stale_and_the_next_count_is_good() -> None:
    house = guarded()
    is_asked(house)
    nonce = dict(challenges(house))["SHA-256"]
    for branch, count in (("b2", 1), ("b3", 1), ("b4", 2)):
        house.phone.calls(
            headers=[proof(house, nonce=nonce, count=count)],
            cseq=2,
            branch=branch,
            call_id=branch,
        )
        house.writes()
        house.heard()
    again = house.phone.got_response(407)
    assert again.call_id == b"b3"
    assert b"stale=true" in b" ".join(again.lines)
    assert len(house.decisions) == 2


def test_an_old_challenge_gets_a_new_one_and_is_no_failure() -> None:
    house = guarded()
    is_asked(house)
    late = proof(house)
    house.waits(400)
    house.phone.calls(headers=[late], cseq=2, branch="b2")
    house.heard()
    assert b"stale=true" in b" ".join(house.phone.got_response(407).lines)
    assert house.parts.counts["digest_failed"] == 0


def test_an_emergency_call_is_never_asked() -> None:
    house = guarded()
    house.phone.calls("911")
    assert house.heard()[-1].startswith("trunk: INVITE sip:911@")


@pytest.mark.parametrize("method", ["REGISTER", "MESSAGE", "SUBSCRIBE", "PUBLISH"])
def test_other_requests_outside_a_call_are_asked_too(method: str) -> None:
    house = guarded()
    uri = f"sip:4711@{GATE}"
    house.phone.asks(method, uri)
    assert house.heard() == ["phone: SIP/2.0 407 Proxy Authentication Required"]
    house.phone.asks(
        method, uri, cseq=2, branch="b2", headers=[proof(house, method=method, uri=uri)]
    )
    assert house.heard()[0].startswith(f"trunk: {method} ")


def test_requests_in_a_call_are_not_asked_again() -> None:
    house = guarded()
    is_asked(house)
    house.phone.calls(headers=[proof(house)], cseq=2, branch="b2")
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.heard()
    house.phone.in_dialog("ACK", cseq=2, branch="a1")
    house.phone.in_dialog("INVITE", cseq=3, branch="r1")
    house.phone.in_dialog("BYE", cseq=4, branch="y1")
    sent = [line.split()[1] for line in house.heard() if line.startswith("trunk: ")]
    assert sent == ["ACK", "INVITE", "BYE"]


@pytest.mark.parametrize("host", [PHONE, STRANGER], ids=["at home", "that has moved"])
def test_our_credentials_leave_in_no_request_of_a_call_rfc_3261_22_3(host: str) -> None:
    """A phone sends them in the ACK and often in all that follows; the PBX's own pass."""
    house = guarded()
    is_asked(house)
    ours = proof(house)
    house.phone.calls(headers=[ours], cseq=2, branch="b2")
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.heard()
    phone = house.end("roamer", host, 5070)
    phone.got = house.phone.got
    other = (
        'Proxy-Authorization: Digest username="4711", realm="pbx", nonce="n", uri="u", response="0"'
    )
    for number, method in enumerate(("ACK", "INFO", "BYE"), 2):
        phone.in_dialog(method, cseq=number, branch=f"y{number}", headers=[ours, other])
        house.heard()
        went = house.trunk.got_request(method)
        assert [went.lines[at].decode() for at in went.indexes(b"proxy-authorization")] == [other]


def test_our_credentials_leave_in_no_ack_under_the_branch_of_its_invite() -> None:
    house = guarded()
    is_asked(house)
    ours = proof(house)
    house.phone.calls(headers=[ours], cseq=2, branch="b2")
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.heard()
    uri = f"sip:+13055550001@{GATE}"
    house.phone.asks("ACK", uri, to_tag="wrong", cseq=2, branch="b2", headers=[ours])
    assert house.heard() == ["trunk: ACK sip:callee@10.9.0.9:5080 SIP/2.0"]
    assert not house.trunk.got_request("ACK").indexes(b"proxy-authorization")


def test_a_refer_proves_itself() -> None:
    house = guarded()
    is_asked(house)
    house.phone.calls(headers=[proof(house)], cseq=2, branch="b2")
    house.writes()
    house.heard()
    house.trunk.answers(200)
    house.heard()
    house.phone.in_dialog("REFER", cseq=3, branch="r1", headers=["Refer-To: <tel:+13055550002>"])
    assert house.heard() == ["phone: SIP/2.0 407 Proxy Authentication Required"]


def test_who_guesses_is_slowed() -> None:
    house = guarded()
    for number in range(12):
        is_asked(house, call_id=f"a{number}", branch=f"a{number}")
        house.phone.calls(
            headers=[proof(house, password=f"w{number}")],
            cseq=2,
            branch=f"b{number}",
            call_id=f"a{number}",
        )
        house.heard()
    refused = house.phone.got_response(403)
    assert int(header(refused, "retry-after") or "0") >= 1
    assert house.parts.counts["digest_slowed"] > 0
    house.waits(310)
    is_asked(house, call_id="z", branch="az")
    house.phone.calls(headers=[proof(house)], cseq=2, branch="bz", call_id="z")
    house.writes()
    assert house.decisions[-1].caller == "hq/4711"


def test_a_guesser_is_logged_once_a_minute_whatever_he_calls_himself() -> None:
    house = guarded()
    is_asked(house)
    strange = proof(house, password="w").encode().replace(b'"4711"', b'"471\xff"')
    plain = house.phone.calls(cseq=2, branch="b2")
    with capture_logs() as logged:
        for number in range(20):
            raw = plain.replace(b"z9hG4bK", b"z9hG4bK%d" % number, 1)
            house.phone.sends(raw.replace(b"Max-Forwards", strange + b"\r\nMax-Forwards", 1))
    told = [entry for entry in logged if entry["event"] == "guesser_slowed"]
    assert [(entry["source"], entry["address"], entry["user"]) for entry in told] == [
        ("hq", "10.1.0.7", "471\\xff")
    ]


def test_two_hundred_phones_behind_one_address_that_come_at_once_all_get_through() -> None:
    """A challenge is no failed log-in (design §6, Strangers)."""
    house = guarded()
    uri = f"sip:4711@{GATE}"
    for number in range(200):
        fields = {"call_id": f"r{number}", "from_tag": f"f{number}"}
        house.phone.asks("REGISTER", uri, branch=f"a{number}", **fields)  # type: ignore[arg-type]
        house.heard()
        shown = proof(house, method="REGISTER", uri=uri)
        house.phone.asks(
            "REGISTER",
            uri,
            cseq=2,
            branch=f"b{number}",
            headers=[shown],
            **fields,  # type: ignore[arg-type]
        )
        assert house.heard()[0].startswith("trunk: REGISTER ")


@pytest.mark.parametrize("value", ["Digest", "Digest x", 'Digest username="4711"', "Basic eA=="])
def test_credentials_that_can_not_be_read_are_none(value: str) -> None:
    house = guarded()
    house.phone.calls(headers=[f"Proxy-Authorization: {value}"])
    assert house.heard() == ["phone: SIP/2.0 407 Proxy Authentication Required"]


def test_who_is_named_by_a_scheme_before_digest_is_not_asked() -> None:
    house = House(source=SETTINGS, secrets=SECRETS, identity='["from", "digest"]')
    house.phone.calls()
    house.writes()
    assert house.decisions[0].caller == "hq/4711"


def test_a_proven_invite_that_comes_again_after_a_restart_is_asked_for_nothing_and_sent_once() -> (
    None
):
    house = guarded(CAPPED)
    is_asked(house)
    shown = proof(house)
    house.phone.calls(headers=[shown], cseq=2, branch="b2")
    house.writes()
    house.heard()
    branch = house.trunk.got_request("INVITE").via.branch
    house.clock.advance(5)
    after = house.restarts()
    after.phone.calls(headers=[shown], cseq=2, branch="b2")
    assert after.heard() == [
        "phone: SIP/2.0 100 Trying",
        "trunk: INVITE sip:+13055550001@10.9.0.9:5080 SIP/2.0",
    ]
    assert after.trunk.got_request("INVITE").via.branch == branch
    assert len(after.decisions) == 1
    assert after.parts.counts["digest_repeated"] == 1


@pytest.mark.parametrize(
    "changed",
    [{"cseq": 3}, {"call_id": "other"}, {"from_tag": "other"}],
    ids=["CSeq", "Call-ID", "From tag"],
)
def test_another_invite_with_credentials_of_before_a_restart_is_asked_again(
    changed: dict[str, object],
) -> None:
    house = guarded()
    is_asked(house)
    shown = proof(house)
    house.phone.calls(headers=[shown], cseq=2, branch="b2")
    house.writes()
    house.heard()
    house.clock.advance(5)
    after = house.restarts()
    fields: dict[str, object] = {"cseq": 2, **changed}
    after.phone.calls(headers=[shown], branch="b3", **fields)  # type: ignore[arg-type]
    after.heard()
    assert b"stale=true" in b" ".join(after.phone.got_response(407).lines)


def test_a_wrong_password_is_none_after_a_restart_either() -> None:
    house = guarded()
    is_asked(house)
    shown, wrong = proof(house), proof(house, password="guess")
    house.phone.calls(headers=[shown], cseq=2, branch="b2")
    house.writes()
    house.heard()
    house.clock.advance(5)
    after = house.restarts()
    after.phone.calls(headers=[wrong], cseq=2, branch="b2")
    assert after.heard() == ["phone: SIP/2.0 407 Proxy Authentication Required"]
    assert after.parts.counts["digest_failed"] == 1


def test_credentials_of_before_a_restart_are_stale() -> None:
    house = guarded()
    is_asked(house)
    shown = proof(house)
    house.clock.advance(5)
    after = house.restarts()
    after.phone.calls(headers=[shown], cseq=2, branch="b2")
    after.heard()
    assert b"stale=true" in b" ".join(after.phone.got_response(407).lines)
