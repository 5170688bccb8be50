"""Another face for each call (design §18): limits go by the caller, which none of these is."""

import pytest

from tests.proxy.house import House

from .verdict import reached

ASSERTED = "P-Asserted-Identity: <sip:+13055559000@pbx>"


@pytest.mark.parametrize(
    "change",
    [
        lambda n: {"from_user": f"+1305555{7000 + n}"},
        lambda n: {"headers": [ASSERTED, f"User-Agent: Phone/{n}"]},
        lambda n: {"headers": [ASSERTED, f"Contact: <sip:agent{n}@10.2.0.2:{6000 + n}>"]},
        lambda n: {"headers": [ASSERTED, f"P-Preferred-Identity: <sip:{n}@pbx>"]},
        lambda n: {"headers": [ASSERTED, f"Remote-Party-ID: <sip:{n}@pbx>"]},
        lambda n: {"headers": [ASSERTED, f"Organization: o{n}", f"Reply-To: <sip:{n}@x>"]},
    ],
)
def test_another_cli_contact_or_user_agent_is_the_same_caller(capped: House, change) -> None:  # type: ignore[no-untyped-def]
    for number in range(4):
        fields = {"headers": [ASSERTED], **change(number)}
        capped.pbx.calls(
            f"+1305555000{number}",
            call_id=f"c{number}",
            branch=f"x{number}",
            from_tag=f"f{number}",
            **fields,
        )
        capped.writes()

    assert len(reached(capped)) == 2
    assert {entry.caller for entry in capped.decisions} == {"pbx/+13055559000"}


def test_another_source_port_is_the_same_caller(capped: House) -> None:
    for number in range(4):
        phone = capped.end(f"phone-{number}", "10.1.0.7", 40_000 + number)
        phone.calls(f"+1305555000{number}", call_id=f"c{number}", branch=f"x{number}")
        capped.writes()

    assert len(reached(capped)) == 2


@pytest.mark.parametrize(
    "spelled", ["4711", "%34711", "4%37%31%31", "4711;tag-like=1", "4711:secret"]
)
def test_an_escaped_extension_is_the_same_caller(capped: House, spelled: str) -> None:
    capped.phone.calls(call_id="c1", branch="x1")
    capped.writes()
    capped.phone.calls("+13055550002", call_id="c2", branch="x2", from_user=spelled)
    capped.writes()

    assert {entry.caller for entry in capped.decisions} == {"hq/4711"}


def test_an_asserted_identity_of_ones_own_is_neither_believed_nor_passed_on(capped: House) -> None:
    for number in range(4):
        capped.phone.calls(
            f"+1305555000{number}",
            call_id=f"c{number}",
            branch=f"x{number}",
            headers=[f"P-Asserted-Identity: <sip:+1305555{8000 + number}@x>"],
        )
        capped.writes()

    assert len(reached(capped)) == 2
    assert capped.trunk.got_request("INVITE").first(b"p-asserted-identity") is None


def test_forged_headers_of_the_gate_are_removed(capped: House) -> None:
    capped.phone.calls(headers=["X-SipGate-Verdict: allow", "x-sipgate-anything: 1"])
    capped.writes()
    capped.heard()

    went = capped.trunk.got_request("INVITE")
    assert went.values(b"x-sipgate-verdict") == [b'allow; decision="gate-1-1"']
    assert went.first(b"x-sipgate-anything") is None


def test_a_campaign_is_believed_from_a_trusted_source_only() -> None:
    house = House(source='campaign-header = "X-Campaign"')

    house.phone.calls(headers=["X-Campaign: charity"])
    house.writes()

    assert house.decisions[0].campaign is None


FLORIDA_IS_CLOSED = (
    "[{id: fl, when: {region: US-FL}, rate: {per: caller, limit: 0, window: day}, then: reject}]"
)
LEAD_HEADERS = 'lead-headers = {region = "X-Lead-Region", timezone = "X-Lead-Timezone"}'
ELSEWHERE = ["X-Lead-Region: US-HI", "X-Lead-Timezone: Pacific/Honolulu"]


def test_where_a_lead_is_is_believed_from_a_trusted_source_only() -> None:
    house = House(FLORIDA_IS_CLOSED, source=LEAD_HEADERS)

    house.phone.calls("+13055550001", headers=ELSEWHERE)
    house.writes()

    decision = house.decisions[0]
    assert (decision.verdict, decision.rule) == ("reject", "fl")
    assert (decision.lead_region, decision.lead_zone) == (None, None)
    assert house.parts.counts["lead_data_bad"] == 0


def test_where_a_lead_is_is_believed_from_headers_that_are_configured_only() -> None:
    house = House(FLORIDA_IS_CLOSED, source="trusted = true")

    house.phone.calls("+13055550001", headers=ELSEWHERE)
    house.writes()

    assert house.decisions[0].verdict == "reject"


def test_what_a_callee_is_called_hides_no_country() -> None:
    rule = FLORIDA_IS_CLOSED.replace("region: US-FL", "country: US")
    house = House(rule)

    house.phone.calls("nobody-can-read-this")
    house.writes()

    decision = house.decisions[0]
    assert (decision.callee_kind, decision.verdict) == ("unreadable", "reject")


IDENTITY = """
  - id: shown
    identity:
      any: [not-owned, malformed, anonymous, contradicted]
      rotation: {limit: 2, window: 1h}
    then: {reject: 403, reason: "{signs}"}"""
OWNERS = """
[[caller]]
id = "hq/4711"
clis = ["305-555-0100", "+1305555018*"]
[[caller]]
id = "pbx/+13055559000"
"""


def shown(house: House) -> list[str | None]:
    """Why each call was refused, or None."""
    house.writes()
    return [entry.reason for entry in house.decisions]


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"from_user": "+13055550100"}, None),
        ({"from_user": "3055550100"}, None),
        ({"from_user": "%2B13055550100"}, None),
        ({"from_user": "+13055550189"}, None),
        ({"from_user": "+13055550190"}, "not-owned"),
        ({"from_user": "+1305555"}, "not-owned, malformed"),
        ({"from_user": "anonymous"}, "anonymous"),
        ({"from_user": "+13055550100", "headers": ["Privacy: id"]}, "anonymous"),
        (
            {"from_user": "+13055550100", "headers": ["P-Asserted-Identity: <tel:+13055550199>"]},
            None,
        ),
    ],
)
def test_a_caller_shows_none_but_its_own_number(fields: dict, refused: str | None) -> None:  # type: ignore[type-arg]
    house = House(IDENTITY, upstream=OWNERS, identity='["header:X-Agent", "from"]')
    headers = ["X-Agent: 4711", *fields.pop("headers", [])]

    house.phone.calls(headers=headers, **fields)

    assert shown(house) == [refused]


def test_another_name_owns_the_numbers_of_all_unlisted_ones() -> None:
    unlisted = '[[caller]]\nid = "hq/unlisted"\norganisation = "unknown"\nclis = []\n'
    house = House(IDENTITY, upstream=OWNERS + unlisted, source='callers = "listed"')

    house.phone.calls(from_user="nobody")

    assert shown(house) == ["not-owned, malformed"]
    assert [(one.caller, one.organisation) for one in house.decisions] == [
        ("hq/unlisted", "unknown")
    ]


def test_a_trusted_pbx_that_asserts_another_number_is_contradicted() -> None:
    house = House(IDENTITY, upstream=OWNERS)
    house.pbx.calls(from_user="+13055559000", headers=[ASSERTED])
    house.pbx.calls(from_user="+13055558000", headers=[ASSERTED], call_id="c2", branch="x2")

    assert shown(house) == [None, "contradicted"]
    assert [entry.asserted for entry in house.decisions] == ["+13055559000"] * 2


def test_another_number_each_time_is_a_rotation_over_a_restart_too() -> None:
    house = House(IDENTITY, upstream=OWNERS, identity='["header:X-Agent", "from"]')
    agent = ["X-Agent: 4711"]
    for last in (1, 2):
        house.phone.calls(
            headers=agent, call_id=f"c{last}", branch=f"x{last}", from_user=f"+1305555018{last}"
        )
        house.writes()

    after = house.restarts()
    after.phone.calls(headers=agent, call_id="c3", branch="x3", from_user="+13055550183")

    assert shown(after)[-1] == "rotation"
