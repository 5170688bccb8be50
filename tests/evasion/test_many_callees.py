"""More callees than one in one request, and an INVITE under another name (design §18)."""

import pytest

from tests.proxy.house import House

from .verdict import reached, verdicts

LIST = '<?xml version="1.0"?><resource-lists><list><entry uri="tel:+13055550009"/></list>'


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": ["Require: recipient-list-invite"]},
        {"headers": ["Require: 100rel, Recipient-List-Invite"]},
        {"headers": ["Content-Type: application/resource-lists+xml"], "body": LIST},
        {
            "headers": ["Content-Type: multipart/mixed;boundary=b"],
            "body": f"--b\r\nContent-Type: application/resource-lists+xml\r\n\r\n{LIST}\r\n--b--",
        },
    ],
)
def test_a_list_of_callees_gets_403_and_is_recorded(
    capped: House, fields: dict[str, object]
) -> None:
    capped.phone.calls(**fields)
    capped.writes()

    assert capped.heard()[-1] == "phone: SIP/2.0 403 several callees in one request"
    assert capped.decisions[0].reason == "several callees in one request"


def test_a_source_that_may_send_lists_is_decided_by_its_request_uri() -> None:
    house = House(source="uri-lists = true")

    house.phone.calls(headers=["Require: recipient-list-invite"])
    house.writes()

    assert len(reached(house)) == 1


def test_an_invite_in_small_letters_meets_the_limit(capped: House) -> None:
    for number in range(1, 5):
        capped.phone.asks(
            "invite",
            f"sip:+1305555000{number}@10.0.0.1:5060",
            call_id=f"c{number}",
            branch=f"x{number}",
        )
        capped.writes()

    assert len([line for line in capped.heard() if line.startswith("trunk: invite")]) == 2
    assert verdicts(capped)[-1] == ("+13055550004", "reject", "cap")


def test_the_number_to_ring_in_to_is_looked_up_too(listing: House) -> None:
    listing.phone.calls("+13055550002", to="sip:+13055550001@10.0.0.1")
    listing.writes()

    assert listing.heard()[-1].startswith("phone: SIP/2.0 603")
    assert listing.decisions[0].to_number == "+13055550001"


@pytest.mark.parametrize(
    "to",
    [
        b'To: "+13055550002" <sip:+13055550001@10.0.0.1>',
        b'To: "<sip:+13055550002@10.0.0.1>" <sip:+13055550001@10.0.0.1>',
        b'To: "\\"<sip:+13055550002@10.0.0.1>" <sip:+13055550001@10.0.0.1>',
        b"To: <sip:+13055550001@10.0.0.1;x=+13055550002>",
        b"To: <sip:+13055550001@10.0.0.1>;x=+13055550002",
    ],
    ids=["name", "name like an address", "escaped", "uri-parameter", "parameter"],
)
def test_the_dialled_number_elsewhere_in_to_hides_nothing(listing: House, to: bytes) -> None:
    asked = listing.phone.asks(
        "OPTIONS", "sip:+13055550002@10.0.0.1:5060", to="sip:+13055550002@10.0.0.1"
    )
    invite = asked.replace(b"OPTIONS", b"INVITE").replace(b"To: <sip:+13055550002@10.0.0.1>", to)

    listing.phone.sends(invite.replace(b"branch=z9hG4bKb1", b"branch=z9hG4bKb2"))
    listing.writes()

    assert listing.decisions[0].to_number == "+13055550001"
    assert listing.decisions[0].verdict == "reject"


def test_a_to_that_names_another_number_can_be_refused() -> None:
    house = House(source='to-mismatch = "reject"')

    house.phone.calls("+13055550002", to="sip:+13055550001@10.0.0.1")
    house.writes()
    house.phone.calls("+13055550002", to="sip:+1-305-555-0002@x", call_id="c2", branch="x2")
    house.writes()

    assert house.decisions[0].reason == "To names another number"
    assert len(reached(house)) == 1


def test_what_a_source_forbids_counts_like_any_refusal(capped: House) -> None:
    for number in range(1, 4):
        capped.phone.calls(
            call_id=f"c{number}", branch=f"x{number}", headers=["Require: recipient-list-invite"]
        )
        capped.writes()

    capped.phone.calls(call_id="c9", branch="x9")
    capped.writes()

    assert verdicts(capped)[-1] == ("+13055550001", "reject", "cap")
